"""What the services need from the outside, and the values that cross that line.

Times are microseconds since the Unix epoch, UTC. Every implementation of a store raises
`Unavailable` when the database cannot answer and `DeadlineExceeded` when the deadline passes;
a failed write has written nothing or is repeated under the same request id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

from consent_registry_server.domain.contact import ContactKind, Subject
from consent_registry_server.domain.entry import Entry, NewEntry
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    ControllerId,
    EntryId,
    PartnerId,
    PartnerKind,
    PurposeId,
)

T = TypeVar("T")

Clock = Callable[[], int]
"""Returns the time now."""

EntryIds = Callable[[], EntryId]
"""Returns a new random id."""


class Deadline(Protocol):
    """The caller's deadline."""

    def remaining_s(self) -> float | None:
        """Seconds left, possibly negative; None without a deadline."""


class PolicySource(Protocol):
    """Where the policy in force comes from; one call each request, so that a request sees one."""

    def __call__(self) -> Policy:
        """Returns the policy in force."""


class Digester(Protocol):
    """Keyed digests under the first digest key of the keyring.

    All that the service sees are such base digests, whichever keys came later: which keys the
    stored ones went through is between the storage and its keyring (ADR 12).
    """

    def digest(self, form: bytes) -> bytes:
        """Returns the 16-byte base digest of a canonical form; the same for ever."""


class ContactDigests(NamedTuple):
    """The digests by which one contact point is found.

    `wide` finds it (opt-outs match there); `exact` tells whether it is the very same one.
    """

    kind: ContactKind
    wide: bytes
    exact: bytes
    unit_state: int
    normaliser_version: int


class StandingRow(NamedTuple):
    """One standing entry of one contact point that was found by its wide digest.

    `exact` is the base digest where it is that of a contact point asked for; where it is none of
    those, it is whatever differs from all of them.
    `channels` is a bit set (-1: all), `purposes` None for all. The partner's terms are those in
    force now; None unless the entry is a partner consent. Of the results of one national register
    there is only the last (by the day of the scrub; on a tie the listing); its `counts_at_us` is
    the start of that day, and its `listed_at_us` that of the result, or where no result since the
    last CLEAR tells it, the `counts_at_us` of the first of them. A released attempt is `lifted`.
    """

    wide: bytes
    exact: bytes
    unit_state: int
    kind: int
    entry_id: EntryId
    channels: int
    purposes: list[str] | None
    counts_at_us: int
    expressed_at_us: int | None
    expires_at_us: int | None
    lifted_at_us: int | None
    source: int
    proven: bool
    lifts_opt_outs: bool
    partner_channels: int | None
    partner_purposes: list[str] | None
    partner_maximum_lead_age_days: int | None
    register: str = ""
    is_listed: bool = False
    listed_at_us: int | None = None


class Digested(Protocol):
    """A contact point by its digests: a question's look, or one of an entry's contact points."""

    @property
    def wide(self) -> bytes:
        """What finds it."""

    @property
    def exact(self) -> bytes:
        """What tells whether it is the very same one."""


class Standing(NamedTuple):
    """What one read found, all from one state of the database."""

    revision: str
    rows: list[StandingRow]


class StandingReader(Protocol):
    """Reads what stands for some contact points."""

    def read(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        *,
        deadline: Deadline,
        at_least_as_fresh: str = "",
    ) -> Standing:
        """Returns the rows of the controller and of `group`, in no particular order.

        One query, whatever the number of points. An empty list still returns a revision.

        Raises:
            InvalidRequest: INVALID_REVISION, for a revision this registry did not issue.
            LimitExceeded: TOO_MANY_ENTRIES; a truncated read could hide an opt-out.
        """


@dataclass(frozen=True, slots=True)
class PreparedEntry:
    """An entry ready to be stored: identified, dated, its contact points digested."""

    entry_id: EntryId
    new: NewEntry = field(repr=False)
    recorded_at_us: int
    counts_at_us: int
    contact_points: tuple[ContactDigests, ...] = field(repr=False)
    identity_expires_on: date | None = None
    """The last day on which the vault keeps its identity; None: there is none to keep."""
    names_as: EntryId | None = None
    """An entry whose contact points it names as well, whichever digests they have by now.

    Storing it raises PreconditionFailed, IDENTITY_GONE, when one of them was forgotten: nothing
    could find by it what is stored.
    """


