"""Replays the exported log into a database that was restored from a backup, or is empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.database import PLANS_FOR_MANY_ROWS
from consent_registry_server.storage.digests import DIGESTS_LOCK
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.key_check import checks_of, verify_keys
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.log.checkpoint import Checkpoint
from consent_registry_server.storage.log.entries import EntryReplay
from consent_registry_server.storage.log.reading import (
    Batch,
    LogSummary,
    Row,
    batches,
    examine,
    open_for_reading,
)
from consent_registry_server.storage.log.rows import (
    put_back_requests,
    put_back_rows,
    retire_keys,
    save_partners,
)
from consent_registry_server.storage.migrate import check_current
from consent_registry_server.storage.rebuild import RebuildReport, rebuild_standing
from consent_registry_server.storage.rotation import rotate_digests

HasSecret = Callable[[str], bool]
"""Whether there still is the secret of a vault key, by its id."""

_ROWS_AT_A_TIME: Final = 500

_TURN: Final = 0x636F6E73656E7433
"""Advisory lock: one at a time."""

_SEALED: Final = frozenset({"vault", "sealed_note"})
_AHEAD: Final = frozenset({"key_check", "retired_vault_key"})
"""What is known of the whole log before any of it is replayed."""

# It keeps a server's incarnation from its start, and may lack opt-outs: none may answer meanwhile.
_SERVERS: Final = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'consent-registry'
""")
# Not by the snapshots alone: the database's goes on while there is nothing to export.
_IS_IN_A_NEWER_LOG: Final = text("""
    SELECT EXISTS (
        SELECT FROM registry, export_progress AS progress, entry
        WHERE registry.incarnation = CAST(:incarnation AS uuid)
            AND entry.written_in >= CAST(:xmin AS bigint)
            AND NOT pg_visible_in_snapshot(
                (entry.written_in::text)::xid8, CAST(:snapshot AS pg_snapshot)
            )
            AND pg_visible_in_snapshot(
                (entry.written_in::text)::xid8, progress.snapshot::pg_snapshot
            )
    )
""")
# First of all: a number of a transaction from before the restore may now be another one's.
_BEGIN_NEW_LIFE: Final = text("""
    UPDATE registry SET
        incarnation = gen_random_uuid(), began_at = clock_timestamp(), reconciling = true
""")
_FORGET_EXPORT: Final = text("DELETE FROM export_progress")
_END: Final = text("UPDATE registry SET reconciling = false")
_HOLD_WRITERS: Final = text("SELECT pg_advisory_lock(:lock)")
_VERSIONS: Final = text("SELECT digest_oldest, digest_newest FROM registry")

