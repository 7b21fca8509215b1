"""AttemptService over gRPC, on a store in memory: what is refused, shown and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import structlog
from prometheus_client import CollectorRegistry

from consent_registry.v1.attempt_service_pb2 import (
    ReportAttemptOutcomeRequest,
    ReserveContactAttemptRequest,
    ReserveContactAttemptResponse,
)
from consent_registry.v1.attempt_service_pb2_grpc import AttemptServiceStub
from consent_registry.v1.contact_pb2 import Channel, ContactPoint, PhoneNumber, Subject
from consent_registry.v1.decision_pb2 import Reason, Verdict, View
from consent_registry.v1.entry_pb2 import AttemptOutcome
from consent_registry_server.rpc import services
from consent_registry_server.rpc.authentication import Caller
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.server import start_server
from consent_registry_server.service.attempts import RESERVED_FOR_US
from tests.attempt_desk import CAP, MINUTE_US, NOW_US, WINDOW_US, AttemptDesk, capped_policy
from tests.fakes.ambience import HashDigester
from tests.fakes.store import FakeStore
from tests.unit.rpc.harness import RpcFailure, local_options

NO_ATTEMPT = "00000000-0000-0000-0000-000000000007"
SERVICE = "consent_registry.v1.AttemptService"
DIALER = Caller(
    "dialer", frozenset({SERVICE}), frozenset({"alarm-fr"}), full_view=False, service_purpose=False
)
DESK = Caller("desk", frozenset({SERVICE}), frozenset({"*"}), full_view=True, service_purpose=True)


class Door:
    """Lets everyone in as one caller."""

    caller_now = DIALER

    def caller(self, authorizations: Sequence[str | bytes]) -> Caller:
        """See `Authenticator`."""
        del authorizations
        return self.caller_now


@dataclass
class Served:
    """A server with the service, and a stub of it."""

    stub: AttemptServiceStub
    desk: AttemptDesk
    metrics: Metrics
    door: Door

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"consent_registry_{name}", labels) or 0.0

    def entries(self) -> int:
        assert isinstance(self.desk.store, FakeStore)
        return len(list(self.desk.store.written()))


@pytest.fixture
def served() -> Iterator[Served]:
    desk = AttemptDesk(FakeStore(), HashDigester())
    metrics, door = Metrics(CollectorRegistry()), Door()
    server = start_server(
        local_options(),
        [services.attempt_service(desk.attempts, metrics=metrics)],
        authenticator=door,
        metrics=metrics,
        logger=structlog.wrap_logger(structlog.testing.ReturnLogger()),
    )
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        yield Served(AttemptServiceStub(channel), desk, metrics, door)
    server.stop()


def reserve(**changes: Any) -> ReserveContactAttemptRequest:  # noqa: ANN401 - of any field
    fields: dict[str, Any] = {
        "controller": "alarm-fr",
        "request_id": "r-1",
        "target": ContactPoint(phone=PhoneNumber(number="+33 6 39 98 00 01")),
        "channel": Channel.CHANNEL_VOICE_CALL,
        "purpose": "direct_marketing",
    }
    return ReserveContactAttemptRequest(**(fields | changes))


def report(attempt_id: str, **changes: Any) -> ReportAttemptOutcomeRequest:  # noqa: ANN401
    fields: dict[str, Any] = {
        "controller": "alarm-fr",
        "request_id": "r-2",
        "attempt_id": attempt_id,
        "outcome": AttemptOutcome.ATTEMPT_OUTCOME_REACHED,
    }
    return ReportAttemptOutcomeRequest(**(fields | changes))


def failure(call: Callable[[], object]) -> RpcFailure:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return RpcFailure.of(caught.value)


def test_a_granted_attempt_is_answered_whole(served: Served) -> None:
    """The decision, the entry that counts it, and until when it may be made."""
    response = served.stub.ReserveContactAttempt(reserve())
    decision = response.decision
    assert decision.verdict == Verdict.VERDICT_ALLOW
    assert decision.reason == Reason.REASON_OPT_OUT_REGIME
    assert decision.policy_version == "capped"
    assert decision.decision_id
    assert decision.revision
    assert decision.checked_at.ToMicroseconds() == NOW_US
    assert not decision.HasField("retry_at")
    assert response.attempt_id
    assert response.expires_at.ToMicroseconds() == NOW_US + 15 * MINUTE_US
    assert served.entries() == 1


def test_a_denied_attempt_has_no_id_and_no_end(served: Served) -> None:
    """It says when the next one is free."""
    for number in range(CAP):
        served.stub.ReserveContactAttempt(reserve(request_id=f"first-{number}"))
    response = served.stub.ReserveContactAttempt(reserve())
    assert response.decision.reason == Reason.REASON_ATTEMPT_CAP
    freed_us = NOW_US + RESERVED_FOR_US + WINDOW_US
    assert response.decision.retry_at.ToMicroseconds() == freed_us
    assert response.attempt_id == ""
    assert not response.HasField("expires_at")


@pytest.mark.parametrize("view", [View.VIEW_BASIC, View.VIEW_FULL])
def test_a_repeated_request_gets_the_same_message(served: Served, view: View.ValueType) -> None:
    """To the last octet, grounds included where they are shown."""
    served.door.caller_now = DESK
    first = served.stub.ReserveContactAttempt(reserve(view=view))
    served.desk.clock.now_us += MINUTE_US
    assert served.stub.ReserveContactAttempt(reserve(view=view)) == first
    assert [ground.rule_id for ground in first.decision.grounds] == (
        ["fr.voice_call"] if view == View.VIEW_FULL else []
    )
    assert served.entries() == 1


def test_a_request_id_is_for_one_question(served: Served) -> None:
    """Whatever it is that differs."""
    served.stub.ReserveContactAttempt(reserve())
    other = reserve(subject=Subject(customer_number="C1"))
    refused = failure(lambda: served.stub.ReserveContactAttempt(other))
    assert (refused.code, refused.reason) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
    )


@pytest.mark.parametrize(
    "request_, reason, field",
    [
        *(
            pytest.param(reserve(**{name: None}), "MISSING_FIELD", name, id=f"no {name}")
            for name in ("controller", "request_id", "target", "channel", "purpose")
        ),
        pytest.param(
            reserve(channel=Channel.CHANNEL_EMAIL), "CHANNEL_NOT_COUNTED", "channel", id="an email"
        ),
        pytest.param(
            reserve(purpose="service"), "CHANNEL_NOT_COUNTED", "purpose", id="an alarm call"
        ),
        pytest.param(reserve(purpose="gifts"), "UNKNOWN_PURPOSE", "purpose", id="unknown purpose"),
        pytest.param(
            reserve(recipient_country="France"), "INVALID_FIELD", "recipient_country", id="country"
        ),
        pytest.param(
            reserve(subject=Subject(contact_points=[ContactPoint()])),
            "MISSING_FIELD",
            "subject.contact_points[0]",
            id="an empty contact point",
        ),
        pytest.param(report(""), "MISSING_FIELD", "attempt_id", id="no attempt"),
        pytest.param(report("a1"), "INVALID_FIELD", "attempt_id", id="no UUID"),
        pytest.param(report("a" * 65), "TOO_LONG", "attempt_id", id="a long id"),
        pytest.param(report(NO_ATTEMPT, outcome=9), "UNKNOWN_ENUM_VALUE", "outcome", id="9"),
        pytest.param(
            report(NO_ATTEMPT, outcome=None),
            "MISSING_FIELD",
            "outcome",
            id="no outcome",
        ),
        pytest.param(report("a1", request_id=None), "MISSING_FIELD", "request_id", id="no id"),
    ],
)
def test_what_makes_no_sense_is_refused(
    served: Served,
    request_: ReserveContactAttemptRequest | ReportAttemptOutcomeRequest,
    reason: str,
    field: str,
) -> None:
    """With the path of the field, and nothing is stored."""
    refused = failure(lambda: send(served, request_))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (refused.reason, refused.fields) == (reason, [field])
    assert served.entries() == 0


def send(
    served: Served, request: ReserveContactAttemptRequest | ReportAttemptOutcomeRequest
) -> object:
    if isinstance(request, ReserveContactAttemptRequest):
        return served.stub.ReserveContactAttempt(request)
    return served.stub.ReportAttemptOutcome(request)


@pytest.mark.parametrize(
    "request_, reason",
    [
        pytest.param(reserve(controller="alarm-no"), "CONTROLLER_NOT_GRANTED", id="reserve"),
        pytest.param(report("a1", controller="alarm-no"), "CONTROLLER_NOT_GRANTED", id="report"),
        pytest.param(reserve(view=View.VIEW_FULL), "FULL_VIEW_NOT_GRANTED", id="full view"),
    ],
)
def test_a_caller_does_what_its_key_grants(
    served: Served,
    request_: ReserveContactAttemptRequest | ReportAttemptOutcomeRequest,
    reason: str,
) -> None:
    """And is told what it lacks."""
    refused = failure(lambda: send(served, request_))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, reason)
    assert served.entries() == 0


@pytest.mark.parametrize("outcome", AttemptOutcome.values()[1:], ids=AttemptOutcome.Name)
def test_a_report_is_answered_with_its_entries(
    served: Served, outcome: AttemptOutcome.ValueType
) -> None:
    """A refusal has two."""
    reserved: ReserveContactAttemptResponse = served.stub.ReserveContactAttempt(reserve())
    served.desk.clock.now_us += MINUTE_US
    response = served.stub.ReportAttemptOutcome(report(reserved.attempt_id, outcome=outcome))
    assert response.entry_id
    assert response.revision
    assert response.recorded_at.ToMicroseconds() == NOW_US + MINUTE_US
    is_refusal = outcome == AttemptOutcome.ATTEMPT_OUTCOME_REFUSED
    assert bool(response.opt_out_entry_id) == is_refusal
    assert served.entries() == (3 if is_refusal else 2)
    word = AttemptOutcome.Name(outcome).removeprefix("ATTEMPT_OUTCOME_")
    assert served.count("attempt_outcomes_total", outcome=word) == 1


def test_an_attempt_that_nobody_reserved_is_not_found(served: Served) -> None:
    """Nor counted among the outcomes."""
    refused = failure(lambda: served.stub.ReportAttemptOutcome(report(NO_ATTEMPT)))
    assert (refused.code, refused.reason, refused.fields) == (
        grpc.StatusCode.NOT_FOUND,
        "UNKNOWN_ATTEMPT",
        ["attempt_id"],
    )
    assert served.count("attempt_outcomes_total", outcome="REACHED") == 0


def test_a_second_outcome_is_a_failed_precondition(served: Served) -> None:
    """With its reason and field."""
    attempt_id = served.stub.ReserveContactAttempt(reserve()).attempt_id
    served.stub.ReportAttemptOutcome(report(attempt_id))
    released = report(attempt_id, outcome=AttemptOutcome.ATTEMPT_OUTCOME_RELEASED, request_id="r-3")
    refused = failure(lambda: served.stub.ReportAttemptOutcome(released))
    assert (refused.code, refused.reason, refused.fields) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "OUTCOME_REPORTED",
        ["outcome"],
    )


def test_answers_are_counted_as_decisions(served: Served) -> None:
    """By channel, verdict and reason, as those of checks are."""
    for number in range(CAP + 1):
        served.stub.ReserveContactAttempt(reserve(request_id=f"r-{number}"))
    allowed = {"channel": "VOICE_CALL", "verdict": "ALLOW", "reason": "OPT_OUT_REGIME"}
    denied = {"channel": "VOICE_CALL", "verdict": "DENY", "reason": "ATTEMPT_CAP"}
    assert served.count("decisions_total", **allowed) == CAP
    assert served.count("decisions_total", **denied) == 1


def test_an_answer_holds_as_long_as_the_rule(served: Served) -> None:
    """Where the rule changes in five minutes, the reservation ends then."""
    served.desk.policy = capped_policy(holds_until_us=NOW_US + 5 * MINUTE_US)
    response = served.stub.ReserveContactAttempt(reserve())
    assert response.expires_at.ToMicroseconds() == NOW_US + 5 * MINUTE_US
    assert response.decision.valid_until == response.expires_at
