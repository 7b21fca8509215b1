"""What the README tells a newcomer to type works, as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.registry_process import RegistryProcess

README: Final = Path(__file__).parents[2] / "README.md"
TOUR: Final = README.read_text(encoding="utf-8").partition("## Five minutes")[2]
DEFAULT_ADDRESS: Final = "127.0.0.1:50051"

PYTHON: Final = re.findall(r"```python\n(.*?)```", TOUR, flags=re.DOTALL)
SHELL: Final = [
    block
    for block in re.findall(r"```console\n(.*?)```", TOUR, flags=re.DOTALL)
    if "consentctl" in block
]


def environment(registry: RegistryProcess) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CONSENT_REGISTRY_CONTROLLER": "alarm-fr",
        "CONSENT_REGISTRY_ADDRESS": registry.address,
        "CONSENTCTL_ACTOR": "Officer 7",
    }


@pytest.mark.parametrize("example", PYTHON, ids=["dialer", "attempt", "mail sender"])
def test_python_examples_run(example: str, registry: RegistryProcess) -> None:
    """The dialer's example may print either answer; what counts is that it has one."""
    code = example.replace(DEFAULT_ADDRESS, registry.address)
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "UNSPECIFIED" not in result.stdout, "the registry was not asked"


@pytest.mark.parametrize(
    "block",
    SHELL,
    ids=[
        "customer service",
        "campaign tool",
        "register",
        "mail sender",
        "one link",
        "receipts",
        "officer",
        "rights",
    ],
)
def test_shell_examples_run(block: str, registry: RegistryProcess, tmp_path: Path) -> None:
    """A check may also exit with 1: not allowed."""
    commands = block.replace("\\\n", " ").strip().splitlines()
    for command in commands:
        result = subprocess.run(  # noqa: S602 - what a newcomer's shell would run
            command,
            shell=True,
            cwd=tmp_path,
            env=environment(registry),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        allowed = (0, 1) if command.startswith("consentctl check") else (0,)
        assert result.returncode in allowed, f"{command}\n{result.stdout}{result.stderr}"
