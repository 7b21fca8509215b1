"""Files about one person: for nobody else's eyes, and whole or not there at all."""

import os
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import typer

_OWNER_ONLY = 0o600


def write_private(contents: Mapping[Path, str]) -> None:
    """Writes each text to its file, in UTF-8, readable by its owner only.

    All of them reach the disk before the first one appears in its place.
    """
    with ExitStack() as making:
        made = [(_partial(path.resolve(), text, making), path) for path, text in contents.items()]
        for partial, path in made:
            partial.replace(path.resolve())


def require_writable(*paths: Path) -> None:
    """Raises BadParameter for what can be no file, before anything is asked for."""
    places = [path.resolve() for path in paths]
    if len(set(places)) < len(places):
        raise typer.BadParameter("the files must be different ones")
    for path in places:
        if (path.exists() and not path.is_file()) or not path.parent.is_dir():
            raise typer.BadParameter(f"{path} cannot be a regular file")


def _partial(path: Path, text: str, making: ExitStack) -> Path:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    # Once it is in its place there is none under this name any more.
    making.callback(partial.unlink, missing_ok=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return partial
