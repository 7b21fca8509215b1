"""What scrapes show of the database: read now and then, and never waited for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, TypeVar, TypeVarTuple

from consent_registry_server.domain.errors import RegistryError, Unavailable
from consent_registry_server.service.ports import Deadline

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

READ_S: Final = 2.0
"""How long a scrape waits for the database, for all that it reads there together."""


class ScrapeDeadline:
    """The deadline of one read."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._ends_at_s = monotonic_s() + READ_S

    def remaining_s(self) -> float:
        """See `Deadline`."""
        return self._ends_at_s - self._monotonic_s()


class KeptReading(Generic[T]):
    """What was read last, shown again for `kept_s` seconds however often it is scraped."""

    def __init__(
        self,
        read: Callable[[Deadline], T],
        *,
        kept_s: float,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._kept_s = kept_s
        self._monotonic_s = monotonic_s
        self._one_reader = threading.Lock()
        self._read_again_at_s = -float("inf")
        self._known: T | None = None

    def known(self) -> T | None:
        """What is known; None when the last time nobody would tell."""
        with self._one_reader:
            if self._monotonic_s() >= self._read_again_at_s:
                try:
                    self._known = self._read(ScrapeDeadline(self._monotonic_s))
                except RegistryError:
                    self._known = None
                # An outage is kept, too: scrapes must not queue up at a database in distress.
                self._read_again_at_s = self._monotonic_s() + self._kept_s
            return self._known


class ScrapeReader:
    """Reads in threads of its own, one read at a time, which scrapes leave behind when it is late.

    A database that hangs, or to which packets are lost, holds a connection beyond every deadline:
    read one after the other, its gauges would hold the scrape until Prometheus gives it up, and
    the whole server would look dead.
    """

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._patience_ends_at_s = -float("inf")

    def bounded(self, read: Callable[[*Ts, Deadline], T]) -> Callable[[*Ts, Deadline], T]:
        """The same read, but over within its deadline, the last argument.

        It raises Unavailable when that passes, or has passed for the read before, which is still
        waited for; otherwise what `read` raises.
        """

        def read_in_time(*arguments: *tuple[*Ts, Deadline]) -> T:
            return self._read(partial(read, *arguments), arguments[-1])

        return read_in_time

    def _read(self, read: Callable[[], T], deadline: Deadline) -> T:
        remaining_s = deadline.remaining_s()
        patience_s = READ_S if remaining_s is None else remaining_s
        if not self._free.acquire(timeout=max(0, self._patience_ends_at_s - time.monotonic())):
            raise _late()
        self._patience_ends_at_s = time.monotonic() + patience_s
        reading = _Reading(read, done=self._free.release)
        try:
            reading.start()
        except RuntimeError:
            # No thread is to be had now. The next scrape may have one.
            self._free.release()
            raise _late() from None
        reading.join(patience_s)
        return reading.outcome()


class _Reading(threading.Thread, Generic[T]):
    """One read; nobody waits for it when the program ends."""

    def __init__(self, read: Callable[[], T], *, done: Callable[[], None]) -> None:
        super().__init__(name="scrape-read", daemon=True)
        self._read = read
        self._done = done
        self._found: list[T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Reads."""
        try:
            self._found.append(self._read())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            self._done()

    def outcome(self) -> T:
        """What was read.

        Raises:
            Unavailable: it is not over yet; or whatever it raised.
        """
        if self._error is not None:
            raise self._error
        if not self._found:
            raise _late()
        return self._found[0]


def _late() -> Unavailable:
    return Unavailable("DATABASE_UNAVAILABLE", "the database did not answer a scrape in time")
