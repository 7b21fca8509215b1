"""What the values say of themselves, and what is shipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import package

from tests.charts.cases import RELEASES
from tests.charts.rendering import CHART, render


def test_every_value_has_a_default_and_a_description() -> None:
    """What the schema allows is what values.yaml shows, and the other way round."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    del schema["properties"]["global"]  # Helm's own: what a parent chart says to all.
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert list(_differing("", schema, defaults)) == []


@pytest.mark.parametrize("values", RELEASES)
def test_the_package_is_what_the_folder_is(values: dict[str, Any], tmp_path: Path) -> None:
    """Nothing that it needs is left out of the archive."""
    archive = Path(package(CHART, destination=tmp_path))
    assert render(values, chart=archive) == render(values)


def _differing(place: str, schema: dict[str, Any], default: object) -> Iterator[str]:
    """Where a schema and the defaults do not tell of the same values."""
    if place and not schema.get("description"):
        yield f"{place}: no description"
    properties = schema.get("properties")
    if properties is None or not isinstance(default, dict):
        return
    # What is free to be given, as quantities are, has no default that says it all.
    unsaid = set() if place.endswith(".resources") else properties.keys() - default.keys()
    for name in sorted(unsaid | (default.keys() - properties.keys())):
        yield f"{place}.{name}: in one of both only"
    for name in properties.keys() & default.keys():
        yield from _differing(f"{place}.{name}", properties[name], default[name])
