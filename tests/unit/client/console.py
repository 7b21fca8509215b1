"""Runs `consentctl` in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from consent_registry_client.cli._program import run


@dataclass(frozen=True)
class Outcome:
    """How one run ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.out)


@dataclass(frozen=True)
class Console:
    """`consentctl` with the options before its command."""

    capsys: pytest.CaptureFixture[str]
    address: str

    def __call__(self, *arguments: object) -> Outcome:
        code = run(["--address", self.address, *map(str, arguments)])
        printed = self.capsys.readouterr()
        return Outcome(code, printed.out, printed.err)
