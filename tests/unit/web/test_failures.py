"""The registry down, slow or refusing: no opt-out is acknowledged that is not stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import grpc
import pytest

from consent_registry_client import AsyncClient
from consent_registry_server.domain import errors
from tests.fakes.unsubscribe_service import (
    DESCRIBE,
    LINK,
    UNDO,
    UNSUBSCRIBE,
    FakeUnsubscribeService,
)
from tests.unit.web.handler import ONE_CLICK, UNSUBSCRIBE_FORM, Handler, running
from tests.unit.web.page_document import forms, parse

TAKE_BACK: Final = {"action": "undo", "undo": "QUJD"}
CHOSEN: Final = {"action": "preferences", "choice": ["sms", "calls"]}
SECRET: Final = "someone@example.com"

FAILURES: Final = [
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    errors.PermissionDenied("PERMISSION_DENIED", SECRET),
    errors.Unauthenticated("UNAUTHENTICATED", SECRET),
    errors.LimitExceeded("TOO_MANY_CALLS", SECRET),
    errors.InvalidRequest("TOO_LONG", SECRET, field="form_id"),
    errors.AlreadyExists("REQUEST_ID_REUSED", SECRET),
    errors.NotFound("UNKNOWN_CONTROLLER", SECRET),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: getattr(each, "reason", str(each)))
@pytest.mark.parametrize(
    "method, form, words",
    [
        (UNSUBSCRIBE, ONE_CLICK, "Not saved yet"),
        (UNSUBSCRIBE, UNSUBSCRIBE_FORM, "Not saved yet"),
        (UNDO, TAKE_BACK, "Not taken back yet"),
    ],
    ids=["one click", "page", "undo"],
)
async def test_what_is_not_stored_is_not_acknowledged(  # noqa: PLR0917 - a table
    handler: Handler,
    service: FakeUnsubscribeService,
    token: str,
    method: str,
    form: dict[str, str],
    words: str,
    failure: errors.RegistryError | grpc.StatusCode,
) -> None:
    service.refuse(method, failure)
    answer = await handler.post(f"/u/{token}", data=form)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    page = parse(answer.text)
    assert page.one("h1").text == words
    assert SECRET not in answer.text + handler.log
    assert not service.entries


async def test_the_registry_down_is_told_and_its_return_is_noticed(
    service: FakeUnsubscribeService,
) -> None:
    token = service.add_link()
    async with running(service, timeout_s=2.0) as handler:
        await asyncio.to_thread(service.stop)
        for method in ("GET", "POST"):
            answer = await handler.request(
                method, f"/u/{token}", data=ONE_CLICK if method == "POST" else None
            )
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
        assert not service.entries
        await asyncio.to_thread(service.start)
        answer = await handler.post(f"/u/{token}", data=ONE_CLICK)
        while answer.status_code == 503:
            # The connection comes back when gRPC tries again.
            answer = await handler.post(f"/u/{token}", data=ONE_CLICK)
    assert answer.status_code == 200
    assert len(service.entries) == 1


async def test_a_slow_registry_is_no_acknowledgement(service: FakeUnsubscribeService) -> None:
    token = service.add_link()
    async with running(service, timeout_s=0.2) as handler:
        with service.held(UNSUBSCRIBE):
            answer = await handler.post(f"/u/{token}", data=ONE_CLICK)
            assert answer.status_code == 503
        assert handler.counted("unsubscribes") == {"one_click unavailable": 1}


async def test_what_was_stored_without_an_answer_is_recorded_once_when_it_comes_again(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    service.lose_answers(UNSUBSCRIBE)
    assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 503
    service.recover()
    assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 200
    assert len(service.entries) == 1


async def test_the_page_of_a_failure_offers_the_same_choice_again(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    service.refuse(UNSUBSCRIBE)
    failed = await handler.post(f"/u/{token}", data=CHOSEN)
    service.recover()
    (form,) = forms(parse(failed.text))
    fields: dict[str, list[str]] = {}
    for name, value in form.fields:
        fields.setdefault(name, []).append(value)
    assert (await handler.post(form.action, data=fields)).status_code == 200
    assert len(service.standing(token)) == 2


async def test_a_page_that_cannot_be_described_says_so(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """And its button works all the same."""
    service.refuse(DESCRIBE)
    answer = await handler.get(f"/u/{token}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    (form,) = forms(parse(answer.text))
    assert (await handler.post(form.action, data=dict(form.fields))).status_code == 200
    assert service.standing(token) == (LINK,)


async def test_a_write_ends_although_nobody_waits_for_it_any_more(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """The browser was closed, or the proxy gave up; even what has to be tried again is."""
    service.refuse(UNSUBSCRIBE, times=1)
    with service.held(UNSUBSCRIBE):
        request = asyncio.create_task(handler.post(f"/u/{token}", data=ONE_CLICK))
        await asyncio.to_thread(service.wait_for, UNSUBSCRIBE)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    await asyncio.to_thread(service.wait_until_stored)
    assert service.standing(token) == (LINK,)


async def test_a_stop_waits_for_the_writes_under_way(service: FakeUnsubscribeService) -> None:
    token = service.add_link()
    with service.held(UNSUBSCRIBE):
        async with running(service) as handler:
            request = asyncio.create_task(handler.post(f"/u/{token}", data=ONE_CLICK))
            await asyncio.to_thread(service.wait_for, UNSUBSCRIBE)
            request.cancel()
            asyncio.get_running_loop().call_later(0.05, service.release, UNSUBSCRIBE)
    assert service.standing(token) == (LINK,)
    assert handler.counted("unsubscribes") == {"one_click stored": 1}


async def test_a_client_that_leaves_in_the_middle_of_its_body_changes_nothing(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    answer = await handler.raw(
        "POST", f"/u/{token}", body=b"List-Unsubscribe=One-Cl", is_cut_off=True
    )
    assert answer.status == 499
    assert not service.requests
    assert handler.counted("requests") == {"link POST 499": 1}


class _Broken:
    """A client with a fault."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def fail(**_: object) -> None:
            raise RuntimeError(SECRET)

        return fail


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_fault_is_told_without_detail(service: FakeUnsubscribeService, method: str) -> None:
    """To nobody but the log, and to it by its place alone."""
    token = service.add_link()
    async with running(service, wrap=_Broken) as handler:
        answer = await handler.request(
            method, f"/u/{token}", data=ONE_CLICK if method == "POST" else None
        )
    assert answer.status_code == 500
    assert int(answer.headers["Retry-After"]) > 0
    assert parse(answer.text).one("h1").text == "Not saved yet"
    for text in (SECRET, "RuntimeError", "Traceback", ".py"):
        assert text not in answer.text
    (event,) = handler.events
    assert event["event"] == "request_failed"
    assert event["frames"][-1] == "builtins.RuntimeError"
    assert SECRET not in handler.log
    assert token not in handler.log
    assert handler.counted("requests") == {f"link {method} 500": 1}


async def test_a_fault_of_the_pages_themselves_is_told_without_detail(
    service: FakeUnsubscribeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    token = service.add_link()
    async with running(service) as handler:
        monkeypatch.setattr("consent_registry_server.web.answers.view_of", fail)
        monkeypatch.setattr("consent_registry_server.web.link_page.view_of", fail)
        answer = await handler.get(f"/u/{token}")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["Cache-Control"] == "no-store"
    assert SECRET not in handler.log
