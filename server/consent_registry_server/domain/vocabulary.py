"""The words every layer shares: identifiers, enumerations and channel sets.

The numbers of the enumerations are those of the protobuf contract and those stored in the
database, so that no layer needs a table of its own; a test holds the three together.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NewType
from uuid import UUID

ControllerId = NewType("ControllerId", str)
PurposeId = NewType("PurposeId", str)
PartnerId = NewType("PartnerId", str)
RuleId = NewType("RuleId", str)
EntryId = NewType("EntryId", UUID)
LinkId = NewType("LinkId", UUID)
"""Of an unsubscribe link: 128 random bits."""
CountryCode = NewType("CountryCode", str)
"""ISO 3166-1 alpha-2, upper case."""

GROUP: Final = ControllerId("group")
"""The reserved controller whose entries bind every other one; it never asks."""


class Number(IntEnum):
    """An enumeration whose members hash as the numbers they are.

    Rules are looked up by them on every decision, and an enumeration's own hash costs ten times
    as much.
    """

    __hash__ = int.__hash__


class Channel(Number):
    """A way to reach a person, or to process data about them (PROCESSING)."""

    EMAIL = 1
    SMS = 2
    VOICE_CALL = 3
    AUTOMATED_CALL = 4
    MESSAGING = 5
    DOOR_TO_DOOR = 6
    POST = 7
    ONLINE_ADVERTISING = 8
    PROCESSING = 9

    @property
    def mask(self) -> int:
        """The channel as a set of one."""
        return 1 << self


ALL_CHANNELS: Final = -1
"""The set of every channel, those of later versions included."""


def channel_mask(channels: tuple[Channel, ...]) -> int:
    """The bit set of the given channels; ALL_CHANNELS when none is named."""
    if not channels:
        return ALL_CHANNELS
    mask = 0
    for channel in channels:
        mask |= channel.mask
    return mask


def channels_in(mask: int) -> tuple[Channel, ...]:
    """The channels of a bit set in the contract's order; every known one for ALL_CHANNELS."""
    return tuple(channel for channel in Channel if mask & channel.mask)


class RecipientType(Number):
    """Whether the person is asked as a consumer or in their profession."""

    CONSUMER = 1
    BUSINESS = 2


class Relationship(IntEnum):
    """What the person is to the controller, as the caller knows it."""

    PROSPECT = 1
    CUSTOMER = 2
    FORMER_CUSTOMER = 3


class ContractState(IntEnum):
    """Whether a contract runs; distinct from the relationship, which ends with the last invoice."""

    RUNNING = 1
    ENDED = 2


class Offer(IntEnum):
    """What would be offered: the controller's own similar products, or something else."""

    SIMILAR_OWN = 1
    OTHER = 2


class Precision(IntEnum):
    """How exactly the time of an expression of will is known."""

    INSTANT = 1
    DAY = 2
    UNKNOWN = 3


class Source(IntEnum):
    """Where an expression of will was taken down."""

    WEB_FORM = 1
    THIRD_PARTY_FORM = 2
    CALL_CENTRE = 3
    UNSUBSCRIBE_LINK = 4
    PREFERENCE_PAGE = 5
    DOORSTEP = 6
    LETTER = 7
    CHAT = 8
    PARTNER = 9
    IMPORT = 10
    NATIONAL_REGISTER = 11
    REGISTRY = 12
    """The registry itself, or its data-protection officer: no expression of will."""


class EntryKind(IntEnum):
    """What a ledger entry states."""

    CONSENT = 1
    PARTNER_CONSENT = 2
    WITHDRAWAL = 3
    DO_NOT_CONTACT = 4
    DO_NOT_CONTACT_LIFT = 5
    RECORDING_OBJECTION = 6
    RECORDING_OBJECTION_LIFT = 7
    RESTRICTION = 8
    CONTACT_ATTEMPT = 9
    ATTEMPT_OUTCOME = 10
    REGISTER_RESULT = 11
    IDENTITY_EXPIRED = 12
    IDENTITY_ERASED = 13
    RETENTION_SET = 14
    HOLD_PLACED = 15
    HOLD_LIFTED = 16
    RESTRICTION_LIFT = 17
    RECTIFICATION = 18


class AttemptOutcome(IntEnum):
    """What became of a contact attempt that was reserved."""

    REACHED = 1
    UNANSWERED = 2
    REFUSED = 3
    """The person asked not to be contacted this way again: an opt-out."""
    RELEASED = 4
    """Never made; it counts no more."""


