"""An explanation tells of everything that was considered, and never tells other than the engine."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given

from consent_registry_server.domain.decision import Fact, Match
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.explanation import (
    Consideration,
    Effect,
    Explanation,
    explain,
)
from consent_registry_server.domain.policy import RegisterExemption
from consent_registry_server.domain.vocabulary import EntryId, EntryKind, Reason
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

SITUATIONS_A_SWEEP = 2_000
AIMED = 0.7
OF_ENTRIES = (3, 4, 5, 7, 9)
"""The steps in which every fact is considered once."""


def explained(situation: Situation) -> Explanation:
    return explain(situation.question, list(situation.facts), situation.policy)


def told(explanation: Explanation, *numbers: int) -> Iterator[Consideration]:
    """What was considered in some steps; in all of them when none is named."""
    for step in explanation.steps:
        if not numbers or step.number in numbers:
            yield from step.considerations


def swept(seed: int) -> Iterator[Situation]:
    """Situations by the thousand, the same in every run; most facts are about the question."""
    dice = random.Random(seed)  # noqa: S311 - the same situations in every run
    for _ in range(SITUATIONS_A_SWEEP):
        question = question_from(dice.randbytes(ROW_LENGTH))
        make = dice.choice((fact_from, fact_from, permitting_fact_from))
        drawn = [make(dice.randbytes(ROW_LENGTH)) for _ in range(dice.randrange(8))]
        for fact in drawn:
            if dice.random() < AIMED:
                fact.match = max(fact.match, Match.WIDE)
                fact.channels |= question.channel.mask
                if fact.kind in (EntryKind.CONSENT, EntryKind.PARTNER_CONSENT):
                    fact.match = Match.TARGET
                if fact.purposes is not None:
                    fact.purposes |= {question.purpose}
        facts: dict[EntryId, Fact] = {fact.entry_id: fact for fact in drawn}
        yield Situation(question, list(facts.values()), policy_from(dice.randbytes(ROW_LENGTH)))


def require_sound(situation: Situation) -> None:
    """All that must hold of every explanation of a question about marketing."""
    explanation = explained(situation)
    decision = explanation.decision
    assert decision == decide(situation.question, list(situation.facts), situation.policy)
    assert [step.number for step in explanation.steps] == list(range(1, 11))
    assert all(step.considerations for step in explanation.steps)
    require_one_decides(explanation)
    require_entries_once(explanation, situation.facts)
    grounds_told = [each.ground for each in told(explanation) if each.ground is not None]
    assert all(any(ground is each for each in decision.grounds) for ground in grounds_told)
    assert all(any(ground is each for each in grounds_told) for ground in decision.grounds)
    for each in told(explanation):
        assert each.text.endswith("."), each.text
        assert each.text[0].isupper() or each.text[0].isdigit(), each.text
        assert "  " not in each.text
        assert (each.ground is None) or each.effect is not Effect.NOT_APPLIED


def require_one_decides(explanation: Explanation) -> None:
    deciding = [each for each in told(explanation) if each.effect is Effect.DECIDED]
    assert len(deciding) == 1
    assert deciding[0].ground is explanation.decision.grounds[0]


def require_entries_once(explanation: Explanation, facts: list[Fact]) -> None:
    by_entry = [each for each in told(explanation, *OF_ENTRIES) if each.entry_id is not None]
    assert Counter(each.entry_id for each in by_entry) == Counter(fact.entry_id for fact in facts)
    counted = {each.entry_id for each in by_entry if each.effect is not Effect.NOT_APPLIED}
    assert counted == {
        ground.entry_id for ground in explanation.decision.grounds if ground.entry_id is not None
    }


@given(situations)
def test_everything_is_considered_once_and_one_thing_decides(situation: Situation) -> None:
    """Grounds and entries that counted are those of the decision, no more and no fewer."""
    require_sound(situation)


@pytest.mark.parametrize("seed", range(2))
def test_thousands_of_explanations_are_sound(seed: int) -> None:
    """What Hypothesis finds in minutes, a sweep meets in seconds."""
    for situation in swept(seed):
        require_sound(situation)


@given(situations)
def test_service_is_explained_by_its_first_step_alone(situation: Situation) -> None:
    """Nothing else is even looked at."""
    situation.question.purpose = SERVICE
    explanation = explained(situation)
    assert [step.number for step in explanation.steps] == [1]
    require_one_decides(explanation)


def test_what_is_said_of_lifting_is_what_happened() -> None:
    """An opt-out is said to be lifted exactly where a consent is said to lift one."""
    met = Counter[bool]()
    for situation in swept(2):
        explanation = explained(situation)
        lifted = any("(step 6)" in each.text for each in told(explanation, 4))
        lifts = any(each.effect is Effect.APPLIED for each in told(explanation, 6))
        assert lifted == lifts, situation
        met[lifted] += 1
    assert met[True] >= 5


def test_what_is_said_of_the_register_is_what_happened() -> None:
    """Without a ground of the register an exemption holds, or a recent result says: not listed."""
    met = Counter[tuple[bool, bool, bool]]()
    for situation in (each for seed in range(3, 9) for each in swept(seed)):
        explanation = explained(situation)
        decided_by = {ground.reason for ground in explanation.decision.grounds}
        rule = situation.policy.case(
            situation.question.country,
            situation.question.channel,
            situation.question.line_type,
            situation.question.recipient_type,
            situation.question.purpose,
        ).rule_at(situation.question.at_us)
        if rule is None or rule.register is None:
            continue
        texts = [each.text for each in told(explanation, 7)]
        exempt = any("this holds" in text for text in texts if "after the listing" not in text)
        later = any("this holds" in text for text in texts if "after the listing" in text)
        recent = any("this counts until" in text for text in texts)
        is_listed = Reason.NATIONAL_REGISTER in decided_by
        is_stale = Reason.REGISTER_STALE in decided_by
        if exempt:
            assert not is_listed, situation
            assert not is_stale, situation
        elif later:
            assert not is_listed, situation
        else:
            assert is_listed or is_stale or recent, situation
        met[exempt, later, recent] += 1
    assert len(met) >= 5


def test_every_exemption_has_its_words() -> None:
    """One without would fail only where a country has it."""
    seen = set[str]()
    for situation in swept(7):
        seen |= {
            each.text.partition(" where ")[2].partition(":")[0]
            for each in told(explained(situation), 7)
            if " where " in each.text
        }
    assert len({text.split(" or ended")[0] for text in seen}) == len(RegisterExemption)


def test_every_kind_of_fact_is_among_the_situations() -> None:
    """Properties say nothing of what they never meet."""
    kinds = {fact.kind for situation in swept(1) for fact in situation.facts}
    assert kinds == {
        EntryKind.CONSENT,
        EntryKind.PARTNER_CONSENT,
        EntryKind.WITHDRAWAL,
        EntryKind.DO_NOT_CONTACT,
        EntryKind.RESTRICTION,
        EntryKind.CONTACT_ATTEMPT,
        EntryKind.REGISTER_RESULT,
    }
