"""What happens to every call, whatever its servicer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from typing import NoReturn, TypeAlias, cast

import grpc
import pytest
import structlog

from consent_registry.v1 import decision_service_pb2 as decisions_pb2
from consent_registry.v1 import registry_service_pb2 as registry_pb2
from consent_registry_server.domain.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from consent_registry_server.rpc.authentication import ANONYMOUS, LOCAL, Caller
from consent_registry_server.rpc.call import current_call
from consent_registry_server.rpc.interceptors.admission import (
    Answering,
    Authentication,
    Limits,
    Validation,
)
from consent_registry_server.rpc.interceptors.observation import CallLog, CallMetrics, RequestId
from consent_registry_server.rpc.interceptors.order import layers_in_order
from tests.unit.rpc.harness import (
    ADD,
    CHECK,
    FILTER,
    TIMEOUT_S,
    Chunk,
    Event,
    FakeDecisions,
    Harness,
    Request,
    Response,
    Result,
    RpcFailure,
    local_options,
)

Serve = Callable[..., Harness]
Unary: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
Stream: TypeAlias = "grpc.StreamStreamMultiCallable[bytes, bytes]"
EMAIL = "anna@example.com"


class Nobody:
    """Knows no caller."""

    def caller(self, authorizations: Sequence[str | bytes]) -> NoReturn:  # noqa: ARG002
        raise Unauthenticated("UNAUTHENTICATED", "unknown API key")


def failing(error: Exception) -> FakeDecisions:
    def answer(_: Request) -> Response:
        raise error

    return FakeDecisions(answer=answer)


class OpenStream:
    """A client that keeps its stream open, with one answer received."""

    def __init__(self, harness: Harness) -> None:
        self._done = threading.Event()
        self.call = harness.decisions.FilterAudience(self._messages(), timeout=TIMEOUT_S)
        next(self.call)

    def _messages(self) -> Iterator[Chunk]:
        yield Chunk()
        self._done.wait(TIMEOUT_S)

    def finish(self) -> None:
        self._done.set()
        assert list(self.call) == []


# The order


def test_the_layers_stand_in_the_documented_order(serve: Serve) -> None:
    """Request id, log, metrics, authentication, whether it answers, limits, validation."""
    harness = serve()
    layers = layers_in_order(
        logger=structlog.get_logger(),
        slow_call_s=1,
        metrics=harness.metrics,
        authenticator=Nobody(),
        answering=Answering(),
        running=lambda: 0,
        calls=1,
        streams=1,
    )
    expected = [
        RequestId,
        CallLog,
        CallMetrics,
        Authentication,
        Answering,
        Limits,
        Validation,
    ]
    assert [type(layer) for layer in layers] == expected


def test_a_refused_caller_is_logged_and_counted_under_their_request_id(serve: Serve) -> None:
    """Observation comes before refusal."""
    harness = serve(authenticator=Nobody())
    failure = harness.refused(metadata=(("x-request-id", "seen-7"),))
    assert failure.reason == "UNAUTHENTICATED"
    assert failure.metadata["x-request-id"] == "seen-7"
    event = harness.log.one_of(CHECK)
    assert (event["code"], event["request_id"]) == ("UNAUTHENTICATED", "seen-7")
    assert harness.count(CHECK, "UNAUTHENTICATED") == 1


def test_a_call_is_counted_before_it_is_logged(serve: Serve) -> None:
    """The log is the outer layer, so it sees what the metrics have done."""
    harness = serve()
    counted: list[float] = []
    harness.log.events = _Hooked(lambda _: counted.append(harness.count(CHECK, "OK")))
    harness.check()
    assert counted == [1]


def test_who_calls_is_asked_before_what_is_free(serve: Serve) -> None:
    """A stranger does not learn that the server is full."""
    harness = serve(authenticator=Nobody(), options=local_options(calls=0))
    assert harness.refused().code is grpc.StatusCode.UNAUTHENTICATED


def test_what_is_free_is_asked_before_the_request_is_read(serve: Serve) -> None:
    """A full server spends nothing on checking requests."""
    harness = serve(options=local_options(streams=1))
    stream = OpenStream(harness)
    invalid = Chunk(scope=decisions_pb2.AudienceScope(purpose="\0"))
    with pytest.raises(grpc.RpcError) as failure:
        list(harness.decisions.FilterAudience(iter([invalid]), timeout=TIMEOUT_S))
    assert RpcFailure.of(failure.value).reason == "TOO_MANY_STREAMS"
    stream.finish()


def test_an_invalid_request_never_reaches_the_servicer(serve: Serve) -> None:
    """Validation is the last layer before it."""
    harness = serve()
    failure = harness.refused(purpose="\0")
    assert (failure.reason, failure.fields) == ("CONTROL_CHARACTER", ["purpose"])
    assert harness.servicer.calls == []


# Request id


@pytest.mark.parametrize(
    "given",
    ["a" * 65, "two words", "semi;colon", "slash/"],
    ids=["long", "space", "punctuation", "slash"],
)
def test_an_unfit_request_id_is_replaced(serve: Serve, given: str) -> None:
    """What is no short token does not get into the log."""
    harness = serve()
    harness.check(metadata=(("x-request-id", given),))
    request_id = harness.log.one_of(CHECK)["request_id"]
    assert len(request_id) == 32
    assert harness.servicer.calls[0].request_id == request_id


def test_a_callers_request_id_is_kept_and_returned(serve: Serve) -> None:
    """It comes back with the answer, is logged, and is known to the servicer."""
    harness = serve()
    _, call = harness.decisions.CheckContact.with_call(
        Request(), metadata=(("x-request-id", "A.b-c_9"),), timeout=TIMEOUT_S
    )
    assert ("x-request-id", "A.b-c_9") in call.trailing_metadata()
    assert harness.log.one_of(CHECK)["request_id"] == "A.b-c_9"
    assert harness.servicer.calls[0].request_id == "A.b-c_9"


# Log


def test_a_successful_read_is_for_debugging_only(serve: Serve) -> None:
    """A dialer's questions would drown everything else."""
    harness = serve()
    harness.check()
    event = harness.log.one_of(CHECK)
    assert (event["level"], event["code"], event["caller"]) == ("debug", "OK", "local")
    assert event["duration_ms"] > 0


