"""Worked examples in which the law of a country decides, on its day: regimes and registers."""

from __future__ import annotations

from datetime import date

from consent_registry_server.domain.contact import Email, Phone
from consent_registry_server.domain.decision import Customer
from consent_registry_server.domain.vocabulary import (
    Channel,
    ContractState,
    ControllerId,
    Offer,
    PurposeId,
    Reason,
    RecipientType,
    RegisterStatus,
    Relationship,
)
from tests.unit.service.desk import NORWAY, consent, paris, question, said, scrub
from tests.unit.service.example import (
    ALLOW,
    CALLS,
    DENY,
    EMAIL,
    ITALIAN,
    NORWEGIAN,
    PHONE,
    REVIEW,
    SIMILAR_OWN,
    Example,
    informed,
)

ITALY, SPAIN, SWEDEN = ControllerId("alarm-it"), ControllerId("alarm-es"), ControllerId("alarm-se")
IRELAND, PORTUGAL = ControllerId("alarm-ie"), ControllerId("alarm-pt")
FINLAND = ControllerId("alarm-fi")
SPANISH = Phone("+34911234567")
SWEDISH = Phone("+46701740605")
IRISH_MOBILE, IRISH_LANDLINE = Phone("+353850000000"), Phone("+35312000000")
PORTUGUESE = Phone("+351211234567")
FINNISH = Phone("+358201234567")
WORK = Email("info@example.com")
BUSINESS = RecipientType.BUSINESS

LISTED, CLEAR = RegisterStatus.LISTED, RegisterStatus.CLEAR
MORNING_US = paris(2026, 11, 23, 11)
"""A Monday; 11:00 in Paris is 10:00 in Dublin and Lisbon and noon in Helsinki."""


def _customer(contract: ContractState, *, ended_at_us: int | None = None) -> Customer:
    return Customer(Relationship.CUSTOMER, contract, ended_at_us, offer=Offer.OTHER)


LAW_EXAMPLES = (
    Example(
        "France: a prospect the day before the law changes",
        [],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 8, 10, 15)),
        REVIEW,
        Reason.REGISTER_STALE,
        frozenset({Reason.OPT_OUT_REGIME}),
    ),
    Example(
        "France: the same prospect the day it changes",
        [],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 8, 11, 15)),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "France: a firm is called, which the law on consumers does not protect",
        [],
        question(PHONE, Channel.VOICE_CALL, recipient_type=BUSINESS, at_us=paris(2026, 11, 22, 22)),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "France: an email to a firm",
        [],
        question(WORK, Channel.EMAIL, recipient_type=BUSINESS),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Ireland: an email to somebody at work",
        [],
        question(WORK, Channel.EMAIL, controller=IRELAND, country="IE", recipient_type=BUSINESS),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Sweden: an email to a sole trader, who is protected as a consumer",
        [],
        question(WORK, Channel.EMAIL, controller=SWEDEN, country="SE", recipient_type=BUSINESS),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "Italy: an email to a company",
        [],
        question(WORK, Channel.EMAIL, controller=ITALY, country="IT", recipient_type=BUSINESS),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "Italy: the soft opt-in is for email alone",
        [],
        question(
            ITALIAN,
            Channel.SMS,
            controller=ITALY,
            country="IT",
            customer=informed(paris(2026, 10, 1)),
        ),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "Italy: an email to an informed customer",
        [],
        question(
            EMAIL,
            Channel.EMAIL,
            controller=ITALY,
            country="IT",
            customer=informed(paris(2020, 10, 1)),
        ),
        ALLOW,
        Reason.SOFT_OPT_IN,
    ),
    Example(
        "Ireland: a mobile",
        [],
        question(
            IRISH_MOBILE, Channel.VOICE_CALL, controller=IRELAND, country="", at_us=MORNING_US
        ),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "Ireland: a customer's landline",
        [],
        question(
            IRISH_LANDLINE,
            Channel.VOICE_CALL,
            controller=IRELAND,
            country="",
            customer=_customer(ContractState.ENDED),
            at_us=MORNING_US + 3_600_000_000,
        ),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Portugal: a call to an informed customer",
        [],
        question(
            PORTUGUESE,
            Channel.VOICE_CALL,
            controller=PORTUGAL,
            country="",
            customer=informed(paris(2026, 10, 1)),
            at_us=MORNING_US + 3_600_000_000,
        ),
        ALLOW,
        Reason.SOFT_OPT_IN,
    ),
    Example(
        "Finland: a prospect is called in the morning",
        [],
        question(FINNISH, Channel.VOICE_CALL, controller=FINLAND, country="", at_us=MORNING_US),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Finland: at night, of which nobody has looked the law up",
        [],
        question(
            FINNISH,
            Channel.VOICE_CALL,
            controller=FINLAND,
            country="",
            at_us=paris(2026, 11, 23, 22),
        ),
        REVIEW,
        Reason.RULE_UNVERIFIED,
    ),
    Example(
        "an automated call, which needs consent everywhere",
        [],
        question(FINNISH, Channel.AUTOMATED_CALL, controller=FINLAND, country="", at_us=MORNING_US),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "Spain: a consent to calls two years on",
        [consent(SPANISH, expression=said(paris(2024, 9, 1)), channels=CALLS, controller=SPAIN)],
        question(SPANISH, Channel.VOICE_CALL, controller=SPAIN, country="", at_us=MORNING_US),
        DENY,
        Reason.CONSENT_EXPIRED,
    ),
    Example(
        "a member's benefit, which nothing but an explicit consent permits",
        [],
        question(
            PHONE, Channel.VOICE_CALL, purpose=PurposeId("member_benefit"), customer=SIMILAR_OWN
        ),
        DENY,
        Reason.NO_CONSENT,
    ),
)

