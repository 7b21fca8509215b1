"""What rules and panels ask Prometheus for, read from the chart's files as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.charts.rules.promtool import ALERTS, FILES, RECORDING, rules

DASHBOARD: Final = FILES / "dashboard.json"

RELEASE: Final = {
    "RELEASE_NAMESPACE": "consent",
    "SERVER_JOB": "registry-server",
    "WEB_JOB": "registry-web",
    "MAIL_JOB": "registry-mail",
    "EXPIRE_CRONJOB": "registry-expire",
    "MIGRATE_JOB": "registry-migrate",
    "RUNBOOK_URL": "docs/operations.md",
}
"""The names that the chart would put in."""
VARIABLES: Final = {
    "$namespace": RELEASE["RELEASE_NAMESPACE"],
    "$web_job": RELEASE["WEB_JOB"],
    "$mail_job": RELEASE["MAIL_JOB"],
    "$job": RELEASE["SERVER_JOB"],
    "$__rate_interval": "1m",
}
"""The variables of the dashboard, and what a person would choose."""
GIVEN: Final = frozenset({"namespace", "job", "instance", "le"})
"""The labels that Prometheus itself gives, or a histogram has."""

_SELECTOR: Final = re.compile(r"(?<![\w:$])([a-z_][a-z_:0-9]*)\{([^}]*)\}", re.IGNORECASE)
_MATCHER: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPING: Final = re.compile(r"\b(?:by|on|ignoring)\s*\(([^)]*)\)")
_SUFFIX: Final = re.compile(r"_(?:bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression, and where it is from."""

    place: str
    text: str

    def selectors(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Each metric that it names, with the labels by which it chooses."""
        for name, matchers in _SELECTOR.findall(self.text):
            yield name, frozenset(_MATCHER.findall(re.sub(r'"[^"]*"', '""', matchers)))

    def groupings(self) -> frozenset[str]:
        """The labels by which it groups and joins."""
        lists = ",".join(_GROUPING.findall(self.text)).split(",")
        return frozenset(each.strip() for each in lists if each.strip())


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def of_rules() -> list[Expression]:
    """Those of rules."""
    every = [*rules(RECORDING), *rules(ALERTS)]
    return [Expression(rule.get("alert") or rule["record"], rule["expr"]) for rule in every]


def of_panels() -> list[Expression]:
    """Those of panels, with their variables put in."""
    return [
        Expression(panel["title"], with_variables(target["expr"]))
        for panel in panels()
        for target in panel["targets"]
    ]


def with_variables(text: str) -> str:
    """What Grafana asks for."""
    for variable, value in VARIABLES.items():
        text = text.replace(variable, value)
    return text


def recorded() -> dict[str, frozenset[str]]:
    """The labels of what is recorded, by name."""
    return {
        rule["record"]: Expression(rule["record"], rule["expr"]).groupings()
        for rule in rules(RECORDING)
    }


def family_of(name: str) -> str:
    """The metric of a series, as the page names it."""
    return _SUFFIX.sub("", name)
