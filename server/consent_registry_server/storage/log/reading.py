"""Reads the exported log back: whole rounds only, and none that was damaged."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.log.checkpoint import (
    CHECKPOINT_START,
    HEADER,
    ROW_START,
    Checkpoint,
    parse_checkpoint,
    table_of,
)

Row = dict[str, Any]
"""A row of the log, as JSON has it."""

_CHECKS: Final = "key_check"
_RETIRED: Final = "retired_vault_key"
_BUFFER_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What is known of a log once it was read through."""

    rounds: int
    end: int
    """Octets up to the end of the last checkpoint."""
    rest: int
    """Octets after it: of a round that was broken off, as long as nothing was damaged."""
    last: Checkpoint
    key_checks: Sequence[Row]
    """By which the keys are known under which it was written."""
    retired_keys: Mapping[str, Row]
    """The vault keys that were retired by its end, by id."""


class Batch(NamedTuple):
    """Some rows of one table that follow one another; no rows: a round ends here."""

    table: str
    rows: list[Row]


@contextmanager
def open_for_reading(path: Path) -> Iterator[BinaryIO]:
    """Opens a log that nobody writes meanwhile.

    Raises:
        ConfigurationError: it is no log, cannot be opened, or an export is appending to it.
    """
    try:
        file = path.open("rb", buffering=_BUFFER_BYTES)
    except OSError as error:
        raise ConfigurationError(f"cannot open {path}: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"{path} is being written: stop the export first") from None
        if file.read(len(HEADER)) != HEADER:
            raise ConfigurationError(f"{path} is not an exported log of this format")
        yield file


def examine(file: BinaryIO) -> LogSummary:
    """Reads a log through, and returns what it is; the rest of a broken round does not matter.

    Raises:
        ConfigurationError: it holds no whole round, or one that is not what was written.
    """
    file.seek(len(HEADER))
    round_ = _Round()
    last: Checkpoint | None = None
    rounds, end, number, begins_at = 0, len(HEADER), 1, 2
    checks: list[Row] = []
    retired: dict[str, Row] = {}
    for line in file:
        number += 1
        if not line.startswith(CHECKPOINT_START):
            round_.add(line)
            continue
        if not line.endswith(b"\n"):
            break
        last = _checked(round_, line, last, where=f"lines {begins_at:,} to {number:,}")
        checks += round_.rows(_CHECKS)
        retired |= {row["key_id"]: row for row in round_.rows(_RETIRED)}
        rounds, end, begins_at = rounds + 1, file.tell(), number + 1
        round_ = _Round()
    if last is None:
        raise ConfigurationError("the log holds no whole round: there is nothing to replay")
    rest = file.seek(0, os.SEEK_END) - end
    return LogSummary(rounds, end, rest, last, key_checks=checks, retired_keys=retired)


def batches(file: BinaryIO, end: int, *, size: int) -> Iterator[Batch]:
    """Reads the rows of a log that was examined, up to its end, in their order."""
    file.seek(len(HEADER))
    table, rows = "", list[Row]()
    position = len(HEADER)
    while position < end:
        line = file.readline()
        position += len(line)
        line_table = table_of(line)
        if rows and (line_table != table or len(rows) >= size):
            yield Batch(table, rows)
            rows = []
        table = line_table
        if line.startswith(ROW_START):
            rows.append(json.loads(line)["row"])
        else:
            yield Batch("", [])


class _Round:
    """What was read of a round so far."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._counts = Counter[str]()
        self._lines: dict[str, list[bytes]] = {_CHECKS: [], _RETIRED: []}

    def add(self, line: bytes) -> None:
        """Takes the next line."""
        self._sha256.update(line)
        table = table_of(line)
        self._counts[table] += 1
        if table in self._lines:
            self._lines[table].append(line)

    def is_whole(self, checkpoint: Checkpoint) -> bool:
        """Whether it is what the checkpoint says."""
        is_same = checkpoint.sha256 == self._sha256.hexdigest()
        return is_same and dict(checkpoint.counts) == dict(self._counts)

    def rows(self, table: str) -> list[Row]:
        """Its rows of one of the tables that are wanted ahead of the others."""
        return [json.loads(line)["row"] for line in self._lines[table]]


def _checked(round_: _Round, line: bytes, before: Checkpoint | None, *, where: str) -> Checkpoint:
    try:
        checkpoint = parse_checkpoint(line)
    except ValueError:
        raise _damaged(where) from None
    follows = checkpoint.since == "" or (
        before is not None
        and checkpoint.incarnation == before.incarnation
        and checkpoint.since == before.snapshot
    )
    if not follows or not round_.is_whole(checkpoint):
        raise _damaged(where)
    return checkpoint


def _damaged(where: str) -> ConfigurationError:
    return ConfigurationError(
        f"the log is damaged: {where} are not what was written; use another copy of it, or cut it"
        " off before them to get back what is whole"
    )
