"""Calls are repeated where that is safe, boundedly, and never past their deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry.v1.policy_service_pb2 import GetPolicyResponse
from consent_registry.v1.registry_service_pb2 import AddDoNotContactResponse
from consent_registry_client import (
    AsyncClient,
    Client,
    ConsentRegistryError,
    DeadlineExceeded,
    Effects,
    RetryPolicy,
    Source,
    Unavailable,
    email,
    expressed_sometime,
    subject,
)
from consent_registry_client._retry import READ_RETRIES, WRITE_RETRIES, Attempts
from tests.unit.client.fake_registry import FakeRegistry, failing

NEVER_RETRIED = [
    code
    for code in grpc.StatusCode
    if code not in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
]


@dataclass
class Hours:
    """A clock that only sleeping moves."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def effects(self, chance: float = 0.5) -> Effects:
        identifiers = iter(f"id-{n}" for n in range(1, 100))
        return Effects(
            clock=lambda: self.now,
            sleep=self.sleep,
            sleep_async=self.sleep_async,
            random=lambda: chance,
            new_id=lambda: next(identifiers),
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


Read = Callable[[], object]


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture(params=["sync", "aio"])
def read(request: pytest.FixtureRequest, registry: FakeRegistry, hours: Hours) -> Iterator[Read]:
    effects = hours.effects()
    if request.param == "sync":
        with Client(registry.address, effects=effects) as client:
            yield client.get_policy
    else:
        yield lambda: run(registry, effects, lambda client: client.get_policy())


@pytest.fixture(params=["sync", "aio"])
def write(request: pytest.FixtureRequest, registry: FakeRegistry, hours: Hours) -> Iterator[Read]:
    effects = hours.effects()
    who = subject(email("a@example.com"))
    when = expressed_sometime(source=Source.SOURCE_LETTER)
    if request.param == "sync":
        with Client(registry.address, effects=effects) as client:
            yield lambda: client.add_do_not_contact(
                controller="alarm-fr", subject=who, expression=when
            )
    else:
        yield lambda: run(
            registry,
            effects,
            lambda client: client.add_do_not_contact(
                controller="alarm-fr", subject=who, expression=when
            ),
        )


def run(
    registry: FakeRegistry, effects: Effects, call: Callable[[AsyncClient], Awaitable[object]]
) -> object:
    async def connected() -> object:
        async with AsyncClient(registry.address, effects=effects) as client:
            return await call(client)

    return asyncio.run(connected())


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED], ids=str)
def test_a_read_is_repeated_while_unavailable_or_dropped(
    registry: FakeRegistry, read: Read, hours: Hours, code: grpc.StatusCode
) -> None:
    """A server that stops drops what comes in at that moment: gRPC says CANCELLED for it."""
    down = failing(code)
    registry.on("GetPolicy", down, down, GetPolicyResponse(policy_version="p1"))
    assert read() == GetPolicyResponse(policy_version="p1")
    assert hours.slept == [0.025, 0.05]


def test_a_read_gives_up_after_a_bounded_number_of_attempts(
    registry: FakeRegistry, read: Read
) -> None:
    registry.on("GetPolicy", failing(grpc.StatusCode.UNAVAILABLE))
    with pytest.raises(Unavailable):
        read()
    assert len(registry.calls["GetPolicy"]) == RetryPolicy().attempts


@pytest.mark.parametrize("code", NEVER_RETRIED, ids=lambda code: code.name)
def test_a_read_is_not_repeated_after_any_other_status(
    registry: FakeRegistry, read: Read, code: grpc.StatusCode
) -> None:
    registry.on("GetPolicy", failing(code))
    with pytest.raises(ConsentRegistryError):
        read()
    assert len(registry.calls["GetPolicy"]) == 1


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
    ids=str,
)
def test_a_write_is_repeated_under_one_request_id(
    registry: FakeRegistry, write: Read, code: grpc.StatusCode
) -> None:
    registry.on(
        "AddDoNotContact", failing(code), failing(code), AddDoNotContactResponse(entry_id="e")
    )
    assert write() == AddDoNotContactResponse(entry_id="e")
    assert [one.request_id for one in registry.requests("AddDoNotContact")] == ["id-1"] * 3


