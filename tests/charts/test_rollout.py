"""How releases follow each other: starts, stops, probes and the migration."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.charts.cases import MINIMAL, RELEASES
from tests.charts.joints import PREFIX, command, environment, mounted, only_container, ports
from tests.charts.rendering import CHART, Manifest, Pod, Release, merged, render

each_release = pytest.mark.parametrize("values", RELEASES)

# From the end of what the program grants itself until the kubelet kills it.
MARGIN_S = 5


@each_release
def test_nothing_is_a_hook(values: dict[str, Any]) -> None:
    """Hooks run outside of the release: before the Secrets are there, and not at all in GitOps."""
    for manifest in render(values).manifests:
        annotations = manifest["metadata"].get("annotations", {})
        hooks = [name for name in annotations if "hook" in name]
        assert hooks == [], manifest["metadata"]["name"]


@each_release
def test_a_pod_has_time_to_leave_the_services_and_to_finish_its_calls(
    values: dict[str, Any],
) -> None:
    for pod in _servers(values):
        container = only_container(pod)
        pause_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace_s = float(environment(pod)[f"{PREFIX}SHUTDOWN_GRACE_S"])
        assert pause_s > 0
        assert pod.spec["terminationGracePeriodSeconds"] >= pause_s + grace_s + MARGIN_S


@each_release
def test_new_pods_are_ready_before_old_ones_go(values: dict[str, Any]) -> None:
    for deployment in _served(render(values)):
        strategy = deployment["spec"]["strategy"]
        assert strategy["type"] == "RollingUpdate"
        assert strategy["rollingUpdate"]["maxUnavailable"] == 0
        assert strategy["rollingUpdate"]["maxSurge"]


@each_release
def test_the_server_is_asked_at_its_health_port_by_name(values: dict[str, Any]) -> None:
    """Liveness leaves the database out: no restart mends that."""
    (pod,) = [each for each in _servers(values) if command(each) == "serve"]
    container = only_container(pod)
    port = ports(pod)["health"]
    readiness, liveness = container["readinessProbe"], container["livenessProbe"]
    assert readiness["grpc"] == {"port": port, "service": "readiness"}
    assert liveness["grpc"] == {"port": port, "service": "liveness"}
    assert container.get("startupProbe", {"grpc": liveness["grpc"]})["grpc"] == liveness["grpc"]


@each_release
def test_the_web_is_asked_at_its_port_by_name(values: dict[str, Any]) -> None:
    for pod in _servers(values):
        if command(pod) == "unsubscribe-web":
            container = only_container(pod)
            for name in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[name]["httpGet"]["port"] == "http"
                assert container[name]["httpGet"]["path"] in {"/healthz", "/readyz"}
            # Not what the registry says: the pages work without it, and a restart mends nothing.
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


@each_release
def test_a_slow_answer_does_not_kill_a_pod_at_once(values: dict[str, Any]) -> None:
    for pod in _servers(values):
        liveness = only_container(pod)["livenessProbe"]
        assert liveness.get("failureThreshold", 3) * liveness.get("periodSeconds", 10) >= 15


@each_release
def test_the_migration_waits_and_ends(values: dict[str, Any]) -> None:
    """It is tried again, and not for ever; what failed leaves its log."""
    for job in render(values).all("Job"):
        spec = job["spec"]
        pod = spec["template"]["spec"]
        _, option, wait_s = pod["containers"][0]["args"]
        assert option == "--wait"
        assert float(wait_s) < spec["activeDeadlineSeconds"]
        assert spec["backoffLimit"] >= 1
        assert pod["restartPolicy"] == "Never"


@each_release
def test_a_rollout_has_the_time_of_the_migration(values: dict[str, Any]) -> None:
    """The pages too: they wait for the servers."""
    release = render(values)
    migration_s = max(
        (job["spec"]["activeDeadlineSeconds"] for job in release.all("Job")), default=0
    )
    for deployment in _served(release):
        assert deployment["spec"]["progressDeadlineSeconds"] > migration_s


@each_release
def test_the_log_has_one_writer(values: dict[str, Any]) -> None:
    """A second one beside it would be refused, and the volume may be one node's."""
    release = render(values)
    found = [pod for pod in release.pods() if command(pod) == "export-log"]
    assert len(found) == values.get("export", {"enabled": False})["enabled"]
    for pod in found:
        spec = release.one("Deployment", pod.component())["spec"]
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
        assert mounted(pod)["/log"] == {
            "name": "log",
            "persistentVolumeClaim": {"claimName": values["export"]["claim"]},
        }


