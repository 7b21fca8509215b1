"""What an API server would refuse in a manifest, by the schemas of Kubernetes and of operators."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]
import kubernetes_validate  # type: ignore[import-untyped]

from tests.charts.rendering import Manifest

# Those that Kubernetes's project maintains; see "Install" in docs/operations.md.
KUBERNETES: Final = ("1.35", "1.36", "1.37")

_SCHEMAS: Final = Path(__file__).parent / "crds"


def refusal(manifest: Manifest, version: str) -> str | None:
    """Where and why this version of Kubernetes refuses it, unknown fields included; else nothing.

    Raises:
        kubernetes_validate.SchemaNotFoundError: Kubernetes has no such kind, and no operator whose
            schemas are here.
    """
    try:
        custom = _custom().get((manifest["apiVersion"], manifest["kind"]))
        if custom is None:
            kubernetes_validate.validate(manifest, version, strict=True)
        else:
            custom.validate(manifest)
    except jsonschema.ValidationError as error:
        return f"{error.json_path}: {error.message}"
    return None


@cache
def _custom() -> dict[tuple[str, str], Any]:
    documents = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(_SCHEMAS.glob("*.json"))
    ]
    return {
        (document["apiVersion"], document["kind"]): jsonschema.Draft202012Validator(
            document["schema"]
        )
        for document in documents
    }