class RefusedLead(NamedTuple):
    """A partner's lead that was refused; `refusal` is the number of the contract's reason."""

    controller: ControllerId
    partner_id: PartnerId
    refusal: int
    recorded_at_us: int
    expires_on: date


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a write idempotent; both are keyed digests, because callers choose ids freely."""

    id_digest: bytes
    content_digest: bytes


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner of a controller."""

    controller: ControllerId
    partner_id: PartnerId
    name: str
    kind: PartnerKind
    permitted_channels: int
    permitted_purposes: frozenset[PurposeId]
    maximum_lead_age_days: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The answer to a write; a repeated request gets the very same one.

    `details` is JSON: what the answer says beyond the three fields, without identity.
    """

    recorded_at_us: int
    revision: str
    details: dict[str, Any]


class Transaction(Protocol):
    """What one write may do; all of it is committed together or not at all."""

    def append(self, entries: Sequence[PreparedEntry]) -> None:
        """Stores entries: ledger, contact points, vault and standing."""

    def entry(self, entry_id: EntryId) -> Entry | None:
        """Returns a ledger entry, or None."""

    def subject(self, entry_id: EntryId) -> Subject | None:
        """Returns whom an entry names; None when its identity was erased or never kept."""

    def outcomes(self, attempt_id: EntryId) -> frozenset[AttemptOutcome]:
        """Returns what was reported of an attempt; nothing for an attempt nobody reported on."""

    def lock(self, name: bytes) -> None:
        """Waits until no other transaction holds the lock of this name; held until the end."""

    def standing(self, controller: ControllerId, points: Sequence[Digested]) -> Standing:
        """Returns what stands, this transaction's own writes included."""

    def partner(self, controller: ControllerId, partner_id: PartnerId) -> Partner | None:
        """Returns a partner, or None."""

    def save_partner(self, partner: Partner, *, recorded_at_us: int) -> None:
        """Stores a partner as it now is, and keeps what it was."""

    def refuse_leads(self, refused: Sequence[RefusedLead]) -> None:
        """Stores that leads were refused, and nothing of whom they named."""


class Ledger(Protocol):
    """Writes."""

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[Transaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Runs `work` in one transaction, once for this request id, and returns its answer.

        `work` returns the details of the answer; it may run several times (serialization failures
        and deadlocks are retried, bounded), so it must have no other effect.

        Raises:
            AlreadyExists: REQUEST_ID_REUSED, when the id was used with other content.
            Unavailable: CONTENTION when the retries are used up; DATABASE_UNAVAILABLE.
        """


class Page(NamedTuple):
    """A position in a list: how many at most, and after which one (None: from the start)."""

    size: int
    after: tuple[Any, ...] | None

    def and_one_more(self) -> Page:
        """The page with one item more, by which its reader knows whether there is a next one."""
        return Page(self.size + 1, self.after)


class History(Protocol):
    """Reads of the ledger and the partners, without identity."""

    def entry(
        self, controller: ControllerId, entry_id: EntryId, *, deadline: Deadline
    ) -> Entry | None:
        """Returns an entry of the controller or of `group`, or None."""

    def entries(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        page: Page,
        *,
        deadline: Deadline,
    ) -> list[Entry]:
        """Returns up to `page.size` entries that name one of the contact points.

        They are found by the wide digests. The newest recorded first; on a tie by entry id. Lifts
        of a listed entry are listed too.
        `page.after` is `(recorded_at_us, entry_id)` of the last entry seen.
        """

    def outcomes(self, attempt_id: EntryId, *, deadline: Deadline) -> frozenset[AttemptOutcome]:
        """Returns what was reported of an attempt."""

    def partners(
        self, controller: ControllerId, page: Page, *, deadline: Deadline
    ) -> list[Partner]:
        """Returns up to `page.size` partners by id; `page.after` is `(partner_id,)`."""


class Past(NamedTuple):
    """What stood at a past instant, and when each of its entries was recorded."""

    rows: list[StandingRow]
    recorded_at_us: dict[EntryId, int]


class PastReader(Protocol):
    """Reads what stood, from the ledger itself."""

    def read_past(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        *,
        at_us: int | None,
        known_at_us: int | None,
        revision: str = "",
        deadline: Deadline,
    ) -> Past:
        """Returns the rows as they were, partner terms included.

        An entry is there when it was known, that is recorded by `known_at_us` (None: by now), or
        visible in the state that `revision` names where the database still knows that state; and
        when it was recorded or counted by `at_us` (None: now), for a check honours what it has
        whatever its date. With None for both it is what `StandingReader.read` returns.
        """


class PolicyVersions(Protocol):
    """Keeps every policy that was ever in force, as its files."""

    def activate(self, version: str, files: Mapping[str, str], *, at_us: int) -> None:
        """Stores that a policy is in force from now on; does nothing when it already is."""

    def version_at(self, at_us: int) -> str | None:
        """Returns the version in force at an instant; None before the first."""

    def files(self, version: str) -> dict[str, str] | None:
        """Returns the files of a policy by name, or None."""


class PolicyArchive(Protocol):
    """Every policy that was ever in force, as today's code reads it."""

    def version_at(self, at_us: int) -> str | None:
        """Returns the version in force at an instant; None before the first."""

    def policy(self, version: str) -> Policy | None:
        """Returns a policy, or None when it never was in force.

        Raises:
            NotFound: UNKNOWN_POLICY_VERSION, for one that today's code can no longer read.
        """


class Reload(StrEnum):
    """What became of an attempt to put changed policy files in force."""

    DONE = "done"
    REFUSED = "refused"
    """The files have faults, or did not hold still."""
    NOT_STORED = "not_stored"
    """The database did not take them."""
    FAILED = "failed"
    """By a fault of the program."""


class Sealer(Protocol):
    """Seals what a caller keeps for the registry and may neither read nor change."""

    def seal(self, content: bytes, *, purpose: str) -> bytes:
        """Returns the content encrypted and authenticated, for this purpose only."""

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes | None:
        """Returns the content; None when it was not sealed here for this purpose."""


class ScrubAge(NamedTuple):
    """When a controller last scrubbed anything against a national register."""

    controller: ControllerId
    register: str
    checked_at_us: int