def test_a_slow_read_is_logged(serve: Serve) -> None:
    """What an operator would look for."""
    harness = serve(options=local_options(slow_call_s=0.0))
    harness.check()
    assert harness.log.one_of(CHECK)["level"] == "info"


def test_a_write_is_logged(serve: Serve) -> None:
    """With who wrote."""
    harness = serve()
    harness.registry.AddDoNotContact(registry_pb2.AddDoNotContactRequest(), timeout=TIMEOUT_S)
    event = harness.log.one_of(ADD)
    assert (event["event"], event["level"]) == ("rpc_finished", "info")


@pytest.mark.parametrize(
    "error, level",
    [
        (InvalidRequest("MISSING_FIELD", "required", field="controller"), "info"),
        (NotFound("UNKNOWN_CONTROLLER", "no such controller"), "info"),
        (Unavailable("DATABASE_UNAVAILABLE", "no database"), "warning"),
        (DeadlineExceeded("DEADLINE", "too late"), "warning"),
        (ValueError(EMAIL), "error"),
    ],
    ids=["invalid", "not found", "unavailable", "late", "fault"],
)
def test_a_failure_is_logged_by_whose_fault_it_is(
    serve: Serve, error: Exception, level: str
) -> None:
    """The caller's: info; the surroundings': warning; ours: error."""
    harness = serve(failing(error))
    harness.refused()
    assert harness.log.one_of(CHECK)["level"] == level


