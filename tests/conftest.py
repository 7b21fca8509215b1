"""A real PostgreSQL for every test that asks for one; each gets a database of its own."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url

from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.embedded import EmbeddedPostgres
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.store import Store, open_store

# Tests start programs from a process in which gRPC threads run. What gRPC does when a process forks
# is for children that go on using it; in those that become another program at once it only fails.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# A shared machine stalls: what an example takes says nothing. The usual run is the same everywhere,
# so that a failure in CI is one at home; HYPOTHESIS_PROFILE=thorough looks fifty times further.
settings.register_profile(
    "usual",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", settings.get_profile("usual"), max_examples=5_000, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))

_TEMPLATE: Final = "migrated_template"
_numbers = itertools.count(1)


def on_database(server_url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Runs one statement outside any transaction, as a superuser, and returns its rows."""
    target = make_url(url)
    host = str(target.query["host"])
    connection = psycopg2.connect(host=host, user=target.username, dbname=target.database)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server of this test process."""
    # Not pytest's own folder: another run would take back the permission to pass through it.
    data_dir = Path(tempfile.mkdtemp(prefix="registry-tests-"))
    server = EmbeddedPostgres(data_dir)
    try:
        url = server.start()
        # The machine does not crash under these tests, and a database a test is a lot to sync.
        run_sql(url, "ALTER SYSTEM SET fsync = off")
        run_sql(url, "SELECT pg_reload_conf()")
        yield url
    finally:
        server.stop()
        shutil.rmtree(data_dir)


@pytest.fixture(scope="session")
def new_database(postgres_server: str) -> Callable[[], str]:
    """Makes a database with the newest schema and returns its URL."""
    run_sql(postgres_server, f"CREATE DATABASE {_TEMPLATE}")
    upgrade(on_database(postgres_server, _TEMPLATE))

    def create() -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        run_sql(postgres_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return on_database(postgres_server, name)

    return create


@pytest.fixture
def postgres_url(new_database: Callable[[], str]) -> Iterator[str]:
    """The URL of a fresh database with the newest schema, dropped after the test."""
    url = new_database()
    yield url
    run_sql(on_database(url, "postgres"), f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a fresh database without a schema, dropped after the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    run_sql(postgres_server, f"CREATE DATABASE {name}")
    yield on_database(postgres_server, name)
    run_sql(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """A keyring as `keys generate` makes it."""
    return Keyring.generate()


@pytest.fixture(scope="session")
def key_store(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    """A key store for all databases of this test process: no two keys have the same id."""
    made = DirectoryKeyStore(tmp_path_factory.mktemp("key-store"))
    made.prepare()
    return made


@pytest.fixture
def storage_limits() -> StorageLimits:
    """Room for sixteen writers at once; a module may ask for other limits."""
    return StorageLimits(pool_size=18, pool_overflow=2)


@pytest.fixture
def store(
    postgres_url: str, keyring: Keyring, key_store: KeyStore, storage_limits: StorageLimits
) -> Iterator[Store]:
    """A store on a fresh database."""
    opened = open_store(postgres_url, keyring, key_store, storage_limits)
    yield opened
    opened.close()
