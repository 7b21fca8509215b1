"""Passwords of databases that change while programs run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg2
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.storage.access import DatabaseAccess, access_of
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.key_database import PostgresKeyStore
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import current, newest
from consent_registry_server.storage.schema import APP_ROLE
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql

LOGIN: Final = "login_with_password"
FIRST: Final = "first word ' of \\ many"
SECOND: Final = "second-word"
ONE_CONNECTION: Final = StorageLimits(pool_size=1, pool_overflow=0)
END_SESSIONS: Final = f"""
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{LOGIN}'
"""  # noqa: S608 - a constant


@pytest.fixture(scope="session")
def login(postgres_server: str) -> str:
    """A login that the server asks for its password."""
    run_sql(postgres_server, f"CREATE ROLE {LOGIN} LOGIN CREATEROLE")
    [(hba_file,)] = run_sql(postgres_server, "SHOW hba_file")
    path = Path(hba_file)
    others = path.read_text(encoding="utf-8")
    path.write_text(f"local all {LOGIN} scram-sha-256\n{others}", encoding="utf-8")
    run_sql(postgres_server, "SELECT pg_reload_conf()")
    return LOGIN


@dataclass(frozen=True)
class Account:
    """The login of a database, its password there and in the file."""

    owner_url: str
    access: DatabaseAccess
    file: Path

    def change_password(self, password: str) -> None:
        quoted = password.replace("'", "''")
        # Neither depends on how the server reads backslashes.
        run_sql(
            self.owner_url,
            f"SET standard_conforming_strings = on; ALTER ROLE {LOGIN} PASSWORD '{quoted}'",
        )

    def mount(self, content: str) -> None:
        self.file.write_text(content, encoding="utf-8")

    def end_sessions(self) -> None:
        run_sql(self.owner_url, END_SESSIONS)


def account_of(url: str, login: str, folder: Path) -> Account:
    own = make_url(url).set(username=login).render_as_string(hide_password=False)
    file = folder / "password"
    account = Account(url, DatabaseAccess(own, file), file)
    account.change_password(FIRST)
    account.mount(f"{FIRST}\n")
    return account


@pytest.fixture
def account(postgres_url: str, login: str, tmp_path: Path) -> Account:
    """Of a server, on a database with the newest schema."""
    run_sql(postgres_url, f"GRANT {APP_ROLE} TO {login}")
    return account_of(postgres_url, login, tmp_path)


@pytest.fixture
def guarded(account: Account, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    """A store that keeps one connection."""
    with closing(open_store(account.access, keyring, key_store, ONE_CONNECTION)) as opened:
        yield opened


def test_open_connections_outlive_their_password(account: Account, guarded: Store) -> None:
    """PostgreSQL has one password at a time: nothing is lost between its change and the file's."""
    account.change_password(SECOND)
    guarded.ping()


def test_a_new_connection_takes_the_password_of_its_moment(
    account: Account, guarded: Store
) -> None:
    """Without a restart; with or without a line break at its end."""
    account.change_password(SECOND)
    account.mount(SECOND)
    account.end_sessions()
    guarded.ping()


def test_a_password_that_is_refused_is_an_outage_that_ends(
    account: Account, guarded: Store
) -> None:
    """And neither the password nor its file's text is logged."""
    account.change_password(SECOND)
    with capture_logs() as events:
        account.end_sessions()
        with pytest.raises(Unavailable):
            guarded.ping()
    assert "database_connect_failed" in [event["event"] for event in events]
    assert FIRST not in str(events)
    account.mount(f"{SECOND}\r\n")
    guarded.ping()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a\0b", None])
def test_a_file_without_a_password_is_an_outage_that_ends(
    account: Account, guarded: Store, content: bytes | None
) -> None:
    """The server goes on, tells its log, and never tries to log in without one."""
    account.end_sessions()
    account.file.unlink()
    if content is not None:
        account.file.write_bytes(content)
    with capture_logs() as events, pytest.raises(Unavailable):
        guarded.ping()
    [event] = [each for each in events if each["event"] == "database_password_unreadable"]
    assert str(account.file) in event["error"]
    account.mount(FIRST)
    guarded.ping()


def test_the_key_store_has_a_password_of_its_own(
    empty_postgres_url: str, login: str, tmp_path: Path
) -> None:
    """Read at each new connection too."""
    run_sql(empty_postgres_url, f"GRANT ALL ON SCHEMA public TO {login}")
    account = account_of(empty_postgres_url, login, tmp_path)
    keys = PostgresKeyStore(account.access)
    keys.prepare()
    keys.add("a", b"1")
    account.change_password(SECOND)
    account.end_sessions()
    with pytest.raises(Unavailable):
        keys.read("a")
    account.mount(SECOND)
    assert keys.read("a") == b"1"
    account.end_sessions()
    account.file.unlink()
    with pytest.raises(Unavailable) as error:
        keys.read("a")
    assert error.value.reason == "KEY_STORE_UNAVAILABLE"


def test_migrations_log_in_with_the_password_of_the_file(account: Account) -> None:
    """As the owner; a file that holds none is an outage, which `migrate` can wait for."""
    assert current(account.access) == newest()
    account.mount("")
    with pytest.raises(Unavailable):
        current(account.access)


def test_a_connection_of_the_driver_alone_takes_the_password_too(account: Account) -> None:
    """For what must not wait for a pool."""
    arguments = account.access.connect_arguments()
    assert arguments["password"] == FIRST
    psycopg2.connect(**arguments).close()


def test_a_url_alone_has_no_password_beside_it(postgres_url: str) -> None:
    """Whatever the driver finds then is its own affair."""
    assert "password" not in access_of(postgres_url).connect_arguments()
