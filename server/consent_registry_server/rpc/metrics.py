"""What the server counts, and where Prometheus reads it.

Labels are bounded: methods, status codes and words of the contract; never a name that a caller
chose, and never contact data.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    Reason,
    UnsubscribeMethod,
    Verdict,
)
from consent_registry_server.service.ports import Reload

_PREFIX: Final = "consent_registry"
_LATENCY_BUCKETS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
RECORDING: Final = "CALL_RECORDING"
"""The `channel` of decisions on call recording, which have none."""


class PoolStatus(Protocol):
    """The database connections of this process: in use, kept open, and open beyond those."""

    @property
    def checked_out(self) -> int:
        """In use."""

    @property
    def size(self) -> int:
        """Kept open."""

    @property
    def overflow(self) -> int:
        """Open beyond those."""


class _Rpc(NamedTuple):
    calls: Counter
    seconds: Histogram


class Metrics:
    """The collectors of one server, in a registry of its own.

    Children are kept by their labels: finding one through `labels()` costs more than counting.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._calls = Counter(
            "rpcs", "Calls that ended.", ["method", "code"], namespace=_PREFIX, registry=registry
        )
        self._seconds = Histogram(
            "rpc_duration_seconds",
            "Seconds from a call's arrival to its end, the wait for a thread included.",
            ["method", "code"],
            namespace=_PREFIX,
            registry=registry,
            buckets=_LATENCY_BUCKETS_S,
        )
        self._decisions = Counter(
            "decisions",
            "Decisions, those on members of audiences included.",
            ["channel", "verdict", "reason"],
            namespace=_PREFIX,
            registry=registry,
        )
        self._audience_members = Counter(
            "audience_members",
            "Members of audiences that were answered.",
            namespace=_PREFIX,
            registry=registry,
        )
        self._attempt_outcomes = Counter(
            "attempt_outcomes",
            "Reports on contact attempts.",
            ["outcome"],
            namespace=_PREFIX,
            registry=registry,
        )
        unsubscribes = Counter(
            "unsubscribes",
            "Answers to what people said through unsubscribe links, repetitions included.",
            ["method"],
            namespace=_PREFIX,
            registry=registry,
        )
        reloads = Counter(
            "policy_reloads",
            "Attempts to put changed policy files in force; faulty ones are tried again and again.",
            ["outcome"],
            namespace=_PREFIX,
            registry=registry,
        )
        # All are there from the start: the first refusal is to be seen as an increase.
        self._reloads = {outcome: reloads.labels(outcome) for outcome in Reload}
        self._unsubscribes = {
            method: unsubscribes.labels(method.name) for method in UnsubscribeMethod
        }
        self._rpc_children: dict[tuple[str, str], _Rpc] = {}
        self._decision_children: dict[tuple[Channel | None, Verdict, Reason], Counter] = {}

    def rpc_ended(self, method: str, code: str, duration_s: float) -> None:
        """Counts a call; `method` is the name of a `Method`."""
        rpc = self._rpc_children.get((method, code))
        if rpc is None:
            rpc = _Rpc(self._calls.labels(method, code), self._seconds.labels(method, code))
            self._rpc_children[method, code] = rpc
        rpc.calls.inc()
        rpc.seconds.observe(duration_s)

    def decided(
        self, channel: Channel | None, verdict: Verdict, *, reason: Reason, times: int = 1
    ) -> None:
        """Counts decisions; without a channel they are about call recording."""
        key = (channel, verdict, reason)
        child = self._decision_children.get(key)
        if child is None:
            name = RECORDING if channel is None else channel.name
            child = self._decisions.labels(name, verdict.name, reason.name)
            self._decision_children[key] = child
        child.inc(times)

    def audience_answered(self, members: int) -> None:
        """Counts members of an audience, whatever their answers."""
        self._audience_members.inc(members)

    def attempt_reported(self, outcome: AttemptOutcome) -> None:
        """Counts a report on a contact attempt."""
        self._attempt_outcomes.labels(outcome.name).inc()

    def unsubscribed(self, method: UnsubscribeMethod) -> None:
        """Counts an answer to what somebody wanted to stop."""
        self._unsubscribes[method].inc()

    def policy_reloaded(self, outcome: Reload) -> None:
        """Counts an attempt to put changed policy files in force."""
        self._reloads[outcome].inc()

    def watch_calls(self, running: Callable[[], int]) -> None:
        """Shows how many calls run or wait for a thread."""
        self._watch(
            lambda: [_gauge("rpcs_in_flight", "Calls that run or wait for a thread.", running())]
        )

    def watch_database_pool(self, status: Callable[[], PoolStatus]) -> None:
        """Shows the connections to the database."""

        def families() -> list[Metric]:
            now = status()
            return [
                _gauge("database_pool_size", "Connections kept.", now.size),
                _gauge("database_pool_in_use", "Connections in use.", now.checked_out),
                _gauge("database_pool_overflow", "Connections beyond the kept.", now.overflow),
            ]

        self._watch(families)

    def watch_versions(self, server: str, *, policy: Callable[[], str]) -> None:
        """Shows the version of the server and that of the policy in force."""

        def families() -> list[Metric]:
            return [
                _info("server_info", "The server's version.", server),
                _info("policy_info", "The policy in force.", policy()),
            ]

        self._watch(families)

    def _watch(self, families: Callable[[], list[Metric]]) -> None:
        self.registry.register(_Watch(families))


class _Watch(Collector):
    """Asks when it is read, so that the calls themselves pay nothing."""

    def __init__(self, families: Callable[[], list[Metric]]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering asks nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The values now."""
        return self._families()


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", documentation, value=value)


def _info(name: str, documentation: str, version: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{_PREFIX}_{name}", documentation, labels=["version"])
    family.add_metric([version], 1)
    return family


class MetricsEndpoint:
    """Serves a registry over HTTP until it is closed."""

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def close(self) -> None:
        """Stops listening; returns when it has."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_metrics(registry: CollectorRegistry, host: str, *, port: int) -> MetricsEndpoint:
    """Starts to serve a registry; port 0 takes a free one.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"metrics cannot be served on {host}:{port}: {error}") from None
    return MetricsEndpoint(server, thread)
