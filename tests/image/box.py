"""Programs in file systems of their own, as a container engine would run them.

Linux namespaces and root are all it takes. Inside, the program is process 1, whom no signal ends
that it does not handle: what a program forgets, an image test finds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Final

_ENTER: Final = Path(__file__).with_name("enter.py")
_UNSHARE: Final = ("/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child")
_ROOT: Final = Path(tempfile.gettempdir()) / "registry-image-root"
"""An empty folder; what boxes mount there nobody sees but them."""
_WITHOUT_PRIVILEGES: Final = (
    "/usr/bin/setpriv",
    "--no-new-privs",
    "--inh-caps=-all",
    "--bounding-set=-all",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Something at a path of the box: a file or folder of this machine, or one made for it.

    The kind is `bind`, `link` (`source` is its text), `scratch` (empty, in memory) or `proc`.
    """

    kind: str
    target: str
    source: str = ""
    writable: bool = False
    mode: str = "1777"


@dataclass(frozen=True, slots=True)
class User:
    """Who a program runs as; `groups` are the supplementary ones."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    def command(self) -> tuple[str, ...]:
        """What gives up all that the user has not, in front of the program."""
        groups = f"--groups={','.join(map(str, self.groups))}" if self.groups else "--clear-groups"
        return (*_WITHOUT_PRIVILEGES, f"--reuid={self.uid}", f"--regid={self.gid}", groups)


@dataclass(frozen=True, slots=True)
class Box:
    """A program and all that it can see. Without a user it is root, as in a build."""

    command: Sequence[str]
    environment: Mapping[str, str]
    places: Sequence[Place]
    user: User | None = None
    directory: str = "/"
    read_only: bool = field(default=True, kw_only=True)

    def start(self, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Starts it in the network namespace of the calling thread; all that it says goes there."""
        # A command that is no path is looked up by the one in front of it, in the box's own PATH.
        front = ("/usr/bin/env",) if self.user is None else self.user.command()
        _ROOT.mkdir(exist_ok=True)
        described = {
            "root": str(_ROOT),
            "places": [asdict(place) for place in self.places],
            "read_only": self.read_only,
            "directory": self.directory,
            "command": [*front, *self.command],
            "environment": dict(self.environment),
        }
        return subprocess.Popen(
            [*_UNSHARE, sys.executable, "-I", str(_ENTER), json.dumps(described)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def process_of(started: subprocess.Popen[bytes]) -> int:
    """The program's own process, as this machine numbers it.

    Raises:
        ProcessLookupError: it has ended, or not begun.
    """
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split()
    if not children:
        raise ProcessLookupError(started.pid)
    return int(children[0])


def system_places() -> list[Place]:
    """What any program needs of an operating system: libraries, devices, processes."""
    folders = [
        Place("link", str(folder), str(folder.readlink()))
        if folder.is_symlink()
        else Place("bind", str(folder), str(folder))
        for folder in map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64"))
        if folder.exists()
    ]
    devices = [
        Place("bind", f"/dev/{name}", f"/dev/{name}", writable=True)
        for name in ("null", "zero", "random", "urandom")
    ]
    memory = Place("scratch", "/dev/shm")  # noqa: S108 - where every container has it
    loader = Place("bind", "/etc/ld.so.cache", "/etc/ld.so.cache")
    python = Path(sys.base_prefix)
    own = [] if python.is_relative_to("/usr") else [Place("bind", str(python), str(python))]
    return [*folders, *devices, memory, loader, *own, Place("proc", "/proc")]


def can_box() -> bool:
    """Whether this process may make namespaces."""
    if os.geteuid() != 0 or not Path(_UNSHARE[0]).exists():
        return False
    tried = subprocess.run(
        [*_UNSHARE, "/usr/bin/true"], check=False, capture_output=True, stdin=subprocess.DEVNULL
    )
    return tried.returncode == 0
