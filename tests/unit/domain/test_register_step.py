"""Step 7: what a national register said, for how long it counts, and what makes it not count."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.decision import Customer, Decision, Fact, Match, Question
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.policy import (
    LineType,
    NationalRegister,
    Policy,
    Purpose,
    Regime,
    RegisterExemption,
    Rule,
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
    Reason,
    RecipientType,
    Relationship,
    RuleId,
)

ITALY = CountryCode("IT")
MARKETING = PurposeId("direct_marketing")
NOW_US = 20_000 * DAY_US
SCRUB_AGE_DAYS = 15
REGISTER = NationalRegister(
    "RPO",
    SCRUB_AGE_DAYS,
    exemptions=frozenset({RegisterExemption.LATER_CONSENT, RegisterExemption.CONTRACT}),
    contract_ended_within_days=30,
)
QUESTION = Question(ControllerId("alarm-it"), Channel.VOICE_CALL, MARKETING, NOW_US, ITALY)


def answer(
    *facts: Fact,
    customer: Customer | None = None,
    register: NationalRegister = REGISTER,
    own_regime: Regime | None = None,
) -> Decision:
    """What Italy's register makes of a call."""
    rule = Rule(
        RuleId("it.voice_call"), ITALY, Channel.VOICE_CALL, Regime.OPT_OUT, register=register
    )
    slot = (ITALY, Channel.VOICE_CALL, LineType.ANY, RecipientType.CONSUMER)
    policy = Policy(
        version="test",
        controllers={},
        purposes={MARKETING: Purpose(MARKETING, "offers", regime=own_regime)},
        rules={slot: (rule,)},
        recording_rules={},
        territories={},
        time_zones={ITALY: ("Europe/Rome",)},
    )
    question = replace(QUESTION, customer=customer) if customer else QUESTION
    return decide(question, list(facts), policy)


def result(
    *, days_ago: float = 1, listed_days_ago: float | None = None, clear: bool = False
) -> Fact:
    """What the register said some days ago."""
    return Fact(
        EntryKind.REGISTER_RESULT,
        EntryId(UUID(int=int((days_ago + 100) * 1_000) + clear)),
        Match.TARGET,
        ALL_CHANNELS,
        None,
        NOW_US - int(days_ago * DAY_US),
        register="RPO",
        is_listed=not clear,
        listed_at_us=None if listed_days_ago is None else NOW_US - int(listed_days_ago * DAY_US),
    )


def consent(*, days_ago: float) -> Fact:
    """A proven consent to this call."""
    return Fact(
        EntryKind.CONSENT,
        EntryId(UUID(int=1)),
        Match.TARGET,
        Channel.VOICE_CALL.mask,
        frozenset({MARKETING}),
        NOW_US - int(days_ago * DAY_US),
        proven=True,
        lifts_opt_outs=True,
    )


def customer(contract: ContractState, *, ended_days_ago: float | None = None) -> Customer:
    """A customer who would be offered something else."""
    ended_us = None if ended_days_ago is None else NOW_US - int(ended_days_ago * DAY_US)
    return Customer(Relationship.CUSTOMER, contract, ended_us, offer=Offer.OTHER)


@pytest.mark.parametrize(
    "facts, reason",
    [
        pytest.param([], Reason.REGISTER_STALE, id="never screened"),
        pytest.param([result(clear=True)], Reason.OPT_OUT_REGIME, id="clear"),
        pytest.param([result(days_ago=0, clear=True)], Reason.OPT_OUT_REGIME, id="clear just now"),
        pytest.param([result(days_ago=15, clear=True)], Reason.REGISTER_STALE, id="15 days old"),
        pytest.param(
            [result(days_ago=-1, clear=True)], Reason.REGISTER_STALE, id="clear only tomorrow"
        ),
        pytest.param([result()], Reason.NATIONAL_REGISTER, id="listed"),
        pytest.param([result(days_ago=90)], Reason.NATIONAL_REGISTER, id="listed long ago"),
        pytest.param(
            [result(days_ago=2), result(clear=True)], Reason.OPT_OUT_REGIME, id="no longer listed"
        ),
        pytest.param(
            [result(days_ago=2, clear=True), result()], Reason.NATIONAL_REGISTER, id="newly listed"
        ),
        pytest.param(
            [result(clear=True), result()], Reason.NATIONAL_REGISTER, id="both on one day"
        ),
        pytest.param(
            [replace(result(clear=True), register="Another")],
            Reason.REGISTER_STALE,
            id="clear in another register",
        ),
        pytest.param(
            [replace(result(clear=True), match=Match.WIDE)],
            Reason.REGISTER_STALE,
            id="clear for another number of the person",
        ),
        pytest.param(
            [result(listed_days_ago=10), consent(days_ago=9)], Reason.CONSENT, id="consent since"
        ),
        pytest.param(
            [result(listed_days_ago=10), consent(days_ago=10)],
            Reason.NATIONAL_REGISTER,
            id="consent that very instant",
        ),
        pytest.param(
            [result(listed_days_ago=10), consent(days_ago=11)],
            Reason.NATIONAL_REGISTER,
            id="consent before",
        ),
        pytest.param(
            [result(days_ago=20, listed_days_ago=30), consent(days_ago=5)],
            Reason.REGISTER_STALE,
            id="consent since, and maybe listed again",
        ),
        pytest.param(
            [result(days_ago=3), consent(days_ago=1)],
            Reason.CONSENT,
            id="day of listing unknown, consent since first seen",
        ),
        pytest.param(
            [result(days_ago=3), consent(days_ago=2.5)],
            Reason.NATIONAL_REGISTER,
            id="day of listing unknown, consent on the day it was first seen",
        ),
        pytest.param(
            [result(listed_days_ago=10), replace(consent(days_ago=9), lifts_opt_outs=False)],
            Reason.NATIONAL_REGISTER,
            id="a consent since that the person did not give us",
        ),
    ],
)
def test_the_last_result_counts_while_it_is_fresh(facts: list[Fact], reason: Reason) -> None:
    """And a listing for as long as no newer result says otherwise."""
    assert answer(*facts).reason is reason


