"""Becomes a program in a file system of its own; box.py starts it in namespaces of its own.

It imports nothing of the project, because it runs before anything of it can be seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn


def main() -> NoReturn:
    """Builds the file system that the argument describes, and becomes the program in it."""
    box = json.loads(sys.argv[1])
    root = Path(box["root"])
    _mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(root))
    for place in box["places"]:
        _put(root, place)
    if box["read_only"]:
        _mount("-o", "remount,ro", str(root))
    os.chroot(root)
    os.chdir(box["directory"])
    os.umask(0o022)
    os.execve(box["command"][0], box["command"], box["environment"])  # noqa: S606 - no shell is the point


def _put(root: Path, place: dict[str, Any]) -> None:
    target = root / place["target"].lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    match place["kind"]:
        case "link":
            target.symlink_to(place["source"])
        case "bind":
            _bind(Path(place["source"]), target, is_writable=place["writable"])
        case "scratch":
            target.mkdir(exist_ok=True)
            _mount("-t", "tmpfs", "-o", f"mode={place['mode']}", "tmpfs", str(target))
        case "proc":
            target.mkdir(exist_ok=True)
            _mount("-t", "proc", "proc", str(target))


def _bind(source: Path, target: Path, *, is_writable: bool) -> None:
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    _mount("--bind", str(source), str(target))
    if not is_writable:
        _mount("-o", "remount,bind,ro", str(target))


def _mount(*arguments: str) -> None:
    subprocess.run(["/usr/bin/mount", *arguments], check=True)


main()