_RETIRED: Final = text("SELECT key_id FROM retired_vault_key")
_NOTE_UNREADABLE: Final = text("""
    INSERT INTO identity_without_key SELECT unnest(CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING
""")
_UNREADABLE: Final = text("""
    SELECT count(*) FROM identity_without_key AS given
    WHERE NOT EXISTS (SELECT FROM vault WHERE vault.entry_id = given.entry_id)
        AND NOT EXISTS (
            SELECT FROM entry WHERE entry.concerns_entry_id = given.entry_id
                AND entry.kind IN (12, 13)
        )
""")


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a replay found and did."""

    rounds: int
    ignored: int
    """Octets of the log after its last whole round."""
    read: Mapping[str, int]
    """The rows of the log, by table."""
    put_back: Mapping[str, int]
    """Those that were missing in the database, or older there, by table."""
    unreadable: int
    """Identities that neither expired nor were erased, and that no key opens: they are lost."""
    standing: RebuildReport


def reconcile(
    engine: Engine,
    path: Path,
    keyring: Keyring,
    *,
    has_secret: HasSecret,
    new_ref: Callable[[], UUID] = uuid4,
) -> ReconcileReport:
    """Puts back what a log has and the database lacks, expiries and erasures included.

    Takes an engine of the database's owner. Can be killed at any point and run again, and changes
    nothing but the incarnation when nothing is missing. No server starts on the database before it
    came to its end.

    Raises:
        ConfigurationError: the log is damaged, of other keys or not the newest, a server is
            running, or the database has another schema.
        Unavailable: the database cannot be reached.
    """
    with open_for_reading(path) as file:
        log = examine(file)
        _require_keys(log, keyring)
        check_current(engine)
        with translated(NoDeadline()), _alone(engine) as connection:
            verify_keys(engine, keyring)
            with connection.begin():
                _require_newest(connection, log.last)
                connection.execute(_BEGIN_NEW_LIFE)
                connection.execute(_FORGET_EXPORT)
            version = _carry_digests_over(engine, connection, keyring, log)
            replay = _Replay(
                connection,
                log,
                entries=EntryReplay(keyring, new_ref, key_version=version),
                has_secret=has_secret,
            )
            replay.run(file)
            standing = rebuild_standing(engine)
            with connection.begin():
                connection.execute(_END)
    return ReconcileReport(
        log.rounds,
        log.rest,
        read=replay.read,
        put_back=replay.put_back,
        unreadable=replay.unreadable,
        standing=standing,
    )


class _Replay:
    """One pass through a log that was examined."""

    def __init__(
        self,
        connection: Connection,
        log: LogSummary,
        *,
        entries: EntryReplay,
        has_secret: HasSecret,
    ) -> None:
        self.read = Counter[str]()
        self.put_back = Counter[str]()
        self.unreadable = 0
        self._connection = connection
        self._log = log
        self._entries = entries
        self._has_secret = has_secret
        self._usable: dict[str, bool] = dict.fromkeys(log.retired_keys, False)

    def run(self, file: BinaryIO) -> None:
        """Replays all rounds; each batch is a transaction."""
        connection = self._connection
        with connection.begin():
            self._usable |= {key_id: False for (key_id,) in connection.execute(_RETIRED)}
            connection.exec_driver_sql(
                "CREATE TEMPORARY TABLE identity_without_key (entry_id uuid PRIMARY KEY)"
            )
        for batch in batches(file, self._log.end, size=_ROWS_AT_A_TIME):
            with connection.begin():
                self.put_back[batch.table] += self._replay(batch)
            self.read[batch.table] += len(batch.rows)
        del self.read[""], self.put_back[""]
        with connection.begin():
            self.put_back["partner"] = save_partners(connection)
            self.put_back["retired_vault_key"] = retire_keys(
                connection, [*self._log.retired_keys.values()]
            )
            self.unreadable = int(connection.execute(_UNREADABLE).scalar_one())
            # All of it was written just now: nobody has counted yet how much that is.
            connection.exec_driver_sql("ANALYZE entry, entry_contact_point, contact_point")

    def _replay(self, batch: Batch) -> int:
        connection, table, rows = self._connection, batch.table, batch.rows
        if not rows:
            self._entries.end_round()
            return 0
        if table in _AHEAD:
            return 0
        if table == "entry":
            return self._entries.put_back(connection, rows)
        if table == "unsubscribe_link":
            return self._entries.put_back_links(connection, rows)
        if table == "write_request":
            return put_back_requests(connection, [self._request(row) for row in rows])
        if table in _SEALED or table == "vault_key":
            rows = self._readable(table, rows)
        return put_back_rows(connection, table, rows)

    def _readable(self, table: str, rows: list[Row]) -> list[Row]:
        """The rows of which there is the key."""
        readable = [row for row in rows if self._is_usable(row["key_id"])]
        if table == "vault" and len(readable) < len(rows):
            lost = [row["entry_id"] for row in rows if not self._is_usable(row["key_id"])]
            self._connection.execute(_NOTE_UNREADABLE, {"ids": "{" + ",".join(lost) + "}"})
        return readable

    def _is_usable(self, key_id: str) -> bool:
        if key_id not in self._usable:
            self._usable[key_id] = self._has_secret(key_id)
        return self._usable[key_id]

    def _request(self, row: Row) -> dict[str, Any]:
        version = row["key_version"]
        return {
            **row,
            "key_version": self._entries.key_version,
            "id_digest": self._entries.advance(row["id_digest"], version),
            "content_digest": self._entries.advance(row["content_digest"], version),
        }


def _require_newest(connection: Connection, last: Checkpoint) -> None:
    """As far as the database knows: an older one replays well, and lacks what was said since."""
    parameters = {
        "incarnation": last.incarnation,
        "snapshot": last.snapshot,
        "xmin": last.snapshot.partition(":")[0],
    }
    if connection.execute(_IS_IN_A_NEWER_LOG, parameters).scalar_one():
        raise ConfigurationError(
            "the database has entries that were exported to a newer log than this one: replay that;"
            " only when it is lost, add them with `consent-registry export-log` to this one first"
        )


def _require_keys(log: LogSummary, keyring: Keyring) -> None:
    offered = {
        (check.kind, check.key_id): "\\x" + check.check_value.hex() for check in checks_of(keyring)
    }
    for row in log.key_checks:
        name = f"the {row['kind']} key {row['key_id']}"
        value = offered.get((row["kind"], row["key_id"]))
        if value is None:
            raise ConfigurationError(f"{name}, which the log was written with, is missing")
        if value != row["check_value"]:
            raise ConfigurationError(f"{name} is not the one the log was written with")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A session in which nobody else reconciles, on a database without servers."""
    with engine.connect() as connection:
        with connection.begin():
            settings = "; ".join(f"SET {plan} = off" for plan in PLANS_FOR_MANY_ROWS)
            connection.exec_driver_sql(f"SET timezone = 'UTC'; {settings}")
            is_alone = connection.scalar(
                text("SELECT pg_try_advisory_lock(:turn)"), {"turn": _TURN}
            )
            servers = connection.execute(_SERVERS).scalar_one()
        if not is_alone:
            raise ConfigurationError("the database is being reconciled already")
        if servers:
            message = f"stop the servers first: {servers} of their sessions are open"
            raise ConfigurationError(message)
        yield connection


def _carry_digests_over(
    engine: Engine, connection: Connection, keyring: Keyring, log: LogSummary
) -> int:
    """Brings all digests of the database to one version, that of the log or a later one.

    Digests only go forward: those of the log are looked for in the database as they are now.
    """
    with connection.begin():
        oldest, newest = connection.execute(_VERSIONS).one()
    if oldest < newest or newest < log.last.digest_newest:
        newest = rotate_digests(engine, keyring).versions
    with connection.begin():
        # Writers wait that are not servers, and no other rotation begins.
        connection.execute(_HOLD_WRITERS, {"lock": DIGESTS_LOCK})
    return int(newest)
