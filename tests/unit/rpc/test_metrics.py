"""What is counted, and where it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import Channel, Reason, Verdict
from consent_registry_server.policy.load import load_policy
from consent_registry_server.rpc.metrics import Metrics, MetricsEndpoint, serve_metrics
from consent_registry_server.service.ports import Reload


class Status(NamedTuple):
    checked_out: int
    size: int
    overflow: int


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def endpoint(metrics: Metrics) -> Iterator[MetricsEndpoint]:
    served = serve_metrics(metrics.registry, "127.0.0.1", port=0)
    yield served
    served.close()


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"consent_registry_{name}", labels)


def test_calls_are_counted_and_timed_by_method_and_code(metrics: Metrics) -> None:
    """In seconds."""
    for duration_s in (0.002, 0.3):
        metrics.rpc_ended("S/M", "OK", duration_s)
    metrics.rpc_ended("S/M", "NOT_FOUND", 0.001)
    assert sample(metrics, "rpcs_total", method="S/M", code="OK") == 2
    assert sample(metrics, "rpcs_total", method="S/M", code="NOT_FOUND") == 1
    assert sample(metrics, "rpc_duration_seconds_sum", method="S/M", code="OK") == 0.302
    below = sample(metrics, "rpc_duration_seconds_bucket", method="S/M", code="OK", le="0.0025")
    assert below == 1


def test_decisions_are_counted_in_the_words_of_the_contract(metrics: Metrics) -> None:
    """By channel, verdict and reason; those on recording have a word of their own."""
    metrics.decided(Channel.SMS, Verdict.DENY, reason=Reason.OBJECTION)
    metrics.decided(Channel.SMS, Verdict.DENY, reason=Reason.OBJECTION, times=4_999)
    metrics.decided(None, Verdict.ALLOW, reason=Reason.RECORDING_REQUIRED)
    denied = {"channel": "SMS", "verdict": "DENY", "reason": "OBJECTION"}
    assert sample(metrics, "decisions_total", **denied) == 5_000
    recorded = {"channel": "CALL_RECORDING", "verdict": "ALLOW", "reason": "RECORDING_REQUIRED"}
    assert sample(metrics, "decisions_total", **recorded) == 1


def test_members_of_audiences_are_counted(metrics: Metrics) -> None:
    """By how many were answered."""
    metrics.audience_answered(5_000)
    assert sample(metrics, "audience_members_total") == 5_000


def test_the_database_pool_is_asked_when_it_is_read(metrics: Metrics) -> None:
    """So that the values are those of now."""
    statuses = iter([Status(1, 2, 0), Status(8, 8, 4)])
    metrics.watch_database_pool(lambda: next(statuses), limit=12)
    first, second = (generate_latest(metrics.registry).decode() for _ in range(2))
    assert "consent_registry_database_pool_in_use 1.0" in first
    assert "consent_registry_database_pool_in_use 8.0" in second
    assert "consent_registry_database_pool_size 8.0" in second
    assert "consent_registry_database_pool_overflow 4.0" in second
    assert "consent_registry_database_pool_limit 12.0" in second


def test_versions_are_shown(metrics: Metrics) -> None:
    """That of the policy is the one in force now."""
    policies = iter(["p1", "p2"])
    metrics.watch_versions("1.0", policy=lambda: next(policies))
    generate_latest(metrics.registry)
    assert b'consent_registry_policy_info{version="p2"} 1.0' in generate_latest(metrics.registry)


def test_attempts_to_reload_the_policy_are_counted_from_the_start(metrics: Metrics) -> None:
    """An alert on an increase misses the first of a counter that was not there."""
    assert [sample(metrics, "policy_reloads_total", outcome=each) for each in Reload] == [0] * 4
    metrics.policy_reloaded(Reload.REFUSED)
    metrics.policy_reloaded(Reload.REFUSED)
    assert sample(metrics, "policy_reloads_total", outcome="refused") == 2


@pytest.mark.parametrize("code", ["OK", "INTERNAL", "UNAVAILABLE"])
def test_calls_that_alerts_watch_are_counted_from_the_start(metrics: Metrics, code: str) -> None:
    """Of every method of the contract: the first error is to be seen as an increase."""
    check = "consent_registry.v1.DecisionService/CheckContact"
    assert sample(metrics, "rpcs_total", method=check, code=code) == 0
    metrics.rpc_ended(check, code, 0.1)
    assert sample(metrics, "rpcs_total", method=check, code=code) == 1


def test_the_registers_of_the_policy_are_shown_with_their_strictest_limit(
    metrics: Metrics,
) -> None:
    """And with counts of their results from the start."""
    policy = load_policy()
    metrics.watch_registers(lambda: policy)
    limits = {
        register: sample(metrics, "register_scrub_age_limit_seconds", register=register)
        for register in policy.registers
    }
    assert limits["RPO"] == 15 * 86_400
    assert all(limits.values())
    for register in policy.registers:
        assert sample(metrics, "register_results_total", register=register, status="LISTED") == 0


def test_metrics_are_served_over_http(metrics: Metrics, endpoint: MetricsEndpoint) -> None:
    """As Prometheus reads them."""
    metrics.audience_answered(3)
    with urlopen(f"http://127.0.0.1:{endpoint.port}/metrics", timeout=10) as answer:
        assert b"consent_registry_audience_members_total 3.0" in answer.read()


def test_a_taken_port_is_a_mistake_of_the_settings(endpoint: MetricsEndpoint) -> None:
    """It names the address."""
    with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{endpoint.port}"):
        serve_metrics(CollectorRegistry(), "127.0.0.1", port=endpoint.port)


def test_a_closed_endpoint_gives_its_port_back(metrics: Metrics) -> None:
    """At once."""
    first = serve_metrics(metrics.registry, "127.0.0.1", port=0)
    first.close()
    serve_metrics(metrics.registry, "127.0.0.1", port=first.port).close()
