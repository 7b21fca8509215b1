"""Probes are answered without TLS, on a port of their own, from the beginning to the end."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.options import Address
from consent_registry_server.rpc.probes import LIVENESS, READINESS, Probes

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ANY_FREE = Address("127.0.0.1", 0)


@pytest.fixture
def probes() -> Iterator[Probes]:
    opened = Probes(ANY_FREE)
    yield opened
    opened.close()


@pytest.fixture
def health(probes: Probes) -> Iterator[HealthStub]:
    with grpc.insecure_channel(f"127.0.0.1:{probes.port}") as channel:
        yield HealthStub(channel)


def status(health: HealthStub, service: str) -> int:
    answer: int = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status
    return answer


@pytest.mark.parametrize("ready", [False, True])
def test_it_lives_whether_or_not_it_is_ready(
    probes: Probes, health: HealthStub, ready: bool
) -> None:
    probes.show_ready(serving=ready)

    assert status(health, LIVENESS) == SERVING


@pytest.mark.parametrize("service", [READINESS, ""])
def test_it_is_ready_when_it_is_told_so_and_not_before(
    probes: Probes, health: HealthStub, service: str
) -> None:
    assert status(health, service) == NOT_SERVING

    probes.show_ready(serving=True)
    assert status(health, service) == SERVING

    probes.show_ready(serving=False)
    assert status(health, service) == NOT_SERVING


def test_nothing_else_is_served(health: HealthStub) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        status(health, "consent_registry.v1.DecisionService")

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_watchers_hold_up_neither_probes_nor_the_end(probes: Probes) -> None:
    """They are told of each change, and there may be more of them than threads."""
    with grpc.insecure_channel(f"127.0.0.1:{probes.port}") as channel:
        health = HealthStub(channel)
        watches = [
            health.Watch(health_pb2.HealthCheckRequest(service=READINESS)) for _ in range(20)
        ]
        assert [next(watch).status for watch in watches] == [NOT_SERVING] * 20

        probes.show_ready(serving=True)

        assert [next(watch).status for watch in watches] == [SERVING] * 20
        assert status(health, LIVENESS) == SERVING
        probes.close()


def test_a_port_that_is_taken_is_told(probes: Probes) -> None:
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{probes.port}"):
        Probes(Address("127.0.0.1", probes.port))
