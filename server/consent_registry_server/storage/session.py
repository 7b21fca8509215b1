"""How the storage talks to the database: bounded, within the caller's deadline."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INTRANS
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from sqlalchemy import Connection, Engine, PoolProxiedConnection, text
from sqlalchemy.exc import DBAPIError

from consent_registry_server.service.ports import Deadline
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.errors import (
    DatabaseFault,
    deadline_exceeded,
    is_connection_lost,
    seconds_left,
    translated,
    unavailable,
)
from consent_registry_server.storage.prepared import Prepared, run

_SHORTEST_TIMEOUT_S: Final = 0.001
"""PostgreSQL reads a timeout of 0 as none."""


class Database:
    """The database as the parts of the storage see it."""

    def __init__(self, engine: Engine, limits: StorageLimits) -> None:
        self.engine = engine
        self.limits = limits
        self._places = threading.BoundedSemaphore(limits.pool_size + limits.pool_overflow)

    @contextmanager
    def transaction(self, deadline: Deadline) -> Iterator[Connection]:
        """One READ COMMITTED transaction: committed at the end, rolled back by any error."""
        with self._place(deadline), translated(deadline), self._begin(deadline) as connection:
            yield connection

    def rows(
        self, prepared: Prepared, parameters: Sequence[Any], *, deadline: Deadline
    ) -> list[tuple[Any, ...]]:
        """Runs a prepared query in one round trip, in a transaction of its own.

        Repeated once when the pool handed out a connection that had died: reads are safe.
        """
        with self._place(deadline), translated(deadline):
            try:
                return self._rows_once(prepared, parameters, deadline)
            except (psycopg2.OperationalError, psycopg2.InterfaceError, DBAPIError) as error:
                if not is_connection_lost(error):
                    raise
                self.engine.dispose()
            return self._rows_once(prepared, parameters, deadline)

    def ping(self, deadline: Deadline) -> None:
        """Returns when the database answers.

        Raises:
            Unavailable: it does not.
        """
        with self.transaction(deadline) as connection:
            connection.execute(text("SELECT 1"))

    def _rows_once(
        self, prepared: Prepared, parameters: Sequence[Any], deadline: Deadline
    ) -> list[tuple[Any, ...]]:
        timeout = self._timeout_command(deadline)
        connection = self.engine.raw_connection()
        driver = driver_connection(connection)
        try:
            driver.autocommit = True
            return run(connection, (prepared, parameters), before=timeout)
        finally:
            if driver.info.transaction_status == TRANSACTION_STATUS_IDLE:
                driver.autocommit = False
                connection.close()
            else:
                connection.invalidate()

    @contextmanager
    def _begin(self, deadline: Deadline) -> Iterator[Connection]:
        timeout = self._timeout_command(deadline)
        connection = self.engine.connect()
        try:
            try:
                connection.exec_driver_sql(timeout)
            except DBAPIError as error:
                # It died while it lay in the pool; nothing was done on it yet.
                if not error.connection_invalidated:
                    raise
                connection.close()
                connection = self.engine.connect()
                connection.exec_driver_sql(timeout)
            yield connection
            _refuse_failed(connection)
            connection.commit()
        except BaseException as error:
            if is_connection_lost(error):
                connection.invalidate()
            raise
        finally:
            connection.close()

    def _timeout_command(self, deadline: Deadline) -> str:
        timeout_s = seconds_left(deadline, self.limits.statement_timeout_s)
        return f"SET LOCAL statement_timeout = '{max(timeout_s, _SHORTEST_TIMEOUT_S) * 1000:.0f}ms'"

    @contextmanager
    def _place(self, deadline: Deadline) -> Iterator[None]:
        timeout_s = seconds_left(deadline, self.limits.pool_timeout_s)
        if not self._places.acquire(timeout=timeout_s):
            if timeout_s < self.limits.pool_timeout_s:
                raise deadline_exceeded()
            raise unavailable("all database connections are busy")
        try:
            yield
        finally:
            self._places.release()


def driver_connection(connection: PoolProxiedConnection) -> Psycopg2Connection:
    """The driver's own connection under one of the pool's."""
    return cast("Psycopg2Connection", connection.driver_connection)


def _refuse_failed(connection: Connection) -> None:
    # To the COMMIT of a transaction in which a statement failed, PostgreSQL answers with success
    # and a rollback.
    status = driver_connection(connection.connection).info.transaction_status
    if status != TRANSACTION_STATUS_INTRANS:
        raise DatabaseFault("25P02", None)
