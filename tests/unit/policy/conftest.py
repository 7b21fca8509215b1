"""A copy of the packaged policy that a test may spoil."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A directory with the packaged files."""
    with as_file(files("consent_registry_server.policy") / "packs") as packaged:
        return Path(shutil.copytree(packaged, tmp_path / "packs"))