def test_a_log_that_cannot_be_written_does_not_undo_the_answer(serve: Serve) -> None:
    """A stored entry is acknowledged even when the disk with the log is full."""
    harness = serve()

    def full(_: Event) -> NoReturn:
        raise OSError

    harness.log.events = _Hooked(full)
    assert harness.check("p").decision.decision_id == "p"


# Errors


def test_a_domain_error_becomes_a_status_with_details(serve: Serve) -> None:
    """Reason, domain and field, for programs; a message, for humans."""
    harness = serve(failing(InvalidRequest("MISSING_FIELD", "required", field="controller")))
    failure = harness.refused()
    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (failure.reason, failure.domain) == ("MISSING_FIELD", "consent-registry")
    assert (failure.message, failure.fields) == ("controller: required", ["controller"])
    assert harness.log.one_of(CHECK)["reason"] == "MISSING_FIELD"
    assert harness.log.one_of(CHECK)["field"] == "controller"


def test_an_unexpected_error_tells_the_caller_nothing(serve: Serve) -> None:
    """Its message may quote a statement's parameters: not for the caller, nor for the log."""
    cause = KeyError(EMAIL)
    error = ValueError(EMAIL)
    error.__cause__ = cause
    harness = serve(failing(error))
    failure = harness.refused()
    assert (failure.code, failure.message) == (grpc.StatusCode.INTERNAL, "internal error")
    assert failure.reason == ""
    event = harness.log.one_of(CHECK)
    assert event["frames"][0] == "builtins.KeyError"
    assert event["frames"][-1] == "builtins.ValueError"
    assert any("test_interceptors.py" in frame for frame in event["frames"])
    assert EMAIL not in repr(event)


def test_an_abort_of_the_servicer_is_left_as_it_is(serve: Serve) -> None:
    """Servicers of libraries know no domain errors."""
    harness = serve(_Aborting())
    failure = harness.refused()
    assert (failure.code, failure.message) == (grpc.StatusCode.ABORTED, "as it is")
    assert harness.count(CHECK, "ABORTED") == 1


def test_octets_that_are_no_message_are_the_callers_fault(serve: Serve) -> None:
    """INVALID_ARGUMENT, not INTERNAL."""
    harness = serve()
    send: Unary = harness.channel.unary_unary(f"/{CHECK}")
    with pytest.raises(grpc.RpcError) as failure:
        send(b"\xff\xff\xff\xff", timeout=TIMEOUT_S)
    assert RpcFailure.of(failure.value).reason == "MALFORMED_MESSAGE"
    assert harness.count(CHECK, "INVALID_ARGUMENT") == 1


def test_octets_that_are_no_message_end_a_stream(serve: Serve) -> None:
    """As in a single call, but after what was answered before."""
    harness = serve()
    send: Stream = harness.channel.stream_stream(f"/{FILTER}")
    answers = send(iter([b"", b"\xff"]), timeout=TIMEOUT_S)
    assert next(answers) == b""
    with pytest.raises(grpc.RpcError) as failure:
        next(answers)
    assert RpcFailure.of(failure.value).reason == "MALFORMED_MESSAGE"


def test_a_method_that_does_not_exist_gets_no_label_of_its_own(serve: Serve) -> None:
    """A caller cannot grow the metrics."""
    harness = serve()
    for number in range(3):
        send: Unary = harness.channel.unary_unary(f"/made.up/Method{number}")
        with pytest.raises(grpc.RpcError) as failure:
            send(b"", timeout=TIMEOUT_S)
        assert RpcFailure.of(failure.value).code is grpc.StatusCode.UNIMPLEMENTED
    assert harness.count("unknown", "UNIMPLEMENTED") == 3
    assert "made.up" not in harness.exposition()


# Streams


def test_a_stream_is_one_call(serve: Serve) -> None:
    """Counted and logged when it ends, with its request id."""
    harness = serve()
    assert len(list(harness.decisions.FilterAudience(iter([Chunk(), Chunk()])))) == 2
    assert harness.log.one_of(FILTER)["code"] == "OK"
    assert harness.count(FILTER, "OK") == 1


