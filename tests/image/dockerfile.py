"""Reads a Dockerfile as far as ours goes, so that tests do what the file says."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STAGE: Final = re.compile(r"(?P<base>\S+)(?: AS (?P<name>\S+))?")
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<bare>\w+))")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined."""

    keyword: str
    text: str

    def words(self) -> list[str]:
        """The words of a shell-like form, without their quotes."""
        return shlex.split(self.text)

    def command(self) -> list[str]:
        """The words of the exec form, which needs no shell."""
        parsed: list[str] = json.loads(self.text)
        return parsed


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows a FROM."""

    base: str
    name: str | None
    instructions: Sequence[Instruction]

    def all(self, keyword: str) -> list[Instruction]:
        """The instructions of this keyword, in order."""
        return [each for each in self.instructions if each.keyword == keyword]

    def only(self, keyword: str) -> Instruction:
        """The one instruction of this keyword."""
        (found,) = self.all(keyword)
        return found

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables of the finished stage; `base` are those of what it is made from."""
        found = dict(base)
        for instruction in self.all("ENV"):
            found |= variables(instruction, found)
        return found


def variables(instruction: Instruction, known: Mapping[str, str]) -> dict[str, str]:
    """The variables that an ENV sets, or the labels of a LABEL."""
    pairs = (word.split("=", 1) for word in instruction.words())
    return {name: _expanded(value, known) for name, value in pairs}


def read_dockerfile(path: Path) -> list[Stage]:
    """Returns the stages, in order."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    stages: list[Stage] = []
    instructions: list[Instruction] = []
    for line in filter(None, joined.splitlines()):
        keyword, _, text = line.partition(" ")
        if keyword != "FROM":
            instructions.append(Instruction(keyword, text.strip()))
            continue
        stage = _STAGE.fullmatch(text.strip())
        assert stage is not None, line
        instructions = []
        stages.append(Stage(stage["base"], stage["name"], instructions))
    return stages


def _expanded(value: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known[found["braced"] or found["bare"]], value)
