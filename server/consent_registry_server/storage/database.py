"""Connections to PostgreSQL: the pool, and what every session of the server starts with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import psycopg2
import structlog
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from sqlalchemy import Dialect, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from consent_registry_server.domain.errors import NotPrepared
from consent_registry_server.storage.access import DatabaseAccess, access_of, open_connection
from consent_registry_server.storage.schema import APP_ROLE

# Every query of the server looks rows up by key and is planned once a connection, perhaps on the
# first day, when the tables are empty and reading them whole seems cheap. Without these, what is
# left to the planner is nested loops over indexes: right on that day and with a hundred million
# rows.
PLANS_FOR_MANY_ROWS: Final = (
    "enable_seqscan",
    "enable_bitmapscan",
    "enable_hashjoin",
    "enable_mergejoin",
    "enable_material",
)

_ROLE_UNKNOWN: Final = "22023"
_ROLE_NOT_GRANTED: Final = "42501"

_log = structlog.get_logger(__name__)

_Open = Callable[[Dialect, ConnectionPoolEntry, list[Any], dict[str, Any]], DBAPIConnection]
"""Opens a connection for an engine."""


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """How much the storage uses, and how long it waits, before it gives up with an error."""

    pool_size: int = 8
    """Connections kept open."""
    pool_overflow: int = 4
    """Connections opened beyond those under load."""
    pool_timeout_s: float = 5.0
    connect_timeout_s: int = 5
    statement_timeout_s: float = 10.0
    """For one statement; a caller's nearer deadline goes before it."""
    lock_timeout_s: float = 3.0
    idle_in_transaction_timeout_s: float = 30.0
    write_attempts: int = 5
    """How often a write is tried that collides with others."""
    standing_rows: int = 50_000
    """Rows of one read of standing; beyond it the read is refused, never cut short."""


class PoolStatus(NamedTuple):
    """How many connections are in use, kept open, and open beyond those."""

    checked_out: int
    size: int
    overflow: int


def make_engine(
    database: DatabaseAccess | str,
    limits: StorageLimits,
    *,
    application_name: str = "consent-registry",
) -> Engine:
    """Makes the server's engine; connects when first used.

    Sessions take the application's role, which cannot change history. Connecting raises
    NotPrepared when that role is missing or not granted.
    """
    access = access_of(database)
    engine = create_engine(
        access.driver_url(),
        pool_size=limits.pool_size,
        max_overflow=limits.pool_overflow,
        pool_timeout=limits.pool_timeout_s,
        pool_use_lifo=True,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args=_connect_arguments(limits, application_name),
    )
    settings = _session_settings(limits)
    event.listen(engine, "do_connect", _opening_told(access))

    @event.listens_for(engine, "connect")
    def prepare_session(connection: Psycopg2Connection, _entry: ConnectionPoolEntry) -> None:
        _prepare_session(connection, settings)

    return engine


def make_owner_engine(database: DatabaseAccess | str, limits: StorageLimits) -> Engine:
    """Makes an engine that keeps the login's own role: for migrations."""
    access = access_of(database)
    engine = create_engine(
        access.driver_url(),
        poolclass=NullPool,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args=_connect_arguments(limits, "consent-registry-migrate"),
    )
    event.listen(engine, "do_connect", _opening(access))
    return engine


def make_key_store_engine(database: DatabaseAccess | str, limits: StorageLimits) -> Engine:
    """Makes the engine of a key store: the login's own role, one connection kept open.

    Every session gives up a statement after `statement_timeout_s`, its wait for locks included.
    """
    access = access_of(database)
    engine = create_engine(
        access.driver_url(),
        pool_size=limits.pool_size,
        max_overflow=limits.pool_overflow,
        pool_timeout=limits.pool_timeout_s,
        # Keys are seldom asked for: what was kept open may be gone.
        pool_pre_ping=True,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args=_connect_arguments(limits, "consent-registry-keys"),
    )
    event.listen(engine, "do_connect", _opening(access))
    settings = (
        f"SET statement_timeout = '{limits.statement_timeout_s * 1000:.0f}ms';"
        " SET synchronous_commit = 'on'"
    )

    @event.listens_for(engine, "connect")
    def prepare_session(connection: Psycopg2Connection, _entry: ConnectionPoolEntry) -> None:
        _prepare_session(connection, settings)

    return engine


def pool_status(engine: Engine) -> PoolStatus:
    """How busy the engine's pool is."""
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return PoolStatus(0, 0, 0)
    return PoolStatus(pool.checkedout(), pool.size(), max(0, pool.overflow()))


def _opening(access: DatabaseAccess) -> _Open:
    """What opens a connection, with the password of this moment."""

    def connect(
        _dialect: Dialect,
        _entry: ConnectionPoolEntry,
        arguments: list[Any],
        options: dict[str, Any],
    ) -> DBAPIConnection:
        # Not kept in the options, which all connections share.
        options = options | access.password_argument()
        return cast("DBAPIConnection", open_connection(*arguments, **options))

    return connect


def _opening_told(access: DatabaseAccess) -> _Open:
    """What opens a connection, and logs why it cannot.

    Callers learn only that the database is unavailable; whoever operates it needs to know why.
    What libpq says here names hosts and users, no password and no data.
    """
    opening = _opening(access)

    def connect(
        dialect: Dialect,
        entry: ConnectionPoolEntry,
        arguments: list[Any],
        options: dict[str, Any],
    ) -> DBAPIConnection:
        try:
            return opening(dialect, entry, arguments, options)
        except psycopg2.OperationalError as error:
            _log.warning("database_connect_failed", error=str(error).strip())
            raise

    return connect


def _connect_arguments(limits: StorageLimits, application_name: str) -> dict[str, str | int]:
    return {
        "application_name": application_name,
        "client_encoding": "utf8",
        # A standby may not know yet who has objected: never is one asked, whatever a name leads to.
        "target_session_attrs": "primary",
        "connect_timeout": limits.connect_timeout_s,
        # A network that swallows packets must not hold a caller for the kernel's fifteen minutes.
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": int(1000 * (limits.statement_timeout_s + limits.connect_timeout_s)),
    }


def _session_settings(limits: StorageLimits) -> str:
    settings = {
        "role": APP_ROLE,
        "timezone": "UTC",
        "default_transaction_isolation": "read committed",
        # An acknowledged entry survives a crash, whatever the server's default.
        "synchronous_commit": "on",
        "plan_cache_mode": "force_generic_plan",
        "statement_timeout": f"{limits.statement_timeout_s * 1000:.0f}ms",
        "lock_timeout": f"{limits.lock_timeout_s * 1000:.0f}ms",
        "idle_in_transaction_session_timeout": (
            f"{limits.idle_in_transaction_timeout_s * 1000:.0f}ms"
        ),
    } | dict.fromkeys(PLANS_FOR_MANY_ROWS, "off")
    return "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())


def _prepare_session(connection: Psycopg2Connection, settings: str) -> None:
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(settings)
    except psycopg2.Error as error:
        if error.pgcode == _ROLE_UNKNOWN:
            raise NotPrepared(
                f"the database has no role {APP_ROLE}: run `consent-registry migrate`"
            ) from None
        if error.pgcode == _ROLE_NOT_GRANTED:
            raise NotPrepared(
                f"the database login may not take the role {APP_ROLE}: grant it"
                f" (GRANT {APP_ROLE} TO the login)"
            ) from None
        raise
    connection.autocommit = False
