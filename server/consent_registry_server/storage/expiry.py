"""The expiry job: ends identities, and deletes records about people, whose last day has passed.

In bounded batches, each one transaction, so that it may be killed at any point and run again, and
may run beside live traffic and beside itself. Within a batch an identity leaves the vault together
with the ledger entry that says so, which a unique index permits once: none is ended twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Row, TextClause, text

from consent_registry_server.domain.consent_use import kept_until
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import PERMITTING, Evidence, Expression, NewEntry
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import Overdue
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    Source,
)
from consent_registry_server.service.ports import Clock, EntryIds, PreparedEntry
from consent_registry_server.storage.append import Appender
from consent_registry_server.storage.digests import ONLY_BASE
from consent_registry_server.storage.due_consents import open_consents, read_due_consents
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.errors import Contention, NoDeadline, unavailable
from consent_registry_server.storage.expiring_records import RECORDS, ExpiringRecord
from consent_registry_server.storage.overdue import count_held, read_overdue
from consent_registry_server.storage.reseal import reseal_identity
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.vault import Vault

T = TypeVar("T")

BATCH: Final = 1_000
"""Identities, or records, of one transaction."""
TRIES: Final = 10
"""How often a batch is tried that collides with other writers."""

_NO_SUBJECT: Final = Subject()
_NO_EVIDENCE: Final = Evidence()
_ENDS: Final = f"{EntryKind.IDENTITY_EXPIRED:d}, {EntryKind.IDENTITY_ERASED:d}"

# A row that its holder is changing, another run of this job or a longer retention, is left to it
# in the first pass. The second one waits and looks at what the holder made of it.
_DUE: Final = f"""
    SELECT vault.entry_id, vault.expires_on, entry.kind, entry.controller, EXISTS (
        SELECT FROM entry AS ending
        WHERE ending.concerns_entry_id = vault.entry_id AND ending.kind IN ({_ENDS})
    ) AS is_ended
    FROM vault JOIN entry ON entry.entry_id = vault.entry_id
    WHERE vault.expires_on < :as_of AND NOT vault.held
        AND (vault.expires_on, vault.entry_id) > (:after_day, :after_id)
    ORDER BY vault.expires_on, vault.entry_id
    LIMIT :batch
