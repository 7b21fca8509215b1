"""Connections as they come: slow, cut off, kept, and through proxies."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

import pytest
from prometheus_client import CollectorRegistry

from consent_registry_client import AsyncClient
from consent_registry_server.logs import LogFormat, configure_logging
from consent_registry_server.web.app import make_app
from consent_registry_server.web.connections import PatientToAPoint
from consent_registry_server.web.metrics import WebMetrics
from consent_registry_server.web_cli import WebServer, load_web_settings, server_options
from tests.fakes.unsubscribe_service import LINK, UNSUBSCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import BRANDING

BODY: Final = "List-Unsubscribe=One-Click"
TIMEOUT_S: Final = 30.0


class Visitor:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, text: str) -> None:
        self.writer.write(text.encode())

    async def status(self) -> int:
        """The status of the next answer, which is read to its end."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)).decode()
        length = next(
            (line for line in head.lower().splitlines() if line.startswith("content-length:")), ":0"
        )
        await self.reader.readexactly(int(length.partition(":")[2]))
        return int(head.split()[1])

    async def is_closed(self) -> bool:
        """Whether the other side closes the connection, without another word."""
        return await asyncio.wait_for(self.reader.read(), TIMEOUT_S) == b""


class House:
    """A handler that listens on this machine."""

    def __init__(self, port: int, log: io.BytesIO) -> None:
        self._port = port
        self._log = log

    @property
    def log(self) -> str:
        return self._log.getvalue().decode()

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Visitor]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield Visitor(reader, writer)
        finally:
            writer.close()


@asynccontextmanager
async def listening(service: FakeUnsubscribeService, **settings: str) -> AsyncIterator[House]:
    """A handler with these settings; stops when its requests are answered."""
    chosen = load_web_settings(
        {f"CONSENT_REGISTRY_{name}": each for name, each in settings.items()}
    )
    log = io.BytesIO()
    async with AsyncClient(service.address) as client:
        app = make_app(
            client,
            branding=BRANDING,
            options=replace(chosen.options),
            metrics=WebMetrics(CollectorRegistry()),
            logger=configure_logging("debug", LogFormat.JSON, file=log),
        )
        server = WebServer(server_options(chosen, app))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield House(port, log)
            finally:
                server.should_exit = True
                await asyncio.wait_for(serving, TIMEOUT_S)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits a moment only."""
    monkeypatch.setattr(PatientToAPoint, "patience_s", 0.05)


def post(token: str, body: str = BODY, *, length: int | None = None, more: str = "") -> str:
    return (
        f"POST /u/{token} HTTP/1.1\r\nHost: a\r\n{more}"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n{body}"
    )


async def test_requests_follow_each_other_on_one_connection(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        for _ in range(3):
            visitor.send(post(token))
            assert await visitor.status() == 200
        # Two at once, in one piece.
        visitor.send(post(token) + post(token))
        assert [await visitor.status() for _ in range(2)] == [200, 200]
    assert len(service.entries) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("beginning", ["", "G", "GET /u/a HTTP/1.1\r\nHost: a\r\nX-A"], ids=len)
async def test_a_head_that_does_not_come_is_not_waited_for(
    service: FakeUnsubscribeService, beginning: str
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        visitor.send(beginning)
        assert await visitor.is_closed()


@pytest.mark.usefixtures("impatient")
async def test_the_second_head_on_a_connection_is_not_waited_for_either(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        visitor.send(post(token))
        assert await visitor.status() == 200
        visitor.send("POST /u/")
        assert await visitor.is_closed()


@pytest.mark.usefixtures("impatient")
async def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(
    service: FakeUnsubscribeService,
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        visitor.send(post("broken!", length=1_000))
        assert await visitor.status() == 200
        visitor.send("a")
        assert await visitor.is_closed()


@pytest.mark.usefixtures("impatient")
async def test_an_answer_may_take_longer_than_a_head(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        with service.held(UNSUBSCRIBE):
            visitor.send(post(token))
            await asyncio.to_thread(service.wait_for, UNSUBSCRIBE)
            asyncio.get_running_loop().call_later(0.2, service.release, UNSUBSCRIBE)
            assert await visitor.status() == 200


async def test_an_announced_body_that_is_too_large_is_refused_at_once(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        visitor.send(post(token, "", length=10_000_000, more="Expect: 100-continue\r\n"))
        assert await visitor.status() == 413
        assert await visitor.is_closed()


async def test_whoever_hangs_up_after_the_click_is_unsubscribed(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house:
        with service.held(UNSUBSCRIBE):
            async with house.visitor() as visitor:
                visitor.send(post(token))
                await asyncio.to_thread(service.wait_for, UNSUBSCRIBE)
    await asyncio.to_thread(service.wait_until_stored)
    assert service.standing(token) == (LINK,)


async def test_whoever_hangs_up_in_the_middle_of_the_body_is_not(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house:
        async with house.visitor() as visitor:
            visitor.send(post(token, length=100))
        async with house.visitor() as visitor:
            visitor.send(post(service.add_link()))
            assert await visitor.status() == 200
    assert service.standing(token) == ()


@pytest.mark.parametrize(
    "trusted, forwarded, statuses",
    [
        ("", ["192.0.2.1", "192.0.2.2"], [200, 429]),
        ("10.0.0.0/8", ["192.0.2.1", "192.0.2.2"], [200, 429]),
        ("127.0.0.1", ["192.0.2.1", "192.0.2.2"], [200, 200]),
        ("127.0.0.1", ["192.0.2.1", "192.0.2.1"], [200, 429]),
        ("127.0.0.1", ["192.0.2.1, 192.0.2.9", "192.0.2.2, 192.0.2.9"], [200, 429]),
        ("127.0.0.0/8,192.0.2.9", ["192.0.2.1, 192.0.2.9", "192.0.2.2, 192.0.2.9"], [200, 200]),
    ],
    ids=["nobody", "another", "two clients", "one client", "forged", "two proxies"],
)
async def test_only_trusted_proxies_tell_whose_request_it_is(
    service: FakeUnsubscribeService, trusted: str, forwarded: list[str], statuses: list[int]
) -> None:
    limits = {"TRUSTED_PROXIES": trusted, "WEB_CLIENT_REQUESTS_PER_MINUTE": "1"}
    async with listening(service, **limits) as house, house.visitor() as visitor:
        answered = []
        for addresses in forwarded:
            visitor.send(post("broken!", more=f"X-Forwarded-For: {addresses}\r\n"))
            answered.append(await visitor.status())
    assert answered == statuses


async def test_what_is_no_http_is_refused_and_tells_the_log_nothing(
    service: FakeUnsubscribeService, token: str
) -> None:
    async with listening(service) as house, house.visitor() as visitor:
        visitor.send(f"{token}\x00 \x16\x03\r\n\r\n")
        assert (await asyncio.wait_for(visitor.reader.read(), TIMEOUT_S)).startswith(
            b"HTTP/1.1 400"
        )
        assert token not in house.log
        assert "127.0.0.1" not in house.log
