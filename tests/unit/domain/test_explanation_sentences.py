"""What an explanation says, to the word, of the worked examples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.decision import (
    Customer,
    Fact,
    Match,
    PartnerTerms,
    Question,
)
from consent_registry_server.domain.explanation import Effect, Explanation, beside_given, explain
from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
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
    Source,
    Verdict,
)
from consent_registry_server.policy.load import load_policy
from tests.past_desk import NOW_US, paris

MARKETING = PurposeId("direct_marketing")
CUSTOMER = Customer(
    relationship=Relationship.CUSTOMER, contract=ContractState.RUNNING, offer=Offer.SIMILAR_OWN
)
INFORMED = Customer(
    relationship=Relationship.CUSTOMER,
    informed_at_collection=True,
    last_sale_at_us=paris(2025, 10, 1),
    offer=Offer.SIMILAR_OWN,
)
LOST = (
    "; the replay comes to DENY, NO_CONSENT: the registry no longer holds all that the answer was"
    " based on, as after an erasure or a restore."
)
DECIDED, APPLIED, NOT = Effect.DECIDED, Effect.APPLIED, Effect.NOT_APPLIED

packaged_policy = cache(load_policy)


def call(
    at_us: int = NOW_US, country: str = "FR", channel: Channel = Channel.VOICE_CALL
) -> Question:
    """May this consumer be called?"""
    return Question(ControllerId("alarm-fr"), channel, MARKETING, at_us, CountryCode(country))


def mail(country: str = "FR") -> Question:
    """May this consumer get an email?"""
    return call(country=country, channel=Channel.EMAIL)


def fact(
    kind: EntryKind, at_us: int, *channels: Channel, number: int = 1, **changes: object
) -> Fact:
    """Something the person said of marketing, at an instant that is known."""
    is_consent = kind in (EntryKind.CONSENT, EntryKind.PARTNER_CONSENT)
    mask = sum(channel.mask for channel in channels) if channels else ALL_CHANNELS
    made = Fact(
        kind=kind,
        entry_id=EntryId(UUID(int=number)),
        match=Match.TARGET,
        channels=mask,
        purposes=frozenset({MARKETING}) if is_consent else None,
        counts_at_us=at_us,
        expressed_at_us=at_us,
        proven=is_consent,
        lifts_opt_outs=kind is EntryKind.CONSENT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def consent(at_us: int, *channels: Channel, number: int = 1, **changes: object) -> Fact:
    return fact(EntryKind.CONSENT, at_us, *channels, number=number, **changes)


def opt_out(at_us: int, *channels: Channel, number: int = 2, **changes: object) -> Fact:
    changes = {"source": Source.LETTER, **changes}
    return fact(EntryKind.DO_NOT_CONTACT, at_us, *channels, number=number, **changes)


def listing(at_us: int, register: str, *, is_listed: bool = True) -> Fact:
    scrub = fact(EntryKind.REGISTER_RESULT, at_us, source=Source.NATIONAL_REGISTER)
    return replace(scrub, register=register, is_listed=is_listed)


@dataclass(frozen=True)
class Case:
    """A question with what is on record, and the sentence that must be among the step's."""

    name: str
    question: Question
    facts: list[Fact]
    step: int
    effect: Effect
    text: str
    changes: dict[str, object] = field(default_factory=dict)


