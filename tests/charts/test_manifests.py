"""Every manifest is one that an API server takes, whatever an operator chose."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from helm_python import lint

from tests.charts.admission import KUBERNETES, refusal
from tests.charts.cases import CASES, EVERYTHING, RELEASES
from tests.charts.rendering import CHART, Manifest, render

# What the chart can make, all told.
KINDS = {
    "Cluster",
    "ConfigMap",
    "CronJob",
    "Deployment",
    "ExternalSecret",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PrometheusRule",
    "ScheduledBackup",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
}

# A kind, where in it (numbers being places in a list), and what is put there.
SPOILT: list[tuple[str, str, object]] = [
    ("ConfigMap", "data", {"a": 1}),
    ("CronJob", "spec.schedule", None),
    ("Deployment", "spec.template.spec.containers.0.ports.0.containerPort", "50051"),
    ("Deployment", "spec.template.spec.terminationGracePeriod", 30),
    ("HorizontalPodAutoscaler", "spec.maxReplicas", "10"),
    ("Ingress", "spec.rules.0.http.paths.0.backend.serviceName", "web"),
    ("Job", "spec.backoffLimit", "many"),
    ("NetworkPolicy", "spec.egress.0.to", {"podSelector": {}}),
    ("PodDisruptionBudget", "spec.minReplicas", 1),
    ("Service", "spec.ports.0.port", "grpc"),
    ("Cluster", "spec.instances", "three"),
    ("Cluster", "spec.bootstrap.initdb.databaseName", "registry"),
    ("ExternalSecret", "spec.data.0.remoteRef.path", "registry"),
    ("PrometheusRule", "spec.groups.0.rules.0.expression", "up == 0"),
    ("ScheduledBackup", "spec.method", "tape"),
    ("ServiceMonitor", "spec.endpoints.0.portName", "metrics"),
    ("ServiceMonitor", "spec.selector", None),
]


@pytest.mark.parametrize("values", RELEASES)
def test_lint_finds_nothing(values: dict[str, Any]) -> None:
    report = lint(CHART, values, strict=True, namespace="consent")
    told = [each for each in report["messages"] if each["severity"] > 1]
    assert (report["errors"], told) == ([], [])


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("values", RELEASES)
def test_every_manifest_is_taken(values: dict[str, Any], version: str) -> None:
    manifests = render(values).manifests
    refused = {_name(each): why for each in manifests if (why := refusal(each, version))}
    assert refused == {}


def test_the_cases_make_every_kind_that_the_chart_has() -> None:
    """So that none is left unchecked for being switched off."""
    made = {each["kind"] for values in CASES.values() for each in render(values).manifests}
    assert made == KINDS


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(
    "kind, field, content", SPOILT, ids=[f"{kind}-{field}" for kind, field, _ in SPOILT]
)
def test_a_wrong_manifest_is_refused(kind: str, field: str, content: object, version: str) -> None:
    """By the field that is wrong: the check can fail."""
    manifest = deepcopy(_any(kind))
    assert refusal(manifest, version) is None
    *path, last = field.split(".")
    at: Any = manifest
    for step in path:
        at = at[int(step)] if isinstance(at, list) else at[step]
    at[last] = content
    if content is None:
        del at[last]
    why = refusal(manifest, version)
    assert why is not None
    assert last in why


@pytest.mark.parametrize("values", RELEASES)
def test_every_manifest_is_in_the_release_s_namespace_and_bears_the_usual_labels(
    values: dict[str, Any],
) -> None:
    for each in render(values, name="first", namespace="elsewhere").manifests:
        metadata = each["metadata"]
        assert metadata.get("namespace", "elsewhere") == "elsewhere", _name(each)
        labels = metadata["labels"]
        assert labels["app.kubernetes.io/instance"] == "first", _name(each)
        name = values.get("nameOverride", "consent-registry")
        assert labels["app.kubernetes.io/name"] == name, _name(each)
        assert labels["app.kubernetes.io/managed-by"] == "Helm", _name(each)
        assert labels["helm.sh/chart"].startswith("consent-registry-"), _name(each)


def test_rendering_twice_gives_the_same() -> None:
    """Nothing random and no date, or every Argo CD would see a drift for ever."""
    first, second = render(EVERYTHING), render(EVERYTHING, revision=2)
    assert json.dumps(first.manifests) == json.dumps(second.manifests)


def _any(kind: str) -> Manifest:
    found = (each for values in CASES.values() for each in render(values).all(kind))
    return next(found)


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