def test_every_message_of_a_stream_is_validated(serve: Serve) -> None:
    """A later one ends the stream."""
    harness = serve()
    invalid = Chunk(scope=decisions_pb2.AudienceScope(purpose="\0"))
    answers = harness.decisions.FilterAudience(iter([Chunk(), invalid]), timeout=TIMEOUT_S)
    next(answers)
    with pytest.raises(grpc.RpcError) as failure:
        next(answers)
    assert RpcFailure.of(failure.value).fields == ["scope.purpose"]


def test_a_client_that_leaves_its_stream_is_no_error(serve: Serve) -> None:
    """Its slot is free again. To the servicer it may look like one that has sent all it had."""
    harness = serve(options=local_options(streams=1))
    OpenStream(harness).call.cancel()
    event = harness.log.one_of(FILTER)
    assert event["code"] in {"OK", "CANCELLED"}
    assert event["level"] in {"debug", "info"}
    assert "frames" not in event
    assert len(list(harness.decisions.FilterAudience(iter([Chunk()]), timeout=TIMEOUT_S))) == 1


def test_a_servicer_gives_back_what_it_holds_when_its_client_leaves(serve: Serve) -> None:
    """Before the call's slot is given away; the log says CANCELLED."""
    released: list[str] = []

    def holding(_: Iterator[Chunk]) -> Iterator[Result]:
        try:
            while True:
                yield Result()
        finally:
            released.append(f"{current_call().method.name}, {len(harness.log.events)} events")

    harness = serve(FakeDecisions(stream=holding))
    call = harness.decisions.FilterAudience(iter([Chunk()]), timeout=TIMEOUT_S)
    next(call)
    call.cancel()
    event = harness.log.one_of(FILTER)
    assert (event["code"], event["level"]) == ("CANCELLED", "info")
    assert released == [f"{FILTER}, 0 events"]


def test_streams_leave_threads_to_questions(serve: Serve) -> None:
    """With all slots taken, a question is answered at once, and the next stream refused."""
    harness = serve(options=local_options(threads=2, streams=1))
    stream = OpenStream(harness)
    assert harness.check("p").decision.decision_id == "p"
    with pytest.raises(grpc.RpcError) as failure:
        next(harness.decisions.FilterAudience(iter([Chunk()]), timeout=TIMEOUT_S))
    assert RpcFailure.of(failure.value).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    stream.finish()
    assert len(list(harness.decisions.FilterAudience(iter([Chunk()]), timeout=TIMEOUT_S))) == 1


# Limits and deadlines


