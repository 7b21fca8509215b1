"""The rules: read by Prometheus's own tool, and each alert tried with and without its cause."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.charts.rules.cases import CASES, Case
from tests.charts.rules.promtool import ALERTS, RECORDING, rules, run, write_test

PLACEHOLDERS = re.compile(
    r"RELEASE_NAMESPACE|SERVER_JOB|WEB_JOB|MAIL_JOB|EXPIRE_CRONJOB|MIGRATE_JOB|RUNBOOK_URL"
)
METRIC = re.compile(r"(?<![\w:])(?:[a-z_]+:)?(?:consent_registry|kube|up)[a-z_:0-9]*(?=[{\[])")
LABEL = re.compile(r"\$labels\.(\w+)")
NUMBERED = [
    pytest.param(case, id=f"{case.alert}-{case.severity}-{number}")
    for number, case in enumerate(CASES)
]
ALERT_RULES = [
    pytest.param(rule, id=f"{rule['alert']}-{number}") for number, rule in enumerate(rules(ALERTS))
]
EVERY_RULE = [
    *ALERT_RULES,
    *(pytest.param(rule, id=rule["record"]) for rule in rules(RECORDING)),
]


@pytest.mark.parametrize("path", [ALERTS, RECORDING], ids=lambda path: path.name)
def test_prometheus_takes_the_rules(promtool: str, path: Path) -> None:
    """As they are, before the chart puts names in."""
    checked = run(promtool, "check", "rules", path)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("does_fire", [True, False], ids=["fires", "is quiet"])
@pytest.mark.parametrize("case", NUMBERED)
def test_an_alert_fires_for_its_cause_alone(
    promtool: str, tmp_path: Path, case: Case, does_fire: bool
) -> None:
    """By the rules as Prometheus evaluates them, step by step."""
    chosen = {"alertname": case.alert, "severity": case.severity, "alertstate": "firing"}
    chosen |= dict(case.labels)
    expression = f"ALERTS{{{_selector(chosen)}}}"
    labels = f"ALERTS{{{', '.join(filter(None, (_selector(chosen), _place(case))))}}}"
    test = write_test(
        tmp_path,
        case.alert,
        case.fires if does_fire else case.quiet,
        step_min=case.step_min,
        at=case.at,
        expression=expression,
        samples=[labels] if does_fire else [],
    )
    tried = run(promtool, "test", "rules", test)
    assert tried.returncode == 0, tried.stdout + tried.stderr


def _place(case: Case) -> str:
    return case.place or 'namespace="RELEASE_NAMESPACE"'


def _selector(labels: dict[str, str]) -> str:
    return ", ".join(f'{name}="{value}"' for name, value in labels.items())


def test_every_alert_is_tried() -> None:
    """At each of its severities and windows."""
    declared = {
        (rule["alert"], rule["labels"]["severity"], rule["labels"].get("window"))
        for rule in rules(ALERTS)
    }
    tried = {(case.alert, case.severity, dict(case.labels).get("window")) for case in CASES}
    assert declared == tried


@pytest.mark.parametrize("rule", ALERT_RULES)
def test_an_alert_says_what_it_is_and_where_to_read_on(rule: dict[str, dict[str, str]]) -> None:
    """For whoever is woken by it."""
    name = str(rule["alert"])
    assert name.startswith("ConsentRegistry")
    assert rule["labels"]["severity"] in {"critical", "warning"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"RUNBOOK_URL#{name.lower()}"
    assert not notes["summary"].endswith(".")
    assert notes["description"].rstrip().endswith((".", ".)"))


@pytest.mark.parametrize("case", NUMBERED)
def test_an_alert_names_only_labels_that_it_has(case: Case) -> None:
    """Prometheus would write nothing in their place."""
    has = {name for name, _ in case.labels} | {"namespace"} | ({"job"} if case.place else set())
    for rule in rules(ALERTS):
        if rule["alert"] == case.alert:
            assert set(LABEL.findall(" ".join(rule["annotations"].values()))) <= has


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_rule_looks_at_its_own_release_alone(rule: dict[str, str]) -> None:
    """Two releases may share a cluster, or a namespace."""
    expression = rule["expr"]
    metrics = METRIC.findall(expression)
    own = re.findall(r'\{namespace="RELEASE_NAMESPACE", (?:job|cronjob|job_name)=', expression)
    assert metrics
    assert len(metrics) == len(own)
    assert not PLACEHOLDERS.findall(re.sub(r'"[^"]*"', "", expression))
