"""The methods for unsubscribe links: each reaches its RPC with its arguments, in both clients."""

from __future__ import annotations

import traceback
from typing import Any, NamedTuple

import grpc
import pytest

from consent_registry.v1 import unsubscribe_service_pb2 as pb
from consent_registry.v1.decision_pb2 import ItemError
from consent_registry_client import (
    Channel,
    Client,
    ConsentRegistryError,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    Unavailable,
    UnsubscribeChoice,
    UnsubscribeMethod,
    UnusableAnswer,
    email,
    subject,
)
from tests.unit.client.fake_registry import FakeRegistry, failing
from tests.unit.client.test_methods import call

TOKEN = "ab2cd3ef" * 8
CAMPAIGN: dict[str, Any] = {
    "controller": "alarm-fr",
    "channel": Channel.CHANNEL_EMAIL,
    "purpose": "direct_marketing.newsletter",
    "campaign": "spring-2026",
    "subjects": [subject(email("a@example.com")), subject(email("b@example.com"))],
}
ONE_CLICK: dict[str, Any] = {
    "token": TOKEN,
    "method": UnsubscribeMethod.UNSUBSCRIBE_METHOD_ONE_CLICK,
}
CHOSEN: dict[str, Any] = {
    "token": TOKEN,
    "method": UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE,
    "choices": [
        UnsubscribeChoice.UNSUBSCRIBE_CHOICE_SMS,
        UnsubscribeChoice.UNSUBSCRIBE_CHOICE_RECORDING,
    ],
    "form_id": "preferences-1/fr",
}
TAKEN_BACK: dict[str, Any] = {"token": TOKEN, "undo_token": b"\x00\xff undo"}

LINK = pb.UnsubscribeLinkResult(link=pb.UnsubscribeLink(token=TOKEN))
NO_LINK = pb.UnsubscribeLinkResult(error=ItemError(code=3, reason="INVALID_CONTACT_POINT"))
LINKS = pb.CreateUnsubscribeLinksResponse(results=[LINK, NO_LINK])
DESCRIPTION = pb.DescribeUnsubscribeResponse(
    controller="alarm-fr", choices=[UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK]
)
STORED = pb.UnsubscribeResponse(entry_ids=["e1", "e2"], undo_token=b"\x00\xff undo")
UNDONE = pb.UndoUnsubscribeResponse(entry_ids=["e3"])


class Asked(NamedTuple):
    """One call, and its answer."""

    method: str
    rpc: str
    arguments: dict[str, Any]
    response: Any


READS = [
    Asked("create_unsubscribe_links", "CreateUnsubscribeLinks", CAMPAIGN, LINKS),
    Asked("describe_unsubscribe", "DescribeUnsubscribe", {"token": TOKEN}, DESCRIPTION),
]
WRITES = [
    Asked("unsubscribe", "Unsubscribe", ONE_CLICK, STORED),
    Asked("unsubscribe", "Unsubscribe", CHOSEN, STORED),
    Asked("undo_unsubscribe", "UndoUnsubscribe", TAKEN_BACK, UNDONE),
]
READ_IDS = ["create links", "describe"]
WRITE_IDS = ["one click", "choices", "undo"]

both_clients = pytest.mark.parametrize("flavour", ["sync", "aio"])
every_read = pytest.mark.parametrize("asked", READS, ids=READ_IDS)
every_write = pytest.mark.parametrize("asked", WRITES, ids=WRITE_IDS)


@both_clients
def test_links_come_back_in_the_order_of_their_subjects(
    registry: FakeRegistry, flavour: str
) -> None:
    """One that could not be made among them."""
    registry.on("CreateUnsubscribeLinks", LINKS)
    results = call(registry.address, flavour, "create_unsubscribe_links", CAMPAIGN)
    assert list(results) == [LINK, NO_LINK]
    assert registry.requests("CreateUnsubscribeLinks") == [
        pb.CreateUnsubscribeLinksRequest(**CAMPAIGN)
    ]


@both_clients
@pytest.mark.parametrize("answered", [0, 1, 3])
def test_links_that_are_not_answered_one_for_one_are_refused(
    registry: FakeRegistry, flavour: str, answered: int
) -> None:
    """Whoever counts them off would give a person the link of somebody else."""
    response = pb.CreateUnsubscribeLinksResponse(results=[LINK] * answered)
    registry.on("CreateUnsubscribeLinks", response)
    with pytest.raises(UnusableAnswer):
        call(registry.address, flavour, "create_unsubscribe_links", CAMPAIGN)


@both_clients
def test_subjects_may_be_any_sequence(registry: FakeRegistry, flavour: str) -> None:
    """They are counted as they were sent."""
    registry.on("CreateUnsubscribeLinks", LINKS)
    asked = {**CAMPAIGN, "subjects": tuple(CAMPAIGN["subjects"])}
    assert len(call(registry.address, flavour, "create_unsubscribe_links", asked)) == 2


