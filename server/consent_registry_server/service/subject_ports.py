"""What the service of the data-protection officer needs from the outside, beyond `ports.py`.

Apart from it, because nobody else may open the vault or end an identity. Times are microseconds
since the Unix epoch, UTC; days are dates in the controller's country.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Entry, Identity
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    ControllerId,
    EntryId,
    IdentityState,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.service.ports import (
    Deadline,
    Digested,
    Page,
    Recorded,
    RequestKey,
    Transaction,
)

T = TypeVar("T")


class FoundEntry(NamedTuple):
    """An entry about a person, and what is left of the person's identity.

    `matched` are the wide digests asked for by which it was found; empty for what only concerns an
    entry that was. `expires_on` is the last day the identity is kept; None when it is gone.
    """

    entry: Entry
    matched: frozenset[bytes]
    identity_state: IdentityState
    expires_on: date | None
    is_held: bool


class Accessor(NamedTuple):
    """Who sees or changes clear identities, and why; `caller_id` is the API key's, "" without."""

    caller_id: str
    actor: str
    reason: str


class NewAccess(NamedTuple):
    """That somebody saw or changed clear identities: one row of the trail for each entry.

    `actor` and `reason` are sealed; `details` too: what else is worth keeping, as text.
    """

    accessed_at_us: int
    controller: ControllerId
    caller_id: str
    operation: AccessOperation
    entry_ids: tuple[EntryId, ...]
    actor: str
    reason: str
    expires_on: date
    details: str = ""


class Access(NamedTuple):
    """A row of the access trail; `entry_id` is None where it was of no entry."""

    access_id: UUID
    accessed_at_us: int
    controller: ControllerId
    caller_id: str
    operation: AccessOperation
    entry_id: EntryId | None
    actor: str
    reason: str


class RightsRequestState(StrEnum):
    """Which rights requests to list."""

    ALL = "all"
    OPEN = "open"
    OVERDUE = "overdue"
    """Open on a day after the one they were due."""


class RightsRequestCount(NamedTuple):
    """The open rights requests of a controller."""

    controller: ControllerId
    open: int
    overdue: int


class RightsNote(NamedTuple):
    """The sealed part of a rights request or of what became of it."""

    subject: Subject
    actor: str
    text: str


class TakenDown(NamedTuple):
    """A note on a rights request, and when it was taken down."""

    taken_down_at_us: int
    note: RightsNote


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """What a person asked for, and by when it must be answered; without who it was.

    Days are dates in the controller's country. `delayed_on` is when the delay was announced, in
    time, and `due_on` then the later day.
    """

    rights_request_id: UUID
    controller: ControllerId
    kind: RightsRequestKind
    received_on: date
    first_due_on: date
    due_on: date
    opened_at_us: int
    expires_on: date
    delayed_at_us: int | None = None
    closed_at_us: int | None = None
    outcome: RightsRequestOutcome | None = None


class SubjectTransaction(Transaction, Protocol):
    """What a transaction of the data-protection officer may do beyond any other."""

    def entries_about(
        self, controller: ControllerId, points: Sequence[Digested], *, limit: int
    ) -> list[FoundEntry]:
        """Returns the controller's own entries about a person, the newest recorded first.

        Those that name one of the points (by its wide digest); whatever lifts, reports on or
        concerns one of these, and what one of these concerns, as a corrected entry does its
        original; and so on with what was found so.

        Raises:
            LimitExceeded: TOO_MANY_ENTRIES, when there are more than `limit`.
        """

    def found(self, controller: ControllerId, entry_id: EntryId) -> FoundEntry | None:
        """Returns an entry of the controller with the state of its identity, or None."""

    def identities(self, entry_ids: Sequence[EntryId]) -> dict[EntryId, Identity]:
        """Opens the vault for some entries; those without identity are left out.

        Whoever shows an identity to anybody calls `record_access` in the same transaction.
        """

    def end_identities(self, entry_ids: Sequence[EntryId]) -> None:
        """Takes identities out of the vault, after their IDENTITY_… entries were appended.

        The digests of a contact point go with them once all that names it is consents and attempts
        of which none has an identity any more; whatever denies contact keeps them for ever.
        """

    def keep_identity(self, entry_id: EntryId, *, until: date, is_held: bool) -> None:
        """Seals an identity anew for another term, under the key of its last month or of a hold."""

    def record_access(self, access: NewAccess) -> None:
        """Appends to the access trail, one row an entry; without entries, one row."""

    def add_rights_request(self, request: RightsRequest, note: RightsNote) -> None:
        """Stores a new rights request."""

    def rights_request(
        self, controller: ControllerId, rights_request_id: UUID
    ) -> RightsRequest | None:
        """Returns a rights request as it now is, locked until the end, or None."""

    def rights_notes(self, rights_request_id: UUID) -> list[TakenDown]:
        """Opens what was said at the opening, the delay and the end of a request, in this order.

        Those that are gone are left out. Whoever shows them to anybody calls `record_access` in the
        same transaction.
        """

    def delay_rights_request(
        self, rights_request_id: UUID, *, delayed_at_us: int, due_on: date, note: RightsNote
    ) -> None:
        """Stores that a delay was announced; once a request."""

    def close_rights_request(
        self,
        rights_request_id: UUID,
        outcome: RightsRequestOutcome,
        *,
        closed_at_us: int,
        note: RightsNote,
    ) -> None:
        """Stores how a request ended; once a request."""


class SubjectLedger(Protocol):
    """Writes, and reads that leave a trace."""

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[SubjectTransaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""

    def transact(self, work: Callable[[SubjectTransaction], T], *, deadline: Deadline) -> T:
        """Runs `work` in one transaction and returns its result after the commit.

        So no identity is shown whose access was not recorded. It may run several times.
        """


class SubjectHistory(Protocol):
    """Lists, without clear identity but for who looked at one."""

    def accesses(
        self,
        controller: ControllerId,
        page: Page,
        *,
        entry_id: EntryId | None = None,
        deadline: Deadline,
    ) -> list[Access]:
        """Returns up to `page.size` rows of the access trail, the newest first.

        `page.after` is `(accessed_at_us, access_id)` of the last one seen.
        """

    def rights_requests(
        self,
        controller: ControllerId,
        page: Page,
        *,
        today: date,
        which: RightsRequestState,
        deadline: Deadline,
    ) -> list[RightsRequest]:
        """Returns up to `page.size` rights requests, those due first; on a tie by id.

        `page.after` is `(due_on, rights_request_id)` of the last one seen, with the first due day.
        """

    def rights_request_counts(self, today: date, *, deadline: Deadline) -> list[RightsRequestCount]:
        """Returns how many rights requests of each controller are open, and overdue."""
