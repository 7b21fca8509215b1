"""Worked examples in which a consent or an exemption decides, or the lack of one."""

from __future__ import annotations

from consent_registry_server.domain.calendar import plus_months
from consent_registry_server.domain.entry import Evidence
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    PurposeId,
    Reason,
    Source,
)
from tests.unit.service.desk import (
    NEWSLETTER,
    NORWAY,
    NOW_US,
    consent,
    lead,
    opt_out,
    paris,
    question,
    said,
)
from tests.unit.service.example import (
    ALLOW,
    CALLS,
    DENY,
    EMAIL,
    ENDED,
    IRISH_EMAIL,
    ITALIAN,
    NORWEGIAN,
    OTHER_PHONE,
    PHONE,
    REVIEW,
    SIMILAR_OWN,
    Example,
    informed,
)

PHONE_CONSENT = consent(PHONE, expression=said(paris(2026, 9, 1)), channels=CALLS)

CONSENT_EXAMPLES = (
    Example(
        "consent by web form, called within its year",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "the same consent a year and a day later",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2027, 9, 2, 11)),
        DENY,
        Reason.CONSENT_EXPIRED,
    ),
    Example(
        "the same consent the very instant its year ends",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2027, 9, 1)),
        DENY,
        Reason.CONSENT_EXPIRED,
    ),
    Example(
        "the same consent a microsecond before",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2027, 9, 1) - 1),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "the same consent, asked before it was given",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, at_us=paris(2026, 8, 31)),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "a consent to calls, a text message asked",
        [PHONE_CONSENT],
        question(PHONE, Channel.SMS),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "a consent to calls, an automated call asked",
        [PHONE_CONSENT],
        question(PHONE, Channel.AUTOMATED_CALL),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "a consent to marketing, its newsletter asked",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, purpose=NEWSLETTER),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "a consent to another controller",
        [PHONE_CONSENT],
        question(PHONE, Channel.VOICE_CALL, controller=NORWAY),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "two numbers, consent for one, the other is the target",
        [PHONE_CONSENT],
        question(OTHER_PHONE, Channel.VOICE_CALL, PHONE),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "a consent whose text was not kept",
        [
            consent(
                EMAIL,
                expression=said(paris(2026, 9, 1)),
                evidence=Evidence(form_id="contact-form-3"),
            )
        ],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.CONSENT_UNPROVEN,
    ),
    Example(
        "a consent of which nobody knows when",
        [consent(EMAIL, expression=said(None))],
        question(EMAIL, Channel.EMAIL, at_us=NOW_US + 3_600_000_000),
        DENY,
        Reason.CONSENT_UNPROVEN,
    ),
    Example(
        "a consent that names its own end",
        [consent(EMAIL, expression=said(paris(2026, 9, 1)), expires_at_us=paris(2026, 10, 1))],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.CONSENT_EXPIRED,
    ),
    Example(
        "a consent of the person and one that a partner brought later",
        [
            consent(EMAIL, expression=said(paris(2026, 3, 1))),
            lead(EMAIL, captured_at_us=paris(2026, 4, 1)),
        ],
        question(EMAIL, Channel.EMAIL),
        ALLOW,
        Reason.CONSENT,
        frozenset({Reason.PARTNER_CONSENT}),
    ),
    Example(
        "nothing was said",
        [],
        question(EMAIL, Channel.EMAIL),
        DENY,
        Reason.NO_CONSENT,
    ),
)

EXEMPTION_EXAMPLES = (
    Example(
        "running contract, a sensor upgrade",
        [],
        question(PHONE, Channel.VOICE_CALL, customer=SIMILAR_OWN),
        ALLOW,
        Reason.RUNNING_CONTRACT,
    ),
    Example(
        "the same, contract ended",
        [],
        question(PHONE, Channel.VOICE_CALL, customer=ENDED),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "running contract, yet another company's offer",
        [],
        question(
            PHONE,
            Channel.VOICE_CALL,
            customer=SIMILAR_OWN,
            purpose=PurposeId("partner_offers"),
        ),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "running contract, and an objection",
        [opt_out(PHONE, expression=said(paris(2026, 3, 1), source=Source.CALL_CENTRE))],
        question(PHONE, Channel.VOICE_CALL, customer=SIMILAR_OWN),
        DENY,
        Reason.OBJECTION,
        frozenset({Reason.RUNNING_CONTRACT}),
    ),
    Example(
        "Ireland: informed customer, sale 13 months ago",
        [],
        question(
            IRISH_EMAIL,
            Channel.EMAIL,
            controller=ControllerId("alarm-ie"),
            country="IE",
            customer=informed(plus_months(NOW_US, -13)),
        ),
        DENY,
        Reason.SOFT_OPT_IN_EXPIRED,
    ),
    Example(
        "Ireland: the same, sale 11 months ago",
        [],
        question(
            IRISH_EMAIL,
            Channel.EMAIL,
            controller=ControllerId("alarm-ie"),
            country="IE",
            customer=informed(plus_months(NOW_US, -11)),
        ),
        ALLOW,
        Reason.SOFT_OPT_IN,
    ),
    Example(
        "Ireland: the same, nobody knows when the sale was",
        [],
        question(
            IRISH_EMAIL,
            Channel.EMAIL,
            controller=ControllerId("alarm-ie"),
            country="IE",
            customer=informed(None),
        ),
        DENY,
        Reason.NO_CONSENT,
    ),
    Example(
        "Italy: a number never scrubbed",
        [],
        question(ITALIAN, Channel.VOICE_CALL, controller=ControllerId("alarm-it"), country=""),
        REVIEW,
        Reason.REGISTER_STALE,
    ),
    Example(
        "Norway: customer with a running contract and a direct reservation",
        [
            opt_out(
                NORWEGIAN,
                expression=said(paris(2026, 3, 1), source=Source.CALL_CENTRE),
                controller=NORWAY,
            )
        ],
        question(
            NORWEGIAN, Channel.VOICE_CALL, controller=NORWAY, country="", customer=SIMILAR_OWN
        ),
        DENY,
        Reason.OBJECTION,
    ),
)
