"""What the synchronous and the asyncio client share about making a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import grpc

from consent_registry_client._arguments import Metadata
from consent_registry_client._audience import DEFAULT_CHUNK_MEMBERS
from consent_registry_client._channel import Endpoint
from consent_registry_client._deadlines import STREAM_IDLE_TIMEOUT_S, positive
from consent_registry_client._errors import Unavailable, UnusableAnswer
from consent_registry_client._retry import (
    READ_RETRIES,
    WRITE_RETRIES,
    Attempts,
    Effects,
    RetryPolicy,
)


class Write(Protocol):
    """A request that carries a request id."""

    request_id: str


class PageRequest(Protocol):
    """A request for one page of a list."""

    page_token: str


class Page(Protocol):
    """One page of a list."""

    next_page_token: str


def turn(request: PageRequest, page: Page) -> bool:
    """Makes the request ask for the page after this one; returns whether there is one."""
    if page.next_page_token and page.next_page_token == request.page_token:
        raise UnusableAnswer("the registry's list does not advance")
    request.page_token = page.next_page_token
    return page.next_page_token != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """The bounds of one audience stream."""

    chunk_members: int = DEFAULT_CHUNK_MEMBERS
    timeout_s: float | None = None
    """For the whole stream. None: without limit, for an audience may have any size."""
    idle_timeout_s: float = STREAM_IDLE_TIMEOUT_S
    """For the next answer, so that a stream in which nothing happens fails."""

    def __post_init__(self) -> None:
        if self.timeout_s is not None:
            positive(self.timeout_s)
        positive(self.idle_timeout_s)


@dataclass(slots=True, kw_only=True)
class CallSettings:
    """How the calls of one client are made."""

    endpoint: Endpoint
    timeout_s: float | None
    """Replaces the defaults of all calls but streams."""
    retry: RetryPolicy
    effects: Effects
    is_closed: bool = field(default=False, init=False)

    def reading(self, timeout_s: float | None, default_s: float) -> Attempts:
        """Returns the attempts of a call that changes nothing."""
        return self._attempts(READ_RETRIES, timeout_s, default_s)

    def writing(self, request: Write, timeout_s: float | None, *, default_s: float) -> Attempts:
        """Returns the attempts of a write, all under the request id it has or is given here."""
        request.request_id = request.request_id or self.effects.new_id()
        return self._attempts(WRITE_RETRIES, timeout_s, default_s)

    def headers(
        self, metadata: Metadata, *, request_id: str = ""
    ) -> tuple[tuple[str, str | bytes], ...]:
        """Returns the metadata of one attempt at a call, the API key included.

        Raises:
            Unavailable: the client is closed; with the `request_id` of a write, which an attempt
                before this one may have stored.
        """
        if self.is_closed:
            raise Unavailable(
                "the client is closed",
                code=grpc.StatusCode.UNAVAILABLE,
                reason="CLIENT_CLOSED",
                request_id=request_id,
            )
        return (*self.endpoint.metadata, *metadata)

    def _attempts(
        self, retried: frozenset[grpc.StatusCode], timeout_s: float | None, default_s: float
    ) -> Attempts:
        chosen_s = next(s for s in (timeout_s, self.timeout_s, default_s) if s is not None)
        return Attempts(retried, positive(chosen_s), policy=self.retry, effects=self.effects)
