"""Prometheus's own tool for rules, where it is installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

FILES: Final = Path(__file__).parents[3] / "charts" / "consent-registry" / "files"
ALERTS: Final = FILES / "alerts.yaml"
RECORDING: Final = FILES / "recording-rules.yaml"
TIMEOUT_S: Final = 120.0


def rules(path: Path) -> list[dict[str, Any]]:
    """All rules of a file, in order."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """What the tool says."""
    return subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def rules_of(alert: str) -> list[dict[str, Any]]:
    """The rules of one alert, and before them those that record what it asks for."""
    own = [rule for rule in rules(ALERTS) if rule["alert"] == alert]
    asked = " ".join(rule["expr"] for rule in own)
    return [rule for rule in rules(RECORDING) if rule["record"] in asked] + own


def write_test(
    directory: Path,
    alert: str,
    series: Mapping[str, str],
    *,
    step_min: int,
    at: int,
    expression: str,
    samples: list[str],
) -> Path:
    """Writes a unit test: with these series, the expression has these samples, each 1.

    `at` counts steps. Only the alert's rules are there, for to evaluate all at every step is slow.
    """
    test = {
        "interval": f"{step_min}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{at * step_min}m",
                "exp_samples": [{"labels": labels, "value": 1} for labels in samples],
            }
        ],
    }
    content = {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{step_min}m",
        "tests": [test],
    }
    groups = {"groups": [{"name": alert, "rules": rules_of(alert)}]}
    # JSON is YAML.
    (directory / "rules.json").write_text(json.dumps(groups), encoding="utf-8")
    path = directory / "test.json"
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return path
