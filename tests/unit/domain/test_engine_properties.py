"""What holds for every question and all facts, whatever the policy says."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.decision import Fact, Match, PartnerTerms
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.policy import LineType, SoftOptIn
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    EntryId,
    EntryKind,
    Reason,
    Verdict,
)
from tests.reference.naive_engine import retry_at_naively, valid_until_naively
from tests.reference.situations import (
    CHANNELS,
    CHILD,
    FRANCE,
    INSTANTS,
    NAMESAKE,
    PARENT,
    ROW_LENGTH,
    Situation,
    opt_outs,
    policy_from,
    question_from,
    rule_from,
    situations,
)

HORIZON_US = max(INSTANTS) + 40 * DAY_US
"""Beyond everything that happens to those drawn, but for the hours of the day."""

SPARE_ID = EntryId(UUID(int=10**9))
"""Of an entry beside the drawn ones."""

WHATEVER_CHANNEL = {
    EntryKind.RESTRICTION,
    EntryKind.CONTACT_ATTEMPT,
    EntryKind.REGISTER_RESULT,
}
BY_ENTRY = {
    Reason.RESTRICTED,
    Reason.OBJECTION,
    Reason.WITHDRAWN,
    Reason.UNIT_UNCLEAR,
    Reason.CONSENT,
    Reason.PARTNER_CONSENT,
    Reason.CONSENT_EXPIRED,
    Reason.CONSENT_UNPROVEN,
    Reason.PARTNER_NOT_ACCEPTED,
    Reason.NATIONAL_REGISTER,
}
BY_RULE = {
    Reason.NATIONAL_REGISTER,
    Reason.REGISTER_STALE,
    Reason.OUTSIDE_CONTACT_HOURS,
    Reason.ATTEMPT_CAP,
    Reason.SOFT_OPT_IN,
    Reason.RUNNING_CONTRACT,
    Reason.OPT_OUT_REGIME,
    Reason.NO_CONSENT,
    Reason.SOFT_OPT_IN_EXPIRED,
}
STEPS = {
    Reason.INVALID_CONTACT_POINT: 2,
    Reason.UNKNOWN_JURISDICTION: 2,
    Reason.RESTRICTED: 3,
    Reason.OBJECTION: 4,
    Reason.WITHDRAWN: 4,
    Reason.UNIT_UNCLEAR: 4,
    Reason.CONSENT: 5,
    Reason.PARTNER_CONSENT: 5,
    Reason.NATIONAL_REGISTER: 7,
    Reason.REGISTER_STALE: 7,
    Reason.SOFT_OPT_IN: 8,
    Reason.RUNNING_CONTRACT: 8,
    Reason.OPT_OUT_REGIME: 8,
    Reason.CONSENT_EXPIRED: 8,
    Reason.CONSENT_UNPROVEN: 8,
    Reason.PARTNER_NOT_ACCEPTED: 8,
    Reason.SOFT_OPT_IN_EXPIRED: 8,
    Reason.NO_CONSENT: 8,
    Reason.OUTSIDE_CONTACT_HOURS: 9,
    Reason.ATTEMPT_CAP: 9,
}
"""The step of the design that contributes each reason; RULE_UNVERIFIED may come from 8 and 9."""


def verdict(situation: Situation, *further: Fact) -> Verdict:
    """The verdict with some more facts."""
    return decide(situation.question, [*situation.facts, *further], situation.policy).verdict


def is_new(fact: Fact, situation: Situation) -> bool:
    """Whether no other fact has the entry's id."""
    return all(fact.entry_id != each.entry_id for each in situation.facts)


@given(situations, st.data())
def test_the_order_of_facts_never_changes_the_decision(
    situation: Situation, data: st.DataObject
) -> None:
    """Not even one of its grounds changes places."""
    shuffled = data.draw(st.permutations(situation.facts))
    first = decide(situation.question, list(situation.facts), situation.policy)
    second = decide(situation.question, shuffled, situation.policy)
    assert first == second


