"""What holds for every request: its headers and counts, a bound, and errors without detail."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from consent_registry_server.request_ids import new_request
from consent_registry_server.web.headers import ALWAYS, NO_STORE
from consent_registry_server.web.metrics import ABORTED, Limit, WebMetrics

UNCOUNTED: Final = frozenset({"/healthz", "/readyz"})
"""Whoever probes is answered, however many others there are."""

_NO_ROUTE: Final = "none"

Answer = Callable[[Request], Response]


class Edge:
    """The outermost part of the application; `busy` makes the answer to a request too many."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        concurrent_requests: int,
        metrics: WebMetrics,
        logger: FilteringBoundLogger,
        busy: Answer,
    ) -> None:
        self._app = app
        self._most = concurrent_requests
        self._metrics = metrics
        self._logger = logger
        self._busy = busy
        self._counted = 0
        metrics.watch_requests(lambda: self._counted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request; other events go on as they are."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_counted = scope["path"] not in UNCOUNTED
        self._counted += is_counted
        exchange = _Exchange(send)
        started_s = time.monotonic()
        try:
            with new_request():
                await self._answer(scope, receive, exchange)
        finally:
            self._counted -= is_counted
            self._metrics.answered(
                getattr(scope.get("route"), "name", _NO_ROUTE),
                scope["method"],
                status=exchange.status,
                duration_s=time.monotonic() - started_s,
            )

    async def _answer(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        if self._counted > self._most and scope["path"] not in UNCOUNTED:
            self._metrics.limited(Limit.CONCURRENCY)
            await self._busy(Request(scope))(scope, receive, exchange.send)
            return
        try:
            await self._app(scope, receive, exchange.send)
        except Exception:
            self._logger.exception("request_failed")
            if not exchange.has_begun:
                # The page that tells it is what failed.
                broken = PlainTextResponse(
                    "Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR
                )
                await broken(scope, receive, exchange.send)


class _Exchange:
    """The answer to one request on its way."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = ABORTED
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Sends a part of the answer, its head with the headers of every answer."""
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.setdefault("Cache-Control", NO_STORE)
            headers.update(ALWAYS)
        await self._send(message)
