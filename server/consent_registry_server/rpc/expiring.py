"""How many identities end soon, where Prometheus reads it: the work of the next expiry jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.rpc.kept_reading import KeptReading
from consent_registry_server.service.ports import Clock, Deadline

KEPT_S: Final = 300.0
"""For how long what was read is shown again: it changes with the days."""
WITHIN_DAYS: Final = (7, 30)
"""The windows that are counted: each of the days after today, today included."""


class ExpiringIdentities(Collector):
    """Shows how many identities have their last day within a week and within a month.

    When the database does not answer they are missing.
    """

    def __init__(
        self,
        read: Callable[[date, date, Deadline], int],
        *,
        clock: Clock,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` counts those whose last day is in a half-open interval of days."""
        self._read = read
        self._clock = clock
        self._reading = KeptReading(self._numbers, kept_s=KEPT_S, monotonic_s=monotonic_s)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The numbers now."""
        family = GaugeMetricFamily(
            "consent_registry_identities_expiring",
            "Identities with their last day within so many days; 100000 for that many or more.",
            labels=["within_days"],
        )
        for days, number in zip(WITHIN_DAYS, self._reading.known() or (), strict=False):
            family.add_metric([str(days)], number)
        return [family]

    def _numbers(self, deadline: Deadline) -> list[int]:
        today = from_us(self._clock()).date()
        return [self._read(today, today + timedelta(days), deadline) for days in WITHIN_DAYS]
