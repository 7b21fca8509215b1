"""Much that people say, and whatever is asked about them: a row of bytes decides on each."""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.calendar import DAY_US, from_us
from consent_registry_server.domain.contact import ContactPoint, Email
from consent_registry_server.domain.decision import Customer
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    EntryKind,
    Offer,
    Precision,
    RegisterStatus,
    Relationship,
    Source,
)
from consent_registry_server.service.questions import AskedContact
from tests.past_desk import (
    EMAIL,
    MARKETING,
    MINUTE_US,
    NEWSLETTER,
    NO_PROOF,
    OTHER_PHONE,
    PARIS,
    PHONE,
    POINTS,
    PROOF,
    SERVICE,
    PastDesk,
    asked,
)
from tests.reference.situations import Choices

TARGETS: Final[tuple[tuple[ContactPoint, Channel], ...]] = (
    (EMAIL, Channel.EMAIL),
    (PHONE, Channel.VOICE_CALL),
    (PHONE, Channel.SMS),
    (Email("camille.desiree+offers@example.com"), Channel.EMAIL),
    (OTHER_PHONE, Channel.AUTOMATED_CALL),
)
CHANNELS: Final = (Channel.EMAIL, Channel.VOICE_CALL, Channel.SMS)
CUSTOMER = Customer(
    relationship=Relationship.CUSTOMER, informed_at_collection=True, offer=Offer.SIMILAR_OWN
)
NOT_SAID: Final = ("EXPRESSED_IN_FUTURE", "LIFT_BEFORE_ENTRY", "UNKNOWN_PARTNER")
"""Why some of what is said at random cannot be recorded."""


def say_anything(desk: PastDesk, row: bytes) -> None:
    """Records something, and lets time pass or not; the row of bytes decides on both."""
    choices = Choices(row)
    say = choices.one(
        (
            *[_some_consent] * 5,
            *[_some_opt_out] * 3,
            *[_some_lift] * 2,
            *[_some_lead] * 2,
            _some_terms,
            _some_scrub,
            *[_some_attempt] * 2,
        )
    )
    try:
        say(desk, choices)
    except RegistryError as error:
        if error.reason not in NOT_SAID:
            raise
    desk.clock.now_us += choices.one((0, MINUTE_US, 60 * MINUTE_US, DAY_US, 20 * DAY_US))


def _some_expression(desk: PastDesk, choices: Choices, *sources: Source) -> Expression:
    precision = choices.one((Precision.INSTANT, Precision.INSTANT, *Precision))
    ago_us = choices.one((0, DAY_US, 40 * DAY_US, 400 * DAY_US, -4 * MINUTE_US, -DAY_US))
    expressed_at_us = None if precision is Precision.UNKNOWN else desk.clock.now_us - ago_us
    return Expression(choices.one(sources), precision, expressed_at_us, PARIS)


def _some_consent(desk: PastDesk, choices: Choices) -> None:
    desk.consents(
        *choices.some(POINTS),
        said=_some_expression(desk, choices, Source.WEB_FORM, Source.THIRD_PARTY_FORM),
        channels=choices.some(CHANNELS),
        purposes=choices.some((MARKETING, NEWSLETTER)),
        evidence=choices.one((PROOF, PROOF, PROOF, NO_PROOF)),
        expires_at_us=choices.one((None, None, desk.clock.now_us + 30 * DAY_US)),
    )


def _some_opt_out(desk: PastDesk, choices: Choices) -> None:
    kind = choices.one((EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL))
    desk.opts_out(
        *choices.some(POINTS),
        said=_some_expression(desk, choices, Source.LETTER, Source.CALL_CENTRE),
        channels=choices.one(((), choices.some(CHANNELS))),
        kind=kind,
    )


def _some_lift(desk: PastDesk, choices: Choices) -> None:
    if desk.objections:
        said = _some_expression(desk, choices, Source.WEB_FORM)
        desk.lifts(choices.one(desk.objections), said)


def _some_lead(desk: PastDesk, choices: Choices) -> None:
    ago_us = choices.one((0, DAY_US, 60 * DAY_US))
    desk.brings(*choices.some(POINTS), captured_at_us=desk.clock.now_us - ago_us)


def _some_terms(desk: PastDesk, choices: Choices) -> None:
    desk.registers_mover(
        maximum_lead_age_days=choices.one((365, 30, 1)), channels=choices.some(CHANNELS)
    )


def _some_scrub(desk: PastDesk, choices: Choices) -> None:
    day = from_us(desk.clock.now_us - choices.one((0, 1, 40)) * DAY_US).date()
    desk.scrubs(PHONE, choices.one(tuple(RegisterStatus)), day)


def _some_attempt(desk: PastDesk, choices: Choices) -> None:
    if choices.one((True, True, False)):
        desk.attempts_call()
    else:
        desk.reports(choices.one(tuple(AttemptOutcome)))


def some_question(row: bytes) -> AskedContact:
    """Any question about the people of this desk."""
    choices = Choices(row)
    target, channel = choices.one(TARGETS)
    return asked(
        target,
        channel,
        *choices.one(((), choices.some(POINTS))),
        purpose=choices.one((MARKETING, MARKETING, NEWSLETTER, SERVICE)),
        customer=choices.one((Customer(), CUSTOMER)),
    )