@given(situations)
def test_a_decision_changes_nothing_it_was_given(situation: Situation) -> None:
    """Facts and questions are shared between decisions."""
    before = repr(situation)
    decide(situation.question, situation.facts, situation.policy)
    assert repr(situation) == before


@given(situations, opt_outs)
def test_adding_an_opt_out_never_makes_the_verdict_less_strict(
    situation: Situation, opt_out: Fact
) -> None:
    """Whatever it covers and however it matched, a lifted one included."""
    assume(is_new(opt_out, situation))
    assert verdict(situation, opt_out) >= verdict(situation)


@given(situations, st.lists(opt_outs, min_size=2, max_size=4, unique_by=lambda fact: fact.entry_id))
def test_adding_several_opt_outs_never_makes_the_verdict_less_strict(
    situation: Situation, several: list[Fact]
) -> None:
    """A withdrawal must not bring back what an objection after it denies, nor the reverse."""
    assume(all(is_new(opt_out, situation) for opt_out in several))
    assert verdict(situation, *several) >= verdict(situation, *several[1:]) >= verdict(situation)


@given(situations, st.sampled_from((EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL)))
def test_after_an_opt_out_from_everything_nothing_is_allowed(
    situation: Situation, kind: EntryKind
) -> None:
    """Expressed at the latest consent's instant: on a tie the opt-out wins."""
    latest_us = max((fact.counts_at_us for fact in situation.facts), default=INSTANTS[0])
    opt_out = Fact(kind, SPARE_ID, Match.WIDE, ALL_CHANNELS, purposes=None, counts_at_us=latest_us)
    assert verdict(situation, opt_out) is Verdict.DENY


@given(situations, st.sampled_from(INSTANTS))
def test_an_opt_out_counts_whatever_instant_the_question_is_about(
    situation: Situation, at_us: int
) -> None:
    """A question about yesterday honours today's opt-out."""
    opt_out = Fact(
        EntryKind.DO_NOT_CONTACT,
        SPARE_ID,
        Match.WIDE,
        ALL_CHANNELS,
        purposes=None,
        counts_at_us=max(INSTANTS) + 1,
    )
    situation.question.at_us = at_us
    assert verdict(situation, opt_out) is Verdict.DENY


@given(situations, opt_outs, st.sampled_from(INSTANTS))
def test_a_lift_cancels_exactly_its_entry_from_its_instant_on(
    situation: Situation, objection: Fact, lifted_at_us: int
) -> None:
    """Lifted, the entry is as if never made; before that instant, as if never lifted."""
    assume(is_new(objection, situation))
    objection.kind = EntryKind.DO_NOT_CONTACT
    lifted_at_us = max(objection.counts_at_us, lifted_at_us)
    unlifted = replace(objection, lifted_at_us=None)
    lifted = replace(objection, lifted_at_us=lifted_at_us)
    facts, question, policy = situation.facts, situation.question, situation.policy
    if question.at_us >= lifted_at_us:
        without = decide(question, facts, policy)
        assert decide(question, [*facts, lifted], policy) == without
    else:
        before = decide(question, [*facts, lifted], policy)
        assert before.grounds == decide(question, [*facts, unlifted], policy).grounds


@given(situations, opt_outs)
def test_an_opt_out_of_calls_covers_automated_calls(situation: Situation, opt_out: Fact) -> None:
    """It denies there at least what it would deny if it named them."""
    assume(is_new(opt_out, situation))
    situation.question.channel = Channel.AUTOMATED_CALL
    opt_out.channels = Channel.VOICE_CALL.mask
    named = replace(opt_out, channels=Channel.AUTOMATED_CALL.mask)
    facts, question, policy = situation.facts, situation.question, situation.policy
    by_cover = decide(question, [*facts, opt_out], policy)
    assert by_cover == decide(question, [*facts, named], policy)


@given(situations, opt_outs)
def test_an_opt_out_of_automated_calls_leaves_calls_by_humans_alone(
    situation: Situation, opt_out: Fact
) -> None:
    """The cover goes one way."""
    assume(is_new(opt_out, situation))
    situation.question.channel = Channel.VOICE_CALL
    opt_out.channels = Channel.AUTOMATED_CALL.mask
    facts, question, policy = situation.facts, situation.question, situation.policy
    assert decide(question, [*facts, opt_out], policy) == decide(question, facts, policy)


