"""A standby may not know yet who has objected: it is never asked, whatever a name leads to."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg2
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.database import StorageLimits, make_engine
from consent_registry_server.storage.embedded import EmbeddedPostgres
from consent_registry_server.storage.embedded_programs import Programs
from consent_registry_server.storage.heartbeat import DatabaseQuestion, Silence
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import newest, upgrade
from consent_registry_server.storage.store import open_store


@pytest.fixture
def standby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one that answers questions, as of the moment it was made."""
    data_dir = tmp_path_factory.mktemp("standby")
    primary = EmbeddedPostgres(data_dir)
    url = primary.start()
    upgrade(url)
    primary.stop()
    cluster = data_dir / "postgresql"
    (cluster / "standby.signal").touch()
    programs = Programs.find()
    programs.start(cluster, {"listen_addresses": "", "unix_socket_directories": str(cluster)})
    yield url
    programs.stop(cluster)


def ask(url: str, query: str) -> object:
    parsed = make_url(url)
    connection = psycopg2.connect(
        host=parsed.query["host"], user=parsed.username, dbname=parsed.database
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return (cursor.fetchone() or ())[0]
    finally:
        connection.close()


def test_no_server_opens_a_standby(standby: str, keyring: Keyring, key_store: KeyStore) -> None:
    """Though it would answer, and has the schema."""
    assert ask(standby, "SELECT pg_is_in_recovery()") is True
    assert ask(standby, "SELECT version_num FROM alembic_version") == newest()

    with pytest.raises(Unavailable):
        open_store(standby, keyring, key_store)


def test_a_running_server_does_not_turn_to_a_standby(standby: str) -> None:
    """Its connections are made anew when the primary is gone, and none of them leads there."""
    engine = make_engine(standby, StorageLimits())

    with pytest.raises(OperationalError, match="hot standby"):
        engine.connect()


def test_a_standby_makes_a_server_unready_until_it_is_the_primary(standby: str) -> None:
    """As after a failover, when the name of the database leads to it."""
    life = UUID(str(ask(standby, "SELECT incarnation FROM registry")))
    question = DatabaseQuestion(DatabaseAccess(standby), schema=newest(), incarnation=life)
    trouble = question()
    assert isinstance(trouble, Silence)
    assert "hot standby" in trouble.reason

    assert ask(standby, "SELECT pg_promote()") is True

    assert question() is None
    question.close()


def test_a_standby_is_not_migrated(standby: str) -> None:
    with pytest.raises(Unavailable):
        upgrade(standby)
