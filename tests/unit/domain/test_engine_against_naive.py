"""The engine answers as a second one does that was written from the design alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given

from consent_registry_server.domain.decision import Decision, Question
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.vocabulary import EntryId, Reason, Verdict
from tests.reference.naive_engine import NaiveDecision, decide_naively
from tests.reference.situations import (
    ROW_LENGTH,
    SERVICE,
    Situation,
    fact_from,
    permitting_fact_from,
    policy_from,
    question_from,
    situations,
)

SWEEPS = 4
SITUATIONS_A_SWEEP = 2_500

Comparable = tuple[Reason, Verdict, EntryId | None]


def in_full(decision: Decision) -> tuple[Comparable, list[Comparable]]:
    """The deciding ground, and all in an order that knows no steps."""
    grounds = [(each.reason, each.verdict, each.entry_id) for each in decision.grounds]
    assert grounds[0][:2] == (decision.reason, decision.verdict)
    return grounds[0], sorted(grounds, key=str)


def in_full_naively(decision: NaiveDecision) -> tuple[Comparable, list[Comparable]]:
    """As `in_full`."""
    grounds = [(each.reason, each.verdict, each.entry_id) for each in decision.grounds]
    deciding = decision.deciding
    return (deciding.reason, deciding.verdict, deciding.entry_id), sorted(grounds, key=str)


def both(situation: Situation) -> tuple[object, object]:
    """What the engine says, and what it should say."""
    question, facts, policy = situation.question, situation.facts, situation.policy
    return (
        in_full(decide(question, list(facts), policy)),
        in_full_naively(decide_naively(question, facts, policy)),
    )


def random_situation(dice: random.Random) -> Situation:
    """A situation drawn without Hypothesis: many more a second, and none of them is shrunk."""
    make = dice.choice((fact_from, fact_from, permitting_fact_from))
    drawn = [make(dice.randbytes(ROW_LENGTH)) for _ in range(dice.randrange(8))]
    facts = list({fact.entry_id: fact for fact in drawn}.values())
    question = question_from(dice.randbytes(ROW_LENGTH))
    return Situation(question, facts, policy_from(dice.randbytes(ROW_LENGTH)))


@given(situations)
def test_verdict_reason_deciding_entry_and_grounds_are_those_of_the_design(
    situation: Situation,
) -> None:
    """Ties, exact expiries and overlaps included."""
    found, expected = both(situation)
    assert found == expected


@pytest.mark.parametrize("seed", range(SWEEPS))
def test_thousands_of_situations_are_answered_as_the_design_says(seed: int) -> None:
    """What Hypothesis finds in minutes, a sweep meets in seconds."""
    dice = random.Random(seed)  # noqa: S311 - the same situations in every run
    for _ in range(SITUATIONS_A_SWEEP):
        situation = random_situation(dice)
        found, expected = both(situation)
        assert found == expected, situation


def test_the_sweeps_meet_every_reason_that_a_contact_question_can_have() -> None:
    """A comparison that never gets to a rule says nothing about it."""
    dice = random.Random(0)  # noqa: S311 - the same situations in every run
    situations_met = [random_situation(dice) for _ in range(10_000)]
    met = {decide_naively(s.question, s.facts, s.policy).deciding.reason for s in situations_met}
    assert met == {
        Reason.CONSENT,
        Reason.PARTNER_CONSENT,
        Reason.SOFT_OPT_IN,
        Reason.RUNNING_CONTRACT,
        Reason.OPT_OUT_REGIME,
        Reason.OBJECTION,
        Reason.WITHDRAWN,
        Reason.RESTRICTED,
        Reason.CONSENT_EXPIRED,
        Reason.CONSENT_UNPROVEN,
        Reason.PARTNER_NOT_ACCEPTED,
        Reason.SOFT_OPT_IN_EXPIRED,
        Reason.NO_CONSENT,
        Reason.INVALID_CONTACT_POINT,
        Reason.UNKNOWN_JURISDICTION,
        Reason.UNIT_UNCLEAR,
        Reason.NATIONAL_REGISTER,
        Reason.REGISTER_STALE,
        Reason.OUTSIDE_CONTACT_HOURS,
        Reason.ATTEMPT_CAP,
        Reason.RULE_UNVERIFIED,
    }


@given(situations)
def test_service_is_always_allowed_whatever_was_said(situation: Situation) -> None:
    """No opt-out, restriction or unusable target may stand in the way of an alarm."""
    question: Question = situation.question
    question.purpose = SERVICE
    decision = decide(question, situation.facts, situation.policy)
    expected = (Reason.NOT_MARKETING, Verdict.ALLOW, None)
    assert in_full(decision) == (expected, [expected])
