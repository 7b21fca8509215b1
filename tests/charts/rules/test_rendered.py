"""Rules and dashboard as the chart gives them to a release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts.cases import MINIMAL
from tests.charts.rendering import Manifest, merged, render
from tests.charts.rules.asked import RELEASE
from tests.charts.rules.promtool import ALERTS, RECORDING, rules, run

MONITORED: Final = {
    "metrics": {
        "prometheusRule": {
            "disabledAlerts": [],
            "enabled": True,
            "labels": {"release": "kube-prometheus-stack", "app.kubernetes.io/part-of": "ours"},
            "annotations": {"example.com/team": "outreach"},
            "runbookUrl": "https://wiki.example/registry",
        },
        "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Outreach"}},
    },
    "export": {"enabled": True, "claim": "log"},
}
OTHER: Final = ("registry", "elsewhere")


def monitored(name: str = "registry", namespace: str = "consent", **more: Any) -> list[Manifest]:  # noqa: ANN401
    """What is rendered for Prometheus and Grafana."""
    values = merged(merged(MINIMAL, MONITORED), more)
    release = render(values, name=name, namespace=namespace)
    (rule,) = release.all("PrometheusRule")
    (dashboard,) = [
        each
        for each in release.all("ConfigMap")
        if "grafana_dashboard" in each["metadata"]["labels"]
    ]
    return [rule, dashboard]


def rules_in(rule: Manifest) -> list[dict[str, Any]]:
    return [each for group in rule["spec"]["groups"] for each in group["rules"]]


@pytest.mark.parametrize("disabled", [[], ["ConsentRegistryDown", "ConsentRegistryExportLagging"]])
def test_disabled_alerts_alone_are_left_out(disabled: list[str]) -> None:
    rule, _ = monitored(metrics={"prometheusRule": {"disabledAlerts": disabled}})
    written = {each["alert"] for each in rules_in(rule) if "alert" in each}
    assert written == {each["alert"] for each in rules(ALERTS)} - set(disabled)


def test_an_export_that_nobody_wanted_is_not_missed() -> None:
    """One that ran and stands still is."""
    rule, _ = monitored(export={"enabled": False})
    written = {each["alert"] for each in rules_in(rule) if "alert" in each}
    assert {each["alert"] for each in rules(ALERTS)} - written == {"ConsentRegistryNotExported"}


def test_every_rule_is_there_with_the_names_of_the_release() -> None:
    """And what is Prometheus's own template is left alone."""
    rule, _ = monitored()
    written = rules_in(rule)
    files = [*rules(RECORDING), *rules(ALERTS)]
    assert [each.get("alert") for each in written] == [each.get("alert") for each in files]
    text = json.dumps(written)
    assert not [word for word in RELEASE if word in text]
    assert text.count("{{ $") == json.dumps(files).count("{{ $")
    assert 'job="registry-consent-registry-server"' in written[0]["expr"]
    assert 'namespace="consent"' in written[0]["expr"]


def test_alerts_lead_to_the_runbook_of_the_values() -> None:
    """To the section of the alert."""
    rule, _ = monitored()
    for each in rules_in(rule):
        if "alert" in each:
            page = f"https://wiki.example/registry#{each['alert'].lower()}"
            assert each["annotations"]["runbook_url"] == page


def test_prometheus_takes_what_is_rendered(promtool: str, tmp_path: Path) -> None:
    """It checks what the operator's admission would."""
    rule, _ = monitored()
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    checked = run(promtool, "check", "rules", path)
    assert checked.returncode == 0, checked.stderr


def test_jobs_are_the_services_that_are_scraped() -> None:
    """The operator names a job after its Service, and the expiry job after its CronJob."""
    rule, _ = monitored()
    text = json.dumps(rules_in(rule))
    release = render(merged(MINIMAL, {"web": {"enabled": True}}))
    services = {each["metadata"]["name"] for each in release.all("Service")}
    cron_jobs = {each["metadata"]["name"] for each in release.all("CronJob")}
    (migration,) = release.all("Job")
    name = "registry-consent-registry"
    assert {f"{name}-server", f"{name}-web"} <= services
    assert cron_jobs == {f"{name}-expire"}
    assert migration["metadata"]["name"].startswith(f"{name}-migrate")
    assert f'cronjob=\\"{name}-expire\\"' in text
    assert f'job_name=~\\"{name}-migrate.*\\"' in text


@pytest.mark.parametrize("enabled", [True, False])
def test_pages_that_are_not_there_are_not_missed(enabled: bool) -> None:
    """Nor is what tells of lost links, which the mail handler may meet."""
    rule, _ = monitored(web={"enabled": enabled})
    alerts = {each.get("alert") for each in rules_in(rule)}
    assert ("ConsentRegistryWebDown" in alerts) == enabled
    assert "ConsentRegistryUnsubscribeLinksLost" in alerts


def test_dashboards_of_two_releases_stand_side_by_side() -> None:
    """Grafana refuses a second one of the same uid, or of the same title in its folder."""
    _, first = monitored()
    _, second = monitored(*OTHER)
    (one,) = [json.loads(text) for text in first["data"].values()]
    (two,) = [json.loads(text) for text in second["data"].values()]
    assert one["uid"] != two["uid"]
    assert one["title"] != two["title"]
    assert one["panels"] == two["panels"]
    # The sidecar writes each to a file of that name.
    assert not first["data"].keys() & second["data"].keys()
    # Grafana's bound.
    assert len(one["uid"]) <= 40
    assert first["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert first["metadata"]["annotations"] == {"grafana_folder": "Outreach"}


def test_labels_of_the_values_are_added() -> None:
    """Prometheus may choose rules by them; those of the chart stay."""
    rule, _ = monitored()
    labels = rule["metadata"]["labels"]
    assert labels["release"] == "kube-prometheus-stack"
    assert labels["app.kubernetes.io/part-of"] == "consent-registry"
    assert rule["metadata"]["annotations"] == {"example.com/team": "outreach"}


def test_nothing_is_watched_unasked() -> None:
    """A cluster without the operator knows no such kind."""
    release = render(MINIMAL)
    assert not release.all("PrometheusRule")
    assert not [
        each for each in release.all("ConfigMap") if "dashboard" in each["metadata"]["name"]
    ]
