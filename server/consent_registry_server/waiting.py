"""Waiting for what comes by itself: databases that start, a schema that another program makes."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import NotPrepared, Unavailable

INTERVAL_S: Final = 1.0
REMINDER_S: Final = 30.0

T = TypeVar("T")


class Stopped(Exception):
    """The wait ended before what was waited for came; the message tells what that is."""


def patiently(
    attempt: Callable[[], T],
    *,
    stop_within: Callable[[float], bool],
    logger: FilteringBoundLogger,
    clock: Callable[[], float] = monotonic,
) -> T:
    """Returns what the attempt returns, tried again while it is too early.

    Says what it waits for when that changes, and every half a minute. `stop_within` waits for so
    many seconds, and tells whether to give up.

    Raises:
        Stopped: `stop_within` said so.
        RegistryError: the attempt failed in a way that waiting does not mend.
    """
    told = ""
    told_at_s = 0.0
    while True:
        try:
            return attempt()
        except (NotPrepared, Unavailable) as error:
            reason = error.message
        if reason != told or clock() - told_at_s >= REMINDER_S:
            told, told_at_s = reason, clock()
            logger.warning("waiting", reason=reason)
        if stop_within(INTERVAL_S):
            raise Stopped(reason)
