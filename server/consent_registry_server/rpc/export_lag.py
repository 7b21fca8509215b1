"""How far the exported log is behind, where Prometheus reads it: the recovery point."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.rpc.scrub_ages import ScrapeDeadline
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
        self._read = read
        self._monotonic_s = monotonic_s
        self._one_reader = threading.Lock()
        self._read_again_at_s = -float("inf")
        self._is_up = False
        self._lag_s: float | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The lag now."""
        is_up, lag_s = self._known()
        up = GaugeMetricFamily(
            "consent_registry_export_up",
            "Whether the database told how far the log is exported.",
            value=is_up,
        )
        lag = GaugeMetricFamily(
            "consent_registry_export_lag_seconds",
            "Age of the oldest entry that is not in the exported log; 0 when all are.",
        )
        if lag_s is not None:
            lag.add_metric([], lag_s)
        return [up, lag]

    def _known(self) -> tuple[bool, float | None]:
        """Whether the database told, and what."""
        with self._one_reader:
            if self._monotonic_s() >= self._read_again_at_s:
                try:
                    self._lag_s = self._read(ScrapeDeadline(self._monotonic_s))
                    self._is_up = True
                except RegistryError:
                    self._lag_s, self._is_up = None, False
                # An outage is kept, too: scrapes must not queue up at a database in distress.
                self._read_again_at_s = self._monotonic_s() + KEPT_S
            return self._is_up, self._lag_s
