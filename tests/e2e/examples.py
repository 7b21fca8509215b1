"""Worked examples: what was said, in no particular order, what is asked, and the answer.

The voice calls are on weekdays at hours when one may call, and each question names its time, so
that the answers do not depend on the day of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from google.protobuf.message import Message

from consent_registry.v1.contact_pb2 import Channel, ContactPoint, CustomerContext
from consent_registry.v1.decision_pb2 import VIEW_FULL, Reason, Verdict
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from consent_registry.v1.entry_pb2 import PRECISION_DAY, SOURCE_UNSUBSCRIBE_LINK
from consent_registry.v1.registry_service_pb2 import PartnerLead, RecordPartnerLeadsRequest
from tests.e2e.people import (
    FRANCE,
    MARKETING,
    Person,
    consent,
    opt_out,
    paris,
    proof,
    said,
    subject,
    timestamp,
    withdrawal,
)

PARTNER: Final = "mover-1"

EMAIL: Final = Channel.CHANNEL_EMAIL
SMS: Final = Channel.CHANNEL_SMS
VOICE_CALL: Final = Channel.CHANNEL_VOICE_CALL
AUTOMATED_CALL: Final = Channel.CHANNEL_AUTOMATED_CALL
MESSAGING: Final = Channel.CHANNEL_MESSAGING
DOOR: Final = Channel.CHANNEL_DOOR_TO_DOOR
POST: Final = Channel.CHANNEL_POST
ADVERTISING: Final = Channel.CHANNEL_ONLINE_ADVERTISING
PROCESSING: Final = Channel.CHANNEL_PROCESSING

ALLOW: Final = Verdict.VERDICT_ALLOW
REVIEW: Final = Verdict.VERDICT_REVIEW
DENY: Final = Verdict.VERDICT_DENY

AUTUMN: Final = paris(2026, 11, 12, 15)
"""A Thursday afternoon after everything that was said."""

_JANUARY: Final = paris(2025, 1, 14)
_MARCH: Final = paris(2025, 3, 18)
_TODAY: Final = datetime.now(UTC)


@dataclass(frozen=True)
class Example:
    """One case, for whichever person."""

    case: str
    says: Callable[[Person], Sequence[Message]]
    asks: Callable[[Person], CheckContactRequest]
    verdict: Verdict.ValueType
    reason: Reason.ValueType
    further: frozenset[Reason.ValueType] = frozenset()
    """Reasons of further grounds; there may be more."""


def question(
    target: ContactPoint,
    channel: Channel.ValueType,
    *others: ContactPoint,
    at: datetime = AUTUMN,
    controller: str = FRANCE,
    purpose: str = MARKETING,
    country: str = "FR",
    customer: CustomerContext | None = None,
) -> CheckContactRequest:
    """May France contact the target, known by the others too, in its answer's full length?"""
    return CheckContactRequest(
        controller=controller,
        target=target,
        subject=subject(*others),
        channel=channel,
        purpose=purpose,
        customer=customer,
        recipient_country=country,
        at=timestamp(at),
        view=VIEW_FULL,
    )


def lead(person: Person, *, captured_at: datetime) -> RecordPartnerLeadsRequest:
    """What a partner brings: a person's consent to email."""
    referred = PartnerLead(
        lead_id=f"lead-{person.number}",
        subject=subject(person.email),
        channels=[EMAIL],
        purposes=[MARKETING],
        captured_at=timestamp(captured_at),
        named_controller=FRANCE,
        evidence=proof(),
    )
    return RecordPartnerLeadsRequest(
        controller=FRANCE, request_id=str(uuid4()), partner_id=PARTNER, leads=[referred]
    )


def _customer(
    contract: CustomerContext.Contract.ValueType, offer: CustomerContext.Offer.ValueType
) -> CustomerContext:
    return CustomerContext(
        relationship=CustomerContext.RELATIONSHIP_CUSTOMER, contract=contract, offer=offer
    )


def _own_customer(*, last_sale_at: datetime) -> CustomerContext:
    return CustomerContext(
        relationship=CustomerContext.RELATIONSHIP_CUSTOMER,
        offer=CustomerContext.OFFER_SIMILAR_OWN,
        informed_at_collection=True,
        last_sale_at=timestamp(last_sale_at),
    )


def _unsubscribed_then_ticked(person: Person) -> Sequence[Message]:
    unsubscribed = said(_JANUARY, SOURCE_UNSUBSCRIBE_LINK)
    return (
        opt_out(person.email, channels=[EMAIL], expression=unsubscribed),
        consent(person.email, channels=[EMAIL], at=_MARCH),
    )


