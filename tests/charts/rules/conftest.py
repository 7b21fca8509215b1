"""Where the tools are."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus's tool for rules; where there is none, tests that need it are skipped."""
    program = shutil.which("promtool")
    if program is None:
        message = "promtool is not installed (Debian: prometheus)"
        if os.environ.get("CI", "").lower() in {"", "0", "false", "no"}:
            pytest.skip(message)
        pytest.fail(message)
    return program
