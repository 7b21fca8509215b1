"""One request is one id: in every event of the handler, and in the calls that it makes."""

from __future__ import annotations

import asyncio

import grpc

from tests.fakes.unsubscribe_service import DESCRIBE, UNDO, UNSUBSCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import ONE_CLICK, Handler


async def test_the_registry_is_told_the_id_that_the_log_names(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """So that an unsubscribe can be followed through both."""
    await handler.post(f"/u/{token}", data=ONE_CLICK)
    (event,) = handler.events
    assert (event["event"], event["outcome"]) == ("unsubscribe_finished", "stored")
    assert service.request_ids[UNSUBSCRIBE] == [event["request_id"]]
    assert set(service.request_ids[DESCRIBE]) == {event["request_id"]}


async def test_repeated_calls_and_all_events_of_a_request_have_its_id(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """Of one that fails, too."""
    service.refuse(UNSUBSCRIBE, grpc.StatusCode.UNAVAILABLE)
    await handler.post(f"/u/{token}", data=ONE_CLICK)
    ids = {event["request_id"] for event in handler.events}
    assert {event["event"] for event in handler.events} == {
        "registry_unavailable",
        "unsubscribe_finished",
    }
    assert set(service.request_ids[UNSUBSCRIBE]) == ids
    assert len(ids) == 1


async def test_what_is_taken_back_is_another_request(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """Refused or not."""
    await handler.post(f"/u/{token}", data=ONE_CLICK)
    await handler.post(f"/u/{token}", data={"action": "undo", "undo": "QUJD"})
    first, second = handler.events
    assert second["event"] == "undo_finished"
    assert service.request_ids[UNDO] == [second["request_id"]]
    assert first["request_id"] != second["request_id"]


async def test_requests_at_once_keep_their_ids_apart(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """However their calls are mixed."""
    await asyncio.gather(*(handler.post(f"/u/{token}", data=ONE_CLICK) for _ in range(10)))
    ids = [event["request_id"] for event in handler.events]
    assert len(set(ids)) == 10
    assert sorted(map(str, service.request_ids[UNSUBSCRIBE])) == sorted(ids)


async def test_an_id_that_a_stranger_sends_is_not_taken(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """It would be written to the log, whatever it is."""
    headers = {"X-Request-Id": "mine"}
    await handler.request("POST", f"/u/{token}", data=ONE_CLICK, headers=headers)
    assert "mine" not in service.request_ids[UNSUBSCRIBE]
    assert "mine" not in handler.log
