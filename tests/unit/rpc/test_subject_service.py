"""SubjectService and replay tokens as they come over the wire, and who may ask for what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import grpc
import pytest
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from consent_registry.v1.contact_pb2 import Channel, ContactPoint, Subject
from consent_registry.v1.decision_pb2 import VIEW_FULL, Reason, Verdict
from consent_registry.v1.decision_service_pb2 import BatchCheckContactRequest, CheckContactRequest
from consent_registry.v1.subject_service_pb2 import (
    ConsiderationEffect,
    ExplainDecisionRequest,
    ExplainDecisionResponse,
    ReplayedDecision,
)
from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.errors import InvalidRequest, PermissionDenied, RegistryError
from consent_registry_server.rpc.audience import AudienceFilter
from consent_registry_server.rpc.authentication import LOCAL, Caller
from consent_registry_server.rpc.call import Call, Method, enter_call
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.decision_service import DecisionServicer
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.validation import validate
from tests.past_desk import EMAIL, NOW_US, OTHER_EMAIL, MemoryDesk, paris
from tests.unit.rpc.subject_wire import subject_servicer

FRANCE, MARKETING = "alarm-fr", "direct_marketing"
OBJECTION = (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)
DECIDED = ConsiderationEffect.CONSIDERATION_EFFECT_DECIDED


class _NoDeadline:
    def time_remaining(self) -> float | None:
        """See `TimedContext`."""
        return None


class Wire:
    """Both servicers on one desk."""

    def __init__(self) -> None:
        self.desk = MemoryDesk()
        metrics = Metrics(CollectorRegistry())
        self.decisions = DecisionServicer(
            self.desk.checks,
            AudienceFilter(self.desk.checks, metrics=metrics),
            metrics=metrics,
            decision_ids=lambda: UUID(int=7),
            replay_tokens=self.desk.tokens,
        )
        self.subjects = subject_servicer(self.desk)

    def call(self, method: str, request: Message, caller: Caller = LOCAL) -> Any:  # noqa: ANN401
        """Answers as a server would that let this caller in."""
        servicer = self.subjects if method == "ExplainDecision" else self.decisions
        call = Call(Method(method, "", None, False, False), (), caller=caller)
        call.deadline = CallDeadline(_NoDeadline(), 10.0)
        enter_call(call)
        validate(request)
        return getattr(servicer, method)(request, cast("grpc.ServicerContext", None))

    def explain(
        self, request: ExplainDecisionRequest, caller: Caller = LOCAL
    ) -> ExplainDecisionResponse:
        """What is answered to a data-protection officer."""
        return cast("ExplainDecisionResponse", self.call("ExplainDecision", request, caller))

    def token(self, **changes: Any) -> bytes:  # noqa: ANN401 - of any field
        """The token of an answer about the email."""
        request = question(issue_replay_token=True, **changes)
        return bytes(self.call("CheckContact", request).decision.replay_token)


@pytest.fixture
def wire() -> Wire:
    """A registry that a person told in March not to be contacted, and the registry in April."""
    wire = Wire()
    wire.desk.clock.now_us = paris(2026, 4, 1)
    letter = replace(wire.desk.now(), expressed_at_us=paris(2026, 3, 10))
    wire.desk.opts_out(EMAIL, said=letter)
    wire.desk.clock.now_us = NOW_US
    return wire


def question(**changes: Any) -> CheckContactRequest:  # noqa: ANN401 - of any field
    """May the email be used?"""
    fields: dict[str, Any] = {
        "controller": FRANCE,
        "target": ContactPoint(email=EMAIL.address),
        "channel": Channel.CHANNEL_EMAIL,
        "purpose": MARKETING,
        "recipient_country": "FR",
    }
    return CheckContactRequest(**{**fields, **changes})


def about(asked: CheckContactRequest | None = None, **times_us: int) -> ExplainDecisionRequest:
    """Asks for an explanation of a question, at some times."""
    return at_times(ExplainDecisionRequest(question=asked or question()), **times_us)


def of_token(token: bytes, **changes: Any) -> ExplainDecisionRequest:  # noqa: ANN401 - of any field
    """Asks for an explanation of a decision."""
    fields: dict[str, Any] = {
        "replay_token": token,
        "controller": FRANCE,
        "target": ContactPoint(email=EMAIL.address),
    }
    return ExplainDecisionRequest(decision=ReplayedDecision(**{**fields, **changes}))


def at_times(request: ExplainDecisionRequest, **times_us: int) -> ExplainDecisionRequest:
    for name, instant_us in times_us.items():
        getattr(request, name).FromMicroseconds(instant_us)
    return request


def caller_for(controller: str) -> Caller:
    """A caller that is granted one controller and nothing special."""
    controllers = frozenset({controller})
    return Caller("officer", frozenset(), controllers, full_view=False, service_purpose=False)


def refused(wire: Wire, request: ExplainDecisionRequest, caller: Caller = LOCAL) -> tuple[str, str]:
    """Why an explanation is refused, and for which field."""
    with pytest.raises(RegistryError) as error:
        wire.explain(request, caller)
    for clear in ("camille", "desiree", "example.com"):
        assert clear not in repr(error.value) + error.value.message
    return error.value.reason, error.value.field


def test_an_explanation_comes_over_the_wire_whole(wire: Wire) -> None:
    """Decision, times, and every step with its considerations, grounds and both its times."""
    explained = wire.explain(about())
    decision = explained.decision
    assert (decision.verdict, decision.reason) == OBJECTION
    assert decision.policy_version == wire.desk.policies.in_force.version
    assert (decision.decision_id, decision.revision, decision.replay_token) == ("", "", b"")
    assert explained.at.ToMicroseconds() == explained.known_at.ToMicroseconds() == NOW_US
    assert decision.checked_at.ToMicroseconds() == NOW_US
    assert [step.number for step in explained.steps] == list(range(1, 11))
    assert all(step.title and step.considerations for step in explained.steps)
    told = [each for step in explained.steps for each in step.considerations]
    assert ConsiderationEffect.CONSIDERATION_EFFECT_UNSPECIFIED not in {e.effect for e in told}
    [deciding] = [each for each in told if each.effect == DECIDED]
    assert deciding.ground == decision.grounds[0]
    assert deciding.entry_id == decision.grounds[0].entry_id
    assert deciding.expressed_at.ToMicroseconds() == paris(2026, 3, 10)
    assert deciding.recorded_at.ToMicroseconds() == paris(2026, 4, 1)
    [by_rule] = [each for each in told if each.rule_id == "fr.email" and each.HasField("ground")]
    assert by_rule.citation
    assert not by_rule.HasField("recorded_at")


def test_the_full_view_is_the_services_own(wire: Wire) -> None:
    """Whoever may ask for explanations needs no other grant to see their grounds."""
    officer = caller_for(FRANCE)
    assert wire.explain(about(), officer).decision.grounds
    with pytest.raises(PermissionDenied):
        wire.call("CheckContact", question(view=VIEW_FULL), officer)


@pytest.mark.parametrize("by_token", [False, True])
def test_a_controller_that_is_not_granted_is_refused(wire: Wire, by_token: bool) -> None:
    """Before anything is read or opened."""
    stranger = caller_for("alarm-no")
    request = of_token(wire.token()) if by_token else about()
    assert refused(wire, request, stranger)[0] == "CONTROLLER_NOT_GRANTED"


def test_times_of_the_past_are_asked_for(wire: Wire) -> None:
    """In March nothing was known of the letter."""
    march_us = paris(2026, 3, 20)
    explained = wire.explain(about(at=march_us, known_at=march_us))
    assert explained.decision.reason == Reason.REASON_NO_CONSENT
    assert explained.at.ToMicroseconds() == explained.known_at.ToMicroseconds() == march_us


@pytest.mark.parametrize(
    "request_, reason, field",
    [
        (ExplainDecisionRequest(), "MISSING_FIELD", "question"),
        (about(question(controller="")), "MISSING_FIELD", "question.controller"),
        (about(question(target=None)), "MISSING_FIELD", "question.target"),
        (about(question(controller="nobody")), "UNKNOWN_CONTROLLER", "question.controller"),
        (about(question(purpose="nonsense")), "UNKNOWN_PURPOSE", "question.purpose"),
        (about(question(view=VIEW_FULL)), "CONTRADICTION", "question.view"),
        (
            about(question(consistency={"fully_consistent": True})),
            "CONTRADICTION",
            "question.consistency",
        ),
        (about(question(at={"seconds": 1_790_000_000})), "CONTRADICTION", "question.at"),
        (
            about(question(issue_replay_token=True)),
            "CONTRADICTION",
            "question.issue_replay_token",
        ),
        (about(known_at=NOW_US + 1), "INVALID_FIELD", "known_at"),
        (about(known_at=0), "INVALID_TIMESTAMP", "known_at"),
        (about(at=0), "INVALID_TIMESTAMP", "at"),
        (of_token(b""), "MISSING_FIELD", "decision.replay_token"),
        (of_token(b"x", controller=""), "MISSING_FIELD", "decision.controller"),
        (of_token(b"x", target=None), "MISSING_FIELD", "decision.target"),
        (of_token(b"x"), "INVALID_REPLAY_TOKEN", "decision.replay_token"),
        (of_token(b"x" * 200_000), "TOO_LONG", "decision.replay_token"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    wire: Wire, request_: ExplainDecisionRequest, reason: str, field: str
) -> None:
    """With the path from the request on."""
    assert refused(wire, request_) == (reason, field)


def test_a_time_before_the_first_policy_is_not_found(wire: Wire) -> None:
    """No rules are better than others' rules."""
    wire.desk.policies.since[0] = (paris(2026, 1, 1), wire.desk.policies.in_force)
    assert refused(wire, about(known_at=paris(2025, 12, 31)))[0] == "UNKNOWN_POLICY_VERSION"


