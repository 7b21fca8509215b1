"""How many rights requests wait for an answer, where Prometheus reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.rpc.kept_reading import KeptReading
from consent_registry_server.service.ports import Deadline
from consent_registry_server.service.subject_ports import RightsRequestCount

KEPT_S: Final = 60.0
"""For how long what was read is shown again: requests are due by days, scrapes are seconds."""


class RightsRequestCounts(Collector):
    """Shows how many rights requests of each controller are open, and how many of them overdue.

    Every controller is there, with 0 where nobody waits: alert on the overdue ones. When the
    database does not answer there are no numbers, for an old one would hide that, and
    `consent_registry_rights_requests_up` is 0.
    """

    def __init__(
        self,
        read: Callable[[Deadline], Sequence[RightsRequestCount]],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reading = KeptReading(read, kept_s=KEPT_S, monotonic_s=monotonic_s)

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The numbers now."""
        counts = self._reading.known()
        up = GaugeMetricFamily(
            "consent_registry_rights_requests_up",
            "Whether the database told how many rights requests are open.",
            value=counts is not None,
        )
        waiting = GaugeMetricFamily(
            "consent_registry_rights_requests_open",
            "Rights requests that are not closed.",
            labels=["controller"],
        )
        overdue = GaugeMetricFamily(
            "consent_registry_rights_requests_overdue",
            "Rights requests that are open on a day after the one they were due.",
            labels=["controller"],
        )
        for count in counts or ():
            waiting.add_metric([count.controller], count.open)
            overdue.add_metric([count.controller], count.overdue)
        return [up, waiting, overdue]
