"""Tells whether the pins in requirements/ still are what pyproject.toml asks for.

It asks no package index, so that a release of somebody else's never breaks the check: it looks at
the direct dependencies alone, since the pins were resolved together.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import Specifier
from packaging.utils import canonicalize_name
from packaging.version import Version

REQUIREMENTS = Path("requirements")
GENERATED = Path("protos/gen")
# Which extras each file of pins stands for; the client's own dependencies are in all of them.
EXTRAS_BY_FILE = {
    "client-cli.txt": ("cli",),
    "dev.txt": ("dev",),
    "embedded.txt": ("cli", "embedded", "server"),
    "server.txt": ("server",),
}
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)
# Pins are for every machine: an index or a folder of the one that compiled them breaks the others.
PLACE = re.compile(r"^.*(?:://|file:|--index-url|--extra-index-url|--find-links).*$", re.MULTILINE)
GENERATOR_VERSIONS = {
    "grpcio": ("*_pb2_grpc.py", re.compile(r"^GRPC_GENERATED_VERSION = '(.+)'$", re.MULTILINE)),
    "protobuf": ("*_pb2.py", re.compile(r"^# Protobuf Python Version: (.+)$", re.MULTILINE)),
}


def main() -> int:
    """Returns the exit code: 1 when anything is out of step."""
    project = tomllib.loads(Path("pyproject.toml").read_text())
    findings = [*stale_pins(project), *foreign_places(), *wrong_lower_bounds(project["project"])]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def stale_pins(project: Mapping[str, Any]) -> Iterator[str]:
    """What pyproject.toml asks for and a file of pins lacks or contradicts."""
    wanted = {
        name: direct_requirements(project["project"], extras)
        for name, extras in EXTRAS_BY_FILE.items()
    }
    bootstrap = project["dependency-groups"]["bootstrap"]
    wanted["bootstrap.txt"] = [Requirement(text) for text in bootstrap]
    wanted["build.txt"] = [Requirement(text) for text in project["build-system"]["requires"]]
    for file_name, requirements in sorted(wanted.items()):
        pins = read_pins(REQUIREMENTS / file_name)
        for requirement in requirements:
            pinned = pins.get(canonicalize_name(requirement.name))
            if pinned is None or pinned not in requirement.specifier:
                found = "no pin" if pinned is None else f"{pinned}"
                yield f"requirements/{file_name}: {found} for {requirement}; `make requirements`"


def direct_requirements(metadata: Mapping[str, Any], extras: Iterable[str]) -> list[Requirement]:
    """The project's own dependencies and those of the extras, the extras' extras included."""
    found = [Requirement(text) for text in metadata["dependencies"]]
    pending = list(extras)
    while pending:
        for text in metadata["optional-dependencies"][pending.pop()]:
            requirement = Requirement(text)
            if requirement.name == metadata["name"]:
                pending.extend(requirement.extras)
            else:
                found.append(requirement)
    return found


def read_pins(path: Path) -> dict[str, Version]:
    """The pinned version of each package, by its canonical name."""
    return {
        canonicalize_name(match["name"]): Version(match["version"])
        for match in PIN.finditer(path.read_text())
    }


def foreign_places() -> Iterator[str]:
    """Lines that name where packages came from."""
    for path in sorted(REQUIREMENTS.glob("*.txt")):
        for match in PLACE.finditer(path.read_text()):
            yield f"{path} names a place: {match[0].strip()}"


def wrong_lower_bounds(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Lower bounds that would admit a runtime which the generated code refuses, or forbid others.

    The generated code raises at import on a runtime older than its generator.
    """
    by_name = {Requirement(text).name: Requirement(text) for text in metadata["dependencies"]}
    for name, (pattern, version_line) in GENERATOR_VERSIONS.items():
        generators = {
            version
            for path in GENERATED.rglob(pattern)
            for version in version_line.findall(path.read_text())
        }
        bounds = {bound.version for bound in by_name[name].specifier if is_lower_bound(bound)}
        if bounds != generators:
            yield (
                f"pyproject.toml asks for {by_name[name]}, the generated code for"
                f" {name}>={', '.join(sorted(generators))}"
            )


def is_lower_bound(bound: Specifier) -> bool:
    """Whether the specifier is a `>=`."""
    return bound.operator == ">="


if __name__ == "__main__":
    sys.exit(main())
