"""What is written to the ledger, and the instant by which an entry is ordered.

Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import from_us, to_us
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    AttemptOutcome,
    ControllerId,
    EntryId,
    EntryKind,
    LinkId,
    PartnerId,
    Precision,
    PurposeId,
    RegisterStatus,
    Source,
)

FUTURE_TOLERANCE_US: Final = 5 * 60 * 1_000_000
"""How far ahead of the registry's clock an expression may be dated (design: time)."""

OPT_OUTS: Final = frozenset({EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL})
"""The entries that stop contact: never deleted, matched widely."""

DENYING: Final = OPT_OUTS | {EntryKind.RECORDING_OBJECTION, EntryKind.RESTRICTION}
"""The entries that make an answer stricter; never refused for their date."""

PERMITTING: Final = frozenset({EntryKind.CONSENT, EntryKind.PARTNER_CONSENT})
"""The entries that permit contact; they end with the identity that proves them."""

COUNTED_LATE: Final = DENYING | {EntryKind.DO_NOT_CONTACT_LIFT}
"""The entries of which a day counts at its end: what stops contact, and what ends a stop."""


@dataclass(frozen=True, slots=True)
class Expression:
    """When and where a person expressed a will, as the caller states it.

    `expressed_at_us` is None exactly when the precision is UNKNOWN; `time_zone` is an IANA name,
    required for DAY.
    """

    source: Source
    precision: Precision
    expressed_at_us: int | None
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The proof of an expression of will. All of it is identity and goes to the vault."""

    notice_version: str = field(repr=False, default="")
    text: str = field(repr=False, default="")
    text_digest: bytes = field(repr=False, default=b"")
    form_id: str = field(repr=False, default="")
    agent: str = field(repr=False, default="")
    ip: str = field(repr=False, default="")
    user_agent: str = field(repr=False, default="")
    artefact_uri: str = field(repr=False, default="")
    artefact_digest: bytes = field(repr=False, default=b"")
    note: str = field(repr=False, default="")
    third_party: str = field(repr=False, default="")

    @property
    def has_artefact(self) -> bool:
        """Whether a recording, scan or screenshot backs the statement."""
        return bool(self.artefact_uri or self.artefact_digest)

    @property
    def supports_lift(self) -> bool:
        """Whether anything shows that the person asked for the lift themselves."""
        return bool(self.note or self.text or self.text_digest or self.form_id) or self.has_artefact


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """What became of a contact attempt: for ATTEMPT_OUTCOME."""

    attempt_id: EntryId
    outcome: AttemptOutcome


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """What a national register said of the contact points: for REGISTER_RESULT.

    The day of the scrub is the expression's. `listed_at_us` is the end of the day on which they
    were listed, as far as the register told; None for CLEAR and where it is not known.
    """

    register: str
    status: RegisterStatus
    listed_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry about to be written, without its id and recording time.

    `channels` is a bit set, ALL_CHANNELS for all; `purposes` is None for all but `service`.
    `lifts_entry_id` names what a lift lifts, the attempt whose outcome is RELEASED, and the consent
    that ends with its identity. `concerns_entry_id` names the entry whose identity is spoken of,
    and that which a restated one was made from. `keep_until` is the last day of RETENTION_SET.
    `unsubscribe_link_id` names the link through which it was said, all of whose contact points it
    names.
    `identity` fields (subject, evidence, lead id) never reach the ledger, only the vault.
    """

    kind: EntryKind
    controller: ControllerId
    expression: Expression
    subject: Subject
    evidence: Evidence
    channels: int = ALL_CHANNELS
    purposes: frozenset[PurposeId] | None = None
    expires_at_us: int | None = None
    proven: bool = False
    lifts_opt_outs: bool = False
    partner_id: PartnerId | None = None
    lead_id: str = field(repr=False, default="")
    lifts_entry_id: EntryId | None = None
    attempt: AttemptReport | None = None
    register_result: RegisterResult | None = None
    concerns_entry_id: EntryId | None = None
    keep_until: date | None = None
    unsubscribe_link_id: LinkId | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What the vault keeps of an entry: all that identifies a person."""

    subject: Subject = field(repr=False)
    evidence: Evidence = field(repr=False)
    lead_id: str = field(repr=False, default="")

    @classmethod
    def of(cls, new: NewEntry) -> Identity:
        """The identity in an entry about to be written."""
        return cls(new.subject, new.evidence, new.lead_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry as it is read back: no identity."""

    entry_id: EntryId
    kind: EntryKind
    controller: ControllerId
    channels: int
    purposes: frozenset[PurposeId] | None
    expression: Expression
    recorded_at_us: int
    counts_at_us: int
    expires_at_us: int | None
    proven: bool
    partner_id: PartnerId | None
    lifts_entry_id: EntryId | None
    lifted_at_us: int | None
    contact_kinds: tuple[int, ...]
    attempt: AttemptReport | None = None
    register_result: RegisterResult | None = None
    concerns_entry_id: EntryId | None = None
    keep_until: date | None = None


def end_of_day_us(instant_us: int, time_zone: str) -> int:
    """The first instant after the day that the instant falls on, in the given zone."""
    return _midnight_us(instant_us, time_zone, days=1)


def start_of_day_us(instant_us: int, time_zone: str) -> int:
    """The first instant of the day that the instant falls on, in the given zone."""
    return _midnight_us(instant_us, time_zone, days=0)


def counts_at_us(kind: EntryKind, expression: Expression, recorded_at_us: int) -> int:
    """The instant by which the entry is ordered among others, by its kind's cautious reading.

    An opt-out of DAY precision counts at the end of its day, a consent at the start; without a
    known time both count at `recorded_at` (and the consent is unproven). An opt-out dated more
    than five minutes ahead counts at `recorded_at`, so that no clock error outlives a later
    consent for ever.

    Raises:
        InvalidRequest: a consent or lift dated more than five minutes ahead.
    """
    expressed_at_us = expression.expressed_at_us
    if expressed_at_us is None:
        return recorded_at_us
    by_day = expression.precision is Precision.DAY
    earliest_us = (
        start_of_day_us(expressed_at_us, expression.time_zone) if by_day else expressed_at_us
    )
    if earliest_us > recorded_at_us + FUTURE_TOLERANCE_US:
        if kind in DENYING:
            return recorded_at_us
        message = "expressed more than five minutes in the future"
        raise InvalidRequest("EXPRESSED_IN_FUTURE", message, field="expression.expressed_at")
    if by_day and kind in COUNTED_LATE:
        return end_of_day_us(expressed_at_us, expression.time_zone)
    return earliest_us


def earliest_us(expression: Expression) -> int | None:
    """The first instant at which the will may have been expressed; None when it is not known."""
    if expression.expressed_at_us is None or expression.precision is not Precision.DAY:
        return expression.expressed_at_us
    return start_of_day_us(expression.expressed_at_us, expression.time_zone)


def _midnight_us(instant_us: int, time_zone: str, *, days: int) -> int:
    zone = ZoneInfo(time_zone)
    local = from_us(instant_us).astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone) + timedelta(days=days)
    return to_us(midnight)