CASES = (
    Case(
        "outside the hours",
        call(paris(2026, 11, 23, 13, 30)),
        [consent(paris(2026, 9, 1), Channel.VOICE_CALL)],
        9,
        DECIDED,
        "23 November 2026 at 13:30 Europe/Paris is outside the hours, by Europe/Paris time,"
        " until 23 November 2026 at 14:00 Europe/Paris.",
    ),
    Case(
        "a year later",
        call(paris(2027, 9, 2, 11)),
        [consent(paris(2026, 9, 1), Channel.VOICE_CALL)],
        5,
        DECIDED,
        "The consent of 1 September 2026 at 12:00 Europe/Paris on the controller's own form ended"
        " on 1 September 2027 at 12:00 Europe/Paris, for the rule fr.voice_call lets it count for"
        " 12 months.",
    ),
    Case(
        "its own end",
        mail(),
        [consent(paris(2026, 9, 1), Channel.EMAIL, expires_at_us=paris(2026, 10, 1))],
        5,
        DECIDED,
        "The consent of 1 September 2026 at 12:00 Europe/Paris on the controller's own form ended"
        " on 1 October 2026 at 12:00 Europe/Paris, as it was given.",
    ),
    Case(
        "its proof is gone",
        mail(),
        [consent(paris(2026, 9, 1), Channel.EMAIL, lifted_at_us=paris(2026, 11, 2))],
        5,
        NOT,
        "The consent of 1 September 2026 at 12:00 Europe/Paris on the controller's own form ended"
        " on 2 November 2026 at 12:00 Europe/Paris with the identity that proved it.",
    ),
    Case(
        "its proof will be gone",
        mail(),
        [consent(paris(2026, 9, 1), Channel.EMAIL, lifted_at_us=paris(2026, 12, 2))],
        5,
        DECIDED,
        "The consent of 1 September 2026 at 12:00 Europe/Paris on the controller's own form is for"
        " exactly this, proven and in force.",
    ),
    Case(
        "a restriction that was lifted",
        mail(),
        [fact(EntryKind.RESTRICTION, paris(2026, 9, 1), lifted_at_us=paris(2026, 11, 2))],
        3,
        NOT,
        "The restriction of processing of 1 September 2026 at 12:00 Europe/Paris on the"
        " controller's own form was lifted on 2 November 2026 at 12:00 Europe/Paris.",
    ),
    Case(
        "running contract",
        call(),
        [],
        8,
        DECIDED,
        "A running contract and an offer related to it stand in for the consent: both are there.",
        {"customer": CUSTOMER},
    ),
    Case(
        "contract ended",
        call(),
        [],
        8,
        NOT,
        "A running contract and an offer related to it stand in for the consent, but no contract"
        " is known to run.",
        {"customer": replace(CUSTOMER, contract=ContractState.ENDED)},
    ),
    Case(
        "no consent",
        call(),
        [],
        8,
        DECIDED,
        "The rule fr.voice_call asks for a consent, and none is in force.",
    ),
    Case(
        "a lead after an opt-out",
        mail(),
        [
            opt_out(paris(2026, 1, 14), Channel.EMAIL, source=Source.UNSUBSCRIBE_LINK),
            fact(
                EntryKind.PARTNER_CONSENT,
                paris(2026, 3, 18),
                Channel.EMAIL,
                source=Source.PARTNER,
                partner=PartnerTerms(Channel.EMAIL.mask, frozenset({MARKETING}), 365),
            ),
        ],
        6,
        NOT,
        "The consent collected by a partner of 18 March 2026 at 12:00 Europe/Paris lifts nothing:"
        " what a partner brings never does.",
    ),
    Case(
        "an own form after an opt-out",
        mail(),
        [opt_out(paris(2026, 1, 14)), consent(paris(2026, 3, 18), Channel.EMAIL)],
        4,
        NOT,
        "The do-not-contact request of 14 January 2026 at 12:00 Europe/Paris by letter is lifted by"
        " a later consent of the person for this very contact point (step 6).",
    ),
    Case(
        "what lifts it",
        mail(),
        [opt_out(paris(2026, 1, 14)), consent(paris(2026, 3, 18), Channel.EMAIL)],
        6,
        APPLIED,
        "The consent of 18 March 2026 at 12:00 Europe/Paris on the controller's own form lifts"
        " every opt-out older than it.",
    ),
    Case(
        "calls include automated ones",
        call(channel=Channel.AUTOMATED_CALL),
        [opt_out(paris(2026, 3, 10), Channel.VOICE_CALL)],
        4,
        DECIDED,
        "The do-not-contact request of 10 March 2026 at 12:00 Europe/Paris by letter covers calls"
        " for all marketing; calls include automated ones; no later consent of the person lifts"
        " it.",
    ),
    Case(
        "by another contact point",
        mail(),
        [opt_out(paris(2026, 3, 10), match=Match.WIDE)],
        4,
        DECIDED,
        "The do-not-contact request of 10 March 2026 at 12:00 Europe/Paris by letter covers every"
        " channel for all marketing; it was found by another contact point or spelling than the"
        " one asked about; no later consent of the person lifts it.",
    ),
    Case(
        "no unit",
        call(channel=Channel.DOOR_TO_DOOR),
        [opt_out(paris(2026, 3, 10), match=Match.UNIT_UNCLEAR, source=Source.DOORSTEP)],
        4,
        DECIDED,
        "The do-not-contact request of 10 March 2026 at 12:00 Europe/Paris at the door is for the"
        " same building, but the dwellings cannot be told apart: a human must look.",
    ),
    Case(
        "a withdrawal of maybe another dwelling",
        call(channel=Channel.DOOR_TO_DOOR),
        [
            opt_out(paris(2026, 3, 1), number=2),
            consent(paris(2026, 3, 5), Channel.DOOR_TO_DOOR),
            fact(EntryKind.WITHDRAWAL, paris(2026, 3, 10), number=3, match=Match.UNIT_UNCLEAR),
        ],
        6,
        NOT,
        "The consent of 5 March 2026 at 12:00 Europe/Paris on the controller's own form lifts"
        " nothing: a withdrawal that may be meant for this dwelling came with or after it.",
    ),
    Case(
        "a withdrawal",
        mail(),
        [fact(EntryKind.WITHDRAWAL, paris(2026, 3, 10), Channel.EMAIL)],
        4,
        DECIDED,
        "The withdrawal of 10 March 2026 at 12:00 Europe/Paris on the controller's own form ended"
        " any consent to email for all marketing; no later consent of the person lifts it.",
    ),
    Case(
        "restricted",
        mail(),
        [fact(EntryKind.RESTRICTION, paris(2026, 3, 10), source=Source.LETTER)],
        3,
        DECIDED,
        "The restriction of processing of 10 March 2026 at 12:00 Europe/Paris by letter is in"
        " force: no marketing of any kind.",
    ),
    Case(
        "the other number",
        call(),
        [consent(paris(2026, 9, 1), Channel.VOICE_CALL, match=Match.WIDE)],
        5,
        NOT,
        "The consent of 1 September 2026 at 12:00 Europe/Paris on the controller's own form is for"
        " another contact point than the one asked about.",
    ),
    Case(
        "a country without rules",
        mail("US"),
        [opt_out(paris(2026, 3, 10))],
        2,
        APPLIED,
        "The recipient is in US, for which there are no rules.",
    ),
    Case(
        "overseas",
        mail("RE"),
        [],
        2,
        APPLIED,
        "The recipient is in RE, where the rules of FR apply.",
    ),
    Case(
        "Italy: listed",
        call(country="IT"),
        [listing(paris(2026, 11, 20, 0), "RPO")],
        7,
        DECIDED,
        "RPO, asked on 20 November 2026: listed; no exemption holds.",
    ),
    Case(
        "Italy: never scrubbed",
        call(country="IT"),
        [],
        7,
        DECIDED,
        "A result of RPO counts for 15 days, and there is none of that time.",
    ),
    Case(
        "Italy: scrubbed",
        call(country="IT"),
        [listing(paris(2026, 11, 20, 0), "RPO", is_listed=False)],
        7,
        NOT,
        "RPO, asked on 20 November 2026: not listed; this counts until 5 December 2026 at 00:00"
        " Europe/Rome.",
    ),
    Case(
        "Italy: scrubbed too long ago",
        call(country="IT"),
        [listing(paris(2026, 11, 1, 0), "RPO", is_listed=False)],
        7,
        NOT,
        "RPO, asked on 1 November 2026: not listed; this counted until 16 November 2026 at 00:00"
        " Europe/Rome only.",
    ),
    Case(
        "Italy: scrubbed afterwards",
        call(paris(2026, 11, 9, 15), country="IT"),
        [listing(paris(2026, 11, 20, 0), "RPO", is_listed=False)],
        7,
        NOT,
        "RPO, asked on 20 November 2026: not listed; this was only after the instant asked about.",
    ),
    Case(
        "Italy: another number listed",
        call(country="IT"),
        [replace(listing(paris(2026, 11, 20, 0), "RPO"), match=Match.WIDE)],
        7,
        NOT,
        "RPO, asked on 20 November 2026: listed; this is about another contact point than the one"
        " asked about.",
    ),
    Case(
        "Italy: listed by another register",
        call(country="IT"),
        [listing(paris(2026, 11, 20, 0), "Bloctel")],
        7,
        NOT,
        "Bloctel, asked on 20 November 2026: listed; the rule does not ask for it.",
    ),
    Case(
        "Italy: listed, and delisted since",
        call(country="IT"),
        [
            listing(paris(2026, 11, 10, 0), "RPO"),
            replace(
                listing(paris(2026, 11, 20, 0), "RPO", is_listed=False),
                entry_id=EntryId(UUID(int=8)),
            ),
        ],
        7,
        NOT,
        "RPO, asked on 10 November 2026: listed; a later result counts instead.",
    ),
    Case(
        "Italy: a consent later than the listing",
        call(country="IT"),
        [
            replace(listing(paris(2026, 11, 20, 0), "RPO"), listed_at_us=paris(2025, 3, 10, 0)),
            consent(paris(2026, 2, 1), Channel.VOICE_CALL, number=9),
        ],
        7,
        NOT,
        "RPO, asked on 20 November 2026: listed; an exemption makes it not count.",
    ),
    Case(
        "Norway: a customer",
        call(country="NO"),
        [listing(paris(2026, 11, 20, 0), "Reservasjonsregisteret")],
        7,
        APPLIED,
        "Reservasjonsregisteret does not matter where the person is a customer offered similar"
        " products: this holds.",
        {"customer": CUSTOMER},
    ),
    Case(
        "Ireland: the soft opt-in ran out",
        mail("IE"),
        [],
        8,
        DECIDED,
        "Without a consent an own customer informed at collection may be offered similar own"
        " products within 12 months of the last sale: that time has run out.",
        {"customer": INFORMED},
    ),
    Case(
        "Ireland: an unclear line",
        call(country="IE"),
        [],
        2,
        NOT,
        "The rule ie.voice_call.mobile is for mobile lines, and it is not clear what kind of line"
        " this is.",
    ),
    Case(
        "Ireland: a landline",
        call(country="IE"),
        [],
        2,
        NOT,
        "The rule ie.voice_call.mobile is for mobile lines.",
        {"line_type": LineType.LANDLINE},
    ),
    Case(
        "a business",
        call(),
        [],
        2,
        APPLIED,
        "The rule fr.voice_call.business applies to business recipients.",
        {"recipient_type": RecipientType.BUSINESS},
    ),
    Case(
        "an unusable target",
        mail(),
        [],
        2,
        DECIDED,
        "The target cannot be used for email.",
        {"is_target_usable": False},
    ),
    Case(
        "the cap",
        call(),
        [
            consent(paris(2026, 9, 1), Channel.VOICE_CALL),
            *(
                fact(EntryKind.CONTACT_ATTEMPT, NOW_US - day * DAY_US, number=10 + day)
                for day in (1, 2, 3, 4)
            ),
        ],
        9,
        DECIDED,
        "At most 4 attempts are permitted in any 30 days: none is left before 19 December 2026 at"
        " 15:00 Europe/Paris.",
    ),
    Case(
        "two zones",
        call(country="ES"),
        [],
        9,
        NOT,
        "23 November 2026 at 14:00 Atlantic/Canary is within the hours, by Atlantic/Canary and"
        " Europe/Madrid time, until 23 November 2026 at 20:00 Atlantic/Canary.",
        {"place": Place(CountryCode("ES"), ("Atlantic/Canary", "Europe/Madrid"))},
    ),
)


