"""The mailbox's POST, point by point of RFC 8058."""

from __future__ import annotations

import asyncio

import pytest

from consent_registry.v1 import unsubscribe_service_pb2 as pb
from tests.fakes.unsubscribe_service import DESCRIBE, LINK, UNSUBSCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import ONE_CLICK, Handler, running
from tests.unit.web.page_document import parse

BOUNDARY = "----8058"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    f"One-Click\r\n--{BOUNDARY}--\r\n"
)


@pytest.mark.parametrize(
    "details",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {
            "content": MULTIPART,
            "headers": {"Content-Type": f'Multipart/Form-Data; boundary="{BOUNDARY}"'},
        },
        {
            "content": b"List-Unsubscribe=One-Click\r\n",
            "headers": {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        },
        {"content": b"List-Unsubscribe=One-Click"},
        {"data": {**ONE_CLICK, "utm_source": "mail"}},
        {"data": {"list-unsubscribe": "one-click"}},
    ],
    ids=[
        "urlencoded",
        "multipart",
        "quoted boundary",
        "charset and end of line",
        "no content type",
        "a field more",
        "lower case",
    ],
)
async def test_a_one_click_post_is_stored_and_answered_with_200(
    handler: Handler,
    service: FakeUnsubscribeService,
    token: str,
    details: dict[str, object],
) -> None:
    answer = await handler.post(f"/u/{token}", **details)
    assert answer.status_code == 200
    (entry,) = service.entries
    assert (entry.token, entry.choice, entry.method) == (
        token,
        LINK,
        pb.UNSUBSCRIBE_METHOD_ONE_CLICK,
    )
    (request,) = service.requests[UNSUBSCRIBE]
    assert (list(request.choices), request.form_id) == ([], "")
    assert request.request_id


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://mail.example.org"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Referer": "https://mail.example.org/inbox"},
        {"Cookie": "session=someone-else"},
        {"Authorization": "Bearer nobody"},
        {"User-Agent": ""},
        {"Accept": "application/json"},
        {"Host": "10.0.0.1"},
        {"X-CSRF-Token": "wrong"},
    ],
    ids=str,
)
async def test_the_link_alone_authorises(
    handler: Handler, service: FakeUnsubscribeService, token: str, headers: dict[str, str]
) -> None:
    """No origin, cookie or context is asked for, and none is looked at."""
    answer = await handler.post(f"/u/{token}", data=ONE_CLICK, headers=headers)
    assert answer.status_code == 200
    assert service.standing(token) == (LINK,)
    assert "set-cookie" not in answer.headers


async def test_repeated_posts_are_answered_alike_and_recorded_once(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """Each is a write of its own; nothing may differ, and nothing is offered to take it back."""
    answers = [await handler.post(f"/u/{token}", data=ONE_CLICK) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(service.entries) == 1
    assert len({request.request_id for request in service.requests[UNSUBSCRIBE]}) == 3
    assert len({answer.text for answer in answers}) == 1
    assert 'name="undo"' not in answers[0].text


async def test_posts_at_once_are_recorded_once(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    answers = await asyncio.gather(
        *(handler.post(f"/u/{token}", data=ONE_CLICK) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len(service.entries) == 1


async def test_the_token_may_come_in_any_case(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """Some mail programs fold it."""
    assert (await handler.post(f"/u/{token.upper()}", data=ONE_CLICK)).status_code == 200
    assert service.standing(token) == (LINK,)


async def test_query_parameters_change_nothing(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """Link trackers append theirs."""
    answer = await handler.post(f"/u/{token}?utm_source=x&lang=fi", data=ONE_CLICK)
    assert answer.status_code == 200
    assert service.standing(token) == (LINK,)


async def test_the_person_s_choices_are_not_told_in_the_query(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """A link that a scanner fetches by POST without its body unsubscribes nobody."""
    answer = await handler.post(f"/u/{token}?List-Unsubscribe=One-Click&action=unsubscribe")
    assert answer.status_code == 400
    assert not service.requests[UNSUBSCRIBE]


async def test_there_is_no_redirect(handler: Handler, token: str) -> None:
    for path in (
        f"/u/{token}",
        f"/u/{token}/",
        f"//u/{token}",
        "/u",
        "/u/",
        f"/U/{token}",
        "/readyz/",
        "/static/style.css/",
    ):
        for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
            answer = await handler.request(method, path)
            assert not answer.has_redirect_location
            assert answer.status_code not in range(300, 400)


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_lost_answer_is_asked_for_again_under_the_same_request_id(
    handler: Handler, service: FakeUnsubscribeService, token: str, lost: int
) -> None:
    service.lose_answers(UNSUBSCRIBE, times=lost)
    assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 200
    assert len(service.entries) == 1
    assert len(service.requests[UNSUBSCRIBE]) == lost + 1
    assert len({request.request_id for request in service.requests[UNSUBSCRIBE]}) == 1


async def test_what_is_stored_is_acknowledged_although_the_link_is_not_described(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """The description is for the words of the page."""
    service.refuse(DESCRIBE)
    answer = await handler.post(f"/u/{token}", data=ONE_CLICK)
    assert answer.status_code == 200
    assert service.standing(token) == (LINK,)
    assert parse(answer.text).one("h1").text == "Your choice is saved"


async def test_what_is_stored_is_acknowledged_although_its_description_hangs(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    with service.held(DESCRIBE):
        answer = await handler.post(f"/u/{token}", data=ONE_CLICK)
        assert answer.status_code == 200
    assert service.standing(token) == (LINK,)


async def test_many_links_from_one_address_are_all_taken(service: FakeUnsubscribeService) -> None:
    """A mailbox provider presses the links of a whole campaign, 20 a second and more."""
    tokens = [service.add_link() for _ in range(150)]
    async with running(service) as handler:
        for token in tokens:
            assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 200
    assert len(service.entries) == len(tokens)
