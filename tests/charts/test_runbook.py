"""Whoever is woken by an alert finds what to do: each has its section in docs/operations.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def sections() -> set[str]:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    alerts = text[text.index("\n## Alerts\n") : text.index("\n## Capacity\n")]
    return set(re.findall(r"^### (\w+)\n\n\S", alerts, re.MULTILINE))


def test_each_alert_has_a_section_and_each_section_an_alert() -> None:
    rules = yaml.safe_load((ROOT / "charts/consent-registry/files/alerts.yaml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}

    assert sections() == alerts


def test_only_alerts_can_be_left_out() -> None:
    """A name that is none would leave out nothing, and nobody would hear of it."""
    schema = json.loads((ROOT / "charts/consent-registry/values.schema.json").read_text())
    rule = schema["properties"]["metrics"]["properties"]["prometheusRule"]

    assert set(rule["properties"]["disabledAlerts"]["items"]["enum"]) == sections()


def test_each_alert_links_to_its_section() -> None:
    """An anchor is the heading in lower case."""
    text = (ROOT / "charts/consent-registry/files/alerts.yaml").read_text()
    linked = set(re.findall(r"runbook_url: RUNBOOK_URL#(\w+)", text))

    assert linked == {section.lower() for section in sections()}