"""  # noqa: S608 - only constants are put in
_LOOK: Final = text(_DUE)
_TAKE_FREE: Final = text(f"{_DUE} FOR UPDATE OF vault SKIP LOCKED")
_TAKE: Final = text(f"{_DUE} FOR UPDATE OF vault")
_NAME_DAY: Final = text("SELECT set_config('consent_registry.as_of', :as_of, true)")


class _Due(NamedTuple):
    """An identity whose last day has passed."""

    entry_id: EntryId
    expires_on: date
    kind: EntryKind
    controller: ControllerId
    is_ended: bool
    """The ledger says already that it ended; only the vault does not, say after a restore."""

    @classmethod
    def of(cls, row: Row[Any]) -> _Due:
        """Reads a row of `_DUE`."""
        return cls(
            EntryId(row.entry_id),
            row.expires_on,
            EntryKind(row.kind),
            ControllerId(row.controller),
            row.is_ended,
        )


class _Position(NamedTuple):
    """Behind which identity a pass goes on."""

    day: date
    entry_id: UUID


_NONE_OVERDUE: Final = Overdue(0, None)
_START: Final = _Position(date.min, UUID(int=0))


@dataclass(slots=True)
class ExpiryReport:
    """What a run did, or in a dry run would do; what was left is from its end.

    `ended` counts identities by the kind of their entry, `deleted` records by their table.
    `renewed` are consents that are still in use; `held` are past their day, and a hold keeps them.
    `unreadable` are consents whose identity does not open, so that nobody can judge them: they stay
    as they are, and overdue.
    """

    as_of: date
    ended: Counter[EntryKind] = field(default_factory=Counter)
    renewed: int = 0
    deleted: Counter[str] = field(default_factory=Counter)
    held: int = 0
    unreadable: int = 0
    overdue: Overdue = _NONE_OVERDUE


class Expiry:
    """Runs the job on a database."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        appender: Appender,
        *,
        policy: Policy,
        clock: Clock,
        entry_ids: EntryIds,
    ) -> None:
        self._database = database
        self._vault = vault
        self._appender = appender
        self._policy = policy
        self._clock = clock
        self._entry_ids = entry_ids

    def run(self, as_of: date, report: ExpiryReport) -> None:
        """Ends and deletes all whose last day is before `as_of`, and reports as it goes.

        Raises:
            Unavailable: the database does not answer, or a batch kept colliding with other writers.
        """
        for statement in (_TAKE_FREE, _TAKE):
            at: _Position | None = _START
            while at is not None:
                here = at

                def batch(connection: Connection, here: _Position = here) -> _Batch:
                    due = self._due(connection, statement, as_of, here)  # noqa: B023 - used at once
                    return self._end(connection, due, as_of)

                done = self._committed(batch)
                report.ended += done.ended
                report.renewed += done.renewed
                # Of the last pass only: the one before met the same.
                report.unreadable = done.unreadable + (0 if here is _START else report.unreadable)
                at = done.next
        for record in RECORDS:
            self._delete_all(record, as_of, report)
        self._look_back(as_of, report)

    def foresee(self, as_of: date, report: ExpiryReport) -> None:
        """Reports what a run would do, and changes nothing."""
        at: _Position | None = _START
        while at is not None:
            with self._database.transaction(NoDeadline()) as connection:
                due = self._due(connection, _LOOK, as_of, at)
                judged = self._judged(connection, due, as_of)
            report.ended += Counter(each.kind for each in judged.ending)
            report.renewed += len(judged.renewed)
            report.unreadable += judged.unreadable
            at = _behind(due)
        with self._database.transaction(NoDeadline()) as connection:
            for record in RECORDS:
                report.deleted[record.table] += record.count(connection, as_of)
        self._look_back(as_of, report)

    def _due(
        self, connection: Connection, statement: TextClause, as_of: date, after: _Position
    ) -> list[_Due]:
        parameters = {
            "as_of": as_of,
            "after_day": after.day,
            "after_id": after.entry_id,
            "batch": BATCH,
        }
        return [_Due.of(row) for row in connection.execute(statement, parameters)]

    def _judged(self, connection: Connection, due: Sequence[_Due], as_of: date) -> _Judged:
        consents = {each.entry_id for each in due if each.kind in PERMITTING and not each.is_ended}
        if not consents:
            return _Judged(list(due), {}, 0)
        identities = open_consents(connection, self._vault, list(consents))
        judged = {
            entry_id: kept_until(consent, self._policy, as_of=as_of)
            for entry_id, consent in read_due_consents(connection, identities).items()
        }
        renewed = {entry_id: until for entry_id, until in judged.items() if until is not None}
        unreadable = consents - judged.keys()
        staying = unreadable | renewed.keys()
        ending = [each for each in due if each.entry_id not in staying]
        return _Judged(ending, renewed, len(unreadable))

    def _end(self, connection: Connection, due: Sequence[_Due], as_of: date) -> _Batch:
        ending, renewed, unreadable = self._judged(connection, due, as_of)
        for entry_id, until in renewed.items():
            reseal_identity(connection, self._vault, entry_id, until=until, is_held=False)
        now_us = self._clock()
        entries = [self._entry(each, now_us) for each in ending if not each.is_ended]
        if entries:
            self._appender.append(connection.connection, entries, ONLY_BASE)
        end_identities(connection, [each.entry_id for each in ending])
        ended = Counter(each.kind for each in ending)
        return _Batch(ended, len(renewed), unreadable, _behind(due))

    def _entry(self, due: _Due, now_us: int) -> PreparedEntry:
        """The entry that says that an identity expired; a consent ends with its proof."""
        new = NewEntry(
            kind=EntryKind.IDENTITY_EXPIRED,
            controller=due.controller,
            expression=Expression(Source.REGISTRY, Precision.INSTANT, now_us),
            subject=_NO_SUBJECT,
            evidence=_NO_EVIDENCE,
            lifts_entry_id=due.entry_id if due.kind in PERMITTING else None,
            concerns_entry_id=due.entry_id,
        )
        return PreparedEntry(self._entry_ids(), new, now_us, now_us, ())

    def _delete_all(self, record: ExpiringRecord, as_of: date, report: ExpiryReport) -> None:
        def batch(connection: Connection) -> int:
            connection.execute(_NAME_DAY, {"as_of": as_of.isoformat()})
            return record.delete(connection, as_of, limit=BATCH)

        while deleted := self._committed(batch):
            report.deleted[record.table] += deleted

    def _look_back(self, as_of: date, report: ExpiryReport) -> None:
        with self._database.transaction(NoDeadline()) as connection:
            report.overdue = read_overdue(connection, as_of)
            report.held = count_held(connection, as_of)

    def _committed(self, work: Callable[[Connection], T]) -> T:
        """Runs one transaction, again where it collides with others."""
        for _ in range(TRIES):
            try:
                with self._database.transaction(NoDeadline()) as connection:
                    return work(connection)
            except Contention:
                self._vault.keys.forget()
        raise unavailable("a batch kept colliding with other writers")


class _Judged(NamedTuple):
    """What ends, what is kept on and until when, and how many nobody can judge."""

    ending: list[_Due]
    renewed: dict[EntryId, date]
    unreadable: int


class _Batch(NamedTuple):
    """What one transaction did, and where the next goes on; None at the end."""

    ended: Counter[EntryKind]
    renewed: int
    unreadable: int
    next: _Position | None


def _behind(due: Sequence[_Due]) -> _Position | None:
    return _Position(due[-1].expires_on, due[-1].entry_id) if due else None
