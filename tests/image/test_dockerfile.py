"""What the Dockerfile promises by its words, and what may reach its builder."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePosixPath
from typing import Final

import pytest

from tests.image.built import BASE_ENVIRONMENT
from tests.image.context import REPOSITORY, admitted, patterns, repository_files
from tests.image.dockerfile import Stage, read_dockerfile, variables

PINNED: Final = re.compile(r"python:(?P<version>3\.\d+)-slim-bookworm@sha256:[0-9a-f]{64}")
PROJECT: Final = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return read_dockerfile(REPOSITORY / "Dockerfile")


def test_both_stages_begin_with_one_base_pinned_by_its_digest(stages: list[Stage]) -> None:
    """A tag moves; and what was compiled on one base runs on the same."""
    bases = {stage.base for stage in stages}
    assert len(bases) == 1
    assert PINNED.fullmatch(bases.pop())


def test_the_final_stage_adds_the_environment_and_takes_away_the_installers(
    stages: list[Stage],
) -> None:
    """The one step that is not played, because it changes the base; so it is as written here."""
    final = stages[-1]
    version = PINNED.fullmatch(final.base)
    assert version is not None
    assert [each.words() for each in final.all("COPY")] == [
        ["--from=builder", "/opt/consent-registry", "/opt/consent-registry"]
    ]
    assert (
        final.only("RUN").text.split()
        == (
            "pip uninstall --yes wheel setuptools pip"
            " && python -m compileall -q -j 0 --invalidation-mode unchecked-hash"
            f" /usr/local/lib/python{version['version']}"
        ).split()
    )
    assert not final.all("ADD")


def test_a_container_runs_the_program_as_a_numbered_user_without_a_shell(
    stages: list[Stage],
) -> None:
    """Kubernetes can tell from a number alone that a user is not root."""
    final = stages[-1]
    assert final.only("USER").text == "65532:65532"
    assert final.only("ENTRYPOINT").command() == ["consent-registry"]
    assert final.only("CMD").command() == ["serve"]
    assert final.only("STOPSIGNAL").text == "SIGTERM"
    assert final.only("EXPOSE").words() == ["50051", "50052", "9464", "8080", "9465"]
    assert final.environment(BASE_ENVIRONMENT) == BASE_ENVIRONMENT | {
        "PATH": f"/opt/consent-registry/bin:{BASE_ENVIRONMENT['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "GRPC_VERBOSITY": "NONE",
        "PYTHONTZPATH": "",
        "PYTHONUNBUFFERED": "1",
    }


def test_the_labels_say_what_the_project_says(stages: list[Stage]) -> None:
    """Title, description and version are those of pyproject.toml, the base is the one used."""
    final = stages[-1]
    labels = variables(final.only("LABEL"), {})
    prefix = "org.opencontainers.image."
    assert labels == {
        f"{prefix}title": PROJECT["name"],
        f"{prefix}description": PROJECT["description"],
        f"{prefix}version": PROJECT["version"],
        f"{prefix}base.name": final.base.partition("@")[0],
    }


def test_the_builder_gets_exactly_what_the_dockerfile_copies(stages: list[Stage]) -> None:
    """Neither tests, documents, charts nor what lies about can slip into a layer."""
    copied = [
        PurePosixPath(source)
        for instruction in stages[0].all("COPY")
        for source in instruction.words()[:-1]
    ]
    rules = patterns()
    files = repository_files()
    reach = {path for path in files if admitted(path, rules)}
    assert reach == {
        path for path in files if any(path.is_relative_to(source) for source in copied)
    }
    assert reach


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".registry-data/keyring.json",
        "keyring.json",
        "requirements/dev.txt",
        "server/consent_registry_server/__pycache__/app.cpython-311.pyc",
        "tests/conftest.py",
    ],
)
def test_what_is_no_part_of_the_program_stays_outside(path: str) -> None:
    """Keys that lie in the working directory above all."""
    assert not admitted(PurePosixPath(path), patterns())