def test_a_token_goes_around(wire: Wire) -> None:
    """The explanation is of that very decision."""
    answer = wire.call("CheckContact", question(issue_replay_token=True)).decision
    wire.desk.clock.now_us += DAY_US
    explained = wire.explain(of_token(answer.replay_token))
    assert (explained.decision.verdict, explained.decision.reason) == OBJECTION
    assert explained.decision.decision_id == answer.decision_id
    assert explained.decision.revision == answer.revision
    assert explained.decision.checked_at == answer.checked_at
    assert explained.at == explained.known_at == answer.checked_at
    assert "the replay comes to the same" in explained.steps[0].considerations[0].text


def test_a_token_of_a_question_with_a_subject_needs_the_subject(wire: Wire) -> None:
    """An empty subject is none."""
    others = Subject(contact_points=[ContactPoint(email=OTHER_EMAIL.address)], name="Camille")
    token = wire.token(subject=others)
    assert refused(wire, of_token(token)) == ("INVALID_REPLAY_TOKEN", "decision.replay_token")
    assert wire.explain(of_token(token, subject=others)).decision.decision_id
    assert wire.explain(of_token(wire.token(), subject=Subject())).decision.decision_id


def test_a_batch_issues_tokens_to_those_that_ask(wire: Wire) -> None:
    """Each for its own question."""
    other = ContactPoint(email=OTHER_EMAIL.address)
    asked = [question(issue_replay_token=True), question(), question(target=other)]
    asked[2].issue_replay_token = True
    results = wire.call("BatchCheckContact", BatchCheckContactRequest(requests=asked)).results
    first, second, third = (each.decision.replay_token for each in results)
    assert not second
    assert wire.explain(of_token(first)).decision.reason == Reason.REASON_OBJECTION
    explained = wire.explain(of_token(third, target=other))
    assert explained.decision.reason == Reason.REASON_NO_CONSENT
    assert "the replay comes to the same" in explained.steps[0].considerations[0].text
    with pytest.raises(InvalidRequest):
        wire.explain(of_token(third))


def test_a_check_without_a_token_seals_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not asked for costs nothing."""
    monkeypatch.setattr(wire.desk.tokens, "issue", lambda *_, **__: pytest.fail("issued"))
    decision = wire.call("CheckContact", question()).decision
    assert decision.replay_token == b""
