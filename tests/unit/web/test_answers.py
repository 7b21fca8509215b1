"""What every answer has: headers, counts, and no trace of a token anywhere but in its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from consent_registry_server.web.metrics import WebMetrics
from tests.fakes.unsubscribe_service import DESCRIBE, UNSUBSCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import ONE_CLICK, UNSUBSCRIBE_FORM, Handler, running

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
ALWAYS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Robots-Tag": "noindex, nofollow",
}
REQUESTS: Final = [
    ("GET", "/u/{token}", None, 200),
    ("HEAD", "/u/{token}", None, 200),
    ("OPTIONS", "/u/{token}", None, 204),
    ("PUT", "/u/{token}", None, 405),
    ("POST", "/u/{token}", ONE_CLICK, 200),
    ("POST", "/u/{token}", UNSUBSCRIBE_FORM, 200),
    ("POST", "/u/{token}", {"action": "undo", "undo": "QUJD"}, 400),
    ("POST", "/u/{token}", {"a": "b" * 70_000}, 413),
    ("GET", "/u/{token}a", None, 200),
    ("GET", "/u/-", None, 200),
    ("GET", "/nothing", None, 404),
    ("GET", "/healthz", None, 200),
    ("POST", "/healthz", None, 405),
    ("GET", "/readyz", None, 200),
]
ASSETS: Final = [
    ("/static/style.css", "text/css; charset=utf-8"),
    ("/static/brand/alarm-fr.css", "text/css; charset=utf-8"),
    ("/static/brand/nobody.css", "text/css; charset=utf-8"),
    ("/static/brand/alarm-fr/logo", "image/png"),
]


@pytest.mark.parametrize("method, path, form, status", REQUESTS)
async def test_every_answer_protects_the_page_and_is_kept_by_nobody(  # noqa: PLR0917 - a table
    handler: Handler,
    token: str,
    method: str,
    path: str,
    form: Mapping[str, str] | None,
    status: int,
) -> None:
    answer = await handler.request(method, path.format(token=token), data=form)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert not {"set-cookie", "location", "server", "etag"} & set(answer.headers)


@pytest.mark.parametrize("method, path, form, status", REQUESTS)
async def test_pages_tell_their_type_and_language(  # noqa: PLR0917 - a table
    handler: Handler,
    token: str,
    method: str,
    path: str,
    form: Mapping[str, str] | None,
    status: int,
) -> None:
    del status
    answer = await handler.request(method, path.format(token=token), data=form)
    if answer.text.startswith("<!doctype html>"):
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Language"] == "en"
        assert answer.headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize("path, media_type", ASSETS)
async def test_style_sheets_and_logos_may_be_kept(
    handler: Handler, path: str, media_type: str
) -> None:
    answer = await handler.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert answer.content


@pytest.mark.parametrize("path", ["/static/brand/nobody/logo", "/static/brand/default/logo"])
async def test_a_logo_that_is_not_there_is_not_found(handler: Handler, path: str) -> None:
    assert (await handler.get(path)).status_code == 404


async def test_the_assets_of_a_page_are_all_served(handler: Handler, token: str) -> None:
    page = await handler.get(f"/u/{token}")
    for path, _ in ASSETS:
        if "nobody" not in path:
            assert f'"{path}"' in page.text


async def test_requests_are_counted_by_route_method_and_status(
    handler: Handler, token: str
) -> None:
    for method, path in [
        ("GET", f"/u/{token}"),
        ("HEAD", f"/u/{token}"),
        ("PUT", f"/u/{token}"),
        ("GET", f"/{token}"),
        (token.upper(), f"/u/{token}"),
    ]:
        await handler.request(method, path)
    assert handler.counted("requests") == {
        "link GET 200": 1,
        "link HEAD 200": 1,
        "link PUT 405": 1,
        "link OTHER 405": 1,
        "none GET 404": 1,
    }


async def test_opt_outs_are_counted_by_method_and_outcome(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    await handler.post(f"/u/{token}", data=ONE_CLICK)
    await handler.post(f"/u/{token}", data=UNSUBSCRIBE_FORM)
    await handler.post(f"/u/{token}a", data=ONE_CLICK)
    service.refuse(UNSUBSCRIBE)
    await handler.post(f"/u/{token}", data=ONE_CLICK)
    assert handler.counted("unsubscribes") == {
        "one_click stored": 1,
        "page stored": 1,
        "one_click invalid_token": 1,
        "one_click unavailable": 1,
    }
    assert handler.counted("invalid_tokens") == {"invalid": 1}


def test_what_alerts_need_is_there_from_the_start() -> None:
    """An increase from nothing is not seen as one."""
    registry = CollectorRegistry()
    WebMetrics(registry)
    page = generate_latest(registry).decode()
    for line in (
        'requests_total{method="POST",route="link",status="503"}',
        'requests_total{method="GET",route="link",status="500"}',
        'unsubscribes_total{method="one_click",outcome="unavailable"}',
        'unsubscribes_total{method="page",outcome="invalid_token"}',
        'undos_total{outcome="expired"}',
        'invalid_tokens_total{reason="unknown"}',
        'limited_total{limit="client_rate"}',
        "requests_in_flight",
    ):
        assert f"consent_registry_web_{line} 0.0" in page


async def test_neither_log_nor_metrics_tell_a_token_or_an_address(
    service: FakeUnsubscribeService,
) -> None:
    token = service.add_link()
    async with running(service, link_requests_per_minute=4) as handler:
        browser = handler.browser("203.0.113.77")
        for _ in range(3):
            for method, path, form, _status in REQUESTS:
                await browser.request(method, path.format(token=token), data=form)
            service.refuse(UNSUBSCRIBE)
            service.refuse(DESCRIBE)
        assert {event["event"] for event in handler.events} == {
            "registry_unavailable",
            "undo_finished",
            "unsubscribe_finished",
        }
        metrics = generate_latest(handler.collectors).decode()
    for text in (handler.log, metrics):
        assert token not in text.lower()
        assert "203.0.113.77" not in text
        assert "QUJD" not in text
