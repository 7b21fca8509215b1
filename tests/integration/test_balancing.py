"""The client library and several servers behind one name: who is asked, and who is left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2_grpc import DecisionServiceStub
from consent_registry_client import (
    AsyncClient,
    Channel,
    Client,
    RetryPolicy,
    Unavailable,
    _aio,
    _sync,
    email,
)
from consent_registry_client._arguments import ContactQuestion
from consent_registry_client._channel import Endpoint, endpoint
from consent_registry_client._sync_calls import open_channel
from consent_registry_server.rpc.authentication import LOCAL, ApiKeys
from consent_registry_server.rpc.interceptors import chain
from tests.unit.rpc.harness import (
    TIMEOUT_S,
    Chunk,
    FakeDecisions,
    Harness,
    Request,
    Response,
    launch,
    local_options,
)

QUESTIONS = 20
ONCE = RetryPolicy(attempts=1)
QUESTION: ContactQuestion = {
    "controller": "alarm-fr",
    "channel": Channel.CHANNEL_EMAIL,
    "purpose": "direct_marketing",
    "target": email("ana@example.com"),
}
NAME = "localhost:50051"
"""What clients are told; the tests say what it leads to."""

Ask = Callable[[], object]


class Decisions(FakeDecisions):
    """Allows everything, and remembers the connections that questions came on."""

    def __init__(self) -> None:
        super().__init__()
        self.peers: list[str] = []

    def CheckContact(self, _: Request, context: grpc.ServicerContext) -> Response:  # type: ignore[override]  # noqa: N802
        self.peers.append(context.peer())
        response = Response()
        response.decision.verdict = Verdict.VERDICT_ALLOW
        response.decision.reason = Reason.REASON_CONSENT
        return response


class Servers:
    """Servers behind one name."""

    def __init__(self, running: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._running = running
        self._addresses: list[str] = []
        for module in (_sync, _aio):
            monkeypatch.setattr(module, "endpoint", self.endpoint)

    def add(self, options: dict[str, Any] | None = None, **others: Any) -> Harness:  # noqa: ANN401
        server = launch(Decisions(), options=local_options(**(options or {})), **others)
        self._running.callback(server.close)
        self._addresses.append(f"127.0.0.1:{server.server.port}")
        return server

    def add_unreachable(self) -> None:
        """An address where nobody listens."""
        gone = launch(Decisions())
        gone.close()
        self._addresses.append(f"127.0.0.1:{gone.server.port}")

    def endpoint(self, address: str, **options: Any) -> Endpoint:  # noqa: ANN401
        return replace(endpoint(address, **options), target="ipv4:" + ",".join(self._addresses))


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def servers(running: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(running, monkeypatch)


@pytest.fixture(params=["sync", "aio"])
def asking(request: pytest.FixtureRequest, running: ExitStack) -> Callable[..., Ask]:
    """Makes what asks one question with a client of its own."""

    def sync(**options: Any) -> Ask:  # noqa: ANN401
        client = running.enter_context(Client(NAME, timeout_s=TIMEOUT_S, **options))
        return lambda: client.check_contact(**QUESTION)

    def aio(**options: Any) -> Ask:  # noqa: ANN401
        runner = running.enter_context(asyncio.Runner())

        async def opened() -> AsyncClient:
            return AsyncClient(NAME, timeout_s=TIMEOUT_S, **options)

        client = runner.run(opened())
        running.callback(lambda: runner.run(client.close()))
        return lambda: runner.run(client.check_contact(**QUESTION))

    return sync if request.param == "sync" else aio


def asked(server: Harness) -> int:
    """How many questions a server got."""
    assert isinstance(server.servicer, Decisions)
    return len(server.servicer.peers)


def until(condition: Callable[[], bool], ask: Ask) -> float:
    """Asks until it holds, refused or not; returns the seconds that took."""
    begun_s = time.monotonic()
    while not condition():
        assert time.monotonic() < begun_s + TIMEOUT_S
        try:
            ask()
        except Unavailable:
            continue
    return time.monotonic() - begun_s


def is_left_out(server: Harness, ask: Ask) -> bool:
    """Whether none of many questions reaches it."""
    before = asked(server)
    for _ in range(QUESTIONS):
        ask()
    return asked(server) == before


def is_refused(ask: Ask) -> bool:
    try:
        ask()
    except Unavailable:
        return True
    return False


def answers(ask: Ask) -> bool:
    return not is_refused(ask)


def test_all_servers_of_a_name_take_their_turn(
    servers: Servers, asking: Callable[..., Ask]
) -> None:
    """As soon as each is reached; the first question waits for the first of them only."""
    first, second = servers.add(), servers.add()
    ask = asking(retry=ONCE)
    until(lambda: asked(first) > 0 and asked(second) > 0, ask)
    before = asked(first), asked(second)
    for _ in range(QUESTIONS):
        ask()
    assert asked(first) - before[0] == asked(second) - before[1] == QUESTIONS / 2


def test_a_server_that_cannot_be_reached_is_left_out(
    servers: Servers, asking: Callable[..., Ask]
) -> None:
    """No question fails for it."""
    servers.add_unreachable()
    there = servers.add()
    ask = asking(retry=ONCE)
    for _ in range(QUESTIONS):
        ask()
    assert asked(there) == QUESTIONS


def test_a_server_that_is_not_ready_gets_no_questions_until_it_is(
    servers: Servers, asking: Callable[..., Ask]
) -> None:
    """None fails meanwhile: what it refuses before that is known is asked of the other one."""
    first, second = servers.add(), servers.add()
    ask = asking()
    until(lambda: asked(first) > 0 and asked(second) > 0, ask)
    first.server.answer(serving=False)
    until(lambda: is_left_out(first, ask), ask)
    assert is_left_out(first, ask)
    first.server.answer(serving=True)
    before = asked(first)
    until(lambda: asked(first) > before, ask)


def test_without_a_ready_server_questions_fail_at_once_until_there_is_one(
    servers: Servers, asking: Callable[..., Ask]
) -> None:
    """Closed, and long before their deadline; no backoff delays the first answer afterwards."""
    both = servers.add(), servers.add()
    ask = asking(retry=ONCE)
    ask()
    for server in both:
        server.server.answer(serving=False)
    until(lambda: is_refused(ask), ask)
    begun_s = time.monotonic()
    assert all(is_refused(ask) for _ in range(QUESTIONS))
    assert time.monotonic() - begun_s < TIMEOUT_S / 2
    before = asked(both[0])
    both[1].server.answer(serving=True)
    assert until(lambda: answers(ask), ask) < TIMEOUT_S / 2
    assert asked(both[0]) == before


def test_health_is_watched_without_a_key(servers: Servers, asking: Callable[..., Ask]) -> None:
    """The library sends its key with questions, and gRPC watches on its own."""
    keys = ApiKeys([(sha256(b"s3cret").digest(), LOCAL)])
    server = servers.add(authenticator=keys)
    ask = asking(retry=ONCE, api_key="s3cret")
    ask()
    server.server.answer(serving=False)
    until(lambda: is_refused(ask), ask)


def test_when_too_many_watch_a_server_is_asked_all_the_same(
    servers: Servers, asking: Callable[..., Ask], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Watching needs no key: whoever exhausts it must not keep callers out."""
    monkeypatch.setattr(chain, "PUSHES_AT_ONCE", 0)
    server = servers.add()
    ask = asking(retry=ONCE)
    for _ in range(QUESTIONS):
        ask()
    assert asked(server) == QUESTIONS


