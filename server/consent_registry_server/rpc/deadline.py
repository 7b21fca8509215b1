"""How long the caller of a call still waits."""

from __future__ import annotations

import time
from typing import Final, Protocol

_NEVER_S: Final = 1e9
"""More than anyone waits: gRPC gives some 292 billion years to a call without a deadline."""


class TimedContext(Protocol):
    """The part of `grpc.ServicerContext` that knows the caller's deadline."""

    def time_remaining(self) -> float | None:
        """Seconds left; None or an age when the caller set no deadline."""


class CallDeadline:
    """The deadline of one call: the caller's, or the server's default without one."""

    __slots__ = ("_default_s", "_ends_at")

    def __init__(self, context: TimedContext, default_s: float) -> None:
        remaining_s = context.time_remaining()
        is_set = remaining_s is not None and remaining_s <= _NEVER_S
        self._default_s = None if is_set else default_s
        # The monotonic clock: a step of the wall clock must not end calls.
        self._ends_at = time.monotonic() + (
            remaining_s if is_set and remaining_s is not None else default_s
        )

    def renew(self) -> None:
        """Starts the server's default anew, for the next part of a stream; the caller's stays."""
        if self._default_s is not None:
            self._ends_at = time.monotonic() + self._default_s

    def remaining_s(self) -> float:
        """Seconds left, negative when it has passed."""
        return self._ends_at - time.monotonic()
