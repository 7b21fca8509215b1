"""The key store of a cluster: a small PostgreSQL database of its own, with its own credentials.

Its backups must live for 35 days at most, for so long a destroyed key can still be brought back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from consent_registry_server.domain.errors import NotPrepared
from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.database import StorageLimits, make_key_store_engine
from consent_registry_server.storage.key_store import (
    KeyExists,
    checked_key_id,
    key_store_unavailable,
)

STATEMENT_TIMEOUT_S: Final = 5.0
"""For one statement, its wait for locks included."""

_KEPT_OPEN: Final = 1
_MORE_UNDER_LOAD: Final = 3

_TABLE_MISSING: Final = "42P01"
_TAKEN: Final = "23505"

_PREPARE: Final = """
    CREATE TABLE IF NOT EXISTS wrapped_vault_key (
        key_id text CONSTRAINT wrapped_vault_key_pk PRIMARY KEY,
        wrapped bytea NOT NULL
    )
"""
# Two replicas that make the same table at once would collide even so.
_TURN: Final = "SELECT pg_advisory_xact_lock(x'636F6E73656E7432'::bigint)"
_ADD: Final = text("INSERT INTO wrapped_vault_key (key_id, wrapped) VALUES (:key_id, :wrapped)")
_READ: Final = text("SELECT wrapped FROM wrapped_vault_key WHERE key_id = :key_id")
_DESTROY: Final = text("DELETE FROM wrapped_vault_key WHERE key_id = :key_id")
_KEY_IDS: Final = text("SELECT key_id FROM wrapped_vault_key")
_CHECK: Final = text("SELECT FROM wrapped_vault_key LIMIT 1")


class PostgresKeyStore:
    """Keeps keys in a table; see `KeyStore`. For all threads of a process."""

    def __init__(
        self,
        database: DatabaseAccess | str,
        *,
        connect_timeout_s: int = 5,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        limits = StorageLimits(
            pool_size=_KEPT_OPEN,
            pool_overflow=_MORE_UNDER_LOAD,
            connect_timeout_s=connect_timeout_s,
            statement_timeout_s=statement_timeout_s,
        )
        self._engine = make_key_store_engine(database, limits)

    def prepare(self) -> None:
        """Makes the table; see `KeyStore`."""
        with self._transaction() as connection:
            connection.exec_driver_sql(_TURN)
            connection.exec_driver_sql(_PREPARE)

    def check(self) -> None:
        """Returns when the table is there; see `KeyStore`."""
        with self._transaction() as connection:
            connection.execute(_CHECK)

    def add(self, key_id: str, wrapped: bytes) -> None:
        """Keeps a key, committed; see `KeyStore`."""
        with self._transaction() as connection:
            connection.execute(_ADD, {"key_id": checked_key_id(key_id), "wrapped": wrapped})

    def read(self, key_id: str) -> bytes | None:
        """Returns a key or None; see `KeyStore`."""
        with self._transaction() as connection:
            wrapped = connection.scalar(_READ, {"key_id": checked_key_id(key_id)})
        return None if wrapped is None else bytes(wrapped)

    def destroy(self, key_id: str) -> None:
        """Deletes a key's row, and what the table keeps of deleted rows; see `KeyStore`."""
        with self._transaction() as connection:
            connection.execute(_DESTROY, {"key_id": checked_key_id(key_id)})
        with _translated(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM wrapped_vault_key")

    def key_ids(self) -> frozenset[str]:
        """Returns the ids of all keys; see `KeyStore`."""
        with self._transaction() as connection:
            return frozenset(connection.scalars(_KEY_IDS))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with _translated(), self._engine.begin() as connection:
            yield connection


@contextmanager
def _translated() -> Iterator[None]:
    """Turns the driver's errors into the key store's.

    The driver's own text is never kept: it quotes values.
    """
    try:
        yield
    except SQLAlchemyError as error:
        original = error.orig if isinstance(error, DBAPIError) else None
        sqlstate = original.pgcode if isinstance(original, psycopg2.Error) else None
        if sqlstate == _TABLE_MISSING:
            raise NotPrepared(
                "the database of the key store has no table: is it the right one? For a new one"
                " run `consent-registry migrate`"
            ) from None
        if sqlstate == _TAKEN:
            raise KeyExists from None
        raise key_store_unavailable(f"does not answer ({sqlstate or 'no connection'})") from None
