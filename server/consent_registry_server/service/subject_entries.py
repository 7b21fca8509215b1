"""What every write of the data-protection officer needs: own entries, the lock and the trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import (
    DENYING,
    PERMITTING,
    Entry,
    Evidence,
    Expression,
    NewEntry,
)
from consent_registry_server.domain.errors import NotFound
from consent_registry_server.domain.identity_expiry import day_of
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    Precision,
    Source,
)
from consent_registry_server.service.ports import Digester, EntryIds, PreparedEntry
from consent_registry_server.service.questions import home_of, require_controller
from consent_registry_server.service.subject_ports import (
    Accessor,
    NewAccess,
    SubjectTransaction,
)

ENTRIES_OF_A_PERSON: Final = 2_000
"""The most entries about one person that a write goes through; beyond it, TOO_MANY_ENTRIES."""

STATEMENTS: Final = PERMITTING | DENYING
"""What a person said: the kinds that a correction restates."""

_NOBODY: Final = Subject()
_NOTHING: Final = Evidence()


@dataclass(frozen=True, slots=True)
class Officer:
    """One write of the data-protection officer: for whom, by whom, when, and by which policy."""

    controller: ControllerId
    by: Accessor
    policy: Policy
    now_us: int
    digester: Digester = field(repr=False)
    entry_ids: EntryIds = field(repr=False)

    @property
    def today(self) -> date:
        """The day of the write, in UTC, as the days of the vault are."""
        return day_of(self.now_us)

    @property
    def home(self) -> CountryCode | None:
        """The controller's country; None for `group`."""
        return home_of(self.controller, self.policy)

    def require_controller(self) -> None:
        """Raises NotFound, UNKNOWN_CONTROLLER unless the policy declares the controller."""
        if self.controller != GROUP:
            require_controller(self.policy, self.controller)

    def lock(self, transaction: SubjectTransaction) -> None:
        """Waits for every other such write of the controller.

        A correction beside an erasure of the same person would restate what was just erased. Which
        entries the two have in common is known only after they were read, and one lock an entry
        would be too many; officers' writes are few.
        """
        name = b"subject\0" + self.controller.encode()
        transaction.lock(self.digester.digest(name))

    def statement(
        self,
        kind: EntryKind,
        entry_id: EntryId | None,
        *,
        lifts: EntryId | None = None,
        keep_until: date | None = None,
    ) -> PreparedEntry:
        """An entry of the registry's own, about another one; it names nobody."""
        new = NewEntry(
            kind=kind,
            controller=self.controller,
            expression=Expression(Source.REGISTRY, Precision.INSTANT, self.now_us),
            subject=_NOBODY,
            evidence=_NOTHING,
            lifts_entry_id=lifts,
            concerns_entry_id=entry_id,
            keep_until=keep_until,
        )
        return PreparedEntry(self.entry_ids(), new, self.now_us, self.now_us, ())

    def ending(self, kind: EntryKind, entry: Entry) -> PreparedEntry:
        """An entry with which a consent ends; whatever denies contact goes on."""
        lifts = entry.entry_id if entry.kind in PERMITTING else None
        return self.statement(kind, entry.entry_id, lifts=lifts)

    def record_access(
        self,
        transaction: SubjectTransaction,
        operation: AccessOperation,
        entry_ids: Sequence[EntryId],
        *,
        details: str = "",
    ) -> None:
        """Writes to the trail who did this, and why."""
        months = self.policy.retention.access_months
        access = NewAccess(
            accessed_at_us=self.now_us,
            controller=self.controller,
            caller_id=self.by.caller_id,
            operation=operation,
            entry_ids=tuple(entry_ids),
            actor=self.by.actor,
            reason=self.by.reason,
            expires_on=last_day(self.today, months),
            details=details,
        )
        transaction.record_access(access)


def unknown_subject() -> NotFound:
    """The error for a person of whom the controller has nothing."""
    return NotFound("UNKNOWN_SUBJECT", "no entry of the controller names the person")