@given(situations, opt_outs)
def test_an_opt_out_of_a_purpose_covers_its_children(situation: Situation, opt_out: Fact) -> None:
    """The newsletter stops with direct marketing."""
    assume(is_new(opt_out, situation))
    situation.question.purpose = CHILD
    opt_out.purposes = frozenset({PARENT})
    of_child = replace(opt_out, purposes=frozenset({CHILD}))
    facts, question, policy = situation.facts, situation.question, situation.policy
    by_parent = decide(question, [*facts, opt_out], policy)
    assert by_parent == decide(question, [*facts, of_child], policy)


@given(situations, opt_outs, st.sampled_from((PARENT, NAMESAKE)))
def test_an_opt_out_of_a_child_leaves_its_parent_and_namesakes_alone(
    situation: Situation, opt_out: Fact, asked: str
) -> None:
    """A child's name begins with its parent's and a dot; the beginning alone makes no child."""
    assume(is_new(opt_out, situation))
    situation.question.purpose = PARENT if asked == PARENT else NAMESAKE
    opt_out.purposes = frozenset({CHILD} if asked == PARENT else {PARENT, CHILD})
    facts, question, policy = situation.facts, situation.question, situation.policy
    assert decide(question, [*facts, opt_out], policy) == decide(question, facts, policy)


@given(situations)
def test_a_question_on_a_channel_or_for_a_purpose_nobody_consented_to_gains_nothing(
    situation: Situation,
) -> None:
    """Consents hold for exactly what they name."""
    question = situation.question
    not_named = [
        fact
        for fact in situation.facts
        if fact.kind not in {EntryKind.CONSENT, EntryKind.PARTNER_CONSENT}
        or (
            fact.channels & question.channel.mask
            and fact.purposes is not None
            and question.purpose in fact.purposes
            and fact.match is Match.TARGET
        )
    ]
    policy = situation.policy
    assert decide(question, situation.facts, policy) == decide(question, not_named, policy)


@given(situations)
def test_valid_until_is_the_first_instant_with_another_answer(situation: Situation) -> None:
    """Neither too early nor too late, by asking at every instant at which anything happens."""
    question, facts, policy = situation.question, situation.facts, situation.policy
    found_us = decide(question, facts, policy).valid_until_us
    expected_us = valid_until_naively(question, facts, policy, HORIZON_US)
    assert (found_us if found_us is not None and found_us <= HORIZON_US else None) == expected_us


@pytest.mark.parametrize("kind", [EntryKind.CONSENT, EntryKind.PARTNER_CONSENT])
def test_a_consent_whose_proof_will_be_gone_permits_until_then(kind: EntryKind) -> None:
    """From that instant on it is none: the answer before says so, and the one after denies."""
    ends_us = INSTANTS[0] + DAY_US
    question = question_from(bytes(ROW_LENGTH))
    consent = Fact(
        kind=kind,
        entry_id=SPARE_ID,
        match=Match.TARGET,
        channels=ALL_CHANNELS,
        purposes=frozenset({PARENT}),
        counts_at_us=INSTANTS[0] - DAY_US,
        lifted_at_us=ends_us,
        proven=True,
        lifts_opt_outs=kind is EntryKind.CONSENT,
        partner=PartnerTerms(ALL_CHANNELS, frozenset({PARENT}), 365),
    )
    policy = policy_from(bytes(ROW_LENGTH))
    before = decide(question, [consent], policy)
    assert (before.verdict, before.valid_until_us) == (Verdict.ALLOW, ends_us)
    for at_us, verdict in ((ends_us - 1, Verdict.ALLOW), (ends_us, Verdict.DENY)):
        assert decide(replace(question, at_us=at_us), [consent], policy).verdict is verdict


