"""A server whose database does not answer, or does not support it, refuses and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TypeAlias

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.unit.rpc.harness import TIMEOUT_S, Chunk, Harness, Result, RpcFailure

Serve: TypeAlias = Callable[..., Harness]

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def health(harness: Harness) -> int:
    answer = HealthStub(harness.channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    status: int = answer.status
    return status


def test_calls_are_refused_on_connections_that_are_open_too(serve: Serve) -> None:
    """The servicer is asked nothing; health is answered, and tells."""
    harness = serve()
    assert harness.check("p").decision.decision_id == "p"

    harness.server.answer(serving=False)
    refused = harness.refused()
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
    assert health(harness) == NOT_SERVING
    assert len(harness.servicer.calls) == 1

    harness.server.answer(serving=True)
    assert harness.check("q").decision.decision_id == "q"
    assert health(harness) == SERVING


def test_what_a_stream_was_answered_just_before_is_kept_back(serve: Serve) -> None:
    """It may come from a schema that the program cannot read."""
    harness = serve()

    def answered_too_late(requests: Iterator[Chunk]) -> Iterator[Result]:
        for _ in requests:
            harness.server.answer(serving=False)
            yield Result()

    harness.servicer.stream = answered_too_late

    with pytest.raises(grpc.RpcError) as failure:
        list(harness.decisions.FilterAudience(iter([Chunk()]), timeout=TIMEOUT_S))
    assert RpcFailure.of(failure.value).reason == "DATABASE_UNAVAILABLE"


def test_a_stream_under_way_is_refused_its_next_question(serve: Serve) -> None:
    """A list that began before must not go on being allowed."""
    harness = serve()
    chunks: SimpleQueue[Chunk | None] = SimpleQueue()
    answers = harness.decisions.FilterAudience(iter(chunks.get, None), timeout=TIMEOUT_S)
    chunks.put(Chunk())
    next(answers)

    harness.server.answer(serving=False)
    chunks.put(Chunk())

    with pytest.raises(grpc.RpcError) as failure:
        next(answers)
    assert RpcFailure.of(failure.value).reason == "DATABASE_UNAVAILABLE"
    chunks.put(None)
