"""Waiting for SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[Callable[[], None]]:
    """Gives a function that waits for the first signal since now; for the main thread.

    The first signal only ends that wait; a second one has its usual effect, for the operator who
    will not wait for the calls to finish.
    """
    # A pipe, not a lock: a signal that comes just before the wait begins, or that another thread
    # takes, does not interrupt the wait for a lock, and would be lost.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def restore() -> None:
        signal.set_wakeup_fd(previous_wakeup)
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, _: FrameType | None) -> None:
        del number
        restore()

    def wait() -> None:
        os.read(reading, 1)

    previous_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield wait
    finally:
        restore()
        os.close(reading)
        os.close(writing)
