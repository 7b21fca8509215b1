"""What every key store does."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import make_url

from consent_registry_server.domain.errors import ConfigurationError, Unavailable
from consent_registry_server.storage.database import StorageLimits, make_owner_engine
from consent_registry_server.storage.key_database import PostgresKeyStore
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_store import KeyExists, KeyStore
from tests.conftest import run_sql


@pytest.fixture(params=["directory", "postgresql"])
def unprepared(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    """A key store that nobody prepared."""
    if request.param == "directory":
        return DirectoryKeyStore(tmp_path / "keys")
    return PostgresKeyStore(request.getfixturevalue("empty_postgres_url"))


@pytest.fixture
def keys(unprepared: KeyStore) -> KeyStore:
    """An empty key store; prepared twice, as replicas that migrate do."""
    unprepared.prepare()
    unprepared.prepare()
    return unprepared


def test_a_key_is_read_as_it_was_added(keys: KeyStore) -> None:
    """Others stay unknown."""
    keys.check()
    keys.add("2033-11-ab", b"\x00wrapped\n")
    assert keys.read("2033-11-ab") == b"\x00wrapped\n"
    assert keys.read("2033-11-ac") is None
    assert keys.key_ids() == {"2033-11-ab"}


def test_a_key_is_never_overwritten(keys: KeyStore) -> None:
    """What it sealed would be lost."""
    keys.add("a", b"first")
    with pytest.raises(KeyExists):
        keys.add("a", b"second")
    assert keys.read("a") == b"first"


def test_a_destroyed_key_is_gone(keys: KeyStore) -> None:
    """Destroying it again does nothing, and others stay."""
    keys.add("a", b"1")
    keys.add("b", b"2")
    for _ in range(2):
        keys.destroy("a")
    assert keys.read("a") is None
    assert keys.key_ids() == {"b"}


def test_a_store_that_nobody_prepared_is_refused(unprepared: KeyStore) -> None:
    """For its keys would all seem destroyed."""
    with pytest.raises(ConfigurationError, match="migrate"):
        unprepared.check()


@pytest.mark.parametrize("key_id", ["", "../a", "A", "a/b", "-a", "a.key"])
def test_what_is_no_key_id_is_refused(keys: KeyStore, key_id: str) -> None:
    """It would name another file."""
    for use in (keys.read, keys.destroy, lambda each: keys.add(each, b"")):
        with pytest.raises(ValueError, match="small letters"):
            use(key_id)


def test_a_key_store_that_is_gone_is_unavailable(
    unprepared: KeyStore, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No key seems destroyed then."""
    unprepared.prepare()
    unprepared.add("a", b"1")
    if isinstance(unprepared, DirectoryKeyStore):
        (tmp_path / "keys").rename(tmp_path / "elsewhere")
        (tmp_path / "keys").mkdir()
        gone: KeyStore = unprepared
    else:
        url = make_url(request.getfixturevalue("empty_postgres_url")).set(database="gone")
        gone = PostgresKeyStore(url.render_as_string(hide_password=False))
    for use in (
        lambda: gone.read("a"),
        lambda: gone.add("b", b"2"),
        lambda: gone.destroy("a"),
        gone.key_ids,
    ):
        with pytest.raises(Unavailable) as error:
            use()
        assert error.value.reason == "KEY_STORE_UNAVAILABLE"


SESSIONS: Final = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'consent-registry-keys'
"""


def test_a_database_keeps_its_connection_for_the_next_key(empty_postgres_url: str) -> None:
    """And takes another when it was closed meanwhile, as a fail-over does."""
    keys = PostgresKeyStore(empty_postgres_url)
    keys.prepare()
    keys.add("a", b"1")
    [(first,)] = run_sql(empty_postgres_url, SESSIONS)
    assert keys.read("a") == b"1"
    assert run_sql(empty_postgres_url, SESSIONS) == [(first,)]
    run_sql(empty_postgres_url, f"SELECT pg_terminate_backend({first}, 10000)")
    assert keys.read("a") == b"1"
    assert run_sql(empty_postgres_url, SESSIONS) not in ([], [(first,)])


@pytest.mark.parametrize("lock", ["SHARE UPDATE EXCLUSIVE", "ACCESS EXCLUSIVE"])
def test_a_database_that_is_locked_is_unavailable_soon(empty_postgres_url: str, lock: str) -> None:
    """What a write waits for is bounded, the vacuum after a destruction too."""
    keys = PostgresKeyStore(empty_postgres_url, statement_timeout_s=0.2)
    keys.prepare()
    keys.add("a", b"1")
    engine = make_owner_engine(empty_postgres_url, StorageLimits())
    with engine.begin() as connection:
        connection.exec_driver_sql(f"LOCK TABLE wrapped_vault_key IN {lock} MODE")
        with pytest.raises(Unavailable) as error:
            keys.destroy("a")
    assert error.value.reason == "KEY_STORE_UNAVAILABLE"
    keys.destroy("a")
    assert keys.read("a") is None