class RestrictionGround(IntEnum):
    """Why processing is restricted (GDPR art. 18(1))."""

    ACCURACY_CONTESTED = 1
    """Art. 18(1)(a)."""
    UNLAWFUL = 2
    """Art. 18(1)(b): the person wants no erasure."""
    LEGAL_CLAIM = 3
    """Art. 18(1)(c): the person needs the data."""
    OBJECTION_PENDING = 4
    """Art. 18(1)(d)."""


class RightsRequestKind(IntEnum):
    """What a person asks for (GDPR)."""

    ACCESS = 1
    """Art. 15."""
    RECTIFICATION = 2
    """Art. 16."""
    ERASURE = 3
    """Art. 17."""
    RESTRICTION = 4
    """Art. 18."""
    PORTABILITY = 5
    """Art. 20."""
    OBJECTION = 6
    """Art. 21."""


class RightsRequestOutcome(IntEnum):
    """How a rights request ended."""

    FULFILLED = 1
    PARTLY_FULFILLED = 2
    REFUSED = 3
    WITHDRAWN = 4
    """By the person."""


class AccessOperation(IntEnum):
    """What was done with clear identities, in the access trail."""

    FIND_SUBJECT = 1
    EXPORT_SUBJECT = 2
    RECTIFY_SUBJECT = 3
    ERASE_SUBJECT = 4
    RESTRICT_PROCESSING = 5
    LIFT_RESTRICTION = 6
    SET_RETENTION = 7
    SHOW_RIGHTS_REQUEST = 8


class ErasureOutcome(IntEnum):
    """What became of an entry at an erasure."""

    ERASED = 1
    """The identity went, and a consent counts no more."""
    OPT_OUT_KEPT = 2
    """The identity went; the keyed digests go on stopping contact."""
    HELD = 3
    """A hold keeps the identity."""
    ALREADY_GONE = 4


class HoldChange(IntEnum):
    """What becomes of a hold on an identity."""

    PLACE = 1
    LIFT = 2


class IdentityState(IntEnum):
    """What the vault has of an entry."""

    KEPT = 1
    EXPIRED = 2
    ERASED = 3
    NEVER_KEPT = 4
    """The entry names nobody, or what it names was past its retention when it was recorded."""


class UnsubscribeChoice(IntEnum):
    """What a person can stop through an unsubscribe link."""

    LINK = 1
    """The link's purpose on the link's channel."""
    EMAIL = 2
    SMS = 3
    MESSAGING = 4
    CALLS = 5
    VISITS = 6
    POST = 7
    RECORDING = 8
    """The recording of calls with customer service."""
    EVERYTHING = 9


class UnsubscribeMethod(IntEnum):
    """How a person, or their mailbox, unsubscribes."""

    ONE_CLICK = 1
    """RFC 8058."""
    PAGE = 2
    MAIL = 3


class RegisterStatus(IntEnum):
    """What a national register says of a contact point."""

    LISTED = 1
    CLEAR = 2


class PartnerKind(IntEnum):
    """The trade of a partner that collects consents as a controller of its own."""

    UNION = 1
    INSURER = 2
    BANK = 3
    MOVER = 4
    OTHER = 5


class CallLine(IntEnum):
    """The line on which a call would be recorded."""

    CUSTOMER_SERVICE = 1
    MONITORING_CENTRE = 2
    SALES = 3


class CallDirection(IntEnum):
    """Who called, seen from the controller."""

    INBOUND = 1
    OUTBOUND = 2


class Verdict(IntEnum):
    """The answer, ordered by strictness: a larger number is stricter."""

    ALLOW = 1
    REVIEW = 2
    DENY = 3


class Reason(IntEnum):
    """Why a verdict was given; 1-19 allow, 20-49 deny, 50-69 ask a human."""

    CONSENT = 1
    PARTNER_CONSENT = 2
    SOFT_OPT_IN = 3
    RUNNING_CONTRACT = 4
    OPT_OUT_REGIME = 5
    NOT_MARKETING = 6
    RECORDING_REQUIRED = 7
    RECORDING_NOT_OBJECTED = 8

    OBJECTION = 20
    WITHDRAWN = 21
    RESTRICTED = 22
    NATIONAL_REGISTER = 23
    CONSENT_EXPIRED = 24
    CONSENT_UNPROVEN = 25
    PARTNER_NOT_ACCEPTED = 26
    SOFT_OPT_IN_EXPIRED = 27
    NO_CONSENT = 28
    OUTSIDE_CONTACT_HOURS = 29
    ATTEMPT_CAP = 30
    INVALID_CONTACT_POINT = 31
    RECORDING_OBJECTION = 32
    RECORDING_NOT_PERMITTED = 33

    UNKNOWN_JURISDICTION = 50
    UNIT_UNCLEAR = 51
    REGISTER_STALE = 52
    RULE_UNVERIFIED = 53
