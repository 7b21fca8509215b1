"""Watchers of health come and go while others are told, and the server goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from consent_registry_server.rpc.options import Address
from consent_registry_server.rpc.probes import LIVENESS, READINESS, Probes

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
READY = health_pb2.HealthCheckRequest(service=READINESS)
ALIVE = health_pb2.HealthCheckRequest(service=LIVENESS)


@pytest.fixture
def probes() -> Iterator[Probes]:
    made = Probes(Address("127.0.0.1", 0))
    yield made
    made.close()


@pytest.fixture
def health(probes: Probes) -> Iterator[HealthStub]:
    with grpc.insecure_channel(f"127.0.0.1:{probes.port}") as channel:
        yield HealthStub(channel)


def test_watchers_that_leave_while_others_are_told_hold_up_nobody(
    probes: Probes, health: HealthStub
) -> None:
    """With one lock for both, the server would soon answer nothing any more."""
    is_over = threading.Event()

    def come_and_go() -> None:
        while not is_over.is_set():
            watch = health.Watch(READY, timeout=60)
            next(watch)
            watch.cancel()

    guests = [threading.Thread(target=come_and_go) for _ in range(4)]
    for guest in guests:
        guest.start()
    for number in range(300):
        probes.show_ready(serving=number % 2 == 0)
        assert health.Check(ALIVE, timeout=60).status == SERVING
    is_over.set()
    for guest in guests:
        guest.join(60)
        assert not guest.is_alive()


def test_a_watcher_is_told_the_last_word(probes: Probes, health: HealthStub) -> None:
    """However many changes there are at once."""
    watch = health.Watch(READY, timeout=60)
    assert next(watch).status == NOT_SERVING
    tellers = [
        threading.Thread(target=probes.show_ready, kwargs={"serving": number % 2 == 0})
        for number in range(20)
    ]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()

    probes.show_ready(serving=False)
    probes.show_ready(serving=True)

    told = next(watch).status
    while told != SERVING or health.Check(READY, timeout=60).status != SERVING:
        told = next(watch).status
    assert told == SERVING
    watch.cancel()


def test_a_service_that_is_not_known_is_said_so_to_its_watchers(health: HealthStub) -> None:
    watch = health.Watch(health_pb2.HealthCheckRequest(service="nobody's"), timeout=60)

    assert next(watch).status == UNKNOWN
    watch.cancel()
