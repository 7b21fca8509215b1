"""How many identities should have ended and have not, where Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.retention import Overdue
from consent_registry_server.rpc.kept_reading import KeptReading
from consent_registry_server.service.ports import Clock, Deadline

KEPT_S: Final = 60.0
"""For how long what was read is shown again: identities expire by days, scrapes are seconds."""


class OverdueIdentities(Collector):
    """Shows how many identities are past their last day, and for how many days the oldest is.

    Those of yesterday are overdue from midnight, UTC, until the day's expiry job has run: alert on
    the days. When the database does not answer both gauges are missing.
    """

    def __init__(
        self,
        read: Callable[[date, Deadline], Overdue],
        *,
        clock: Clock,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._reading = KeptReading(
            lambda deadline: read(self._today(), deadline), kept_s=KEPT_S, monotonic_s=monotonic_s
        )

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """What is overdue now."""
        overdue = self._reading.known()
        number = GaugeMetricFamily(
            "consent_registry_identities_overdue",
            "Identities past the last day they are kept; 100000 for that many or more.",
        )
        days = GaugeMetricFamily(
            "consent_registry_identities_overdue_days",
            "Days since the last day of the oldest of them; 0 without any.",
        )
        if overdue is not None:
            number.add_metric([], overdue.number)
            oldest = overdue.oldest
            days.add_metric([], 0 if oldest is None else (self._today() - oldest).days)
        return [number, days]

    def _today(self) -> date:
        return from_us(self._clock()).date()
