"""Hypothesis strategies for questions, facts and policies of which everything collides.

Few instants, purposes, channels and terms are drawn from, so that ties, exact expiries and
overlaps are the rule rather than the exception. A fact, a question and a rule are each drawn as a
row of bytes, one a choice: that is twenty times faster than drawing every choice by itself, and
still shrinks to the first option of everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from hypothesis import strategies as st

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Place, Window
from consent_registry_server.domain.decision import (
    Customer,
    Fact,
    Match,
    PartnerTerms,
    Question,
)
from consent_registry_server.domain.policy import (
    ALWAYS_US,
    NEVER_US,
    AttemptCap,
    LineType,
    NationalRegister,
    Policy,
    Purpose,
    Regime,
    RegisterExemption,
    Rule,
    Slot,
    SoftOptIn,
)
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
    RecipientType,
    Relationship,
    RuleId,
    channel_mask,
)

T = TypeVar("T")

CONTROLLER = ControllerId("alarm-fr")
FRANCE, REUNION, IRELAND = CountryCode("FR"), CountryCode("RE"), CountryCode("IE")
NOWHERE = CountryCode("XX")

SERVICE = PurposeId("service")
PARENT = PurposeId("direct_marketing")
CHILD = PurposeId("direct_marketing.newsletter")
NAMESAKE = PurposeId("direct_marketing_of_others")
ALWAYS_OPT_IN = PurposeId("partner_offers")
SOMEWHERE_OPT_OUT = PurposeId("satisfaction_survey")
PURPOSES = {
    purpose.purpose_id: purpose
    for purpose in (
        Purpose(SERVICE, "alarm", is_marketing=False),
        Purpose(PARENT, "offers"),
        Purpose(CHILD, "newsletter"),
        Purpose(NAMESAKE, "no child in spite of its name"),
        Purpose(ALWAYS_OPT_IN, "others' offers", regime=Regime.OPT_IN),
        Purpose(
            SOMEWHERE_OPT_OUT,
            "a survey",
            regime=Regime.OPT_OUT,
            regime_channels=channel_mask((Channel.VOICE_CALL, Channel.DOOR_TO_DOOR)),
        ),
    )
}
MARKETING = tuple(purpose for purpose in PURPOSES if purpose != SERVICE)

CHANNELS = (Channel.EMAIL, Channel.VOICE_CALL, Channel.AUTOMATED_CALL, Channel.DOOR_TO_DOOR)

# Month ends, so that terms meet days that do not exist, each with its neighbours.
INSTANTS = tuple(
    to_us(datetime(2026, month, day, 12, tzinfo=UTC)) + offset_us
    for month, day in ((1, 31), (2, 28), (3, 31), (4, 30))
    for offset_us in (0, 1, -1)
)
NO_INSTANT: tuple[int | None, ...] = (None,) * len(INSTANTS)
LEAD_AGES_DAYS = (59, 31, 28, 0)

REGISTER = "A register"
PLACE = Place(FRANCE, ("Europe/Paris",))
"""Wherever the recipient's country is, the clock on their wall is the one in Paris."""

WEEKDAYS = (DayKind.MON, DayKind.TUE, DayKind.WED, DayKind.THU, DayKind.FRI)
LUNCHING = dict.fromkeys(WEEKDAYS, (Window(600, 780), Window(840, 1200)))
DAILY = dict.fromkeys((*WEEKDAYS, DayKind.SAT, DayKind.HOLIDAY), (Window(540, 810),))
# One object a kind: hours remember what they found, and are compared by what they say.
HOURS = (
    None,
    None,
    ContactHours(LUNCHING),
    ContactHours(DAILY),
    ContactHours(LUNCHING, is_verified=False),
)
CAPS = (None, None, AttemptCap(2, 28), AttemptCap(1, 59), AttemptCap(1, 31, is_verified=False))


@dataclass(frozen=True)
class Situation:
    """Everything that a decision depends on."""

    question: Question
    facts: list[Fact]
    policy: Policy


class Choices:
    """Reads a row of bytes as choices; zero is always the first option."""

    def __init__(self, row: bytes) -> None:
        self._bytes = iter(row)

    def one(self, options: Sequence[T]) -> T:
        return options[next(self._bytes) % len(options)]

    def some(self, options: Sequence[T]) -> tuple[T, ...]:
        """At least one of them."""
        bits = next(self._bytes) % (2 ** len(options) - 1) + 1
        return tuple(option for place, option in enumerate(options) if bits >> place & 1)

    def purposes(self) -> frozenset[PurposeId]:
        return frozenset(self.some(MARKETING))


