"""Makes the schemas beside it from the definitions of custom resources, as their projects publish.

    python tests/charts/crds/vendor.py PROJECT VERSION definition.yaml…

Keeps the schema of the version that the chart uses, without descriptions, in which anything that
the API server would drop or refuse as unknown is refused.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

_HERE: Final = Path(__file__).parent
_VERSIONS: Final = {
    "monitoring.coreos.com": "v1",
    "postgresql.cnpg.io": "v1",
    "external-secrets.io": "v1",
}
_KEEPS_UNKNOWN: Final = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
# They refuse nothing.
_SAYS_NOTHING: Final = frozenset({"description", "default", "example", "externalDocs", "title"})
_MAPS_OF_SCHEMAS: Final = frozenset({"properties", "patternProperties"})
_LISTS_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "oneOf"})


def strict(schema: dict[str, Any], *, whole: bool = True) -> dict[str, Any]:
    """The schema in JSON Schema's own terms, closed to fields that it does not name.

    `whole` is false for the branches of a choice, which say a little more of fields that are
    described elsewhere, and must not refuse the others.
    """
    kept = {
        name: _inner(name, value, whole=whole)
        for name, value in schema.items()
        if name not in _SAYS_NOTHING and not name.startswith("x-kubernetes-")
    }
    if "required" in schema:
        # The API server fills in defaults before it looks.
        fields = schema.get("properties", {})
        kept["required"] = [
            name for name in schema["required"] if "default" not in fields.get(name, {})
        ]
    if kept.pop("nullable", False) and "type" in kept:
        kept["type"] = [kept["type"], "null"]
    if schema.get(_INT_OR_STRING):
        kept |= {"type": ["integer", "string"]}
        kept.pop("anyOf", None)
    is_open = schema.get(_KEEPS_UNKNOWN) or "additionalProperties" in schema
    if whole and "properties" in schema and not is_open:
        kept["additionalProperties"] = False
    return kept


def _inner(name: str, value: object, *, whole: bool) -> object:
    """What a keyword says, with the schemas in it made strict."""
    if name in _MAPS_OF_SCHEMAS and isinstance(value, dict):
        return {key: strict(each, whole=whole) for key, each in value.items()}
    if name in _LISTS_OF_SCHEMAS and isinstance(value, list):
        return [strict(each, whole=False) for each in value]
    if name == "not" and isinstance(value, dict):
        return strict(value, whole=False)
    if name in {"items", "additionalProperties"} and isinstance(value, dict):
        return strict(value, whole=whole)
    return value


def main(project: str, release: str, *definitions: str) -> None:
    """Writes one schema for each definition."""
    for path in definitions:
        definition = yaml.safe_load(Path(path).read_text(encoding="utf-8"))["spec"]
        group, kind = definition["group"], definition["names"]["kind"]
        (version,) = [each for each in definition["versions"] if each["name"] == _VERSIONS[group]]
        schema = strict(version["schema"]["openAPIV3Schema"])
        # The definition says no more of it than that it is an object.
        schema["properties"]["metadata"] = {"type": "object"}
        document = {
            "$comment": f"{project} {release}, {group}/{version['name']}, Apache-2.0",
            "apiVersion": f"{group}/{version['name']}",
            "kind": kind,
            "schema": schema,
        }
        target = _HERE / f"{kind.lower()}.json"
        text = json.dumps(document, separators=(",", ":"), sort_keys=True)
        target.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
