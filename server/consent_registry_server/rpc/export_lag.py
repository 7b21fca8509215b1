"""How far the exported log is behind, where Prometheus reads it: the recovery point."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.rpc.kept_reading import KeptReading
from consent_registry_server.service.ports import Deadline

KEPT_S: Final = 5.0
"""For how long what was read is shown again, however often it is scraped."""


class ExportLag(Collector):
    """Shows the age of the oldest entry that would be lost if the database were lost now.

    Without an export there is no age. When the database does not answer there is none either, for
    an old one would hide that, and `consent_registry_export_up` is 0.
    """

    def __init__(
        self,
        read: Callable[[Deadline], float | None],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` returns the age in seconds, 0 when nothing is missing, None without an export."""

        def read_one(deadline: Deadline) -> tuple[float | None]:
            # In a tuple, for None is what KeptReading knows when nobody told.
            return (read(deadline),)

        self._reading = KeptReading(read_one, kept_s=KEPT_S, monotonic_s=monotonic_s)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The lag now."""
        told = self._reading.known()
        up = GaugeMetricFamily(
            "consent_registry_export_up",
            "Whether the database told how far the log is exported.",
            value=told is not None,
        )
        lag = GaugeMetricFamily(
            "consent_registry_export_lag_seconds",
            "Age of the oldest entry that is not in the exported log; 0 when all are.",
        )
        for lag_s in told or ():
            if lag_s is not None:
                lag.add_metric([], lag_s)
        return [up, lag]
