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
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    Reason,
    RegisterStatus,
    UnsubscribeMethod,
    Verdict,
)
from consent_registry_server.rpc.contract import METHODS
from consent_registry_server.rpc.kept_reading import ScrapeReader
from consent_registry_server.service.partners import LeadOutcome, LeadRefusal
from consent_registry_server.service.ports import Reload

_PREFIX: Final = "consent_registry"
_LATENCY_BUCKETS_S: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
RECORDING: Final = "CALL_RECORDING"
"""The `channel` of decisions on call recording, which have none."""
INVALID: Final = "INVALID"
"""The `status` of a register's result whose contact point has no normal form."""

ALERTED_CODES: Final = (
    "OK",
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""The codes whose first call is to be seen as an increase."""
_DAY_S: Final = 86_400


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
        self.reader = ScrapeReader()
        """Reads the database for all collectors that show what it holds."""
        self.is_ready = False
        self._watch(lambda: [_gauge("ready", "1 while the server answers.", self.is_ready)])
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
        outcomes = Counter(
            "attempt_outcomes",
            "Reports on contact attempts.",
            ["outcome"],
            namespace=_PREFIX,
            registry=registry,
        )
        leads = Counter(
            "partner_leads",
            "Leads of partners that were answered, repetitions included. BLOCKED: stored, and an"
            " opt-out keeps them from some of their uses.",
            ["outcome"],
            namespace=_PREFIX,
            registry=registry,
        )
        refusals = Counter(
            "partner_lead_refusals",
            "Leads of partners that were refused, repetitions included.",
            ["reason"],
            namespace=_PREFIX,
            registry=registry,
        )
        self._register_results = Counter(
            "register_results",
            "Results of national registers that were answered, repetitions included. INVALID: its"
            " contact point has no normal form, so that it is not stored.",
            ["register", "status"],
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
        self._api_key_reloads = self._renewals(
            "api_key_reloads", "Attempts to put a changed file of API keys in force."
        )
        self._certificate_reloads = self._renewals(
            "tls_certificate_reloads", "Attempts to put a changed certificate of TLS in force."
        )
        self._unsubscribes = {
            method: unsubscribes.labels(method.name) for method in UnsubscribeMethod
        }
        self._attempt_outcomes = {each: outcomes.labels(each.name) for each in AttemptOutcome}
        self._leads = {each: leads.labels(each.name) for each in LeadOutcome}
        self._lead_refusals = {each: refusals.labels(each.name) for each in LeadRefusal}
        for method in METHODS:
            for code in ALERTED_CODES:
                self._calls.labels(method, code)
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
        self._attempt_outcomes[outcome].inc()

    def lead_answered(self, outcome: LeadOutcome, refusal: LeadRefusal | None = None) -> None:
        """Counts a partner's lead, and why it was refused, if it was."""
        self._leads[outcome].inc()
        if refusal is not None:
            self._lead_refusals[refusal].inc()

    def register_answered(self, register: str, *, listed: int, clear: int, invalid: int) -> None:
        """Counts results of a national register of the policy, by what they say."""
        results = self._register_results
        results.labels(register, RegisterStatus.LISTED.name).inc(listed)
        results.labels(register, RegisterStatus.CLEAR.name).inc(clear)
        results.labels(register, INVALID).inc(invalid)

    def unsubscribed(self, method: UnsubscribeMethod) -> None:
        """Counts an answer to what somebody wanted to stop."""
        self._unsubscribes[method].inc()

    def policy_reloaded(self, outcome: Reload) -> None:
        """Counts an attempt to put changed policy files in force."""
        self._reloads[outcome].inc()

    def api_keys_reloaded(self, outcome: Reload) -> None:
        """Counts an attempt to put a changed file of API keys in force."""
        self._api_key_reloads[outcome].inc()

    def certificate_reloaded(self, outcome: Reload) -> None:
        """Counts an attempt to put a changed certificate in force."""
        self._certificate_reloads[outcome].inc()

    def watch_certificate(self, expires_at_s: Callable[[], float]) -> None:
        """Shows the end of the certificate in force, in seconds since the Unix epoch."""
        name = "tls_certificate_expiry_timestamp_seconds"
        words = "The end of the certificate in force."
        self._watch(lambda: [_gauge(name, words, expires_at_s())])

    def watch_calls(self, running: Callable[[], int]) -> None:
        """Shows how many calls run or wait for a thread."""
        self._watch(
            lambda: [_gauge("rpcs_in_flight", "Calls that run or wait for a thread.", running())]
        )

    def watch_database_pool(self, status: Callable[[], PoolStatus], *, limit: int) -> None:
        """Shows the connections to the database, of which there are `limit` at most."""

        def families() -> list[Metric]:
            now = status()
            return [
                _gauge("database_pool_size", "Connections kept.", now.size),
                _gauge("database_pool_in_use", "Connections in use.", now.checked_out),
                _gauge("database_pool_overflow", "Connections beyond the kept.", now.overflow),
                _gauge("database_pool_limit", "Connections that may be in use.", limit),
            ]

        self._watch(families)

    def watch_registers(self, policy: Callable[[], Policy]) -> None:
        """Shows how old a scrub may become, and has a count of each register of the policy."""

        def families() -> list[Metric]:
            family = GaugeMetricFamily(
                f"{_PREFIX}_register_scrub_age_limit_seconds",
                "For how long the strictest rule takes a result of the register.",
                labels=["register"],
            )
            for register, days in _scrub_age_days(policy()).items():
                family.add_metric([register], days * _DAY_S)
                self.register_answered(register, listed=0, clear=0, invalid=0)
            return [family]

        # At once, so that the first page has the counts.
        families()
        self._watch(families)

    def watch_versions(self, server: str, *, policy: Callable[[], str]) -> None:
        """Shows the version of the server and that of the policy in force."""

        def families() -> list[Metric]:
            return [
                _info("server_info", "The server's version.", server),
                _info("policy_info", "The policy in force.", policy()),
            ]

        self._watch(families)

    def _renewals(self, name: str, words: str) -> dict[Reload, Counter]:
        """A counter of attempts to take files, which no database is needed for."""
        counter = Counter(
            name,
            f"{words[:-1]}; a faulty one is tried again and again.",
            ["outcome"],
            namespace=_PREFIX,
            registry=self.registry,
        )
        outcomes = (Reload.DONE, Reload.REFUSED, Reload.FAILED)
        return {outcome: counter.labels(outcome) for outcome in outcomes}

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


def _scrub_age_days(policy: Policy) -> dict[str, int]:
    ages: dict[str, int] = {}
    for register in (rule.register for rules in policy.rules.values() for rule in rules):
        if register is not None:
            known = ages.get(register.name, register.scrub_age_days)
            ages[register.name] = min(known, register.scrub_age_days)
    return ages


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
