from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url, text

from consent_registry_server.domain.errors import ConfigurationError, NotPrepared, Unavailable
from consent_registry_server.storage import migrations
from consent_registry_server.storage.database import (
    StorageLimits,
    make_engine,
    make_owner_engine,
)
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import (
    check_current,
    check_models,
    current,
    newest,
    upgrade,
)
from consent_registry_server.storage.officer_schema import access
from consent_registry_server.storage.schema_support import supports
from consent_registry_server.storage.store import open_store
from tests.conftest import run_sql

CONSTRAINTS = text("""
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    ORDER BY 1, 2
""")
INDEXES = text("""
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1
""")
COLUMNS = text("""
    SELECT table_name, column_name, data_type, is_nullable, collation_name, is_identity
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, ordinal_position
""")


def catalog(url: str) -> list[Sequence[Any]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [
                row
                for query in (CONSTRAINTS, INDEXES, COLUMNS)
                for row in connection.execute(query)
            ]
    finally:
        engine.dispose()


def check(url: str) -> None:
    engine = make_engine(url, StorageLimits())
    try:
        check_current(engine)
    finally:
        engine.dispose()


def migrate_to(url: str, revision: str) -> None:
    """Leads an empty database to a schema of before; `base` for none."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    with make_owner_engine(url, StorageLimits()).connect() as connection:
        config.attributes["connection"] = connection
        if revision != "base":
            command.upgrade(config, revision)


def test_the_migrations_lead_to_the_tables_the_program_knows(postgres_url: str) -> None:
    check_models(postgres_url)


def test_the_migrations_lead_to_the_same_constraints_and_indexes(
    postgres_url: str, empty_postgres_url: str
) -> None:
    engine = create_engine(empty_postgres_url)
    access.metadata.create_all(engine)
    engine.dispose()

    assert catalog(postgres_url) == catalog(empty_postgres_url)


def test_migrating_again_changes_nothing(postgres_url: str) -> None:
    before = catalog(postgres_url)

    assert upgrade(postgres_url) == newest()

    assert catalog(postgres_url) == before


def test_an_empty_database_has_no_revision_and_a_migrated_one_the_newest(
    empty_postgres_url: str,
) -> None:
    assert current(empty_postgres_url) is None

    upgrade(empty_postgres_url)

    assert current(empty_postgres_url) == newest()


@pytest.mark.parametrize("found", ["base", "0001"])
def test_programs_that_migrate_at_once_do_it_once(empty_postgres_url: str, found: str) -> None:
    migrate_to(empty_postgres_url, found)
    program = "import sys; from consent_registry_server.storage.migrate import upgrade; "
    program += "print(upgrade(sys.argv[1]))"
    command = [sys.executable, "-c", program, empty_postgres_url]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    results = [(*process.communicate(timeout=60), process.returncode) for process in started]

    assert results == [(newest() + "\n", "", 0)] * 3
    check(empty_postgres_url)


def newer(url: str, *, supported: str) -> None:
    """Leaves a database as a later release would, which says what program runs on it."""
    run_sql(url, "UPDATE alembic_version SET version_num = '9999'")
    run_sql(url, "DELETE FROM supported_program")
    run_sql(url, f"INSERT INTO supported_program VALUES ('9999'), ('{supported}')")  # noqa: S608


def test_a_server_does_not_start_on_a_newer_schema_that_does_not_support_it(
    postgres_url: str,
) -> None:
    newer(postgres_url, supported="9998")

    with pytest.raises(ConfigurationError, match="9999, which does not support") as error:
        check(postgres_url)

    assert not isinstance(error.value, NotPrepared)


def test_a_server_starts_on_a_newer_schema_that_supports_it(postgres_url: str) -> None:
    newer(postgres_url, supported=newest())

    check(postgres_url)


def test_migrating_to_an_older_schema_than_is_there_changes_nothing(postgres_url: str) -> None:
    newer(postgres_url, supported=newest())
    before = catalog(postgres_url)

    assert upgrade(postgres_url) == "9999"

    assert catalog(postgres_url) == before
    assert current(postgres_url) == "9999"


def test_migrating_with_a_program_that_is_too_old_is_refused(postgres_url: str) -> None:
    newer(postgres_url, supported="9998")

    with pytest.raises(ConfigurationError, match="does not support this program"):
        upgrade(postgres_url)


@pytest.mark.parametrize("found", ["base", "0004"])
def test_a_migrated_database_says_which_programs_run_on_it(
    empty_postgres_url: str, found: str
) -> None:
    migrate_to(empty_postgres_url, found)

    upgrade(empty_postgres_url)

    engine = make_engine(empty_postgres_url, StorageLimits())
    with engine.connect() as connection:
        assert supports(connection, newest())
        assert not supports(connection, "0004")
    engine.dispose()


@pytest.mark.parametrize("found", ["base", "0001", "0004"])
def test_a_server_waits_for_a_schema_that_is_missing_or_older(
    empty_postgres_url: str, postgres_url: str, found: str
) -> None:
    # The role is made with the first schema, and postgres_url has one.
    assert current(postgres_url) == newest()
    migrate_to(empty_postgres_url, found)
    run_sql(empty_postgres_url, "GRANT USAGE ON SCHEMA public TO consent_registry_app")

    with pytest.raises(NotPrepared, match="consent-registry migrate"):
        check(empty_postgres_url)


@pytest.fixture
def login(postgres_server: str) -> Iterator[str]:
    """A login that is no superuser and owns nothing."""
    name = f"login_{os.getpid()}"
    run_sql(postgres_server, f"CREATE ROLE {name} LOGIN")
    yield name
    run_sql(postgres_server, f"DROP ROLE {name}")


def as_login(url: str, login: str) -> str:
    return make_url(url).set(username=login).render_as_string(hide_password=False)


def test_a_login_that_may_take_the_role_can_serve(
    postgres_url: str, login: str, keyring: Keyring, key_store: KeyStore
) -> None:
    run_sql(postgres_url, f"GRANT consent_registry_app TO {login}")

    open_store(as_login(postgres_url, login), keyring, key_store).close()


def test_a_login_that_may_not_take_the_role_is_told(
    postgres_url: str, login: str, keyring: Keyring, key_store: KeyStore
) -> None:
    with pytest.raises(ConfigurationError, match="grant it"):
        open_store(as_login(postgres_url, login), keyring, key_store)


def test_an_owner_that_is_no_superuser_can_migrate_and_serve(
    postgres_url: str, postgres_server: str, login: str, keyring: Keyring, key_store: KeyStore
) -> None:
    # postgres_url is asked for so that the role exists: this owner may not make it.
    name = f"owned_{os.getpid()}"
    run_sql(postgres_server, f"GRANT consent_registry_app TO {login}")
    run_sql(postgres_server, f"CREATE DATABASE {name} OWNER {login}")
    url = as_login(make_url(postgres_url).set(database=name).render_as_string(), login)
    try:
        upgrade(url)
        open_store(url, keyring, key_store).close()
    finally:
        run_sql(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def test_what_the_database_refuses_is_told_without_the_url(
    empty_postgres_url: str, login: str
) -> None:
    url = as_login(empty_postgres_url, login)

    with pytest.raises(ConfigurationError, match="permission denied") as error:
        upgrade(url)

    assert login not in error.value.message


def test_a_database_that_is_not_there_is_unavailable(
    postgres_url: str, keyring: Keyring, key_store: KeyStore
) -> None:
    gone = make_url(postgres_url).set(database="gone").render_as_string()

    with pytest.raises(Unavailable) as error:
        open_store(gone, keyring, key_store)

    assert error.value.reason == "DATABASE_UNAVAILABLE"
    assert "gone" not in error.value.message