def _objected_then_consented(person: Person) -> Sequence[Message]:
    return (
        opt_out(person.email, person.phone, expression=said(_JANUARY)),
        consent(person.email, channels=[EMAIL], at=_MARCH),
    )


def _door_opt_out(person: Person) -> Sequence[Message]:
    return (opt_out(person.home("Apt 4"), channels=[DOOR], expression=said(_JANUARY)),)


EXAMPLES: Final = (
    Example(
        "a phone consent in its first year",
        lambda one: [consent(one.phone, channels=[VOICE_CALL], at=paris(2025, 9, 1))],
        lambda one: question(one.phone, VOICE_CALL, at=paris(2026, 8, 31, 11)),
        ALLOW,
        Reason.REASON_CONSENT,
    ),
    Example(
        "a phone consent after its year",
        lambda one: [consent(one.phone, channels=[VOICE_CALL], at=paris(2025, 9, 1))],
        lambda one: question(one.phone, VOICE_CALL, at=paris(2026, 9, 2, 11)),
        DENY,
        Reason.REASON_CONSENT_EXPIRED,
    ),
    Example(
        "a phone consent, called at lunch",
        lambda one: [consent(one.phone, channels=[VOICE_CALL], at=paris(2026, 9, 1))],
        lambda one: question(one.phone, VOICE_CALL, at=paris(2026, 11, 23, 13)),
        DENY,
        Reason.REASON_OUTSIDE_CONTACT_HOURS,
        frozenset({Reason.REASON_CONSENT}),
    ),
    Example(
        "the last day on which France asked for no consent",
        lambda _: [],
        lambda one: question(one.phone, VOICE_CALL, at=paris(2026, 8, 10, 15)),
        REVIEW,
        Reason.REASON_REGISTER_STALE,
        frozenset({Reason.REASON_OPT_OUT_REGIME}),
    ),
    Example(
        "the day after it",
        lambda _: [],
        lambda one: question(one.phone, VOICE_CALL, at=paris(2026, 8, 11, 15)),
        DENY,
        Reason.REASON_NO_CONSENT,
    ),
    Example(
        "a running contract and a similar offer",
        lambda _: [],
        lambda one: question(
            one.phone,
            VOICE_CALL,
            customer=_customer(CustomerContext.CONTRACT_RUNNING, CustomerContext.OFFER_SIMILAR_OWN),
        ),
        ALLOW,
        Reason.REASON_RUNNING_CONTRACT,
    ),
    Example(
        "the contract has ended",
        lambda _: [],
        lambda one: question(
            one.phone,
            VOICE_CALL,
            customer=_customer(CustomerContext.CONTRACT_ENDED, CustomerContext.OFFER_SIMILAR_OWN),
        ),
        DENY,
        Reason.REASON_NO_CONSENT,
    ),
    Example(
        "unsubscribed, then a partner's lead",
        lambda one: [
            opt_out(
                one.email,
                channels=[EMAIL],
                expression=said(_TODAY - timedelta(days=300), SOURCE_UNSUBSCRIBE_LINK),
            ),
            lead(one, captured_at=_TODAY - timedelta(days=240)),
        ],
        lambda one: question(one.email, EMAIL, at=_TODAY),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "a partner's lead alone",
        lambda one: [lead(one, captured_at=_TODAY - timedelta(days=240))],
        lambda one: question(one.email, EMAIL, at=_TODAY),
        ALLOW,
        Reason.REASON_PARTNER_CONSENT,
    ),
    Example(
        "unsubscribed, then ticked the own form",
        _unsubscribed_then_ticked,
        lambda one: question(one.email, EMAIL),
        ALLOW,
        Reason.REASON_CONSENT,
    ),
    Example(
        "unsubscribed, then ticked the form for email, asked for SMS",
        _unsubscribed_then_ticked,
        lambda one: question(one.phone, SMS, one.email),
        DENY,
        Reason.REASON_NO_CONSENT,
    ),
    Example(
        "objected to everything, then consented to email",
        _objected_then_consented,
        lambda one: question(one.email, EMAIL, one.phone),
        ALLOW,
        Reason.REASON_CONSENT,
    ),
    *(
        Example(
            f"objected to everything, then consented to email, asked for {Channel.Name(channel)}",
            _objected_then_consented,
            lambda one, channel=channel, target=target: question(  # type: ignore[misc]
                target(one), channel, one.email, one.phone
            ),
            DENY,
            Reason.REASON_OBJECTION,
        )
        for channel, target in (
            (SMS, lambda one: one.phone),
            (VOICE_CALL, lambda one: one.phone),
            (AUTOMATED_CALL, lambda one: one.phone),
            (MESSAGING, lambda one: one.phone),
            (DOOR, lambda one: one.home()),
            (POST, lambda one: one.home()),
            (ADVERTISING, lambda one: one.email),
            (PROCESSING, lambda one: one.email),
        )
    ),
    Example(
        "objected, consented, withdrew",
        lambda one: [
            *_objected_then_consented(one),
            withdrawal(one.email, channels=[EMAIL], at=paris(2025, 5, 6)),
        ],
        lambda one: question(one.email, EMAIL, one.phone),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "objected, consented for a while",
        lambda one: [
            opt_out(one.email, one.phone, expression=said(_JANUARY)),
            consent(one.email, channels=[EMAIL], at=_MARCH, until=paris(2025, 6, 1)),
        ],
        lambda one: question(one.email, EMAIL, one.phone),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "a consent before the opt-out",
        lambda one: [
            opt_out(one.email, expression=said(paris(2025, 3, 10))),
            consent(one.email, channels=[EMAIL], at=paris(2025, 3, 5)),
        ],
        lambda one: question(one.email, EMAIL),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "opt-out and consent at the same instant",
        lambda one: [
            opt_out(one.email, expression=said(paris(2025, 3, 10))),
            consent(one.email, channels=[EMAIL], at=paris(2025, 3, 10)),
        ],
        lambda one: question(one.email, EMAIL),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "an opt-out some time on the day of the consent",
        lambda one: [
            opt_out(one.email, expression=said(paris(2025, 3, 10, 0), precision=PRECISION_DAY)),
            consent(one.email, channels=[EMAIL], at=paris(2025, 3, 10, 18)),
        ],
        lambda one: question(one.email, EMAIL),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "a consent for the other number",
        lambda one: [consent(one.second_phone, channels=[VOICE_CALL], at=paris(2025, 9, 1))],
        lambda one: question(one.phone, VOICE_CALL, one.second_phone),
        DENY,
        Reason.REASON_NO_CONSENT,
    ),
    Example(
        "an objector in a country without rules",
        lambda one: [opt_out(one.british_phone, one.email, expression=said(_JANUARY))],
        lambda one: question(one.british_phone, VOICE_CALL, one.email, country=""),
        DENY,
        Reason.REASON_OBJECTION,
        frozenset({Reason.REASON_UNKNOWN_JURISDICTION}),
    ),
    Example(
        "somebody in a country without rules",
        lambda _: [],
        lambda one: question(one.british_phone, VOICE_CALL, country=""),
        REVIEW,
        Reason.REASON_UNKNOWN_JURISDICTION,
    ),
    Example(
        "no calls means no automated ones either",
        lambda one: [opt_out(one.phone, channels=[VOICE_CALL], expression=said(_JANUARY))],
        lambda one: question(one.phone, AUTOMATED_CALL),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "Italy: a number that was never screened",
        lambda _: [],
        lambda one: question(one.phone, VOICE_CALL, controller="alarm-it", country="IT"),
        REVIEW,
        Reason.REASON_REGISTER_STALE,
    ),
    Example(
        "Ireland: a customer thirteen months after the sale",
        lambda _: [],
        lambda one: question(
            one.email,
            EMAIL,
            controller="alarm-ie",
            country="IE",
            customer=_own_customer(last_sale_at=paris(2025, 10, 10)),
        ),
        DENY,
        Reason.REASON_SOFT_OPT_IN_EXPIRED,
    ),
    Example(
        "Ireland: a customer eleven months after the sale",
        lambda _: [],
        lambda one: question(
            one.email,
            EMAIL,
            controller="alarm-ie",
            country="IE",
            customer=_own_customer(last_sale_at=paris(2025, 12, 15)),
        ),
        ALLOW,
        Reason.REASON_SOFT_OPT_IN,
    ),
    Example(
        "an alarm call to an objector",
        lambda one: [opt_out(one.phone, expression=said(_JANUARY))],
        lambda one: question(one.phone, VOICE_CALL, purpose="service"),
        ALLOW,
        Reason.REASON_NOT_MARKETING,
    ),
    Example(
        "the next door of a door opt-out",
        _door_opt_out,
        lambda one: question(one.home("Apt 5"), DOOR),
        ALLOW,
        Reason.REASON_OPT_OUT_REGIME,
    ),
    Example(
        "the door of a door opt-out in another spelling",
        _door_opt_out,
        lambda one: question(one.home("appartement n° 4"), DOOR),
        DENY,
        Reason.REASON_OBJECTION,
    ),
    Example(
        "the house of a door opt-out",
        _door_opt_out,
        lambda one: question(one.home(), DOOR),
        REVIEW,
        Reason.REASON_UNIT_UNCLEAR,
    ),
)
