"""What the commands share that write a whole file to the registry."""

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

REQUEST_NAMESPACE = uuid.UUID("5d3f2c0e-6a0b-5c0e-9a57-6d0f6f2f3c11")
_READ_BYTES = 1024 * 1024

Report = Annotated[
    Path | None,
    typer.Option(help="What became of each row. Default: beside the file, as NAME.report.csv."),
]
RunLabel = Annotated[
    str,
    typer.Option(
        "--run",
        help="Any text; with another one, rows that were stored before are stored once more.",
    ),
]


class RequestIds:
    """The request ids of one file: the same again for the same file with the same options."""

    def __init__(self, path: Path, options: Sequence[object]) -> None:
        self._file = uuid.uuid5(REQUEST_NAMESPACE, f"{digest_of(path)} {list(options)!r}")

    def of(self, part: int) -> str:
        """Returns the id for the row or chunk of that number."""
        return str(uuid.uuid5(self._file, str(part)))


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def report_path(report: Path | None, source: Path) -> Path:
    """Returns where the report goes."""
    return report or source.with_name(f"{source.stem}.report.csv")
