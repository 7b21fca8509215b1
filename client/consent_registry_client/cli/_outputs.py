"""Files that appear whole or not at all."""

import csv
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import typer


class Output:
    """One file in the making, beside the place where it will be."""

    def __init__(
        self,
        path: Path,
        *,
        encoding: str,
        delimiter: str,
        newline: str,
    ) -> None:
        self.path = path.resolve()
        if self.path.exists() and not self.path.is_file():
            raise typer.BadParameter(f"{path} is not a regular file")
        self._partial = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.partial")
        # Surrogates carry the bytes of the source that were not UTF-8.
        self._file = self._partial.open(
            "x", encoding=encoding, errors="surrogateescape", newline=""
        )
        self._writer = csv.writer(self._file, delimiter=delimiter, lineterminator=newline)

    def write(self, row: Iterable[str]) -> None:
        """Adds a row."""
        self._writer.writerow(row)

    def seal(self) -> None:
        """Brings all rows to the disk; nothing can be added any more."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def publish(self) -> None:
        """Puts the sealed file in its place, instead of what was there."""
        self._partial.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def discard(self) -> None:
        """Removes whatever was not published."""
        try:
            # Closing writes what is buffered, which may fail just as the write before did.
            self._file.close()
        except OSError:
            pass
        finally:
            self._partial.unlink(missing_ok=True)


class Outputs:
    """Files that appear together; a context manager that discards what was not published."""

    def __init__(
        self, *, encoding: str = "utf-8", delimiter: str = ",", newline: str = "\n"
    ) -> None:
        self._encoding = encoding
        self._delimiter = delimiter
        self._newline = newline
        self._outputs: list[Output] = []

    def add(self, path: Path) -> Output:
        """Returns one more file, to be published after those before it."""
        output = Output(
            path, encoding=self._encoding, delimiter=self._delimiter, newline=self._newline
        )
        self._outputs.append(output)
        return output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for output in self._outputs:
            output.discard()

    def publish(self) -> None:
        """Puts all files in their places, in the order in which they were added."""
        for output in self._outputs:
            output.seal()
        for output in self._outputs:
            output.publish()


def require_distinct(*paths: Path) -> None:
    """Raises BadParameter when two of the files are one."""
    places = [os.path.realpath(path) for path in paths]
    if len(set(places)) < len(places):
        raise typer.BadParameter("input and outputs must be different files")
