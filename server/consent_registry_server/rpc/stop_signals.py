"""Waiting for SIGTERM or SIGINT, and heeding SIGHUP meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Protocol

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_SIGNALS: Final = (*STOP_SIGNALS, signal.SIGHUP)


class Wait(Protocol):
    """Waits for the first stop signal since the context began."""

    def __call__(self, on_hangup: Callable[[], object] = lambda: None) -> None:
        """Calls `on_hangup` in this thread for each SIGHUP, those before the wait included."""


@contextmanager
def stop_signals() -> Iterator[Wait]:
    """Gives a function that waits for the first stop signal since now; for the main thread.

    The first stop signal only ends that wait; a second one has its usual effect, for the operator
    who will not wait for the calls to finish. SIGHUP ends nothing, however late it comes.
    """
    # A pipe, not a lock: a signal that comes just before the wait begins, or that another thread
    # takes, does not interrupt the wait for a lock, and would be lost.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def restore(*numbers: signal.Signals) -> None:
        signal.set_wakeup_fd(previous_wakeup)
        for number in numbers:
            handler = previous[number]
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, _: FrameType | None) -> None:
        if number in STOP_SIGNALS:
            restore(*STOP_SIGNALS)

    def wait(on_hangup: Callable[[], object] = lambda: None) -> None:
        # The octets are the numbers of the signals, in the order in which they came.
        while os.read(reading, 1)[0] not in STOP_SIGNALS:
            on_hangup()

    previous_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield wait
    finally:
        restore(*_SIGNALS)
        os.close(reading)
        os.close(writing)