_LISTED_2025 = scrub(
    ITALIAN,
    LISTED,
    date(2026, 11, 20),
    register="RPO",
    controller=ITALY,
    listed_on=date(2025, 5, 5),
)


REGISTER_EXAMPLES = (
    Example(
        "Italy: consent 2024, listed since 2025, scrub fresh, no customer",
        [
            consent(ITALIAN, expression=said(paris(2024, 3, 1)), channels=CALLS, controller=ITALY),
            _LISTED_2025,
        ],
        question(ITALIAN, Channel.VOICE_CALL, controller=ITALY, country="", at_us=MORNING_US),
        DENY,
        Reason.NATIONAL_REGISTER,
        frozenset({Reason.CONSENT}),
    ),
    Example(
        "Italy: the same with a consent of February 2026",
        [
            consent(ITALIAN, expression=said(paris(2026, 2, 1)), channels=CALLS, controller=ITALY),
            _LISTED_2025,
        ],
        question(ITALIAN, Channel.VOICE_CALL, controller=ITALY, country="", at_us=MORNING_US),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "Italy: listed, a contract runs",
        [_LISTED_2025],
        question(
            ITALIAN,
            Channel.VOICE_CALL,
            controller=ITALY,
            country="",
            customer=_customer(ContractState.RUNNING),
            at_us=MORNING_US,
        ),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Italy: listed, the contract ended 40 days ago",
        [_LISTED_2025],
        question(
            ITALIAN,
            Channel.VOICE_CALL,
            controller=ITALY,
            country="",
            customer=_customer(ContractState.ENDED, ended_at_us=paris(2026, 10, 14)),
            at_us=MORNING_US,
        ),
        DENY,
        Reason.NATIONAL_REGISTER,
    ),
    Example(
        "Italy: clear a fortnight ago",
        [scrub(ITALIAN, CLEAR, date(2026, 11, 9), register="RPO", controller=ITALY)],
        question(ITALIAN, Channel.VOICE_CALL, controller=ITALY, country="", at_us=MORNING_US),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Italy: clear more than 15 days ago",
        [scrub(ITALIAN, CLEAR, date(2026, 11, 8), register="RPO", controller=ITALY)],
        question(ITALIAN, Channel.VOICE_CALL, controller=ITALY, country="", at_us=MORNING_US),
        REVIEW,
        Reason.REGISTER_STALE,
    ),
    Example(
        "Italy: clear in October, listed in November, whatever was loaded first",
        [
            scrub(ITALIAN, CLEAR, date(2026, 10, 9), register="RPO", controller=ITALY),
            scrub(ITALIAN, LISTED, date(2026, 11, 20), register="RPO", controller=ITALY),
        ],
        question(ITALIAN, Channel.VOICE_CALL, controller=ITALY, country="", at_us=MORNING_US),
        DENY,
        Reason.NATIONAL_REGISTER,
    ),
    Example(
        "Norway: listed, a customer with a running contract and a similar offer",
        [
            scrub(
                NORWEGIAN,
                LISTED,
                date(2026, 11, 20),
                register="Reservasjonsregisteret",
                controller=NORWAY,
            )
        ],
        question(
            NORWEGIAN,
            Channel.VOICE_CALL,
            controller=NORWAY,
            country="",
            customer=SIMILAR_OWN,
            at_us=MORNING_US,
        ),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Norway: listed, a former customer",
        [
            scrub(
                NORWEGIAN,
                LISTED,
                date(2026, 11, 20),
                register="Reservasjonsregisteret",
                controller=NORWAY,
            )
        ],
        question(
            NORWEGIAN,
            Channel.VOICE_CALL,
            controller=NORWAY,
            country="",
            customer=Customer(Relationship.FORMER_CUSTOMER, offer=Offer.SIMILAR_OWN),
            at_us=MORNING_US,
        ),
        DENY,
        Reason.NATIONAL_REGISTER,
    ),
    Example(
        "Sweden: clear today, where the age of a scrub that the law permits is not known",
        [scrub(SWEDISH, CLEAR, date(2026, 11, 23), register="NIX", controller=SWEDEN)],
        question(SWEDISH, Channel.VOICE_CALL, controller=SWEDEN, country="", at_us=MORNING_US),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "Sweden: clear yesterday",
        [scrub(SWEDISH, CLEAR, date(2026, 11, 22), register="NIX", controller=SWEDEN)],
        question(SWEDISH, Channel.VOICE_CALL, controller=SWEDEN, country="", at_us=MORNING_US),
        REVIEW,
        Reason.REGISTER_STALE,
    ),
)
