"""SIGTERM: NOT_SERVING, what runs is finished, exit code 0, and PostgreSQL stops too."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from consent_registry.v1.contact_pb2 import CHANNEL_SMS
from consent_registry.v1.decision_service_pb2 import (
    AudienceMember,
    AudienceScope,
    FilterAudienceRequest,
    FilterAudienceResponse,
)
from consent_registry.v1.registry_service_pb2 import AddDoNotContactResponse
from tests.e2e import filled
from tests.e2e.audience import OpenStream
from tests.e2e.connection import Connection
from tests.e2e.people import FRANCE, MARKETING, opt_out, somebody
from tests.e2e.registry_process import NotYet, RegistryProcess, eventually

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@dataclass
class Shutdown:
    """What was seen of a server that was told to stop while a stream and a write were under way."""

    healths: list[int]
    stream: list[FilterAudienceResponse]
    write: AddDoNotContactResponse
    late_call: grpc.StatusCode
    exit_code: int
    log: bytes
    is_postgres_running: bool


def _scope() -> FilterAudienceRequest:
    scope = AudienceScope(controller=FRANCE, channel=CHANNEL_SMS, purpose=MARKETING)
    return FilterAudienceRequest(scope=scope)


def _seen(registry: RegistryProcess, connection: Connection) -> Shutdown:
    request = health_pb2.HealthCheckRequest()
    watch: Any = connection.health.Watch(request)
    healths = [next(watch).status]
    stream = OpenStream(connection)
    stream.send(_scope(), filled.chunk(1, AudienceMember(target=somebody().phone)))
    answers = [stream.receive()]
    with ThreadPoolExecutor(1) as pool, registry.database() as blocker:
        blocker.autocommit = False
        with blocker.cursor() as cursor:
            cursor.execute("LOCK TABLE write_request")
        write = pool.submit(connection.write, opt_out(somebody().email))
        eventually(lambda: _is_waiting(registry))

        registry.send_signal(signal.SIGTERM)
        healths.append(next(watch).status)
        late_call = eventually(lambda: _refused(registry))
        blocker.rollback()
        written = write.result()
    stream.send(filled.chunk(2, AudienceMember(target=somebody().phone)), None)
    answers += list(stream.call)
    code = registry.wait()
    return Shutdown(
        healths=healths,
        stream=answers,
        write=written,
        late_call=late_call,
        exit_code=code,
        log=registry.log,
        is_postgres_running=registry.postmaster_pid_file.exists(),
    )


def _is_waiting(registry: RegistryProcess) -> None:
    if not registry.scalar(_WAITING):
        raise NotYet


def _refused(registry: RegistryProcess) -> grpc.StatusCode:
    """How a call on a new connection ends once the server takes no more of them."""
    connection = Connection(registry.address)
    with closing(connection.channel):
        try:
            connection.health.Check(health_pb2.HealthCheckRequest())
        except grpc.RpcError as error:
            # A call that comes in at the very moment of the stop is cancelled; the next one meets
            # nobody.
            if error.code() is not grpc.StatusCode.CANCELLED:
                return error.code()
    raise NotYet


@pytest.fixture(scope="module")
def data_dir(new_data_dir: Callable[[], Path]) -> Path:
    return new_data_dir()


@pytest.fixture(scope="module")
def shutdown(data_dir: Path) -> Iterator[Shutdown]:
    registry = RegistryProcess(data_dir)
    connection = Connection(registry.address)
    with closing(connection.channel):
        yield _seen(registry, connection)


def test_the_end_is_announced_to_whoever_watches(shutdown: Shutdown) -> None:
    statuses = health_pb2.HealthCheckResponse
    assert shutdown.healths == [statuses.SERVING, statuses.NOT_SERVING]


def test_new_calls_are_refused(shutdown: Shutdown) -> None:
    assert shutdown.late_call is grpc.StatusCode.UNAVAILABLE


def test_a_stream_under_way_gets_its_answers_and_its_summary(shutdown: Shutdown) -> None:
    assert [each.WhichOneof("message") for each in shutdown.stream] == [
        "chunk_result",
        "chunk_result",
        "summary",
    ]


def test_the_program_ends_well(shutdown: Shutdown) -> None:
    assert shutdown.exit_code == 0
    assert b'"event": "stopped"' in shutdown.log


def test_postgresql_stops_too(shutdown: Shutdown) -> None:
    assert not shutdown.is_postgres_running


def test_a_write_under_way_is_stored_and_acknowledged(shutdown: Shutdown, data_dir: Path) -> None:
    registry = RegistryProcess(data_dir)

    entries = registry.scalar(
        f"SELECT count(*) FROM entry WHERE entry_id = '{shutdown.write.entry_id}'"  # noqa: S608
    )

    assert entries == 1
    assert registry.stop() == 0
