"""The worked examples, asked of the services, in whatever order their entries were written."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.decision import Decision
from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Channel,
    EntryKind,
    Precision,
    PurposeId,
    Reason,
    Source,
    Verdict,
)
from consent_registry_server.service.partners import Lead
from consent_registry_server.service.questions import AskedContact
from consent_registry_server.service.registers import Scrub
from tests.unit.service.desk import (
    NOW_US,
    Desk,
    consent,
    lead,
    mover,
    opt_out,
    packaged_policy,
    paris,
    question,
    said,
)
from tests.unit.service.example import EMAIL, OTHER_PHONE, PHONE, Example, home
from tests.unit.service.examples_of_hours import HOUR_EXAMPLES
from tests.unit.service.examples_of_law import LAW_EXAMPLES, REGISTER_EXAMPLES
from tests.unit.service.examples_of_lifting import LIFTING_EXAMPLES, TIME_EXAMPLES
from tests.unit.service.examples_of_permission import CONSENT_EXAMPLES, EXEMPTION_EXAMPLES
from tests.unit.service.examples_of_reach import DOOR_EXAMPLES, REACH_EXAMPLES

MINUTE_US = 60_000_000

EXAMPLES = (
    *CONSENT_EXAMPLES,
    *EXEMPTION_EXAMPLES,
    *LIFTING_EXAMPLES,
    *TIME_EXAMPLES,
    *REACH_EXAMPLES,
    *DOOR_EXAMPLES,
    *LAW_EXAMPLES,
    *REGISTER_EXAMPLES,
    *HOUR_EXAMPLES,
)


def heard(statements: tuple[NewEntry | Lead | Scrub, ...]) -> Desk:
    """A desk at which some things were said, each recorded a minute after the one before."""
    desk = Desk(packaged_policy())
    desk.register(mover())
    for statement in statements:
        desk.say(statement)
        desk.clock.now_us += MINUTE_US
    return desk


def gist(decision: Decision) -> tuple[Verdict, Reason, list[Reason]]:
    """A decision without the ids, which differ from desk to desk."""
    reasons = sorted(ground.reason for ground in decision.grounds)
    return (decision.verdict, decision.reason, reasons)


@pytest.mark.parametrize("example", [pytest.param(each, id=each.case) for each in EXAMPLES])
def test_a_worked_example_is_answered_in_every_order_of_writing(example: Example) -> None:
    """With the deciding reason first and the further ones that the law makes matter."""
    answers = []
    for order in permutations(example.says):
        decision = heard(order).ask(example.asks)
        assert (decision.verdict, decision.reason) == (example.verdict, example.reason)
        assert decision.grounds[0].reason is example.reason
        assert example.further <= {ground.reason for ground in decision.grounds[1:]}
        answers.append(gist(decision))
    assert len(set(map(repr, answers))) == 1


def test_an_alarm_call_is_answered_while_the_registry_cannot_be_reached() -> None:
    """Whatever the person said; nothing is even read."""
    desk = heard((opt_out(PHONE, expression=said(paris(2026, 3, 10))),))
    desk.store.is_down = True
    alarm = question(PHONE, Channel.VOICE_CALL, purpose=PurposeId("service"))
    decision = desk.ask(alarm)
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.NOT_MARKETING)
    assert desk.store.reads == 0


RECORDING_OBJECTION = opt_out(
    PHONE,
    EMAIL,
    expression=said(paris(2026, 3, 10), source=Source.CALL_CENTRE),
    kind=EntryKind.RECORDING_OBJECTION,
)


@pytest.mark.parametrize(
    "says, line, direction, reason, months",
    [
        pytest.param(
            [RECORDING_OBJECTION],
            CallLine.MONITORING_CENTRE,
            CallDirection.INBOUND,
            Reason.RECORDING_REQUIRED,
            12,
            id="objection, monitoring centre",
        ),
        pytest.param(
            [RECORDING_OBJECTION],
            CallLine.CUSTOMER_SERVICE,
            CallDirection.INBOUND,
            Reason.RECORDING_OBJECTION,
            0,
            id="objection, customer service",
        ),
        pytest.param(
            [],
            CallLine.CUSTOMER_SERVICE,
            CallDirection.INBOUND,
            Reason.RECORDING_NOT_OBJECTED,
            6,
            id="no objection, customer service",
        ),
        pytest.param(
            [],
            CallLine.CUSTOMER_SERVICE,
            CallDirection.OUTBOUND,
            Reason.RECORDING_NOT_PERMITTED,
            0,
            id="customer service calls",
        ),
        pytest.param(
            [],
            CallLine.SALES,
            CallDirection.OUTBOUND,
            Reason.RECORDING_NOT_PERMITTED,
            0,
            id="a sales call",
        ),
        pytest.param(
            [opt_out(PHONE, expression=said(paris(2026, 3, 10)))],
            CallLine.CUSTOMER_SERVICE,
            CallDirection.INBOUND,
            Reason.RECORDING_NOT_OBJECTED,
            6,
            id="an objection to contact is none to recording",
        ),
    ],
)
def test_recording_is_answered_with_the_months_that_it_may_be_kept(
    says: list[NewEntry], line: CallLine, direction: CallDirection, reason: Reason, months: int
) -> None:
    """Which are none unless it is allowed."""
    decision = heard(tuple(says)).ask_recording(PHONE, line=line, direction=direction)
    verdict = Verdict.ALLOW if months else Verdict.DENY
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert decision.retention_months == months


def test_a_recording_objection_is_none_to_contact() -> None:
    """It stops recorders, not campaigns."""
    permission = consent(EMAIL, expression=said(paris(2026, 3, 5)))
    decision = heard((permission, RECORDING_OBJECTION)).ask(question(EMAIL, Channel.EMAIL))
    assert (decision.verdict, decision.reason) == (Verdict.ALLOW, Reason.CONSENT)
    assert len(decision.grounds) == 1


INSTANTS = (paris(2026, 3, 9), paris(2026, 3, 10, 9), paris(2026, 3, 10, 18))
CHANNELS = (Channel.EMAIL, Channel.VOICE_CALL)

expressions = st.builds(
    said,
    st.sampled_from(INSTANTS),
    source=st.sampled_from((Source.WEB_FORM, Source.CALL_CENTRE, Source.LETTER)),
    precision=st.sampled_from((Precision.INSTANT, Precision.DAY)),
)
some_points = st.sampled_from(
    [(EMAIL,), (PHONE,), (EMAIL, PHONE), (PHONE, OTHER_PHONE), (home("apt 4"), EMAIL)]
)
some_channels = st.sampled_from([CHANNELS, (Channel.EMAIL,), (Channel.VOICE_CALL,)])
statements = st.one_of(
    st.builds(
        lambda points, expression, channels, kind: opt_out(
            *points, expression=expression, channels=channels, kind=kind
        ),
        some_points,
        expressions,
        some_channels | st.just(()),
        st.sampled_from((EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL)),
    ),
    st.builds(
        lambda points, expression, channels: consent(
            *points, expression=expression, channels=channels
        ),
        some_points,
        expressions,
        some_channels,
    ),
    st.builds(
        lambda points, captured_at_us: lead(*points, captured_at_us=captured_at_us),
        some_points,
        st.sampled_from(INSTANTS),
    ),
)
asked = st.builds(
    lambda target, others, at_us: question(*target, *others, at_us=at_us),
    st.sampled_from([(EMAIL, Channel.EMAIL), (PHONE, Channel.VOICE_CALL)]),
    st.sampled_from([(), (PHONE,), (EMAIL, OTHER_PHONE)]),
    st.sampled_from((*INSTANTS, NOW_US)),
)


@given(st.lists(statements, max_size=5), asked, st.data())
def test_the_order_of_arrival_never_changes_an_answer(
    said_once: list[NewEntry | Lead], asks: AskedContact, data: st.DataObject
) -> None:
    """Whatever was said, by whomever and with whatever precision."""
    otherwise = data.draw(st.permutations(said_once))
    first = heard(tuple(said_once)).ask(asks)
    second = heard(tuple(otherwise)).ask(asks)
    assert gist(first) == gist(second)


@given(st.lists(statements, max_size=4), statements, asked)
def test_a_further_opt_out_never_makes_an_answer_less_strict(
    said_before: list[NewEntry | Lead], further: NewEntry | Lead, asks: AskedContact
) -> None:
    """Written last, whenever it was expressed."""
    before = heard(tuple(said_before)).ask(asks)
    after = heard((*said_before, further)).ask(asks)
    if isinstance(further, NewEntry) and further.kind is not EntryKind.CONSENT:
        assert after.verdict >= before.verdict