def opt_out_from(row: bytes) -> Fact:
    """A do-not-contact entry or a withdrawal; some of the former are lifted by name."""
    choices = Choices(row)
    kind = choices.one((EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL))
    counts_at_us = choices.one(INSTANTS)
    fact = Fact(
        kind=kind,
        entry_id=EntryId(UUID(int=choices.one(range(256)))),
        match=choices.one((Match.TARGET, Match.WIDE, Match.UNIT_UNCLEAR)),
        channels=choices.one((ALL_CHANNELS, channel_mask(choices.some(CHANNELS)))),
        purposes=choices.one((None, choices.purposes())),
        counts_at_us=counts_at_us,
    )
    lifted_at_us = choices.one((*NO_INSTANT, *INSTANTS))
    if lifted_at_us is not None and kind is EntryKind.DO_NOT_CONTACT:
        fact.lifted_at_us = max(counts_at_us, lifted_at_us)
    return fact


def restriction_from(row: bytes) -> Fact:
    """A restriction under GDPR art. 18; it covers everything."""
    choices = Choices(row)
    return Fact(
        kind=EntryKind.RESTRICTION,
        entry_id=EntryId(UUID(int=choices.one(range(256)))),
        match=choices.one((Match.TARGET, Match.WIDE)),
        channels=ALL_CHANNELS,
        purposes=None,
        counts_at_us=choices.one(INSTANTS),
        lifted_at_us=choices.one((*NO_INSTANT, *INSTANTS)),
    )


def consent_from(row: bytes) -> Fact:
    """A consent, more often than not a good one; the identity of some has ended or will."""
    choices = Choices(row)
    kind = choices.one((EntryKind.CONSENT, EntryKind.PARTNER_CONSENT))
    is_partner = kind is EntryKind.PARTNER_CONSENT
    terms = PartnerTerms(
        permitted_channels=channel_mask(choices.some(CHANNELS)),
        permitted_purposes=choices.purposes(),
        maximum_lead_age_days=choices.one(LEAD_AGES_DAYS),
    )
    return Fact(
        kind=kind,
        entry_id=EntryId(UUID(int=choices.one(range(256)))),
        match=choices.one((Match.TARGET, Match.TARGET, Match.TARGET, Match.WIDE)),
        channels=channel_mask(choices.some(CHANNELS)),
        purposes=choices.purposes(),
        counts_at_us=choices.one(INSTANTS),
        expires_at_us=choices.one((*NO_INSTANT, *INSTANTS)),
        proven=choices.one((True, True, True, True, False)),
        lifts_opt_outs=choices.one((True, True, False)) and not is_partner,
        partner=choices.one((terms, terms, terms, None)) if is_partner else None,
        lifted_at_us=choices.one((*NO_INSTANT * 4, *INSTANTS)),
    )


def register_result_from(row: bytes) -> Fact:
    """What a register said one day, mostly of the target and mostly the register asked about."""
    choices = Choices(row)
    return Fact(
        kind=EntryKind.REGISTER_RESULT,
        entry_id=EntryId(UUID(int=choices.one(range(256)))),
        match=choices.one((Match.TARGET, Match.TARGET, Match.TARGET, Match.WIDE)),
        channels=ALL_CHANNELS,
        purposes=None,
        counts_at_us=choices.one(INSTANTS),
        register=choices.one((REGISTER, REGISTER, REGISTER, "Another")),
        is_listed=choices.one((True, False)),
        listed_at_us=choices.one((None, *INSTANTS)),
    )


def attempt_from(row: bytes) -> Fact:
    """A contact attempt; a few were released."""
    choices = Choices(row)
    made_us = choices.one(INSTANTS)
    return Fact(
        kind=EntryKind.CONTACT_ATTEMPT,
        entry_id=EntryId(UUID(int=choices.one(range(256)))),
        match=choices.one((Match.TARGET, Match.TARGET, Match.TARGET, Match.WIDE)),
        channels=Channel.VOICE_CALL.mask,
        purposes=frozenset({PARENT}),
        counts_at_us=made_us,
        expires_at_us=choices.one((None, made_us + 15 * 60 * 1_000_000)),
        lifted_at_us=choices.one((None, None, None, *INSTANTS[:1])),
    )


def fact_from(row: bytes) -> Fact:
    """Any fact that can meet a question; one in sixteen is a restriction."""
    kinds = (
        *[consent_from] * 5,
        *[opt_out_from] * 4,
        *[register_result_from] * 3,
        *[attempt_from] * 3,
        restriction_from,
    )
    return kinds[row[-1] % len(kinds)](row)


def permitting_fact_from(row: bytes) -> Fact:
    """Any fact but an opt-out: where anything may come, most answers are an opt-out's."""
    kinds = (*[consent_from] * 3, register_result_from, attempt_from)
    return kinds[row[-1] % len(kinds)](row)


