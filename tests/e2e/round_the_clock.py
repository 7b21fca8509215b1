"""The packaged policy without its contact hours, for tests that cannot choose when they run."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml


def write_policy(directory: Path) -> Path:
    """Writes the packs, calls and visits open at any hour, into an empty directory."""
    for file in (files("consent_registry_server") / "policy" / "packs").iterdir():
        if file.name.endswith(".yaml"):
            document = _at_any_hour(yaml.safe_load(file.read_text(encoding="utf-8")))
            (directory / file.name).write_text(yaml.safe_dump(document), encoding="utf-8")
    return directory


def _at_any_hour(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, list):
        return [_at_any_hour(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "any" if key == "contact_hours" else _at_any_hour(each) for key, each in value.items()
    }