@both_clients
def test_a_link_is_described(registry: FakeRegistry, flavour: str) -> None:
    """By its token alone."""
    registry.on("DescribeUnsubscribe", DESCRIPTION)
    assert call(registry.address, flavour, "describe_unsubscribe", {"token": TOKEN}) == DESCRIPTION
    assert registry.requests("DescribeUnsubscribe") == [pb.DescribeUnsubscribeRequest(token=TOKEN)]


@both_clients
@every_write
def test_a_write_sends_its_arguments(registry: FakeRegistry, flavour: str, asked: Asked) -> None:
    """Under the caller's request id, and returns the answer as it came."""
    registry.on(asked.rpc, asked.response)
    everything = {"request_id": "click-7", **asked.arguments}
    assert call(registry.address, flavour, asked.method, everything) == asked.response
    assert registry.requests(asked.rpc) == [getattr(pb, f"{asked.rpc}Request")(**everything)]


@both_clients
@every_read
def test_a_read_is_repeated_while_unavailable(
    registry: FakeRegistry, flavour: str, asked: Asked
) -> None:
    """Links are made once: the same person gets the same link again."""
    registry.on(asked.rpc, failing(grpc.StatusCode.UNAVAILABLE), asked.response)
    call(registry.address, flavour, asked.method, asked.arguments)
    first, second = registry.requests(asked.rpc)
    assert first == second


@both_clients
@every_read
def test_a_read_is_not_repeated_after_its_deadline(
    registry: FakeRegistry, flavour: str, asked: Asked
) -> None:
    """Nobody waits for it any more."""
    registry.on(asked.rpc, failing(grpc.StatusCode.DEADLINE_EXCEEDED), asked.response)
    with pytest.raises(DeadlineExceeded):
        call(registry.address, flavour, asked.method, asked.arguments)
    assert len(registry.calls[asked.rpc]) == 1


@both_clients
@every_write
@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED], ids=str
)
def test_a_write_is_repeated_under_one_request_id(
    registry: FakeRegistry, flavour: str, asked: Asked, code: grpc.StatusCode
) -> None:
    """A click whose answer was lost is not a second click."""
    registry.on(asked.rpc, failing(code), failing(code), asked.response)
    assert call(registry.address, flavour, asked.method, asked.arguments) == asked.response
    first, second, third = registry.requests(asked.rpc)
    assert first == second == third
    assert first.request_id


@every_write
def test_two_writes_have_two_request_ids(
    registry: FakeRegistry, client: Client, asked: Asked
) -> None:
    """The second click is told of on its own."""
    registry.on(asked.rpc, asked.response)
    for _ in range(2):
        getattr(client, asked.method)(**asked.arguments)
    assert len({request.request_id for request in registry.requests(asked.rpc)}) == 2


@both_clients
@pytest.mark.parametrize(
    "code, reason, error",
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_UNSUBSCRIBE_TOKEN", InvalidRequest),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_UNDO_TOKEN", InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, "UNKNOWN_UNSUBSCRIBE_LINK", NotFound),
        (grpc.StatusCode.FAILED_PRECONDITION, "UNDO_EXPIRED", PreconditionFailed),
        (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", PermissionDenied),
        (grpc.StatusCode.UNAVAILABLE, "", Unavailable),
    ],
)
def test_a_refusal_tells_its_reason(
    registry: FakeRegistry,
    flavour: str,
    code: grpc.StatusCode,
    reason: str,
    error: type[ConsentRegistryError],
) -> None:
    """By which a handler tells a broken link from an opt-out that is not stored yet."""
    registry.on("UndoUnsubscribe", failing(code, "no", reason=reason))
    with pytest.raises(error) as caught:
        call(registry.address, flavour, "undo_unsubscribe", TAKEN_BACK)
    assert caught.value.reason == reason
    assert caught.value.request_id


@both_clients
@pytest.mark.parametrize(
    "method, arguments, field",
    [
        ("describe_unsubscribe", {"token": f"\ud800{TOKEN}"}, "token"),
        ("unsubscribe", {**ONE_CLICK, "token": f"\ud800{TOKEN}"}, "token"),
        ("undo_unsubscribe", {**TAKEN_BACK, "undo_token": TOKEN}, "undo_token"),
        ("create_unsubscribe_links", {**CAMPAIGN, "subjects": [TOKEN]}, "subjects"),
    ],
    ids=["describe", "unsubscribe", "undo", "create links"],
)
def test_what_cannot_be_sent_is_told_without_a_token(
    registry: FakeRegistry, flavour: str, method: str, arguments: dict[str, Any], field: str
) -> None:
    """Errors are logged, and whoever reads a token can use it."""
    with pytest.raises(InvalidRequest) as caught:
        call(registry.address, flavour, method, arguments)
    assert caught.value.field_violations[0].field == field
    assert TOKEN not in "".join(traceback.format_exception_only(caught.value))
    assert not registry.calls
