"""Plays the Dockerfile: its own commands, at its own paths, in a file system of their own."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.image.box import Box, Place, User, system_places
from tests.image.context import REPOSITORY, copy_context
from tests.image.dockerfile import Instruction, Stage, read_dockerfile, variables

_TOOLS: Final = Path(sys.executable).parent
_BASE_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

BASE_ENVIRONMENT: Final = {"PATH": _BASE_PATH, "LANG": "C.UTF-8"}
"""What the base image sets, as far as it matters."""

# A link would be where the environment's own link leads to.
_PYTHON: Final = f"""#!/bin/sh
exec {sys.base_prefix}/bin/python3 "$@"
"""
_PIP: Final = f"""#!/bin/sh
# pip as the base image has it, but quick: uv installs where it can, as in the Makefile.
if [ "$1" = --python ] && [ "$3" = install ]; then
    python="$2"
    {_TOOLS}/uv pip install --quiet --python "$python" $(shift 3; echo "$@") && exit
fi
exec {sys.executable} -m pip "$@"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """What the Dockerfile makes.

    `environment_path` is where the programs are in the image, `folder` where on this machine.
    """

    folder: Path
    environment_path: str
    final: Stage

    def environment(self) -> dict[str, str]:
        """The variables of a container, before those that its pod adds."""
        return self.final.environment(BASE_ENVIRONMENT)

    def entrypoint(self) -> list[str]:
        """What runs with a container's arguments."""
        return self.final.only("ENTRYPOINT").command()

    def user(self) -> User:
        """Who a container's program runs as, unless its pod says otherwise."""
        uid, gid = map(int, self.final.only("USER").text.split(":"))
        return User(uid, gid)

    def places(self) -> list[Place]:
        """The image's own files, for a box."""
        resolver = self.folder.with_name("nsswitch.conf")
        resolver.write_text("hosts: files dns\n")
        return [
            *system_places(),
            Place("bind", "/etc/nsswitch.conf", str(resolver)),
            Place("bind", self.environment_path, str(self.folder)),
        ]


def build(folder: Path) -> Image:
    """Makes the image in an empty folder."""
    builder, final = read_dockerfile(REPOSITORY / "Dockerfile")
    copied = final.only("COPY").words()
    assert copied[0] == f"--from={builder.name}", copied
    source, path = copied[1:]
    assert source == path, "scripts name the interpreter by its path"
    player = _Builder(folder, Path(path).parent)
    player.play(builder)
    return Image(player.layer / Path(path).name, path, final)


class _Builder:
    """The first stage, as far as it has come: its working directory, and one where it installs."""

    def __init__(self, folder: Path, installs_in: Path) -> None:
        self.layer = folder / "layer"
        self._installs_in = installs_in
        self._context = folder / "context"
        self._work = folder / "work"
        self._tools = folder / "tools"
        for made in (self.layer, self._context, self._work, self._tools):
            made.mkdir(parents=True)
        copy_context(self._context)
        for name, script in (("python", _PYTHON), ("pip", _PIP)):
            (self._tools / name).write_text(script)
            (self._tools / name).chmod(0o755)
        self._directory = "/"
        self._variables: dict[str, str] = {}

    def play(self, stage: Stage) -> None:
        """Follows the stage's instructions.

        Raises:
            NotImplementedError: there is one that nobody has taught it.
        """
        for instruction in stage.instructions:
            match instruction.keyword:
                case "ENV":
                    self._variables |= variables(instruction, self._variables)
                case "WORKDIR":
                    self._directory = instruction.text
                case "COPY":
                    self._copy(instruction)
                case "RUN":
                    self._run(instruction.text)
                case other:
                    raise NotImplementedError(other)

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.words()
        place = self._work / target
        for source in sources:
            if (self._context / source).is_dir():
                shutil.copytree(self._context / source, place, dirs_exist_ok=True)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(self._context / source, place)

    def _run(self, text: str) -> None:
        box = Box(
            ("/bin/sh", "-euc", text),
            self._environment(),
            [
                Place("bind", str(self._installs_in), str(self.layer), writable=True),
                *_this_machine(apart_from=(self._installs_in, Path(self._directory))),
                Place("bind", self._directory, str(self._work), writable=True),
            ],
            directory=self._directory,
            read_only=False,
        )
        started = box.start(subprocess.PIPE)
        output, _ = started.communicate()
        assert started.returncode == 0, f"RUN {shlex.join([text])}: {output.decode()}"

    def _environment(self) -> Mapping[str, str]:
        # Where packages come from is this machine's affair, and what it has fetched may be kept.
        others = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        others |= {name: v for name, v in self._variables.items() if name != "PIP_NO_CACHE_DIR"}
        return others | {"PATH": f"{self._tools}:{_BASE_PATH}", "UV_LINK_MODE": "copy"}


def _this_machine(*, apart_from: tuple[Path, Path]) -> list[Place]:
    """All of it, read-only but for scratch and caches; of the two folders what they hold."""
    own = {Path(name) for name in ("/bin", "/dev", "/lib", "/lib64", "/proc", "/sbin", "/sys")}
    own |= {Path("/tmp"), Path("/usr"), *apart_from}  # noqa: S108 - where the build's folder is
    held = [each for folder in apart_from if folder.exists() for each in folder.iterdir()]
    folders = [each for each in (*Path("/").iterdir(), *held) if each not in own and each.is_dir()]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache.mkdir(parents=True, exist_ok=True)
    return [
        *(Place("bind", str(each), str(each)) for each in folders if not each.is_symlink()),
        *(place for place in system_places() if not place.target.startswith("/etc/")),
        Place("bind", "/tmp", "/tmp", writable=True),  # noqa: S108
        Place("bind", str(cache), str(cache), writable=True),
    ]
