"""The web handler in the event loop of a test, in front of a registry that it reaches over gRPC."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple

import httpx
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message

from consent_registry_client import AsyncClient, RetryPolicy
from consent_registry_server.logs import LogFormat, configure_logging
from consent_registry_server.web.app import make_app
from consent_registry_server.web.branding import Brand, Branding, Logo
from consent_registry_server.web.metrics import WebMetrics
from consent_registry_server.web.options import WebOptions
from tests.fakes.unsubscribe_service import FakeUnsubscribeService

ONE_CLICK: Final = {"List-Unsubscribe": "One-Click"}
UNSUBSCRIBE_FORM: Final = {"action": "unsubscribe"}
BRANDING: Final = Branding(
    brands={"alarm-fr": Brand(name="Exemple Alarme", logo=Logo(b"\x89PNG", "image/png"))}
)

_PREFIX: Final = "consent_registry_web_"
_ORIGIN: Final = "http://unsubscribe.example.com"


class Raw(NamedTuple):
    """An answer as the application sends it."""

    status: int
    headers: dict[str, str]
    body: bytes


class Handler:
    """A handler that serves."""

    def __init__(self, app: ASGIApp, collectors: CollectorRegistry, log: io.BytesIO) -> None:
        self.app = app
        self.collectors = collectors
        self._log = log
        self._browser = self.browser("192.0.2.1")

    def browser(self, address: str) -> httpx.AsyncClient:
        """A client of its own, at an address; its reader's language is English."""
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        english = {"Accept-Language": "en"}
        return httpx.AsyncClient(transport=transport, base_url=_ORIGIN, headers=english)

    async def get(self, path: str, **details: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        return await self._browser.get(path, **details)

    async def post(self, path: str, **details: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        return await self._browser.post(path, **details)

    async def request(
        self,
        method: str,
        path: str,
        **details: Any,  # noqa: ANN401 - httpx's own
    ) -> httpx.Response:
        return await self._browser.request(method, path, **details)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        is_cut_off: bool = False,
    ) -> Raw:
        """The answer to a request that httpx would mend; the end of its body may never come."""
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [
                (name.lower().encode(), value.encode()) for name, value in (headers or {}).items()
            ],
            "client": ("192.0.2.1", 1),
        }
        messages: list[Message] = []
        events: list[Message] = [{"type": "http.request", "body": body, "more_body": is_cut_off}]

        async def receive() -> Message:
            return events.pop() if events else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        head, *parts = messages
        return Raw(
            head["status"],
            {name.decode(): value.decode() for name, value in head["headers"]},
            b"".join(part.get("body", b"") for part in parts),
        )

    @property
    def log(self) -> str:
        return self._log.getvalue().decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]

    def counted(self, name: str) -> dict[str, float]:
        """What one counter has counted, by its labels, but what is zero."""
        return {
            " ".join(sample.labels.values()): sample.value
            for family in self.collectors.collect()
            for sample in family.samples
            if sample.name == f"{_PREFIX}{name}_total" and sample.value
        }


@asynccontextmanager
async def running(
    service: FakeUnsubscribeService,
    *,
    branding: Branding = BRANDING,
    timeout_s: float = 10.0,
    wrap: Callable[[AsyncClient], Any] = lambda client: client,
    **options: Any,  # noqa: ANN401 - those of WebOptions
) -> AsyncIterator[Handler]:
    """A handler with these options."""
    log, collectors = io.BytesIO(), CollectorRegistry()
    retry = RetryPolicy(attempts=3, first_delay_s=0.001)
    async with AsyncClient(service.address, timeout_s=timeout_s, retry=retry) as client:
        app = make_app(
            wrap(client),
            branding=branding,
            options=replace(WebOptions(), **options),
            metrics=WebMetrics(collectors),
            logger=configure_logging("debug", LogFormat.JSON, file=log),
        )
        async with _lifespan(app):
            yield Handler(app, collectors, log)


@asynccontextmanager
async def _lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """Starts and stops an application, as its server does."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    serving = asyncio.ensure_future(app(scope, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        assert (await heard.get())["type"] == "lifespan.shutdown.complete"
        await serving
