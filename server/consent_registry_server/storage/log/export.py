"""Exports what is new: the difference of two snapshots, whatever committed late included."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.log.checkpoint import Checkpoint
from consent_registry_server.storage.log.tables import LOGGED
from consent_registry_server.storage.log.writing import LogWriter
from consent_registry_server.storage.migrate import newest

APPLICATION_NAME: Final = "consent-registry-export"

_ROWS_AT_A_TIME: Final = 500

_READ_STATE: Final = text("""
    SELECT pg_current_snapshot()::text AS snapshot, incarnation, digest_newest, reconciling,
        (SELECT version_num FROM alembic_version) AS schema
    FROM registry
""")

# A database that began a new life meanwhile knows nothing of that snapshot.
_SAVE_PROGRESS: Final = text("""
    INSERT INTO export_progress (only_row, snapshot, exported_at)
    SELECT true, :snapshot, now() FROM registry WHERE incarnation = :incarnation
    ON CONFLICT (only_row)
        DO UPDATE SET snapshot = excluded.snapshot, exported_at = excluded.exported_at
""")


class _State(NamedTuple):
    snapshot: str
    incarnation: UUID
    digest_newest: int
    reconciling: bool
    schema: str


def export_round(engine: Engine, log: LogWriter) -> dict[str, int]:
    """Appends what the log does not have yet; returns how many rows of each table.

    All of it is one state of the database. When it returns, the rows are on the disk and the
    progress is known to the database; when it raises, the log has the whole round or nothing of it.
    Where its last round is of another life of the database, everything is exported again.

    Raises:
        ConfigurationError: the database went back in time, and was not reconciled; or it has
            another schema than this program's, of which the log would lack a part.
        Unavailable: the database cannot be reached.
    """
    try:
        with translated(NoDeadline()):
            state, counts = _append_round(engine, log)
            with engine.begin() as connection:
                progress = {"snapshot": state.snapshot, "incarnation": state.incarnation}
                connection.execute(_SAVE_PROGRESS, progress)
    except BaseException:
        log.drop_round()
        raise
    return counts


def _append_round(engine: Engine, log: LogWriter) -> tuple[_State, dict[str, int]]:
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        state = _State(*connection.execute(_READ_STATE).one())
        since = _since(state, log.last)
        _append_rows(connection, log, since)
    counts = log.counts
    is_older = log.last is None or log.last.digest_newest != state.digest_newest or not since
    if counts or is_older:
        log.end_round(
            incarnation=str(state.incarnation),
            snapshot=state.snapshot,
            since=since,
            digest_newest=state.digest_newest,
        )
    return state, counts


def _append_rows(connection: Connection, log: LogWriter, since: str) -> None:
    parameters = {"since": since, "xmin": _xmin(since)} if since else {}
    for logged in LOGGED:
        query = logged.what_is_new() if since else logged.everything()
        rows = connection.execute(
            query, parameters, execution_options={"yield_per": _ROWS_AT_A_TIME}
        )
        for (row,) in rows:
            log.append(logged.name, row)


def _since(state: _State, last: Checkpoint | None) -> str:
    """The snapshot that the log has already; empty when it has nothing of this life."""
    if state.schema != newest():
        raise ConfigurationError(
            f"the database's schema is {state.schema} by now: export with the program that made it"
        )
    if state.reconciling:
        raise ConfigurationError("the database is being reconciled; export it afterwards")
    if last is None or last.incarnation != str(state.incarnation):
        return ""
    if _xmin(state.snapshot) < _xmin(last.snapshot):
        raise ConfigurationError(
            "the database is older than the log: it was restored from a backup; replay the log"
            " with `consent-registry reconcile` before anything is added to it"
        )
    return last.snapshot


def _xmin(snapshot: str) -> int:
    return int(snapshot.partition(":")[0])
