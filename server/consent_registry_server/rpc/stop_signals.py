"""Waiting for SIGTERM or SIGINT."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_signals() -> Iterator[Callable[[], None]]:
    """Gives a function that waits for the first signal since now; for the main thread.

    The first signal only ends that wait; a second one has its usual effect, for the operator who
    will not wait for the calls to finish.
    """
    # Not an Event: its lock may be held by the very thread that the signal interrupts.
    signals: SimpleQueue[int] = SimpleQueue()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, _: FrameType | None) -> None:
        restore()
        signals.put(number)

    def wait() -> None:
        signals.get()

    previous = {number: signal.signal(number, note) for number in STOP_SIGNALS}
    try:
        yield wait
    finally:
        restore()
