"""An audience is answered whole, in order, or not at all."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    AudienceMemberResult,
    AudienceSummary,
    FilterAudienceRequest,
    FilterAudienceResponse,
)
from consent_registry_client import (
    AsyncClient,
    AudienceMember,
    Channel,
    Client,
    ConsentRegistryError,
    DeadlineExceeded,
    IncompleteStream,
    InvalidRequest,
    Unavailable,
    allows,
    email,
)
from consent_registry_client._audience import MAX_CHUNKS_IN_FLIGHT, MAX_MEMBER_BYTES
from tests.unit.client.fake_registry import (
    FakeRegistry,
    answers_to,
    failing,
    honest,
    result,
    summary,
)

SCOPE: dict[str, Any] = {
    "controller": "alarm-fr",
    "channel": Channel.CHANNEL_EMAIL,
    "purpose": "direct_marketing",
}
ALLOWED = (Verdict.VERDICT_ALLOW, Reason.REASON_OPT_OUT_REGIME)
FLAVOURS = pytest.mark.parametrize("flavour", ["sync", "aio"])

Stream = Iterator[FilterAudienceRequest]
Answers = Iterator[FilterAudienceResponse]


def members(count: int) -> Iterator[AudienceMember]:
    for number in range(count):
        yield AudienceMember(target=email(f"person{number}@example.com"))


def filtered(
    address: str,
    flavour: str,
    audience: Iterable[AudienceMember],
    **limits: Any,  # noqa: ANN401
) -> tuple[list[AudienceMemberResult], AudienceSummary]:
    if flavour == "sync":
        with Client(address) as client:
            answers = client.filter_audience(audience, **SCOPE, **limits)
            return list(answers), answers.finish()

    async def run() -> tuple[list[AudienceMemberResult], AudienceSummary]:
        async with AsyncClient(address) as client:
            answers = client.filter_audience(audience, **SCOPE, **limits)
            return [one async for one in answers], await answers.finish()

    return asyncio.run(run())


def odd_ones_denied(member: AudienceMember) -> AudienceMemberResult:
    number = int(member.target.email.removeprefix("person").partition("@")[0])
    if number % 2:
        return result(Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)
    return result()


@FLAVOURS
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 95, 100])
def test_every_member_is_answered_in_order(
    registry: FakeRegistry, flavour: str, count: int
) -> None:
    registry.on("FilterAudience", honest(odd_ones_denied))
    results, end = filtered(registry.address, flavour, members(count), chunk_members=10)
    assert [allows(one) for one in results] == [number % 2 == 0 for number in range(count)]
    assert end.members == count


def test_an_asynchronous_audience_is_taken_as_it_comes(registry: FakeRegistry) -> None:
    async def coming() -> AsyncIterator[AudienceMember]:
        for member in members(25):
            await asyncio.sleep(0)
            yield member

    async def run() -> int:
        async with AsyncClient(registry.address) as client:
            answers = client.filter_audience(coming(), chunk_members=10, **SCOPE)
            return len([one async for one in answers])

    registry.on("FilterAudience", honest())
    assert asyncio.run(run()) == 25


def test_an_audience_larger_than_the_flow_control_window_passes(registry: FakeRegistry) -> None:
    registry.on("FilterAudience", honest())
    for flavour in ("sync", "aio"):
        results, _ = filtered(registry.address, flavour, members(60_000), chunk_members=5_000)
        assert len(results) == 60_000


@FLAVOURS
def test_no_more_chunks_travel_than_the_limit(registry: FakeRegistry, flavour: str) -> None:
    taken = 0
    most_ahead = 0

    def counted() -> Iterator[AudienceMember]:
        nonlocal taken
        for member in members(300):
            taken += 1
            yield member

    def stream(requests: Stream, _: object) -> Answers:
        nonlocal most_ahead
        answered = 0
        for request in requests:
            if request.WhichOneof("message") == "chunk":
                most_ahead = max(most_ahead, taken - answered)
                answered += len(request.chunk.rows.members)
                yield answers_to(request)
        yield summary(Counter({ALLOWED: answered}))

    registry.on("FilterAudience", stream)
    filtered(registry.address, flavour, counted(), chunk_members=10)
    assert most_ahead <= 10 * (MAX_CHUNKS_IN_FLIGHT + 1)


def without_summary(requests: Stream, _: object) -> Answers:
    next(requests)
    for request in requests:
        yield answers_to(request)


def summary_of(wrong: Callable[[int], Counter[tuple[int, int]]]) -> Callable[..., Answers]:
    def stream(requests: Stream, _: object) -> Answers:
        next(requests)
        answered = 0
        for request in requests:
            answered += len(request.chunk.rows.members)
            yield answers_to(request)
        yield summary(wrong(answered))

    return stream


def early_summary(requests: Stream, _: object) -> Answers:
    next(requests)
    next(requests)
    yield summary(Counter({ALLOWED: 10}))


def premature_end(requests: Stream, _: object) -> Answers:
    next(requests)
    yield answers_to(next(requests))


def altered(change: Callable[[FilterAudienceResponse], object]) -> Callable[..., Answers]:
    def stream(requests: Stream, context: object) -> Answers:
        for response in honest()(requests, context):
            if response.WhichOneof("message") == "chunk_result":
                change(response)
            yield response

    return stream


def more_after_the_summary(requests: Stream, context: object) -> Answers:
    yield from honest()(requests, context)
    yield summary(Counter())


def unasked(requests: Stream, _: object) -> Answers:
    next(requests)
    request = next(requests)
    for _number in range(9):
        yield answers_to(request)


def swapped(requests: Stream, _: object) -> Answers:
    next(requests)
    first, second = next(requests), next(requests)
    yield answers_to(second)
    yield answers_to(first)


def nothing_known(requests: Stream, _: object) -> Answers:
    next(requests)
    yield FilterAudienceResponse()


@FLAVOURS
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(without_summary, id="no summary"),
        pytest.param(summary_of(lambda n: Counter({ALLOWED: n - 1})), id="summary counts fewer"),
        pytest.param(summary_of(lambda n: Counter({ALLOWED: n + 1})), id="summary counts more"),
        pytest.param(summary_of(lambda n: Counter({(3, 20): n})), id="summary counts otherwise"),
        pytest.param(summary_of(lambda _: Counter()), id="summary counts nothing"),
        pytest.param(early_summary, id="summary before the answers"),
        pytest.param(premature_end, id="ends early"),
        pytest.param(altered(lambda r: r.chunk_result.results.pop()), id="one answer missing"),
        pytest.param(altered(lambda r: r.chunk_result.results.add()), id="one answer too many"),
        pytest.param(
            altered(lambda r: setattr(r.chunk_result, "sequence", 7)), id="another sequence"
        ),
        pytest.param(more_after_the_summary, id="goes on after the summary"),
        pytest.param(unasked, id="answers what was not asked"),
        pytest.param(swapped, id="answers out of order"),
        pytest.param(nothing_known, id="a message of a later version"),
    ],
)
def test_a_stream_that_is_not_complete_is_an_error(
    registry: FakeRegistry, flavour: str, behaviour: Callable[..., Answers]
) -> None:
    registry.on("FilterAudience", behaviour)
    with pytest.raises(IncompleteStream):
        filtered(registry.address, flavour, members(35), chunk_members=10)


@FLAVOURS
def test_a_stream_that_breaks_off_is_an_error_and_not_repeated(
    registry: FakeRegistry, flavour: str
) -> None:
    def breaking(requests: Stream, context: grpc.ServicerContext) -> Answers:
        next(requests)
        yield answers_to(next(requests))
        failing(grpc.StatusCode.UNAVAILABLE, "stopping")(None, context)

    registry.on("FilterAudience", breaking)
    with pytest.raises((Unavailable, IncompleteStream)):
        filtered(registry.address, flavour, members(35), chunk_members=10)
    assert len(registry.calls["FilterAudience"]) == 1


@FLAVOURS
def test_a_failure_after_the_summary_is_an_error(registry: FakeRegistry, flavour: str) -> None:
    def failing_late(requests: Stream, context: grpc.ServicerContext) -> Answers:
        yield from honest()(requests, context)
        failing(grpc.StatusCode.INTERNAL)(None, context)

    registry.on("FilterAudience", failing_late)
    with pytest.raises(ConsentRegistryError):
        filtered(registry.address, flavour, members(35), chunk_members=10)


@FLAVOURS
@pytest.mark.parametrize(
    "code, error",
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.CANCELLED, Unavailable),
    ],
)
def test_a_refused_stream_raises_its_status(
    registry: FakeRegistry, flavour: str, code: grpc.StatusCode, error: type[ConsentRegistryError]
) -> None:
    registry.on("FilterAudience", failing(code))
    # Under asyncio, gRPC may lose the status to a write that comes too late.
    expected = error if flavour == "sync" else (error, IncompleteStream)
    with pytest.raises(expected):
        filtered(registry.address, flavour, members(35))


@FLAVOURS
def test_a_silent_registry_is_given_up(registry: FakeRegistry, flavour: str) -> None:
    released = threading.Event()

    def silent(requests: Stream, context: grpc.ServicerContext) -> Answers:
        context.add_callback(released.set)
        next(requests)
        yield answers_to(next(requests))
        released.wait(10)

    registry.on("FilterAudience", silent)
    with pytest.raises(DeadlineExceeded, match=r"0\.1 s"):
        filtered(registry.address, flavour, members(35), chunk_members=10, idle_timeout_s=0.1)
    assert released.wait(10)


@FLAVOURS
def test_a_stream_may_have_a_deadline(registry: FakeRegistry, flavour: str) -> None:
    def endless(_: Stream, context: grpc.ServicerContext) -> Answers:
        yield from ()
        while context.is_active():
            pass

    registry.on("FilterAudience", endless)
    with pytest.raises(DeadlineExceeded):
        filtered(registry.address, flavour, members(35), timeout_s=0.1)


@FLAVOURS
def test_an_error_in_the_audience_ends_the_stream_and_comes_out(
    registry: FakeRegistry, flavour: str
) -> None:
    ended = threading.Event()

    def watched(requests: Stream, context: grpc.ServicerContext) -> Answers:
        context.add_callback(ended.set)
        yield from honest()(requests, context)

    def broken() -> Iterator[AudienceMember]:
        yield from members(95)
        raise OSError("disk gone")

    registry.on("FilterAudience", watched)
    with pytest.raises(OSError, match="disk gone"):
        filtered(registry.address, flavour, broken(), chunk_members=10)
    assert ended.wait(10)


def test_the_summary_is_not_given_before_the_end(registry: FakeRegistry) -> None:
    registry.on("FilterAudience", honest())
    with Client(registry.address) as client:
        answers = client.filter_audience(members(25), **SCOPE)
        next(answers)
        with pytest.raises(IncompleteStream):
            answers.finish()


def test_reading_as_many_answers_as_members_needs_only_a_finish(registry: FakeRegistry) -> None:
    registry.on("FilterAudience", honest())
    with Client(registry.address) as client:
        answers = client.filter_audience(members(25), **SCOPE)
        for _ in range(25):
            next(answers)
        assert answers.finish().members == 25


def test_an_abandoned_stream_leaves_no_thread(registry: FakeRegistry) -> None:
    registry.on("FilterAudience", honest())
    with Client(registry.address) as client:
        with client.filter_audience(members(95), chunk_members=10, **SCOPE) as answers:
            next(answers)
        with pytest.raises(StopIteration):
            next(answers)
        with pytest.raises(IncompleteStream):
            answers.finish()
    for thread in threading.enumerate():
        if "consume_request" in thread.name:
            thread.join(10)
            assert not thread.is_alive()


@FLAVOURS
@pytest.mark.parametrize("chunk_members", [0, -1, 5_001])
def test_a_chunk_has_bounds(registry: FakeRegistry, flavour: str, chunk_members: int) -> None:
    with pytest.raises(InvalidRequest):
        filtered(registry.address, flavour, members(1), chunk_members=chunk_members)


@FLAVOURS
def test_large_members_travel_in_smaller_chunks(registry: FakeRegistry, flavour: str) -> None:
    def large() -> Iterator[AudienceMember]:
        for number in range(12):
            yield AudienceMember(target=email(f"{number}" + "x" * 900_000))

    registry.on("FilterAudience", honest())
    results, _ = filtered(registry.address, flavour, large())
    assert len(results) == 12


def test_a_member_that_no_chunk_can_carry_is_refused(registry: FakeRegistry) -> None:
    registry.on("FilterAudience", honest())
    huge = AudienceMember(target=email("x" * MAX_MEMBER_BYTES))
    with pytest.raises(InvalidRequest) as caught:
        filtered(registry.address, "sync", [huge])
    assert caught.value.reason == "TOO_LONG"


@settings(max_examples=30, deadline=None)
@given(
    verdicts=st.lists(st.sampled_from([1, 2, 3]), max_size=60),
    chunk_members=st.integers(1, 20),
)
def test_answers_keep_their_places_whatever_the_chunks(
    verdicts: list[int], chunk_members: int
) -> None:
    def judge(member: AudienceMember) -> AudienceMemberResult:
        return result(verdicts[int(member.target.email)])

    with FakeRegistry() as registry:
        registry.on("FilterAudience", honest(judge))
        audience = [AudienceMember(target=email(str(n))) for n in range(len(verdicts))]
        results, _ = filtered(registry.address, "sync", audience, chunk_members=chunk_members)
    assert [one.verdict for one in results] == verdicts
