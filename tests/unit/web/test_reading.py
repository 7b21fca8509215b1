"""Looking at a link: mail scanners fetch it, and nothing changes."""

from __future__ import annotations

import re

import pytest

from tests.fakes.unsubscribe_service import (
    DESCRIBE,
    LINK,
    UNDO,
    UNSUBSCRIBE,
    FakeUnsubscribeService,
)
from tests.unit.web.handler import ONE_CLICK, UNSUBSCRIBE_FORM, Handler
from tests.unit.web.page_document import Form, forms, parse

BODY = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OVERRIDE = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST", "X-Method-Override": "POST"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "details",
    [
        {},
        {"content": BODY, "headers": FORM},
        {"headers": OVERRIDE},
        {"content": BODY, "headers": FORM | OVERRIDE},
        {"headers": {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"}},
        {"headers": {"Access-Control-Request-Method": "POST", "Origin": "https://example.org"}},
        {"params": {"List-Unsubscribe": "One-Click", "action": "unsubscribe", "_method": "POST"}},
    ],
    ids=["plain", "body", "override", "body and override", "prefetch", "preflight", "query"],
)
async def test_safe_methods_never_write(
    handler: Handler,
    service: FakeUnsubscribeService,
    token: str,
    method: str,
    details: dict[str, object],
) -> None:
    answer = await handler.request(method, f"/u/{token}", **details)
    assert answer.status_code in {200, 204}
    assert "access-control-allow-origin" not in answer.headers
    assert not service.requests[UNSUBSCRIBE]
    assert not service.requests[UNDO]


async def test_fifty_scanners_unsubscribe_nobody_and_leave_the_click_to_the_person(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    for number in range(50):
        await handler.request(("GET", "HEAD", "OPTIONS")[number % 3], f"/u/{token}")
    assert not service.entries
    assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 200
    assert service.standing(token) == (LINK,)


async def test_the_page_tells_who_wrote_and_offers_one_button(handler: Handler, token: str) -> None:
    answer = await handler.get(f"/u/{token}?lang=en")
    assert answer.status_code == 200
    page = parse(answer.text)
    assert "Exemple Alarme France SAS" in page.text
    assert forms(page) == [Form(f"/u/{token}?lang=en", "post", tuple(UNSUBSCRIBE_FORM.items()))]


async def test_head_has_the_headers_of_get(handler: Handler, token: str) -> None:
    get, head = [await handler.request(each, f"/u/{token}") for each in ("GET", "HEAD")]
    assert (head.status_code, head.headers) == (get.status_code, get.headers)


async def test_options_tells_the_methods_and_asks_the_registry_nothing(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    for path in (f"/u/{token}", "/u/broken!"):
        answer = await handler.request("OPTIONS", path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert not service.requests


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "post"])
async def test_other_methods_are_refused(
    handler: Handler, service: FakeUnsubscribeService, token: str, method: str
) -> None:
    # httpx would send any of them in capitals.
    answer = await handler.raw(method, f"/u/{token}", body=BODY, headers=FORM)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert not service.requests


@pytest.mark.parametrize(
    "path", ["/", "/u", "/index.php", "/static/", "/static/app.js", "/favicon.png", "/metrics"]
)
async def test_whatever_else_is_asked_for_is_not_there(handler: Handler, path: str) -> None:
    answer = await handler.get(path)
    assert answer.status_code == 404
    assert parse(answer.text).one("h1").text == "There is nothing here"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "broken",
    [
        "",
        "a",
        "a" * 60,
        "a" * 401,
        "a" * 20_000,
        "ab1",
        "ab-cd",
        "ab%2Fcd",
        "ab/cd",
        "..%2F..%2Fetc%2Fpasswd",
        "ab%0Acd",
        "{token}%0A",
        "%00",
        "%FF%FE",
        "%C3%A9",
        "a%20b",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "{token}",
        "{token}a",
        "{token}.",
        "{token}/",
        "a{token}",
    ],
)
async def test_a_broken_link_gets_one_neutral_page(
    handler: Handler, service: FakeUnsubscribeService, token: str, method: str, broken: str
) -> None:
    """Whatever is wrong with it, and whatever its POST says, but for the path it repeats."""
    if broken == "{token}":
        broken = token[:-1] + ("a" if token[-1] != "a" else "b")
    path = f"/u/{broken.replace('{token}', token)}"
    answer = await handler.request(method, path, data=ONE_CLICK if method == "POST" else None)
    assert answer.status_code == 200
    assert not service.entries
    assert parse(answer.text).one("h1").text == "This link does not work"
    neutral = await handler.get("/u/a")
    assert _without_paths(answer.text) == _without_paths(neutral.text)


@pytest.mark.parametrize("broken", ["", "a" * 401, "ab1", "ab/cd", "%00"])
async def test_what_cannot_be_a_token_is_not_sent_to_the_registry(
    handler: Handler, service: FakeUnsubscribeService, broken: str
) -> None:
    await handler.get(f"/u/{broken}")
    await handler.post(f"/u/{broken}", data=ONE_CLICK)
    assert not service.requests
    assert handler.counted("invalid_tokens") == {"malformed": 2}


LOST = {"GET": (200, "This link does not work"), "POST": (503, "Not saved yet")}


@pytest.mark.parametrize("method", LOST)
async def test_a_link_that_the_registry_lost_may_come_back(
    handler: Handler, service: FakeUnsubscribeService, token: str, method: str
) -> None:
    """So a mailbox is to press again; it is counted apart, for so many tell of a lost database."""
    service.lose_link(token)
    answer = await handler.request(
        method, f"/u/{token}", data=ONE_CLICK if method == "POST" else None
    )
    assert (answer.status_code, parse(answer.text).one("h1").text) == LOST[method]
    assert ("retry-after" in answer.headers) is (method == "POST")
    assert handler.counted("invalid_tokens") == {"unknown": 1}


async def test_the_page_is_the_same_before_and_after_somebody_unsubscribed(
    handler: Handler, token: str
) -> None:
    before = await handler.get(f"/u/{token}")
    await handler.post(f"/u/{token}", data=ONE_CLICK)
    after = await handler.get(f"/u/{token}")
    assert (after.status_code, after.headers, after.text) == (
        before.status_code,
        before.headers,
        before.text,
    )


@pytest.mark.parametrize(
    "query, accepted, country, language",
    [
        ("?lang=sv", "fi", "FR", "sv"),
        ("", "fi;q=0.3, it", "FR", "it"),
        ("", "", "NO", "nb"),
        ("", "ja", "PT", "pt"),
        ("?lang=xx", "nn", "FR", "nb"),
        ("", "", "", "en"),
    ],
)
async def test_the_language_is_the_one_asked_for(  # noqa: PLR0917 - a table
    handler: Handler,
    service: FakeUnsubscribeService,
    query: str,
    accepted: str,
    country: str,
    language: str,
) -> None:
    path = f"/u/{service.add_link(country=country)}{query}"
    answer = await handler.get(path, headers={"Accept-Language": accepted})
    assert answer.headers["Content-Language"] == language
    assert answer.headers["Vary"] == "Accept-Language"
    assert parse(answer.text).attributes["lang"] == language


async def test_a_page_needs_one_description(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    await handler.get(f"/u/{token}")
    assert {method: len(calls) for method, calls in service.requests.items()} == {DESCRIBE: 1}


def _without_paths(page: str) -> str:
    return re.sub(r'(href|action)="/+u/[^"?]*', r'\1="', page)
