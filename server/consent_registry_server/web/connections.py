"""Connections that do not wait for ever: uvicorn bounds the pause between requests, and no more."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientToAPoint(H11Protocol):
    """Closes a connection on which a request's head, or the rest of a refused body, trickles in.

    While a request is being answered the application watches over it.
    """

    patience_s: ClassVar[float] = 10.0

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begins to wait for the first head."""
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        """Waits for the rest, unless it was the last that a request needed to begin."""
        super().data_received(data)
        answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr] # None until the first request
        if not answered:
            self._end()
        elif self._timer is None:
            self._begin()

    def on_response_complete(self) -> None:
        """Leaves the pause until the next request to uvicorn."""
        self._end()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._timer = self.loop.call_later(self.patience_s, self.timeout_keep_alive_handler)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
