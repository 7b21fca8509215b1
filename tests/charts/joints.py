"""What in a release refers to what: selectors to pods, ports to names, paths to mounts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.charts.rendering import Manifest, Pod, Release

PREFIX: Final = "CONSENT_REGISTRY_"
_PATH: Final = re.compile(r"/etc/consent-registry[^\s?&,:]*")


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector takes these labels; an empty one takes all."""
    expressions = selector.get("matchExpressions", [])
    assert set(selector) <= {"matchLabels", "matchExpressions"}, "no selector of labels"
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _holds(each, labels) for each in expressions
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise AssertionError(expression)


def selected(release: Release, selector: Mapping[str, Any]) -> list[Pod]:
    """The release's pods that a selector takes."""
    return [pod for pod in release.pods() if selects(selector, pod.labels)]


def ports(pod: Pod) -> dict[str, int]:
    """Its named ports."""
    named = [
        (port["name"], port["containerPort"])
        for container in pod.containers()
        for port in container.get("ports", [])
    ]
    assert len({name for name, _ in named}) == len(named), "a name for two ports"
    return dict(named)


def only_container(pod: Pod) -> dict[str, Any]:
    """The one container that each pod of the chart has."""
    (container,) = pod.containers()
    return container


def command(pod: Pod) -> str:
    """Which of the program's commands it runs."""
    return str(only_container(pod)["args"][0])


def environment(pod: Pod) -> dict[str, str]:
    """What its container is told; nothing comes from anywhere else."""
    container = only_container(pod)
    assert "envFrom" not in container
    names = [each["name"] for each in container["env"]]
    assert len(set(names)) == len(names), "a variable given twice"
    # A quoted number is a number's text; an unquoted one would be refused.
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def paths(pod: Pod) -> dict[str, str]:
    """The mounted paths that its variables and arguments name, each by the first that does."""
    found: dict[str, str] = {}
    for name, value in environment(pod).items():
        for path in _PATH.findall(value):
            found.setdefault(path, name)
    for argument in only_container(pod)["args"]:
        if argument.startswith("/"):
            found.setdefault(argument, command(pod))
    return found


def mounted(pod: Pod) -> dict[str, dict[str, Any]]:
    """The volumes by where its container sees them."""
    volumes = {each["name"]: each for each in pod.spec.get("volumes", [])}
    mounts = only_container(pod).get("volumeMounts", [])
    assert {each["name"] for each in mounts} == set(volumes), "a volume that nobody sees"
    return {each["mountPath"]: volumes[each["name"]] for each in mounts}


def is_mounted(pod: Pod, path: str) -> bool:
    """Whether a path is a volume, or a file that a volume brings."""
    for place, volume in mounted(pod).items():
        if path == place:
            return True
        if path.startswith(f"{place}/"):
            files = files_of(volume)
            return files is None or path.removeprefix(f"{place}/") in files
    return False


def files_of(volume: Mapping[str, Any]) -> set[str] | None:
    """The files that a volume brings; nothing where that is for its source to say."""
    source = volume.get("secret") or volume.get("configMap")
    if "projected" in volume:
        each = [
            item["path"]
            for part in volume["projected"]["sources"]
            for content in part.values()
            for item in content["items"]
        ]
        assert len(set(each)) == len(each), "two sources of one file"
        return set(each)
    items = None if source is None else source.get("items")
    return None if items is None else {item["path"] for item in items}


def secrets(pod: Pod) -> Iterator[tuple[str, str]]:
    """The Secrets that it is given, with the key of each."""
    for volume in pod.spec.get("volumes", []):
        if "secret" in volume:
            for item in volume["secret"].get("items", [{"key": "*"}]):
                yield volume["secret"]["secretName"], item["key"]
        for source in volume.get("projected", {}).get("sources", []):
            for item in source.get("secret", {}).get("items", []):
                yield source["secret"]["name"], item["key"]
    for container in pod.containers():
        for variable in container.get("env", []):
            of = variable.get("valueFrom", {}).get("secretKeyRef")
            if of is not None:
                yield of["name"], of["key"]


def as_if_mounted(pod: Pod, root: Path) -> dict[str, str]:
    """The environment, with every path that it names there under `root`, as files with a word."""
    told = environment(pod)
    for path in paths(pod):
        there = root / path.removeprefix("/")
        if "." in there.name or there.name in {"password", "api-key"}:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text("{}" if there.suffix else "word", encoding="utf-8")
        else:
            there.mkdir(parents=True, exist_ok=True)
    place = re.compile(_PATH)
    return {
        name: place.sub(lambda found: f"{root}{found[0]}", value) for name, value in told.items()
    }


def texts(manifest: Manifest) -> Iterator[str]:
    """Every text in it, keys excluded."""
    todo: list[Any] = [manifest]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str):
            yield value
