"""How long ago the national registers were last asked, where Prometheus reads it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.service.ports import Clock, Deadline, ScrubAge

KEPT_S: Final = 60.0
"""For how long what was read is shown again: scrubs are weeks apart, scrapes seconds."""
READ_S: Final = 2.0
"""How long a scrape waits for the database."""

_MICROSECONDS: Final = 1_000_000


class ScrubAges(Collector):
    """Shows the age of the newest scrub of each controller and register.

    When the database does not answer there are no ages, for an old one would hide that, and
    `consent_registry_register_scrubs_up` is 0; everything else is scraped as always.
    """

    def __init__(
        self,
        read: Callable[[Deadline], Sequence[ScrubAge]],
        *,
        clock: Clock,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._monotonic_s = monotonic_s
        self._one_reader = threading.Lock()
        self._read_again_at_s = -float("inf")
        self._ages: Sequence[ScrubAge] | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The ages now."""
        ages = self._known()
        up = GaugeMetricFamily(
            "consent_registry_register_scrubs_up",
            "Whether the database told when registers were last asked.",
            value=ages is not None,
        )
        seconds = GaugeMetricFamily(
            "consent_registry_register_scrub_age_seconds",
            "Seconds since the start of the day of the newest scrub.",
            labels=["controller", "register"],
        )
        now_us = self._clock()
        for age in ages or ():
            age_s = (now_us - age.checked_at_us) / _MICROSECONDS
            seconds.add_metric([age.controller, age.register], age_s)
        return [up, seconds]

    def _known(self) -> Sequence[ScrubAge] | None:
        """What is known of the scrubs; None when the last time nobody would tell."""
        with self._one_reader:
            if self._monotonic_s() >= self._read_again_at_s:
                try:
                    self._ages = self._read(ScrapeDeadline(self._monotonic_s))
                except RegistryError:
                    self._ages = None
                # An outage is kept, too: scrapes must not queue up at a database in distress.
                self._read_again_at_s = self._monotonic_s() + KEPT_S
            return self._ages


class ScrapeDeadline:
    """The deadline of one read."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._ends_at_s = monotonic_s() + READ_S

    def remaining_s(self) -> float:
        """See `Deadline`."""
        return self._ends_at_s - self._monotonic_s()