def question_from(row: bytes) -> Question:
    """A question, mostly about a usable target in a country with rules."""
    choices = Choices(row)
    return Question(
        controller=CONTROLLER,
        channel=choices.one(CHANNELS),
        purpose=choices.one((PARENT, CHILD, *MARKETING)),
        at_us=choices.one(INSTANTS),
        country=choices.one((*[FRANCE] * 6, REUNION, IRELAND, IRELAND, NOWHERE, None)),
        is_target_usable=choices.one((*[True] * 9, False)),
        line_type=choices.one(tuple(LineType)),
        customer=Customer(
            relationship=choices.one((Relationship.CUSTOMER, *Relationship, None)),
            contract=choices.one((*ContractState, None)),
            last_sale_at_us=choices.one((*INSTANTS, None, None)),
            informed_at_collection=choices.one((True, True, False)),
            offer=choices.one((Offer.SIMILAR_OWN, *Offer, None)),
            contract_ended_at_us=choices.one((None, *INSTANTS)),
        ),
        recipient_type=choices.one((RecipientType.CONSUMER, *RecipientType)),
        place=PLACE,
    )


def rule_from(
    row: bytes,
    country: CountryCode,
    channel: Channel,
    line_type: LineType,
    recipient_type: RecipientType = RecipientType.CONSUMER,
) -> Rule:
    """A rule of any regime, with any exemptions."""
    choices = Choices(row)
    soft_opt_in = SoftOptIn(choices.one((None, 1, 2)))
    return Rule(
        rule_id=RuleId(f"{country}.{channel.name}.{line_type.name}"),
        country=country,
        channel=channel,
        line_type=line_type,
        regime=choices.one((*[Regime.OPT_IN] * 4, Regime.OPT_OUT, Regime.OPT_OUT, None)),
        soft_opt_in=choices.one((None, soft_opt_in)),
        running_contract_exemption=choices.one((False, False, True)),
        consent_validity_months=choices.one((None, None, 1, 2)),
        register=choices.one((None, None, register_from(choices))),
        contact_hours=choices.one(HOURS),
        attempt_cap=choices.one(CAPS),
        recipient_type=recipient_type,
        citation="a law",
    )


def register_from(choices: Choices) -> NationalRegister:
    """A register with any exemptions."""
    return NationalRegister(
        REGISTER,
        scrub_age_days=choices.one((15, 31, 1)),
        exemptions=frozenset(choices.some((None, *RegisterExemption))) - {None},
        contract_ended_within_days=choices.one((0, 30)),
    )


SLOTS: tuple[Slot, ...] = (
    *((FRANCE, channel, LineType.ANY, RecipientType.CONSUMER) for channel in CHANNELS),
    (FRANCE, Channel.EMAIL, LineType.ANY, RecipientType.BUSINESS),
    (IRELAND, Channel.VOICE_CALL, LineType.MOBILE, RecipientType.CONSUMER),
    (IRELAND, Channel.VOICE_CALL, LineType.LANDLINE, RecipientType.CONSUMER),
    (IRELAND, Channel.EMAIL, LineType.ANY, RecipientType.CONSUMER),
)


def rules_of_slot(row: bytes, slot: Slot) -> tuple[Rule, ...]:
    """One rule for all times, or two of which one follows the other, maybe after a while."""
    ends_us, begins_us = {
        0: (INSTANTS[3], INSTANTS[3]),
        1: (INSTANTS[3], INSTANTS[6]),
    }.get(row[-1] % 4, (NEVER_US, NEVER_US))
    first = rule_from(row, *slot)
    if ends_us == NEVER_US:
        return (first,)
    second = rule_from(row[::-1], *slot)
    return (
        replace(first, holds_from_us=ALWAYS_US, holds_until_us=ends_us),
        replace(second, rule_id=RuleId(f"{second.rule_id}.later"), holds_from_us=begins_us),
    )


def policy_from(row: bytes) -> Policy:
    """Drawn rules for all of France, and for the two kinds of phone lines in Ireland."""
    return Policy(
        version="drawn",
        controllers={},
        purposes=PURPOSES,
        rules={slot: rules_of_slot(row, slot) for slot in SLOTS},
        recording_rules={},
        territories={REUNION: FRANCE},
        time_zones={FRANCE: ("Europe/Paris",), IRELAND: ("Europe/Dublin",)},
    )


ROW_LENGTH = 24
rows = st.binary(min_size=ROW_LENGTH, max_size=ROW_LENGTH)
questions = rows.map(question_from)
policies = rows.map(policy_from)
opt_outs = rows.map(opt_out_from)
consents = rows.map(consent_from)
facts = rows.map(fact_from)
permitting_facts = rows.map(permitting_fact_from)


def _several(fact: st.SearchStrategy[Fact]) -> st.SearchStrategy[list[Fact]]:
    return st.lists(fact, max_size=6, unique_by=lambda fact: fact.entry_id)


# Half of the people never opt out.
situations = st.builds(Situation, questions, _several(permitting_facts) | _several(facts), policies)
