"""Questions, the facts that answer them, and the answers.

These classes are on the path of every decision: slotted, not frozen, and by convention never
changed once built. Times are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Channel,
    ContractState,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    Offer,
    PurposeId,
    Reason,
    RecipientType,
    Relationship,
    RuleId,
    Source,
    Verdict,
)


class Match(IntEnum):
    """How an entry's contact point met the question's, from loosest to closest."""

    UNIT_UNCLEAR = 1
    """Same building, but the units cannot be compared."""
    WIDE = 2
    """Shares a contact point or customer number with target or subject, as opt-outs match."""
    TARGET = 3
    """Is the question's target itself, in its exact form."""


@dataclass(slots=True)
class PartnerTerms:
    """What a partner's consents may be used for, now."""

    permitted_channels: int
    permitted_purposes: frozenset[PurposeId]
    maximum_lead_age_days: int


@dataclass(slots=True)
class Fact:
    """One standing entry that concerns the question's controller and met its contact points.

    `lifted_at_us` is the instant from which a do-not-contact entry or a restriction no longer
    holds, or from which a consent is none any more because its proof is gone; on a contact
    attempt it says that the attempt was never made. A register result counts at the start of its
    `checked_on`; `listed_at_us` is the end of its `listed_on`, or of the day the listing was
    first seen.
    """

    kind: EntryKind
    entry_id: EntryId
    match: Match
    channels: int
    purposes: frozenset[PurposeId] | None
    counts_at_us: int
    expressed_at_us: int | None = None
    expires_at_us: int | None = None
    lifted_at_us: int | None = None
    source: Source = Source.WEB_FORM
    proven: bool = False
    lifts_opt_outs: bool = False
    partner: PartnerTerms | None = None
    register: str = ""
    is_listed: bool = False
    listed_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """What the caller knows of the relationship; None is not known and fails every condition.

    Frozen, because many questions share one.
    """

    relationship: Relationship | None = None
    contract: ContractState | None = None
    contract_ended_at_us: int | None = None
    last_sale_at_us: int | None = None
    informed_at_collection: bool = False
    offer: Offer | None = None


UNKNOWN_CUSTOMER = Customer()


@dataclass(slots=True)
class Question:
    """May this controller contact this target, on this channel, for this purpose, at this time?

    `country` is None when neither caller nor target tells it; `is_target_usable` is False when
    the target has no normal form or is not of the channel's kind; `place` is None where number
    and address tell no more of the recipient's time zone than the country does.
    """

    controller: ControllerId
    channel: Channel
    purpose: PurposeId
    at_us: int
    country: CountryCode | None
    is_target_usable: bool = True
    line_type: LineType = LineType.ANY
    customer: Customer = UNKNOWN_CUSTOMER
    recipient_type: RecipientType = RecipientType.CONSUMER
    place: Place | None = None


@dataclass(slots=True)
class RecordingQuestion:
    """May a call on this line, in this direction, be recorded?

    `is_subject_usable` is False when nothing of the subject can be compared.
    """

    controller: ControllerId
    line: CallLine
    direction: CallDirection
    at_us: int
    is_subject_usable: bool = True


@dataclass(slots=True)
class Ground:
    """One reason for a verdict, with the entry or rule it rests on."""

    reason: Reason
    verdict: Verdict
    entry_id: EntryId | None = None
    rule_id: RuleId | None = None
    citation: str = ""
    expressed_at_us: int | None = None


@dataclass(slots=True)
class Decision:
    """The answer: the deciding ground first in `grounds`, then the others in step order.

    `valid_until_us` is the first instant at which time alone changes verdict or reason, None when
    it never will. `retry_at_us` goes with OUTSIDE_CONTACT_HOURS and ATTEMPT_CAP: the first instant
    at which the answer would be ALLOW, None when time alone will not make it so.
    """

    verdict: Verdict
    reason: Reason
    grounds: list[Ground] = field(default_factory=list)
    valid_until_us: int | None = None
    retry_at_us: int | None = None
    retention_months: int = 0
