"""Appends rounds to the exported log: one writer, and nothing that was not synced counts."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.log.checkpoint import (
    CHECKPOINT_START,
    HEADER,
    Checkpoint,
    parse_checkpoint,
    row_line,
)

_BLOCK_BYTES: Final = 1024 * 1024


class LogWriter:
    """A log open for appending; its lines of a broken round are gone."""

    def __init__(self, file: BinaryIO, last: Checkpoint | None) -> None:
        self.last = last
        """The last round's end; None in a new log."""
        self._file = file
        self._begin()

    def append(self, table: str, row: str) -> None:
        """Adds a row, given as JSON without line breaks, to the round under way."""
        line = row_line(table, row)
        self._sha256.update(line)
        self._counts[table] += 1
        self._file.write(line)

    @property
    def counts(self) -> dict[str, int]:
        """The rows of the round under way, by table."""
        return dict(self._counts)

    def end_round(
        self, *, incarnation: str, snapshot: str, since: str, digest_newest: int
    ) -> Checkpoint:
        """Ends the round; returns when all of it is on the disk."""
        checkpoint = Checkpoint(
            incarnation,
            snapshot,
            since,
            digest_newest=digest_newest,
            counts=self.counts,
            sha256=self._sha256.hexdigest(),
        )
        self._file.write(checkpoint.line())
        _sync(self._file)
        self.last = checkpoint
        self._begin()
        return checkpoint

    def drop_round(self) -> None:
        """Takes back what was added since the last checkpoint."""
        self._file.seek(self._start)
        self._file.truncate()
        self._begin()

    def _begin(self) -> None:
        self._start = self._file.tell()
        self._sha256 = hashlib.sha256()
        self._counts = Counter[str]()


@contextmanager
def open_for_writing(path: Path) -> Iterator[LogWriter]:
    """Opens a log, or makes one that its owner alone can read, and cuts off a broken round.

    Raises:
        ConfigurationError: it is no log, cannot be opened, or another program has it open.
    """
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"{path} is being written or read by another program"
            raise ConfigurationError(message) from None
        _require_header(file, path)
        try:
            last, end = find_last_checkpoint(file)
        except ValueError:
            raise ConfigurationError(f"the last checkpoint of {path} is damaged") from None
        file.seek(end)
        file.truncate()
        yield LogWriter(file, last)


def find_last_checkpoint(file: BinaryIO) -> tuple[Checkpoint | None, int]:
    """Returns the last whole checkpoint, None before the first, and where its line ends.

    Reads backwards, because a log is long and what was broken off is mostly short.
    """
    marker = b"\n" + CHECKPOINT_START
    position = file.seek(0, os.SEEK_END)
    end_of_line = -1
    tail = b""
    while position > 0:
        start = max(0, position - _BLOCK_BYTES)
        file.seek(start)
        tail = file.read(position - start) + tail
        position = start
        found = tail.rfind(marker)
        while found >= 0:
            end_of_line = tail.find(b"\n", found + 1)
            if end_of_line >= 0:
                line = tail[found + 1 : end_of_line + 1]
                return parse_checkpoint(line), start + end_of_line + 1
            found = tail.rfind(marker, 0, found)
        # What was read holds no checkpoint; one may begin in it and end in what is read next.
        tail = tail[: tail.find(b"\n") + 1] if b"\n" in tail else tail
    return None, len(HEADER)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(f"cannot open {path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "r+b", buffering=_BLOCK_BYTES) as file:
            yield file
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None


def _require_header(file: BinaryIO, path: Path) -> None:
    header = file.read(len(HEADER))
    if header == HEADER:
        return
    # A crash may have left a part of it; anything else is somebody else's file.
    if not HEADER.startswith(header):
        raise ConfigurationError(f"{path} is not an exported log of this format")
    file.seek(0)
    file.write(HEADER)
    _sync(file)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
