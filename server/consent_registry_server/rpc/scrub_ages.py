"""How long ago the national registers were last asked, where Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.rpc.kept_reading import KeptReading
from consent_registry_server.service.ports import Clock, Deadline, ScrubAge

KEPT_S: Final = 60.0
"""For how long what was read is shown again: scrubs are weeks apart, scrapes seconds."""

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
        self._reading = KeptReading(read, kept_s=KEPT_S, monotonic_s=monotonic_s)
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The ages now."""
        ages = self._reading.known()
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
