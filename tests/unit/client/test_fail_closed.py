"""Whatever goes wrong, contact is not allowed and a call is not recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from consent_registry.v1.decision_pb2 import Decision, Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    CallDirection,
    CallLine,
    CheckCallRecordingResponse,
    CheckContactResponse,
)
from consent_registry_client import (
    Answer,
    AsyncClient,
    Channel,
    Client,
    ConsentRegistryError,
    InvalidRequest,
    RecordingAnswer,
    RetryPolicy,
    Unavailable,
    phone,
    subject,
)
from tests.unit.client.fake_registry import FakeRegistry, check, failing

NUMBER = "+33 6 39 98 00 01"
STATUSES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
REFUSALS = {
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
}
ONCE = RetryPolicy(attempts=1)
FLAVOURS = pytest.mark.parametrize("flavour", ["sync", "aio"])


def question(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "controller": "alarm-fr",
        "target": phone(NUMBER),
        "channel": Channel.CHANNEL_SMS,
        "purpose": "direct_marketing",
    } | changes


def recording(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "controller": "alarm-fr",
        "line": CallLine.CALL_LINE_CUSTOMER_SERVICE,
        "direction": CallDirection.CALL_DIRECTION_INBOUND,
        "subject": subject(phone(NUMBER)),
    } | changes


def may_contact(address: str, flavour: str, **arguments: Any) -> Answer:  # noqa: ANN401
    if flavour == "sync":
        with Client(address, retry=ONCE) as client:
            return client.may_contact(**arguments)

    async def ask() -> Answer:
        async with AsyncClient(address, retry=ONCE) as client:
            return await client.may_contact(**arguments)

    return asyncio.run(ask())


def may_record(address: str, flavour: str, **arguments: Any) -> RecordingAnswer:  # noqa: ANN401
    if flavour == "sync":
        with Client(address, retry=ONCE) as client:
            return client.may_record(**arguments)

    async def ask() -> RecordingAnswer:
        async with AsyncClient(address, retry=ONCE) as client:
            return await client.may_record(**arguments)

    return asyncio.run(ask())


@FLAVOURS
@pytest.mark.parametrize(
    "verdict, allowed, read_as",
    [
        pytest.param(Verdict.VERDICT_ALLOW, True, Verdict.VERDICT_ALLOW, id="allow"),
        pytest.param(Verdict.VERDICT_REVIEW, False, Verdict.VERDICT_REVIEW, id="review"),
        pytest.param(Verdict.VERDICT_DENY, False, Verdict.VERDICT_DENY, id="deny"),
        pytest.param(Verdict.VERDICT_UNSPECIFIED, False, Verdict.VERDICT_DENY, id="unspecified"),
        pytest.param(4, False, Verdict.VERDICT_DENY, id="a later version's"),
        pytest.param(-1, False, Verdict.VERDICT_DENY, id="negative"),
    ],
)
def test_only_allow_allows(
    registry: FakeRegistry, flavour: str, verdict: int, allowed: bool, read_as: int
) -> None:
    registry.on("CheckContact", check(verdict, Reason.REASON_NO_CONSENT))
    answer = may_contact(registry.address, flavour, **question())
    assert (answer.allowed, bool(answer), answer.verdict) == (allowed, allowed, read_as)
    assert (answer.cause is None) == (verdict in {1, 2, 3})


@FLAVOURS
def test_an_answer_without_a_decision_denies(registry: FakeRegistry, flavour: str) -> None:
    registry.on("CheckContact", CheckContactResponse())
    assert not may_contact(registry.address, flavour, **question())


@FLAVOURS
@pytest.mark.parametrize("code", STATUSES, ids=lambda code: code.name)
def test_every_status_denies_marketing(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode
) -> None:
    registry.on("CheckContact", failing(code, "no"))
    answer = may_contact(registry.address, flavour, **question())
    assert not answer.allowed
    assert answer.verdict == Verdict.VERDICT_DENY
    assert isinstance(answer.cause, ConsentRegistryError)
    assert answer.cause.code is code


@FLAVOURS
@pytest.mark.parametrize("code", STATUSES, ids=lambda code: code.name)
def test_an_outage_blocks_no_alarm_call_but_a_refusal_does(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode
) -> None:
    registry.on("CheckContact", failing(code, "no"))
    answer = may_contact(registry.address, flavour, **question(purpose="service"))
    assert answer.allowed == (code not in REFUSALS)
    assert answer.cause is not None
    if answer.allowed:
        assert answer.verdict == Verdict.VERDICT_ALLOW
        assert answer.reason == Reason.REASON_NOT_MARKETING


@FLAVOURS
@pytest.mark.parametrize(
    "purpose", ["service.", "service.alarm", " service", "SERVICE", "", None, 7, ["service"]]
)
def test_nothing_but_service_itself_is_answered_without_the_registry(
    flavour: str, purpose: object
) -> None:
    answer = may_contact("127.0.0.1:1", flavour, **question(purpose=purpose))
    assert not answer.allowed


@FLAVOURS
def test_a_denial_of_a_service_question_stays_one(registry: FakeRegistry, flavour: str) -> None:
    registry.on("CheckContact", check(Verdict.VERDICT_DENY, Reason.REASON_NO_CONSENT))
    assert not may_contact(registry.address, flavour, **question(purpose="service"))


@FLAVOURS
def test_an_unknown_verdict_on_a_service_question_denies(
    registry: FakeRegistry, flavour: str
) -> None:
    registry.on("CheckContact", check(9, 0))
    assert not may_contact(registry.address, flavour, **question(purpose="service"))


@FLAVOURS
@pytest.mark.parametrize("purpose", ["direct_marketing", "service"])
@pytest.mark.parametrize(
    "misuse",
    [
        pytest.param({"controler": "alarm-fr"}, id="unknown argument"),
        pytest.param({"target": NUMBER}, id="target is text"),
        pytest.param({"channel": "sms"}, id="channel is text"),
        pytest.param({"controller": None, "subject": 3}, id="subject is a number"),
        pytest.param({"timeout_s": -1.0}, id="negative timeout"),
        pytest.param({"timeout_s": float("nan")}, id="timeout is no number"),
        pytest.param({"timeout_s": "soon"}, id="timeout is text"),
        pytest.param({"metadata": 5}, id="metadata is a number"),
    ],
)
def test_misuse_denies(
    registry: FakeRegistry, flavour: str, purpose: str, misuse: dict[str, Any]
) -> None:
    registry.on("CheckContact", check())
    answer = may_contact(registry.address, flavour, **(question(purpose=purpose) | misuse))
    assert not answer.allowed
    assert answer.cause is not None


def test_a_misused_value_is_not_repeated_in_the_cause(client: Client) -> None:
    answer = client.may_contact(**question(target=NUMBER))
    assert isinstance(answer.cause, InvalidRequest)
    assert answer.cause.field_violations[0].field == "target"
    seen = repr(answer) + str(answer.cause) + repr(answer.cause.__context__)
    assert "39 98" not in seen


@FLAVOURS
@pytest.mark.parametrize("garbage", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x00"], ids=repr)
def test_an_answer_that_cannot_be_decoded_denies(flavour: str, garbage: bytes) -> None:
    with speaking(garbage) as address:
        assert not may_contact(address, flavour, **question())


@contextmanager
def speaking(garbage: bytes) -> Iterator[str]:
    """Serves these bytes as the answer to every question."""
    handler = grpc.method_handlers_generic_handler(
        "consent_registry.v1.DecisionService",
        {"CheckContact": grpc.unary_unary_rpc_method_handler(lambda *_: garbage)},
    )
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()


def test_a_closed_client_denies_marketing_and_allows_alarm_calls(registry: FakeRegistry) -> None:
    client = Client(registry.address)
    client.close()
    marketing = client.may_contact(**question())
    assert not marketing.allowed
    assert isinstance(marketing.cause, Unavailable)
    assert client.may_contact(**question(purpose="service")).allowed


@FLAVOURS
@pytest.mark.parametrize("code", STATUSES, ids=lambda code: code.name)
def test_no_status_lets_customer_service_record(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode
) -> None:
    registry.on("CheckCallRecording", failing(code, "no"))
    answer = may_record(registry.address, flavour, **recording())
    assert not answer.allowed
    assert answer.retention_months == 0


@FLAVOURS
@pytest.mark.parametrize("code", STATUSES, ids=lambda code: code.name)
def test_an_outage_stops_no_recording_of_the_monitoring_centre(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode
) -> None:
    registry.on("CheckCallRecording", failing(code, "no"))
    line = CallLine.CALL_LINE_MONITORING_CENTRE
    answer = may_record(registry.address, flavour, **recording(line=line))
    assert answer.allowed == (code not in REFUSALS)
    if answer.allowed:
        assert answer.reason == Reason.REASON_RECORDING_REQUIRED
        assert answer.retention_months == 12


@FLAVOURS
def test_a_recording_that_is_not_allowed_is_kept_for_no_time(
    registry: FakeRegistry, flavour: str
) -> None:
    response = CheckCallRecordingResponse(
        decision=Decision(verdict=Verdict.VERDICT_REVIEW), retention_months=6
    )
    registry.on("CheckCallRecording", response)
    answer = may_record(registry.address, flavour, **recording())
    assert (answer.allowed, answer.retention_months) == (False, 0)


def test_cancellation_is_not_swallowed(registry: FakeRegistry) -> None:
    async def ask() -> None:
        async with AsyncClient(registry.address) as client:
            task = asyncio.create_task(client.may_contact(**question()))
            await asyncio.sleep(0)
            task.cancel()
            await task

    registry.on("CheckContact", check())
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ask())
