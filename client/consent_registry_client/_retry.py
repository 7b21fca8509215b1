"""When a failed call is tried again: where safe, a bounded number of times, in its deadline."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

# A server that stops drops the calls that reach it before its client has read that it does, and
# gRPC ends them with CANCELLED. Nobody here cancels a call but by closing the client.
READ_RETRIES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
# A write whose answer was lost may be repeated, for it carries its request id.
WRITE_RETRIES = READ_RETRIES | {grpc.StatusCode.DEADLINE_EXCEEDED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a call is tried, and how long it waits in between.

    Waits are drawn between nothing and a limit that doubles from `first_delay_s` up to
    `longest_delay_s`, so that many clients do not return in step.
    """

    attempts: int = 4
    first_delay_s: float = 0.05
    longest_delay_s: float = 1.0


def _new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Time, chance and identifiers, passed in so that a test decides them."""

    clock: Callable[[], float] = time.monotonic
    """Seconds since some instant, for deadlines."""
    now: Callable[[], float] = time.time
    """Unix time, to tell whether a reservation has expired."""
    sleep: Callable[[float], None] = time.sleep
    sleep_async: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
    new_id: Callable[[], str] = _new_id


DEFAULT_RETRY = RetryPolicy()
DEFAULT_EFFECTS = Effects()


class Attempts:
    """The attempts of one call."""

    def __init__(
        self,
        retried: frozenset[grpc.StatusCode],
        timeout_s: float,
        *,
        policy: RetryPolicy,
        effects: Effects,
    ) -> None:
        self._retried = retried
        self._policy = policy
        self._effects = effects
        self._deadline = effects.clock() + timeout_s
        self._left = policy.attempts

    def start(self) -> float:
        """Begins an attempt; returns how many seconds it may take, more than none.

        An attempt whose deadline is itself a reason to try again gets an equal share of the time
        that is left, for otherwise none would be.
        """
        left_s = max(self._deadline - self._effects.clock(), 0.001)
        shares = self._left if grpc.StatusCode.DEADLINE_EXCEEDED in self._retried else 1
        self._left -= 1
        return left_s / max(shares, 1)

    def delay_after(self, code: grpc.StatusCode) -> float | None:
        """Returns the seconds to wait before the next attempt; None: there is none."""
        if code not in self._retried or self._left <= 0:
            return None
        doublings = self._policy.attempts - self._left - 1
        limit_s = min(self._policy.longest_delay_s, self._policy.first_delay_s * 2.0**doublings)
        delay_s = limit_s * self._effects.random()
        if self._effects.clock() + delay_s >= self._deadline:
            return None
        return delay_s
