"""Attempts: reserved under one request id, and made only on a timely ALLOW that counts them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from consent_registry.v1.attempt_service_pb2 import (
    ReportAttemptOutcomeRequest,
    ReportAttemptOutcomeResponse,
    ReserveContactAttemptRequest,
    ReserveContactAttemptResponse,
)
from consent_registry.v1.contact_pb2 import CustomerContext
from consent_registry.v1.decision_pb2 import Reason, Verdict, View
from consent_registry_client import (
    AsyncClient,
    AttemptAnswer,
    AttemptOutcome,
    Channel,
    Client,
    ConsentRegistryError,
    Effects,
    RetryPolicy,
    UnusableAnswer,
    phone,
    subject,
    timestamp,
)
from tests.unit.client.console import Console
from tests.unit.client.fake_registry import FakeRegistry, decision, failing

NUMBER = "+33 6 39 98 00 01"
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
EXPIRES = datetime(2026, 11, 23, 14, 15, tzinfo=UTC)
STATUSES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
FLAVOURS = pytest.mark.parametrize("flavour", ["sync", "aio"])
RESERVE = (
    *("attempt", "reserve", "--channel", "voice-call", "--purpose", "direct_marketing"),
    *("--phone", NUMBER),
)


def question(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "controller": "alarm-fr",
        "target": phone(NUMBER),
        "channel": Channel.CHANNEL_VOICE_CALL,
        "purpose": "direct_marketing",
    } | changes


def granted(**changes: Any) -> ReserveContactAttemptResponse:  # noqa: ANN401
    fields: dict[str, Any] = {
        "decision": decision(Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT),
        "attempt_id": "a1",
        "expires_at": timestamp(EXPIRES),
    }
    return ReserveContactAttemptResponse(**(fields | changes))


def denied(reason: int = Reason.REASON_ATTEMPT_CAP) -> ReserveContactAttemptResponse:
    return ReserveContactAttemptResponse(decision=decision(Verdict.VERDICT_DENY, reason))


def call(
    address: str,
    flavour: str,
    method: str,
    *,
    now: datetime = NOW,
    retry: RetryPolicy | None = None,
    **arguments: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    effects = Effects(
        now=now.timestamp,
        sleep=lambda _: None,
        sleep_async=lambda _: asyncio.sleep(0),
        random=lambda: 0.0,
    )
    settings: dict[str, Any] = {"retry": retry or RetryPolicy(attempts=1), "effects": effects}
    if flavour == "sync":
        with Client(address, **settings) as client:
            return getattr(client, method)(**arguments)

    async def run() -> Any:  # noqa: ANN401
        async with AsyncClient(address, **settings) as client:
            return await getattr(client, method)(**arguments)

    return asyncio.run(run())


def may_attempt(registry: FakeRegistry, flavour: str, **arguments: Any) -> AttemptAnswer:  # noqa: ANN401
    answer = call(registry.address, flavour, "may_attempt", **arguments)
    assert isinstance(answer, AttemptAnswer)
    return answer


@FLAVOURS
def test_a_reservation_sends_its_arguments(registry: FakeRegistry, flavour: str) -> None:
    """What is asked of the registry is what the caller asked."""
    registry.on("ReserveContactAttempt", granted())
    arguments = question(
        subject=subject(customer_number="C1"),
        customer=CustomerContext(informed_at_collection=True),
        recipient_country="FR",
        view=View.VIEW_FULL,
        request_id="id-1",
    )
    assert call(registry.address, flavour, "reserve_attempt", **arguments) == granted()
    assert registry.requests("ReserveContactAttempt") == [ReserveContactAttemptRequest(**arguments)]


@FLAVOURS
def test_a_report_sends_its_arguments(registry: FakeRegistry, flavour: str) -> None:
    """What is told to the registry is what the caller told."""
    response = ReportAttemptOutcomeResponse(entry_id="e", opt_out_entry_id="o")
    registry.on("ReportAttemptOutcome", response)
    arguments: dict[str, Any] = {
        "controller": "alarm-fr",
        "attempt_id": "a1",
        "outcome": AttemptOutcome.ATTEMPT_OUTCOME_REFUSED,
        "request_id": "id-1",
    }
    assert call(registry.address, flavour, "report_outcome", **arguments) == response
    assert registry.requests("ReportAttemptOutcome") == [ReportAttemptOutcomeRequest(**arguments)]


@FLAVOURS
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_reservation_is_repeated_under_one_request_id(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode
) -> None:
    """An answer that was lost is asked for again, and no second attempt is counted."""
    registry.on("ReserveContactAttempt", failing(code), failing(code), granted())
    answer = may_attempt(registry, flavour, retry=RetryPolicy(), **question())
    assert answer
    ids = [each.request_id for each in registry.requests("ReserveContactAttempt")]
    assert len(ids) == 3
    assert len({*ids}) == 1
    assert ids[0]


@FLAVOURS
def test_a_granted_attempt_may_be_made_until_it_expires(
    registry: FakeRegistry, flavour: str
) -> None:
    """The answer holds what the outcome is reported under, and until when the call may be made."""
    registry.on("ReserveContactAttempt", granted())
    answer = may_attempt(registry, flavour, **question())
    assert (bool(answer), answer.allowed) == (True, True)
    assert (answer.attempt_id, answer.expires_at) == ("a1", EXPIRES)
    assert (answer.verdict, answer.reason) == (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)
    assert answer.cause is None


@FLAVOURS
@pytest.mark.parametrize(
    "verdict, read_as",
    [
        pytest.param(Verdict.VERDICT_REVIEW, Verdict.VERDICT_REVIEW, id="review"),
        pytest.param(Verdict.VERDICT_DENY, Verdict.VERDICT_DENY, id="deny"),
        pytest.param(Verdict.VERDICT_UNSPECIFIED, Verdict.VERDICT_DENY, id="unspecified"),
        pytest.param(9, Verdict.VERDICT_DENY, id="a later version's"),
    ],
)
def test_nothing_but_allow_allows(
    registry: FakeRegistry, flavour: str, verdict: int, read_as: int
) -> None:
    """Even where the registry sent an attempt id with it."""
    registry.on("ReserveContactAttempt", granted(decision=decision(verdict)))
    answer = may_attempt(registry, flavour, **question())
    assert (bool(answer), answer.verdict) == (False, read_as)


@FLAVOURS
@pytest.mark.parametrize("lacking", ["attempt_id", "expires_at", "decision"])
def test_an_allow_that_counts_nothing_does_not_allow(
    registry: FakeRegistry, flavour: str, lacking: str
) -> None:
    """Without the entry that counts it, an attempt would escape the cap."""
    response = granted()
    response.ClearField(lacking)  # type: ignore[arg-type]
    registry.on("ReserveContactAttempt", response)
    answer = may_attempt(registry, flavour, **question())
    assert not answer
    assert answer.verdict == Verdict.VERDICT_DENY
    assert isinstance(answer.cause, UnusableAnswer)


@FLAVOURS
@pytest.mark.parametrize("late_s, is_allowed", [(-1, True), (0, False), (1, False)])
def test_an_answer_that_came_too_late_does_not_allow(
    registry: FakeRegistry, flavour: str, late_s: int, is_allowed: bool
) -> None:
    """A repeated request gets its first answer, whose reservation may long be over."""
    registry.on("ReserveContactAttempt", granted())
    now = datetime.fromtimestamp(EXPIRES.timestamp() + late_s, UTC)
    answer = may_attempt(registry, flavour, now=now, **question())
    assert answer.allowed == is_allowed
    assert answer.attempt_id == "a1"
    if not is_allowed:
        assert answer.verdict == Verdict.VERDICT_DENY
        assert isinstance(answer.cause, UnusableAnswer)


@FLAVOURS
@pytest.mark.parametrize("purpose", ["direct_marketing", "service"])
@pytest.mark.parametrize("code", STATUSES, ids=lambda code: code.name)
def test_every_status_denies(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode, purpose: str
) -> None:
    """An attempt that cannot be counted is not made, whatever it is for."""
    registry.on("ReserveContactAttempt", failing(code, "no"))
    answer = may_attempt(registry, flavour, **question(purpose=purpose))
    assert not answer
    assert answer.verdict == Verdict.VERDICT_DENY
    assert (answer.attempt_id, answer.expires_at) == ("", None)
    assert isinstance(answer.cause, ConsentRegistryError)
    assert answer.cause.code is code


@FLAVOURS
@pytest.mark.parametrize(
    "misuse",
    [
        pytest.param({"controler": "alarm-fr"}, id="unknown argument"),
        pytest.param({"target": NUMBER}, id="target is text"),
        pytest.param({"timeout_s": -1.0}, id="negative timeout"),
        pytest.param({"request_id": 7}, id="request id is a number"),
    ],
)
def test_misuse_denies(registry: FakeRegistry, flavour: str, misuse: dict[str, Any]) -> None:
    """The helper never raises, so that no caller forgets to catch."""
    registry.on("ReserveContactAttempt", granted())
    answer = may_attempt(registry, flavour, **question(**misuse))
    assert not answer
    assert answer.cause is not None


def in_ten_years(**changes: Any) -> ReserveContactAttemptResponse:  # noqa: ANN401
    """Granted, for the clock of the command line, which no test sets."""
    return granted(expires_at=timestamp(datetime(2099, 1, 1, tzinfo=UTC)), **changes)


def test_the_command_reserves(registry: FakeRegistry, consentctl: Console) -> None:
    """It asks with all it was given, and prints the id to report under."""
    registry.on("ReserveContactAttempt", in_ten_years())
    outcome = consentctl(
        *RESERVE, "--email", "a@example.com", "--customer-number", "C1", "--request-id", "r1"
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "ALLOW CONSENT\n  attempt id a1\n  expires at 2099-01-01T00:00:00+00:00\n"
    )
    request = registry.requests("ReserveContactAttempt")[0]
    assert request.target == phone(NUMBER)
    assert request.channel == Channel.CHANNEL_VOICE_CALL
    assert [each.email for each in request.subject.contact_points] == ["a@example.com"]
    assert (request.controller, request.request_id) == ("alarm-fr", "r1")
    assert request.subject.customer_number == "C1"


def test_the_command_reserves_as_json(registry: FakeRegistry, consentctl: Console) -> None:
    """A script finds the same in JSON."""
    registry.on("ReserveContactAttempt", in_ten_years())
    shape = consentctl(*RESERVE, "--json").json
    assert shape["allowed"]
    assert (shape["attempt_id"], shape["expires_at"]) == ("a1", "2099-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    "response, code, out",
    [
        pytest.param(denied(), 1, "DENY ATTEMPT_CAP\n", id="the cap"),
        pytest.param(
            granted(expires_at=timestamp(datetime(2020, 1, 1, tzinfo=UTC))),
            3,
            "DENY, for there is no answer\n  attempt id a1\n"
            "  expires at 2020-01-01T00:00:00+00:00\n",
            id="too late",
        ),
        pytest.param(
            failing(grpc.StatusCode.INVALID_ARGUMENT, "no", reason="CHANNEL_NOT_COUNTED"),
            2,
            "DENY, for there is no answer\n",
            id="refused",
        ),
        pytest.param(
            failing(grpc.StatusCode.PERMISSION_DENIED),
            3,
            "DENY, for there is no answer\n",
            id="no answer",
        ),
    ],
)
def test_the_command_exits_with_0_only_when_the_attempt_may_be_made(
    registry: FakeRegistry,
    consentctl: Console,
    response: Any,  # noqa: ANN401 - a message or a behaviour
    code: int,
    out: str,
) -> None:
    """A dialer's script may go by the exit code alone."""
    registry.on("ReserveContactAttempt", response)
    outcome = consentctl(*RESERVE)
    assert (outcome.code, outcome.out) == (code, out)


def test_the_command_reports(registry: FakeRegistry, consentctl: Console) -> None:
    """A refusal is told to be on record as an opt-out."""
    registry.on(
        "ReportAttemptOutcome", ReportAttemptOutcomeResponse(entry_id="e", opt_out_entry_id="o")
    )
    outcome = consentctl("attempt", "report", "a1", "--outcome", "refused", "--request-id", "r1")
    assert outcome.code == 0
    assert outcome.out.startswith("e stored")
    assert "do-not-contact entry o" in outcome.err
    assert registry.requests("ReportAttemptOutcome") == [
        ReportAttemptOutcomeRequest(
            controller="alarm-fr",
            request_id="r1",
            attempt_id="a1",
            outcome=AttemptOutcome.ATTEMPT_OUTCOME_REFUSED,
        )
    ]


def test_the_command_reports_no_outcome_it_does_not_know(consentctl: Console) -> None:
    """Nothing is sent; the words that are known are listed."""
    outcome = consentctl("attempt", "report", "a1", "--outcome", "maybe")
    assert outcome.code == 2
    assert "reached, unanswered, refused, released" in outcome.err
