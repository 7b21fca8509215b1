"""The chart, rendered by Helm's own engine, as the manifests that a cluster would be given."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from helm_python import Chart

CHART: Final = Path(__file__).parents[2] / "charts" / "consent-registry"
EXAMPLES: Final = sorted((CHART / "examples").glob("*.yaml"))

Manifest = dict[str, Any]

_POD_TEMPLATE: Final = {
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


class _Once(yaml.CSafeLoader):
    """Refuses a key given twice, of which Helm and the API server would take one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key) for key, _ in node.value]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"given twice: {sorted(twice)}", node.start_mark
            )
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that a manifest asks for: its labels and its specification, to look at or to spoil."""

    owner: str
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]

    def containers(self) -> list[dict[str, Any]]:
        """All of them, in the order in which they start."""
        kinds = ("initContainers", "containers", "ephemeralContainers")
        return [each for kind in kinds for each in self.spec.get(kind, [])]

    def component(self) -> str:
        """What it is of the product."""
        return self.labels["app.kubernetes.io/component"]


@dataclass(frozen=True, slots=True)
class Release:
    """What one `helm install` asks a cluster for."""

    name: str
    namespace: str
    manifests: tuple[Manifest, ...]

    def all(self, kind: str) -> list[Manifest]:
        """The manifests of a kind, by name."""
        found = [each for each in self.manifests if each["kind"] == kind]
        return sorted(found, key=lambda each: str(each["metadata"]["name"]))

    def one(self, kind: str, component: str | None = None) -> Manifest:
        """The only manifest of a kind, or of a kind and a component."""
        found = [
            each
            for each in self.all(kind)
            if component in {None, each["metadata"]["labels"].get("app.kubernetes.io/component")}
        ]
        assert len(found) == 1, f"{len(found)} of {kind} {component or ''}"
        return found[0]

    def pods(self) -> list[Pod]:
        """Every pod that a workload of it makes."""
        return list(pods_of(self.manifests))


def render(
    values: Mapping[str, Any] | None = None,
    *,
    name: str = "registry",
    namespace: str = "consent",
    revision: int = 1,
    chart: Path = CHART,
) -> Release:
    """The release of these values over the chart's own.

    Raises:
        HelmError: the schema or a template refuses the values; its message says which.
    """
    options = {"name": name, "namespace": namespace, "revision": revision}
    texts = _render(chart, json.dumps(values or {}, sort_keys=True), json.dumps(options))
    return Release(name, namespace, tuple(deepcopy(texts)))


def example(path: Path) -> Release:
    """The release of an example's values."""
    return render(yaml.safe_load(path.read_text(encoding="utf-8")))


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values over values, as Helm lays them: maps in depth, all else whole."""
    result = deepcopy(dict(base))
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
        result[name] = merged(result[name], value) if both else deepcopy(value)
    return result


def pods_of(manifests: tuple[Manifest, ...]) -> Iterator[Pod]:
    """The pods that these manifests ask for; they share the manifests' content."""
    for manifest in manifests:
        template: Any = manifest
        for step in _POD_TEMPLATE.get(manifest["kind"], ()):
            template = template[step]
        if template is not manifest:
            metadata = template["metadata"]
            yield Pod(
                owner=f"{manifest['kind']}/{manifest['metadata']['name']}",
                labels=metadata["labels"],
                annotations=metadata.get("annotations", {}),
                spec=template["spec"],
            )


@cache
def _render(chart: Path, values: str, options: str) -> list[Manifest]:
    texts = _loaded(chart).render(json.loads(values), **json.loads(options))
    return [
        manifest
        for template, text in sorted(texts.items())
        if template.endswith(".yaml")
        for manifest in yaml.load_all(text, Loader=_Once)
        if manifest is not None
    ]


@cache
def _loaded(chart: Path) -> Chart:
    return Chart.load(chart)