def test_connections_age_without_a_call_that_fails(
    servers: Servers, asking: Callable[..., Ask]
) -> None:
    """So that clients find new servers; the calls of before, during and after are answered.

    A call that meets the very end of its connection is made again: gRPC itself does not promise it.
    """
    server = servers.add({"connection_age_s": 0.2})
    assert isinstance(server.servicer, Decisions)
    peers = server.servicer.peers
    ask = asking()
    give_up_s = time.monotonic() + TIMEOUT_S
    while len(set(peers)) < 4:
        assert time.monotonic() < give_up_s
        ask()
    # The watches of the connections of before ended with them.
    until(lambda: server.count("grpc.health.v1.Health/Watch", "CANCELLED") >= 2, ask)


def test_a_stream_outlives_the_age_of_its_connection(servers: Servers) -> None:
    """However long it takes: an audience is never cut in two."""
    server = servers.add({"connection_age_s": 0.2})
    assert isinstance(server.servicer, Decisions)
    peers = server.servicer.peers
    chunks: SimpleQueue[Chunk | None] = SimpleQueue()
    channel = open_channel(servers.endpoint(NAME, api_key=None, tls=None))
    with channel, Client(NAME, timeout_s=TIMEOUT_S) as client:
        stream = DecisionServiceStub(channel).FilterAudience(
            iter(chunks.get, None), timeout=4 * TIMEOUT_S
        )
        for age in range(1, 5):
            chunks.put(Chunk())
            next(stream)
            while len(set(peers)) < age:
                client.check_contact(**QUESTION)
        chunks.put(None)
        assert list(stream) == []
    assert stream.code() is grpc.StatusCode.OK