@each_release
def test_expiry_does_not_run_beside_itself(values: dict[str, Any]) -> None:
    for cron_job in render(values).all("CronJob"):
        assert cron_job["spec"]["concurrencyPolicy"] == "Forbid"
        assert cron_job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"]
        assert cron_job["spec"]["timeZone"]


def test_a_new_image_has_a_migration_of_its_own() -> None:
    """A Job cannot be changed: its pods' template is as it was made."""
    names = {
        _job(merged(MINIMAL, {"image": image}))["metadata"]["name"]
        for image in (
            {},
            {"tag": "9.9.9"},
            {"digest": "sha256:" + "1" * 64},
            {"digest": "sha256:" + "2" * 64},
        )
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"server": {"replicas": 7}},
        {"server": {"workerThreads": 99}},
        {"expire": {"suspend": True}},
        {"networkPolicy": {"enabled": False}},
    ],
    ids=str,
)
def test_other_changes_leave_the_migration_as_it_was(change: dict[str, Any]) -> None:
    assert _job(merged(MINIMAL, change)) == _job(MINIMAL)


@pytest.mark.parametrize(
    "change",
    [
        {"database": {"host": "other.example"}},
        {"database": {"owner": {"user": "other"}}},
        {"database": {"owner": {"passwordSecret": {"name": "other"}}}},
        {"keyStore": {"host": "other.example"}},
        {"migrate": {"waitSeconds": 31}},
        {"migrate": {"resources": {"requests": {"cpu": "123m"}}}},
        {"log": {"level": "debug"}},
    ],
    ids=str,
)
def test_what_shapes_the_migration_makes_a_new_one(change: dict[str, Any]) -> None:
    """Whatever changes in the Job changes its name too, or the API server refuses the upgrade."""
    before, after = _job(MINIMAL), _job(merged(MINIMAL, change))
    assert before["metadata"]["name"] != after["metadata"]["name"]


@pytest.mark.parametrize(
    "change",
    [
        {"image": {"pullPolicy": "Always"}},
        {"image": {"pullSecrets": [{"name": "other"}]}},
        {"keys": {"keyringSecret": {"name": "other"}}},
        {"keyStore": {"tls": {"caSecret": {"name": "other"}}}},
        {"migrate": {"activeDeadlineSeconds": 4321}},
        {"migrate": {"backoffLimit": 7}},
        {"nameOverride": "other"},
        {"server": {"podLabels": {"team": "other"}}},
        {"server": {"companyPolicyConfigMap": {"name": "other"}}},
    ],
    ids=str,
)
def test_a_migration_of_the_same_name_has_the_same_pod(change: dict[str, Any]) -> None:
    before, after = _job(MINIMAL), _job(merged(MINIMAL, change))
    if before["metadata"]["name"] == after["metadata"]["name"]:
        assert before["spec"]["template"] == after["spec"]["template"]


def test_a_new_chart_has_a_migration_of_its_own_where_the_pod_differs(tmp_path: Path) -> None:
    """As its labels do, where they name the chart's version."""
    chart = tmp_path / CHART.name
    copytree(CHART, chart)
    about = chart / "Chart.yaml"
    text = about.read_text(encoding="utf-8")
    about.write_text(text.replace("\nversion: ", "\nversion: 9"), encoding="utf-8")
    before, after = _job(MINIMAL), render(MINIMAL, chart=chart).one("Job")
    assert before["metadata"]["labels"] != after["metadata"]["labels"]
    if before["metadata"]["name"] == after["metadata"]["name"]:
        assert before["spec"]["template"] == after["spec"]["template"]


def _servers(values: dict[str, Any]) -> list[Pod]:
    """Pods that somebody calls."""
    return [pod for pod in render(values).pods() if "ports" in only_container(pod)]


def _served(release: Release) -> list[Manifest]:
    """The Deployments of those."""
    served = [pod.owner for pod in release.pods() if "ports" in only_container(pod)]
    return [
        each
        for each in release.all("Deployment")
        if f"Deployment/{each['metadata']['name']}" in served
    ]


def _job(values: dict[str, Any]) -> dict[str, Any]:
    return render(values).one("Job")
