"""Worked examples of whom an opt-out reaches: countries, channels, spellings, dwellings."""

from __future__ import annotations

from consent_registry_server.domain.contact import Email, Handle, Phone
from consent_registry_server.domain.vocabulary import (
    Channel,
    PurposeId,
    Reason,
    Source,
)
from tests.unit.service.desk import (
    NEWSLETTER,
    opt_out,
    paris,
    question,
    said,
)
from tests.unit.service.example import (
    ABROAD,
    ALLOW,
    CALLS,
    DENY,
    EMAIL,
    OWN_FORM,
    PHONE,
    REVIEW,
    SIMILAR_OWN,
    Example,
    home,
)

REACH_EXAMPLES = (
    Example(
        "objector with a number in a country without rules",
        [opt_out(ABROAD, expression=said(paris(2026, 3, 10)))],
        question(ABROAD, Channel.VOICE_CALL, country=""),
        DENY,
        Reason.OBJECTION,
        frozenset({Reason.UNKNOWN_JURISDICTION}),
    ),
    Example(
        "a number in a country without rules",
        [],
        question(ABROAD, Channel.VOICE_CALL, country=""),
        REVIEW,
        Reason.UNKNOWN_JURISDICTION,
    ),
    Example(
        "an email without a country",
        [OWN_FORM],
        question(EMAIL, Channel.EMAIL, country=""),
        REVIEW,
        Reason.UNKNOWN_JURISDICTION,
        frozenset({Reason.CONSENT}),
    ),
    Example(
        "do-not-contact for calls, automated call asked",
        [opt_out(PHONE, expression=said(paris(2026, 3, 10)), channels=CALLS)],
        question(PHONE, Channel.AUTOMATED_CALL),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "do-not-contact for automated calls, call asked",
        [opt_out(PHONE, expression=said(paris(2026, 3, 10)), channels=(Channel.AUTOMATED_CALL,))],
        question(PHONE, Channel.VOICE_CALL, customer=SIMILAR_OWN),
        ALLOW,
        Reason.RUNNING_CONTRACT,
    ),
    Example(
        "do-not-contact from marketing, its newsletter asked",
        [
            opt_out(
                EMAIL,
                expression=said(paris(2026, 3, 10)),
                purposes=frozenset({PurposeId("direct_marketing")}),
            )
        ],
        question(EMAIL, Channel.EMAIL, purpose=NEWSLETTER),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "do-not-contact by customer number alone",
        [opt_out(customer_number="K-4711", expression=said(paris(2026, 3, 10)))],
        question(home(""), Channel.POST, customer_number=" k-4711"),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "a number kept by its digits, asked in its national form",
        [opt_out(Phone("06 39 98 00 01"), expression=said(paris(2026, 3, 10)))],
        question(Phone("0639980001", "FR"), Channel.SMS),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "an objection on a phone line, asked through its WhatsApp account",
        [opt_out(PHONE, expression=said(paris(2026, 3, 10)))],
        question(Handle("whatsapp", "+33 6 39 98 00 01"), Channel.MESSAGING, country=""),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "an email with a sub-address after an objection without",
        [opt_out(EMAIL, expression=said(paris(2026, 3, 10)))],
        question(Email("Camille.Desiree+alarm@EXAMPLE.com"), Channel.EMAIL),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "a target that cannot be used, of an objector",
        [opt_out(PHONE, expression=said(paris(2026, 3, 10)))],
        question(Email("camille"), Channel.EMAIL, PHONE),
        DENY,
        Reason.INVALID_CONTACT_POINT,
        frozenset({Reason.OBJECTION}),
    ),
    Example(
        "a phone number as the target of an email",
        [],
        question(PHONE, Channel.EMAIL),
        DENY,
        Reason.INVALID_CONTACT_POINT,
    ),
)

DOOR_OPT_OUT = opt_out(
    home("apt 4"),
    expression=said(paris(2026, 3, 10), source=Source.DOORSTEP),
    channels=(Channel.DOOR_TO_DOOR,),
)

DOOR_EXAMPLES = (
    Example(
        "door opt-out for apt 4, asked for apt 5",
        [DOOR_OPT_OUT],
        question(home("apt 5"), Channel.DOOR_TO_DOOR, country=""),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "door opt-out for apt 4, asked for apt 4 in another spelling",
        [DOOR_OPT_OUT],
        question(home("Appartement n°4", "12, RUE DES LILAS"), Channel.DOOR_TO_DOOR, country=""),
        DENY,
        Reason.OBJECTION,
    ),
    Example(
        "door opt-out for apt 4, asked without a unit",
        [DOOR_OPT_OUT],
        question(home(""), Channel.DOOR_TO_DOOR, country=""),
        REVIEW,
        Reason.UNIT_UNCLEAR,
    ),
    Example(
        "door opt-out for apt 4, asked for a unit that cannot be read",
        [DOOR_OPT_OUT],
        question(home("fond de cour"), Channel.DOOR_TO_DOOR, country=""),
        REVIEW,
        Reason.UNIT_UNCLEAR,
    ),
    Example(
        "door opt-out for apt 4, a letter asked",
        [DOOR_OPT_OUT],
        question(home("apt 4"), Channel.POST, country=""),
        ALLOW,
        Reason.OPT_OUT_REGIME,
    ),
    Example(
        "objection to everything by address, an email asked",
        [opt_out(home("apt 4"), expression=said(paris(2026, 3, 10))), OWN_FORM],
        question(EMAIL, Channel.EMAIL, home("apt 4")),
        ALLOW,
        Reason.CONSENT,
    ),
    Example(
        "unclear for one neighbour, certain for the other",
        [
            DOOR_OPT_OUT,
            opt_out(home("apt 5"), expression=said(paris(2026, 1, 10), source=Source.DOORSTEP)),
        ],
        question(home("apt 5"), Channel.DOOR_TO_DOOR, home(""), country=""),
        DENY,
        Reason.OBJECTION,
        frozenset({Reason.UNIT_UNCLEAR}),
    ),
)