@given(situations)
def test_retry_at_is_the_first_instant_with_permission(situation: Situation) -> None:
    """It goes with hours and caps alone, and asking again then gets the ALLOW it promised."""
    question, facts, policy = situation.question, situation.facts, situation.policy
    decision = decide(question, facts, policy)
    found_us = decision.retry_at_us
    if decision.reason not in {Reason.OUTSIDE_CONTACT_HOURS, Reason.ATTEMPT_CAP}:
        assert found_us is None
        return
    expected_us = retry_at_naively(question, facts, policy, HORIZON_US)
    assert (found_us if found_us is not None and found_us <= HORIZON_US else None) == expected_us
    if found_us is not None:
        assert decide(replace(question, at_us=found_us), facts, policy).verdict is Verdict.ALLOW


@given(situations)
def test_the_deciding_ground_is_the_strictest_and_the_others_keep_the_order_of_the_steps(
    situation: Situation,
) -> None:
    """First what decides, then all the rest, each ground once."""
    decision = decide(situation.question, situation.facts, situation.policy)
    grounds = decision.grounds
    assert grounds[0].verdict is decision.verdict is max(each.verdict for each in grounds)
    assert grounds[0].reason is decision.reason
    placed = [each for each in grounds if each.reason is not Reason.RULE_UNVERIFIED]
    steps = [STEPS[each.reason] for each in placed if each is not grounds[0]]
    assert steps == sorted(steps)
    if grounds[0] in placed:
        strictest = [STEPS[each.reason] for each in placed if each.verdict is decision.verdict]
        assert strictest[0] == min(strictest)
    assert len({(each.reason, each.entry_id) for each in placed}) == len(placed)


@given(situations)
def test_grounds_name_what_they_rest_on(situation: Situation) -> None:
    """An entry where somebody said something, else a rule where there is one."""
    decision = decide(situation.question, situation.facts, situation.policy)
    ids = {fact.entry_id for fact in situation.facts}
    for ground in decision.grounds:
        if ground.reason in BY_ENTRY:
            assert ground.entry_id in ids
        else:
            assert ground.entry_id is None
        if ground.reason in BY_RULE:
            assert ground.rule_id


@given(situations)
def test_a_verdict_goes_with_the_range_of_its_reason(situation: Situation) -> None:
    """1 to 19 allow, 20 to 49 deny, 50 to 69 ask a human."""
    decision = decide(situation.question, situation.facts, situation.policy)
    for ground in decision.grounds:
        if ground.reason < 20:
            assert ground.verdict is Verdict.ALLOW
        elif ground.reason < 50:
            assert ground.verdict is Verdict.DENY
        else:
            assert ground.verdict is Verdict.REVIEW


@given(situations)
def test_facts_about_other_channels_say_nothing(situation: Situation) -> None:
    """But that a call by a human stands for an automated one."""
    question, policy = situation.question, situation.policy
    others = [channel for channel in CHANNELS if channel is not question.channel]
    if question.channel is Channel.AUTOMATED_CALL:
        others.remove(Channel.VOICE_CALL)
    elsewhere = sum(channel.mask for channel in others)
    concerning = [
        fact
        for fact in situation.facts
        if fact.kind in WHATEVER_CHANNEL or fact.channels & ~elsewhere
    ]
    assert decide(question, situation.facts, policy) == decide(question, concerning, policy)


def test_a_sale_that_is_yet_to_come_opens_the_soft_opt_in_when_it_comes() -> None:
    """And the answer before it says until when it holds."""
    rule = rule_from(bytes(ROW_LENGTH), FRANCE, Channel.EMAIL, LineType.ANY)
    rule = replace(rule, soft_opt_in=SoftOptIn(within_months=12))
    slot = (FRANCE, rule.channel, rule.line_type, rule.recipient_type)
    policy = replace(policy_from(bytes(ROW_LENGTH)), rules={slot: (rule,)})
    question = question_from(bytes(ROW_LENGTH))
    sold_at_us = question.at_us + 5
    question.customer = replace(question.customer, last_sale_at_us=sold_at_us)
    before = decide(question, [], policy)
    after = decide(replace(question, at_us=sold_at_us), [], policy)
    assert (before.reason, after.reason) == (Reason.NO_CONSENT, Reason.SOFT_OPT_IN)
    assert before.valid_until_us == sold_at_us