@pytest.mark.parametrize(
    "customer, reason",
    [
        pytest.param(customer(ContractState.RUNNING), Reason.OPT_OUT_REGIME, id="running"),
        pytest.param(
            customer(ContractState.ENDED, ended_days_ago=29), Reason.OPT_OUT_REGIME, id="29 days"
        ),
        pytest.param(
            customer(ContractState.ENDED, ended_days_ago=30), Reason.NATIONAL_REGISTER, id="30 days"
        ),
        pytest.param(
            customer(ContractState.ENDED), Reason.NATIONAL_REGISTER, id="nobody knows when"
        ),
        pytest.param(
            customer(ContractState.ENDED, ended_days_ago=-1),
            Reason.NATIONAL_REGISTER,
            id="ends tomorrow, yet has ended",
        ),
    ],
)
def test_a_contract_exempts_while_it_runs_and_a_month_after(
    customer: Customer, reason: Reason
) -> None:
    """Italy: "contract active or ended under 30 days"."""
    assert answer(result(), customer=customer).reason is reason


@pytest.mark.parametrize(
    "exemption, facts, asked_of",
    [
        (RegisterExemption.CONSENT, [consent(days_ago=100)], Customer()),
        (RegisterExemption.CUSTOMER, [], Customer(Relationship.CUSTOMER)),
        (
            RegisterExemption.CUSTOMER_SIMILAR_OFFER,
            [],
            Customer(Relationship.CUSTOMER, offer=Offer.SIMILAR_OWN),
        ),
    ],
)
def test_an_exemption_that_does_not_depend_on_the_listing_needs_no_scrub(
    exemption: RegisterExemption, facts: list[Fact], asked_of: Customer
) -> None:
    """With it nobody need be asked; without it the same question is refused or stale."""
    exempting = replace(REGISTER, exemptions=frozenset({exemption}))
    strict = replace(REGISTER, exemptions=frozenset())
    for facts_too in (facts, [result(), *facts]):
        permitted = answer(*facts_too, customer=asked_of, register=exempting)
        assert permitted.reason in {Reason.OPT_OUT_REGIME, Reason.CONSENT}
        assert answer(*facts_too, customer=asked_of, register=strict).reason in {
            Reason.NATIONAL_REGISTER,
            Reason.REGISTER_STALE,
        }


def test_a_purpose_with_a_regime_of_its_own_knows_no_exemption_of_customers() -> None:
    """The alarm contract says nothing of the offers of other companies."""
    listed = result(listed_days_ago=10)
    running = customer(ContractState.RUNNING)
    facts = (listed, consent(days_ago=11))
    assert answer(*facts, customer=running).reason is Reason.CONSENT
    own = answer(*facts, customer=running, own_regime=Regime.OPT_IN)
    assert own.reason is Reason.NATIONAL_REGISTER


def test_a_fresh_result_says_until_when_it_is_fresh() -> None:
    """So that an audience is filtered again in time."""
    assert answer(result(clear=True)).valid_until_us == NOW_US + (SCRUB_AGE_DAYS - 1) * DAY_US


def test_the_ground_names_the_result_and_the_rule() -> None:
    """A person who asks why is told who listed them."""
    listed = result()
    [ground, _] = answer(listed).grounds
    assert (ground.entry_id, ground.rule_id) == (listed.entry_id, "it.voice_call")
