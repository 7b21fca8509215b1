"""May a call be recorded? Lines, directions, objections and their lifts."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.decision import RecordingQuestion
from consent_registry_server.domain.policy import Policy, RecordingBasis, RecordingRule
from consent_registry_server.domain.recording import (
    RecordingFact,
    decide_recording,
    depends_on_objection,
)
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    ControllerId,
    EntryId,
    EntryKind,
    Reason,
    RuleId,
    Verdict,
)

NOW_US = 100
PHONE, EMAIL = b"phone", b"email"

CUSTOMER_SERVICE, MONITORING, SALES = (
    CallLine.CUSTOMER_SERVICE,
    CallLine.MONITORING_CENTRE,
    CallLine.SALES,
)
INBOUND, OUTBOUND = CallDirection.INBOUND, CallDirection.OUTBOUND

BASES = {
    (MONITORING, INBOUND): (RecordingBasis.REQUIRED, 12),
    (MONITORING, OUTBOUND): (RecordingBasis.REQUIRED, 12),
    (CUSTOMER_SERVICE, INBOUND): (RecordingBasis.UNLESS_OBJECTED, 6),
    (CUSTOMER_SERVICE, OUTBOUND): (RecordingBasis.NOT_PERMITTED, 0),
    (SALES, INBOUND): (RecordingBasis.NOT_PERMITTED, 0),
    (SALES, OUTBOUND): (RecordingBasis.NOT_PERMITTED, 0),
}
POLICY = Policy(
    version="test",
    controllers={},
    purposes={},
    rules={},
    recording_rules={
        key: RecordingRule(
            RuleId(f"recording.{key[0].name}.{key[1].name}"),
            *key,
            basis,
            retention_months=months,
            citation="a law",
        )
        for key, (basis, months) in BASES.items()
    },
    territories={},
    time_zones={},
)


def question(
    line: CallLine = CUSTOMER_SERVICE,
    direction: CallDirection = INBOUND,
    *,
    at_us: int = NOW_US,
    is_subject_usable: bool = True,
) -> RecordingQuestion:
    """About a call to customer service, unless said otherwise."""
    return RecordingQuestion(ControllerId("alarm-fr"), line, direction, at_us, is_subject_usable)


def objection(number: int, counts_at_us: int, point: bytes = PHONE) -> RecordingFact:
    """An objection, on one contact point."""
    return _fact(EntryKind.RECORDING_OBJECTION, number, counts_at_us, point)


def lift(number: int, counts_at_us: int, point: bytes = PHONE) -> RecordingFact:
    """A lift, on one contact point."""
    return _fact(EntryKind.RECORDING_OBJECTION_LIFT, number, counts_at_us, point)


def _fact(kind: EntryKind, number: int, counts_at_us: int, point: bytes) -> RecordingFact:
    return RecordingFact(kind, point, EntryId(UUID(int=number)), counts_at_us, counts_at_us)


@pytest.mark.parametrize(
    "line, direction, verdict, reason, months",
    [
        (MONITORING, INBOUND, Verdict.ALLOW, Reason.RECORDING_REQUIRED, 12),
        (MONITORING, OUTBOUND, Verdict.ALLOW, Reason.RECORDING_REQUIRED, 12),
        (CUSTOMER_SERVICE, INBOUND, Verdict.DENY, Reason.RECORDING_OBJECTION, 0),
        (CUSTOMER_SERVICE, OUTBOUND, Verdict.DENY, Reason.RECORDING_NOT_PERMITTED, 0),
        (SALES, INBOUND, Verdict.DENY, Reason.RECORDING_NOT_PERMITTED, 0),
        (SALES, OUTBOUND, Verdict.DENY, Reason.RECORDING_NOT_PERMITTED, 0),
    ],
)
def test_an_objection_matters_where_the_law_lets_people_object(
    line: CallLine, direction: CallDirection, verdict: Verdict, reason: Reason, months: int
) -> None:
    """Calls of the monitoring centre are recorded whatever was said, sales calls never."""
    decision = decide_recording(question(line, direction), [objection(1, 50)], POLICY)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert decision.retention_months == months


def test_without_an_objection_customer_service_may_record_for_six_months() -> None:
    """The ground names the rule and the law behind it."""
    decision = decide_recording(question(), [], POLICY)
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.RECORDING_NOT_OBJECTED)
    assert decision.retention_months == 6
    [ground] = decision.grounds
    assert (ground.rule_id, ground.citation) == ("recording.CUSTOMER_SERVICE.INBOUND", "a law")


def test_an_objection_is_shown_with_its_entry_and_time() -> None:
    """And rests on no rule."""
    [ground] = decide_recording(question(), [objection(1, 50)], POLICY).grounds
    assert (ground.entry_id, ground.expressed_at_us) == (UUID(int=1), 50)
    assert ground.rule_id is None


@pytest.mark.parametrize("line", CallLine)
@pytest.mark.parametrize("direction", CallDirection)
def test_a_caller_of_whom_nothing_can_be_compared_is_not_recorded_where_objections_count(
    line: CallLine, direction: CallDirection
) -> None:
    """An objection could be theirs; on the other lines the rule alone answers."""
    unknown = question(line, direction, is_subject_usable=False)
    decision = decide_recording(unknown, [], POLICY)
    known = decide_recording(question(line, direction), [], POLICY)
    if (line, direction) == (CUSTOMER_SERVICE, INBOUND):
        assert (decision.verdict, decision.reason) == (Verdict.DENY, Reason.INVALID_CONTACT_POINT)
        assert decision.retention_months == 0
    else:
        assert decision == known


@pytest.mark.parametrize("line", CallLine)
@pytest.mark.parametrize("direction", CallDirection)
def test_facts_are_needed_only_where_an_objection_can_change_the_answer(
    line: CallLine, direction: CallDirection
) -> None:
    """Elsewhere a database that is down must not matter."""
    depends = depends_on_objection(question(line, direction), POLICY)
    assert depends == (BASES[line, direction][0] is RecordingBasis.UNLESS_OBJECTED)
    unknown = question(line, direction, is_subject_usable=False)
    assert not depends_on_objection(unknown, POLICY)


@pytest.mark.parametrize(
    "facts, verdict",
    [
        pytest.param([objection(1, 50), lift(2, 51)], Verdict.ALLOW, id="lifted later"),
        pytest.param([objection(1, 50), lift(2, 50)], Verdict.DENY, id="a tie"),
        pytest.param([objection(1, 50), lift(2, 49)], Verdict.DENY, id="lifted before"),
        pytest.param([lift(2, 51)], Verdict.ALLOW, id="nothing to lift"),
        pytest.param([objection(1, 50), lift(2, 51), objection(3, 52)], Verdict.DENY, id="again"),
        pytest.param(
            [objection(1, 50), objection(3, 52), lift(2, 51)], Verdict.DENY, id="one stays"
        ),
        pytest.param([objection(1, 50), objection(3, 51), lift(2, 52)], Verdict.ALLOW, id="both"),
        pytest.param([objection(1, 50), lift(2, 101)], Verdict.DENY, id="a lift to come"),
        pytest.param([objection(1, 50), lift(2, 100)], Verdict.ALLOW, id="a lift of this instant"),
        pytest.param([objection(1, 150)], Verdict.DENY, id="an objection of a later day"),
        pytest.param(
            [objection(1, 50), lift(2, 51, EMAIL)], Verdict.DENY, id="another contact point"
        ),
        pytest.param(
            [objection(1, 50), objection(1, 50, EMAIL), lift(2, 51)],
            Verdict.DENY,
            id="still reached by the other contact point",
        ),
        pytest.param(
            [objection(1, 50), objection(1, 50, EMAIL), lift(2, 51), lift(2, 51, EMAIL)],
            Verdict.ALLOW,
            id="lifted for both contact points",
        ),
        pytest.param(
            [objection(1, 50), objection(1, 50, EMAIL), lift(2, 51), lift(3, 60, EMAIL)],
            Verdict.ALLOW,
            id="lifted by two entries",
        ),
        pytest.param(
            [objection(1, 50), lift(2, 60), lift(3, 40)], Verdict.ALLOW, id="the latest lift counts"
        ),
    ],
)
def test_a_lift_ends_older_objections_on_its_own_contact_points(
    facts: list[RecordingFact], verdict: Verdict
) -> None:
    """In whatever order they are read; on a tie the objection stands."""
    for order in permutations(facts):
        decision = decide_recording(question(), list(order), POLICY)
        assert decision.verdict is verdict


def test_every_objection_in_force_is_a_ground_once_the_latest_first() -> None:
    """On a tie by entry id, so that the order of arrival does not show."""
    facts = [objection(3, 60), objection(1, 70), objection(1, 70, EMAIL), objection(2, 60)]
    for order in permutations(facts):
        decision = decide_recording(question(), list(order), POLICY)
        assert [ground.entry_id for ground in decision.grounds] == [
            UUID(int=number) for number in (1, 2, 3)
        ]


recording_facts = st.builds(
    _fact,
    st.sampled_from((EntryKind.RECORDING_OBJECTION, EntryKind.RECORDING_OBJECTION_LIFT)),
    st.integers(min_value=1, max_value=9),
    st.integers(min_value=98, max_value=102),
    st.sampled_from((PHONE, EMAIL)),
)


@given(st.lists(recording_facts, max_size=5))
def test_recording_is_denied_exactly_while_some_contact_point_is_objected_for(
    facts: list[RecordingFact],
) -> None:
    """Against the sentence of the contract, contact point by contact point."""
    denied = any(
        each.kind is EntryKind.RECORDING_OBJECTION
        and not any(
            other.kind is EntryKind.RECORDING_OBJECTION_LIFT
            and other.point == each.point
            and each.counts_at_us < other.counts_at_us <= NOW_US
            for other in facts
        )
        for each in facts
    )
    decision = decide_recording(question(), facts, POLICY)
    assert decision.verdict is (Verdict.DENY if denied else Verdict.ALLOW)


@given(st.lists(recording_facts, max_size=5), recording_facts)
def test_adding_an_objection_never_permits_a_recording(
    facts: list[RecordingFact], further: RecordingFact
) -> None:
    """Whenever and on whatever contact point."""
    further.kind = EntryKind.RECORDING_OBJECTION
    before = decide_recording(question(), facts, POLICY)
    after = decide_recording(question(), [*facts, further], POLICY)
    assert after.verdict >= before.verdict
    assert after.verdict is Verdict.DENY or further.counts_at_us < NOW_US