class Gate:
    """A servicer whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, _: Request) -> Response:
        self.entered.release()
        assert self.open.wait(TIMEOUT_S)
        return Response()

    def wait_for_calls(self, number: int) -> None:
        for _ in range(number):
            assert self.entered.acquire(timeout=TIMEOUT_S)


def test_calls_beyond_the_limit_are_refused_at_once(serve: Serve) -> None:
    """While those before them are being answered; health is answered all the same."""
    gate = Gate()
    harness = serve(FakeDecisions(answer=gate), options=local_options(threads=2, calls=2))
    waiting = [harness.decisions.CheckContact.future(Request()) for _ in range(2)]
    gate.wait_for_calls(2)
    failure = harness.refused()
    assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert harness.count(CHECK, "RESOURCE_EXHAUSTED") == 1
    gate.open.set()
    assert all(call.result(TIMEOUT_S) == Response() for call in waiting)


def test_a_call_that_waited_past_its_deadline_is_not_answered(serve: Serve) -> None:
    """No work for a caller who is gone."""
    gate = Gate()
    harness = serve(FakeDecisions(answer=gate), options=local_options(threads=2, calls=9))
    running = [harness.decisions.CheckContact.future(Request()) for _ in range(2)]
    gate.wait_for_calls(2)
    with pytest.raises(grpc.RpcError) as failure:
        harness.decisions.CheckContact(Request(purpose="late"), timeout=0.05)
    assert RpcFailure.of(failure.value).code is grpc.StatusCode.DEADLINE_EXCEEDED
    gate.open.set()
    assert all(call.result(TIMEOUT_S) == Response() for call in running)
    harness.server.stop()
    assert len(harness.servicer.calls) == 2


@pytest.mark.parametrize(
    "timeout_s, low, high", [(5.0, 4.0, 5.0), (None, 29.0, 30.0)], ids=["callers", "default"]
)
def test_the_servicer_knows_the_deadline(
    serve: Serve, timeout_s: float | None, low: float, high: float
) -> None:
    """The caller's, or the server's default for a caller without one."""
    remaining: list[float] = []

    def answer(_: Request) -> Response:
        remaining.append(current_call().deadline.remaining_s())
        return Response()

    harness = serve(FakeDecisions(answer=answer))
    harness.decisions.CheckContact(Request(), timeout=timeout_s)
    assert low < remaining[0] <= high


# The current call


def test_calls_at_once_each_know_themselves(serve: Serve) -> None:
    """One call never sees another's caller or request id."""
    harness = serve()
    seen: dict[str, str] = {}
    barrier = threading.Barrier(8)

    def answer(request: Request) -> Response:
        before = current_call().request_id
        barrier.wait(TIMEOUT_S)
        assert current_call().request_id == before
        seen[request.purpose] = before
        return Response()

    harness.servicer.answer = answer
    calls = [
        harness.decisions.CheckContact.future(
            Request(purpose=f"p{number}"), metadata=(("x-request-id", f"id{number}"),)
        )
        for number in range(8)
    ]
    for call in calls:
        call.result(TIMEOUT_S)
    assert seen == {f"p{number}": f"id{number}" for number in range(8)}


def test_there_is_no_current_call_outside_of_one() -> None:
    """Code that asks for the caller fails rather than being granted anything."""
    with pytest.raises(LookupError):
        # Where no other test has left one.
        Context().run(current_call)


def test_the_local_caller_is_granted_everything(serve: Serve) -> None:
    """On loopback without keys."""
    harness = serve()
    harness.check()
    caller: Caller = harness.servicer.calls[0].caller
    assert caller is LOCAL
    caller.require_controller("alarm-fr")
    caller.require_full_view()
    caller.require_service_purpose()


def test_nobody_is_granted_anything() -> None:
    """Whoever calls an open service."""
    assert not ANONYMOUS.grants_service("consent_registry.v1.DecisionService")


# Metrics


def test_every_method_has_a_bounded_label(serve: Serve) -> None:
    """One for each method of the contract, in the words of the contract."""
    harness = serve()
    services = [
        decisions_pb2.DESCRIPTOR.services_by_name["DecisionService"],
        registry_pb2.DESCRIPTOR.services_by_name["RegistryService"],
    ]
    methods = [method for service in services for method in service.methods]
    for method in methods:
        path = f"/{method.containing_service.full_name}/{method.name}"
        if method.client_streaming:
            stream: Stream = harness.channel.stream_stream(path)
            list(stream(iter([b""]), timeout=TIMEOUT_S))
        else:
            unary: Unary = harness.channel.unary_unary(path)
            unary(b"", timeout=TIMEOUT_S)
    labels = {
        sample.labels["method"]
        for family in harness.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "consent_registry_rpcs_total" and sample.value
    }
    assert labels == {f"{each.containing_service.full_name}/{each.name}" for each in methods}


class _Aborting(FakeDecisions):
    def CheckContact(self, request: Request, context: object) -> NoReturn:  # noqa: N802, ARG002
        cast("grpc.ServicerContext", context).abort(grpc.StatusCode.ABORTED, "as it is")


class _Hooked(list[Event]):
    """A list whose `append` does something else."""

    def __init__(self, append: Callable[[Event], object]) -> None:
        super().__init__()
        self._append = append

    def append(self, event: Event) -> None:
        self._append(event)
