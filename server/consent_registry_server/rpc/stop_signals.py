"""Waiting for SIGTERM or SIGINT, and heeding SIGHUP meanwhile."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_SIGNALS: Final = (*STOP_SIGNALS, signal.SIGHUP)


class StopSignals:
    """The stop signals since the context began; for the main thread."""

    def __init__(self, reading: int) -> None:
        self._reading = reading
        self._stopped = False
        self._hangups = 0

    def wait(self, on_hangup: Callable[[], object] = lambda: None) -> None:
        """Returns after the first of them.

        Calls `on_hangup` in this thread for each SIGHUP, those before the wait included.
        """
        while not self._stopped:
            for _ in range(self._hangups):
                on_hangup()
            self._hangups = 0
            self._read()

    def come_within(self, seconds: float) -> bool:
        """Whether there was one already, or one comes before the seconds are over."""
        deadline = time.monotonic() + seconds
        while not self._stopped:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._reading], [], [], left)[0]:
                return False
            self._read()
        return True

    def _read(self) -> None:
        # The octets are the numbers of the signals, in the order in which they came.
        if os.read(self._reading, 1)[0] in STOP_SIGNALS:
            self._stopped = True
        else:
            self._hangups += 1


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Gives the stop signals since now; for the main thread.

    The first stop signal only ends the waits; a second one has its usual effect, for the operator
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

    previous_wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield StopSignals(reading)
    finally:
        restore(*_SIGNALS)
        os.close(reading)
        os.close(writing)
