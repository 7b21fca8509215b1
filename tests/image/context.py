"""The build context: the repository's files that .dockerignore admits."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]


def repository_files() -> list[PurePosixPath]:
    """What git knows or would take, and what lies about besides, as where somebody builds."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = filter(None, listing.split("\0"))
    return [PurePosixPath(name) for name in names if (REPOSITORY / name).is_file()]


def admitted(path: PurePosixPath, patterns: Sequence[str]) -> bool:
    """Whether the builder gets a file: the last pattern decides that matches it or a parent."""
    answer = True
    for pattern in patterns:
        if any(_matches(each, pattern.removeprefix("!")) for each in (path, *path.parents)):
            answer = pattern.startswith("!")
    return answer


def patterns() -> list[str]:
    """Those of .dockerignore."""
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def copy_context(folder: Path) -> None:
    """Copies what the builder gets."""
    rules = patterns()
    for path in repository_files():
        if admitted(path, rules):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / path, folder / path)


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """As Docker: `*` stops at slashes, `**/` stands for any folders or none."""
    parts = re.split(r"(\*\*/|\*)", pattern)
    meaning = {"**/": "(?:.*/)?", "*": "[^/]+"}
    expression = "".join(meaning.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, str(path)) is not None
