"""The registry, as the pages see it: what it stored, or why it did not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any, Final, TypeVar

from structlog.typing import FilteringBoundLogger

from consent_registry.v1.unsubscribe_service_pb2 import (
    DescribeUnsubscribeResponse,
    UndoUnsubscribeResponse,
    UnsubscribeResponse,
)
from consent_registry_client import (
    AsyncClient,
    ConsentRegistryError,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
)
from consent_registry_server.request_ids import request_headers
from consent_registry_server.web.forms import Stop
from consent_registry_server.web.metrics import Outcome, UndoOutcome, WebMetrics

T = TypeVar("T")

_NO_LINK: Final = "readiness"
_READINESS_TIMEOUT_S: Final = 2.0
_READINESS_LASTS_S: Final = 1.0


class Refusal(StrEnum):
    """Why the registry did not do what it was asked."""

    INVALID_LINK = "invalid_token"
    UNKNOWN_LINK = "unknown_link"
    NOT_OFFERED = "not_offered"
    INVALID_UNDO = "invalid_undo"
    UNDO_EXPIRED = "undo_expired"
    UNAVAILABLE = "unavailable"
    """Everything else: nothing is known to be stored."""


_REFUSALS: Final = {
    (InvalidRequest, "INVALID_UNSUBSCRIBE_TOKEN"): Refusal.INVALID_LINK,
    (NotFound, "UNKNOWN_UNSUBSCRIBE_LINK"): Refusal.UNKNOWN_LINK,
    (InvalidRequest, "INVALID_FIELD"): Refusal.NOT_OFFERED,
    (InvalidRequest, "INVALID_UNDO_TOKEN"): Refusal.INVALID_UNDO,
    (PreconditionFailed, "UNDO_EXPIRED"): Refusal.UNDO_EXPIRED,
}
_OUTCOMES: Final = {
    Refusal.INVALID_LINK: Outcome.INVALID_LINK,
    Refusal.NOT_OFFERED: Outcome.REFUSED,
}
_UNDO_OUTCOMES: Final = {
    Refusal.INVALID_LINK: UndoOutcome.INVALID_LINK,
    Refusal.INVALID_UNDO: UndoOutcome.REFUSED,
    Refusal.UNDO_EXPIRED: UndoOutcome.EXPIRED,
}


class Registry:
    """Asks and tells the registry; a write that has begun ends, whoever waits for it or not."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        metrics: WebMetrics,
        logger: FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._logger = logger
        self._clock = clock
        self._writes: set[asyncio.Task[Any]] = set()
        self._readiness = asyncio.Lock()
        self._is_ready = False
        self._ready_until_s = 0.0

    async def describe(self, token: str) -> DescribeUnsubscribeResponse | Refusal:
        """What a link is for."""
        asking = self._client.describe_unsubscribe(token=token, metadata=request_headers())
        return await self._asked(asking, "describe")

    async def stop(self, token: str, wish: Stop, *, form_id: str) -> UnsubscribeResponse | Refusal:
        """Stores what somebody wants to stop; an answer only when the registry has stored it."""

        async def store() -> UnsubscribeResponse | Refusal:
            answer = await self._asked(
                self._client.unsubscribe(
                    token=token,
                    method=wish.method,
                    choices=wish.choices,
                    form_id=form_id,
                    metadata=request_headers(),
                ),
                "unsubscribe",
            )
            outcome = Outcome.STORED
            if isinstance(answer, Refusal):
                outcome = _OUTCOMES.get(answer, Outcome.UNAVAILABLE)
            self._metrics.unsubscribed(wish.method, outcome)
            self._logger.info("unsubscribe_finished", outcome=outcome)
            return answer

        return await self._finished(store())

    async def undo(self, token: str, undo_token: bytes) -> UndoUnsubscribeResponse | Refusal:
        """Takes an answer back."""

        async def lift() -> UndoUnsubscribeResponse | Refusal:
            answer = await self._asked(
                self._client.undo_unsubscribe(
                    token=token, undo_token=undo_token, metadata=request_headers()
                ),
                "undo",
            )
            outcome = UndoOutcome.UNDONE
            if isinstance(answer, Refusal):
                outcome = _UNDO_OUTCOMES.get(answer, UndoOutcome.UNAVAILABLE)
            self._metrics.undone(outcome)
            self._logger.info("undo_finished", outcome=outcome)
            return answer

        return await self._finished(lift())

    async def is_ready(self) -> bool:
        """Whether the registry answers and knows our key; asked once a second at most."""
        async with self._readiness:
            if self._clock() >= self._ready_until_s:
                self._is_ready = await self._answers()
                self._ready_until_s = self._clock() + _READINESS_LASTS_S
            return self._is_ready

    async def finish(self, *, timeout_s: float) -> None:
        """Waits for the writes under way."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=timeout_s)

    async def _answers(self) -> bool:
        try:
            await self._client.describe_unsubscribe(token=_NO_LINK, timeout_s=_READINESS_TIMEOUT_S)
        except ConsentRegistryError as error:
            return refusal_of(error) is Refusal.INVALID_LINK
        # Whoever describes what is no token is not our registry.
        return False

    async def _asked(self, call: Coroutine[Any, Any, T], what: str) -> T | Refusal:
        try:
            return await call
        except ConsentRegistryError as error:
            return self._understood(error, what)

    def _understood(self, error: ConsentRegistryError, what: str) -> Refusal:
        refusal = refusal_of(error)
        if refusal is Refusal.UNKNOWN_LINK:
            self._logger.error("unsubscribe_link_unknown", call=what)
        elif refusal is Refusal.UNAVAILABLE:
            self._logger.warning(
                "registry_unavailable", call=what, code=error.code.name, reason=error.reason
            )
        return refusal

    async def _finished(self, write: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await asyncio.shield(task)


def refusal_of(error: ConsentRegistryError) -> Refusal:
    """Why the registry refused; what has no place of its own is not stored."""
    return _REFUSALS.get((type(error), error.reason), Refusal.UNAVAILABLE)