def explained(case: Case) -> Explanation:
    question = replace(case.question, **case.changes)  # type: ignore[arg-type]
    return explain(question, list(case.facts), packaged_policy())


@pytest.mark.parametrize("case", [pytest.param(each, id=each.name) for each in CASES])
def test_a_worked_example_is_explained_in_these_words(case: Case) -> None:
    """The sentence is in its step, with its effect."""
    [step] = [each for each in explained(case).steps if each.number == case.step]
    assert case.text in {each.text for each in step.considerations}
    assert (case.effect, case.text) in {(each.effect, each.text) for each in step.considerations}


def test_an_alarm_call_is_explained_in_one_sentence() -> None:
    """Whatever is on record."""
    question = replace(call(), purpose=PurposeId("service"))
    explanation = explain(question, [opt_out(paris(2026, 3, 10))], packaged_policy())
    [step] = explanation.steps
    [told] = step.considerations
    assert told.text == "The purpose service is no marketing: nothing may stand in its way."
    assert told.effect is DECIDED


@pytest.mark.parametrize(
    "verdict, reason, ending",
    [
        (Verdict.DENY, Reason.NO_CONSENT, "; the replay comes to the same."),
        (
            Verdict.DENY,
            Reason.OBJECTION,
            LOST,
        ),
    ],
)
def test_a_replay_begins_with_what_was_answered(
    verdict: Verdict, reason: Reason, ending: str
) -> None:
    """And whether it is the same; it does not decide anything."""
    alone = explain(mail(), [], packaged_policy())
    explanation = beside_given(alone, verdict, reason, given_at_us=NOW_US)
    first, *others = explanation.steps[0].considerations
    beginning = (
        f"The decision that was given on 23 November 2026 at 14:00 UTC was DENY, {reason.name}"
    )
    assert first.text == beginning + ending
    assert first.effect is NOT
    assert tuple(others) == alone.steps[0].considerations
    assert explanation.steps[1:] == alone.steps[1:]