@pytest.mark.parametrize(
    "code",
    [code for code in NEVER_RETRIED if code is not grpc.StatusCode.DEADLINE_EXCEEDED],
    ids=lambda code: code.name,
)
def test_a_write_is_not_repeated_after_any_other_status(
    registry: FakeRegistry, write: Read, code: grpc.StatusCode
) -> None:
    registry.on("AddDoNotContact", failing(code))
    with pytest.raises(ConsentRegistryError):
        write()
    assert len(registry.calls["AddDoNotContact"]) == 1


def test_a_client_that_is_closed_between_attempts_makes_no_other(registry: FakeRegistry) -> None:
    """It fails like every call of a closed client."""
    registry.on("GetPolicy", failing(grpc.StatusCode.UNAVAILABLE))
    client = Client(registry.address, effects=Effects(sleep=lambda _: client.close()))
    with client, pytest.raises(Unavailable) as failure:
        client.get_policy()
    assert failure.value.reason == "CLIENT_CLOSED"
    assert len(registry.calls["GetPolicy"]) == 1


def test_a_write_whose_client_was_closed_between_attempts_tells_its_request_id(
    registry: FakeRegistry,
) -> None:
    """It may have been stored: whoever says it again says it under that id."""
    registry.on("AddDoNotContact", failing(grpc.StatusCode.UNAVAILABLE))
    client = Client(registry.address, effects=Effects(sleep=lambda _: client.close()))
    with client, pytest.raises(Unavailable) as failure:
        client.add_do_not_contact(
            controller="alarm-fr",
            subject=subject(email("a@example.com")),
            expression=expressed_sometime(source=Source.SOURCE_LETTER),
        )
    assert failure.value.reason == "CLIENT_CLOSED"
    assert failure.value.request_id == registry.requests("AddDoNotContact")[0].request_id


def test_two_writes_have_two_request_ids(registry: FakeRegistry, write: Read) -> None:
    registry.on("AddDoNotContact", AddDoNotContactResponse(entry_id="e"))
    write()
    write()
    assert len({one.request_id for one in registry.requests("AddDoNotContact")}) == 2


def test_a_request_id_of_the_caller_is_kept(registry: FakeRegistry, client: Client) -> None:
    registry.on("AddDoNotContact", AddDoNotContactResponse(entry_id="e"))
    client.add_do_not_contact(
        controller="alarm-fr",
        subject=subject(email("a@example.com")),
        expression=expressed_sometime(source=Source.SOURCE_LETTER),
        request_id="mine",
    )
    assert registry.requests("AddDoNotContact")[0].request_id == "mine"


def test_a_call_ends_at_its_deadline(registry: FakeRegistry) -> None:
    registry.on("GetPolicy", lambda _, context: _wait_for_the_end(context))
    with Client(registry.address) as client, pytest.raises(DeadlineExceeded):
        client.get_policy(timeout_s=0.05)


def _wait_for_the_end(context: grpc.ServicerContext) -> GetPolicyResponse:
    while context.is_active():
        pass
    return GetPolicyResponse()


@given(
    timeout_s=st.floats(0.01, 60.0),
    chance=st.floats(0.0, 1.0, exclude_max=True),
    policy=st.builds(
        RetryPolicy,
        attempts=st.integers(1, 10),
        first_delay_s=st.floats(0.001, 2.0),
        longest_delay_s=st.floats(0.001, 5.0),
    ),
    durations=st.lists(st.floats(0.0, 10.0), min_size=10, max_size=10),
    retried=st.sampled_from([READ_RETRIES, WRITE_RETRIES]),
)
def test_no_attempt_begins_after_the_deadline(
    timeout_s: float,
    chance: float,
    policy: RetryPolicy,
    durations: list[float],
    retried: frozenset[grpc.StatusCode],
) -> None:
    hours = Hours()
    attempts = Attempts(retried, timeout_s, policy=policy, effects=hours.effects(chance))
    begun = 0
    while True:
        assert hours.now < timeout_s
        allotted_s = attempts.start()
        begun += 1
        assert 0 < allotted_s <= max(timeout_s - hours.now, 0.001)
        hours.now += min(durations[begun - 1], allotted_s)
        delay_s = attempts.delay_after(grpc.StatusCode.UNAVAILABLE)
        if delay_s is None:
            break
        assert 0 <= delay_s <= policy.longest_delay_s
        hours.sleep(delay_s)
    assert begun <= policy.attempts
