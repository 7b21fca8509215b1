"""How often a client may ask, how often a link may be used, and how many requests there may be."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from consent_registry_server.web.limits import RateLimits, Use
from consent_registry_server.web.options import WebOptions
from tests.fakes.unsubscribe_service import DESCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import ONE_CLICK, running
from tests.unit.web.page_document import parse


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of the limits, for a test to turn."""
    turned = SimpleNamespace(now_s=time.time())
    standing = SimpleNamespace(time=lambda: turned.now_s)
    monkeypatch.setattr("limits.aio.storage.memory.time", standing)
    monkeypatch.setattr("consent_registry_server.web.limits.time", standing)
    return turned


async def test_a_client_that_asks_too_often_has_to_wait(
    service: FakeUnsubscribeService, clock: SimpleNamespace
) -> None:
    tokens = [service.add_link() for _ in range(4)]
    async with running(service, client_requests_per_minute=3) as handler:
        answers = [await handler.post(f"/u/{token}", data=ONE_CLICK) for token in tokens]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].headers["Retry-After"] == "60"
        assert parse(answers[-1].text).one("h1").text == "Please wait a moment"
        assert handler.counted("limited") == {"client_rate": 1}
        assert len(service.entries) == 3
        clock.now_s += 60
        assert (await handler.post(f"/u/{tokens[3]}", data=ONE_CLICK)).status_code == 200


@pytest.mark.parametrize(
    "addresses, are_one",
    [
        (["192.0.2.1", "192.0.2.2"], False),
        (["2001:db8::1", "2001:db8::ffff:1"], True),
        (["2001:db8::1", "2001:db8:0:1::1"], False),
        (["::ffff:192.0.2.1", "192.0.2.1"], True),
        (["testclient", "unix"], True),
    ],
    ids=str,
)
async def test_a_client_is_an_address_or_a_network_of_64_bits(
    service: FakeUnsubscribeService, addresses: list[str], are_one: bool
) -> None:
    async with running(service, client_requests_per_minute=1) as handler:
        answers = [await handler.browser(address).get("/u/a") for address in addresses]
    assert [answer.status_code for answer in answers] == [200, 429 if are_one else 200]


async def test_a_link_is_limited_whoever_uses_it(service: FakeUnsubscribeService) -> None:
    token, other = service.add_link(), service.add_link()
    async with running(service, link_requests_per_minute=2) as handler:
        answers = [
            await handler.browser(f"192.0.2.{number}").get(f"/u/{spelling}")
            for number, spelling in enumerate([token, token.upper(), token])
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert handler.counted("limited") == {"link_rate": 1}
        # What scanners read does not count against the person's click, nor against other links.
        assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 200
        assert (await handler.get(f"/u/{other}")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rates_of_zero_are_none(service: FakeUnsubscribeService, method: str) -> None:
    token = service.add_link()
    async with running(
        service, client_requests_per_minute=0, link_requests_per_minute=0
    ) as handler:
        for _ in range(150):
            answer = await handler.request(
                method, f"/u/{token}", data=ONE_CLICK if method == "POST" else None
            )
            assert answer.status_code == 200


async def test_probes_and_style_sheets_are_not_limited(service: FakeUnsubscribeService) -> None:
    async with running(service, client_requests_per_minute=1) as handler:
        for path in ("/healthz", "/readyz", "/static/style.css") * 3:
            assert (await handler.get(path)).status_code == 200


async def test_a_request_too_many_is_told_to_come_again(service: FakeUnsubscribeService) -> None:
    token = service.add_link()
    async with running(service, concurrent_requests=2) as handler:
        with service.held(DESCRIBE):
            first = [asyncio.create_task(handler.get(f"/u/{token}")) for _ in range(2)]
            await asyncio.to_thread(service.wait_for, DESCRIBE, calls=2)
            refused = await handler.post(f"/u/{token}", data=ONE_CLICK)
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0
            # Whoever probes does not take a busy handler for a dead one.
            assert (await handler.get("/healthz")).status_code == 200
        assert [(await each).status_code for each in first] == [200, 200]
        assert (await handler.post(f"/u/{token}", data=ONE_CLICK)).status_code == 200
        assert handler.counted("limited") == {"concurrency": 1}


async def test_links_that_are_counted_together_are_not_refused_together() -> None:
    """Many share a group when a campaign of a whole country is answered."""
    limits = RateLimits(WebOptions())
    for number in range(10_000):
        assert await limits.wait_for_link_s(f"made-up-{number}", Use.WRITE) == 0


async def test_refused_requests_ask_the_registry_nothing(service: FakeUnsubscribeService) -> None:
    token = service.add_link()
    async with running(service, client_requests_per_minute=1) as handler:
        await handler.get("/u/-")
        answers: list[Any] = [await handler.get(f"/u/{token}") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {429}
    assert not service.requests
