"""The lines of the exported log that end a round: up to which state of the database it has all.

A log is NDJSON: a header, then rounds. A round is lines `{"table": ..., "row": {...}}` and at its
end one `{"checkpoint": ...}`. What comes after the last checkpoint is the rest of a round that was
broken off, and counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

HEADER: Final = b'{"consent_registry_log":1}\n'
"""The first line; the number is that of the format."""

ROW_START: Final = b'{"table":"'
CHECKPOINT_START: Final = b'{"checkpoint":'


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of a round.

    `snapshot` is what the round saw, in PostgreSQL's text form, and `since` what the one before it
    had seen; empty: the round holds everything there is. Both belong to `incarnation`.
    """

    incarnation: str
    snapshot: str
    since: str
    digest_newest: int
    """How many digest keys the newest digests went through."""
    counts: Mapping[str, int]
    """The round's rows by table."""
    sha256: str
    """Of the round's lines, in hexadecimal."""

    def line(self) -> bytes:
        """The checkpoint as a line of the log."""
        return json.dumps({"checkpoint": asdict(self)}, separators=(",", ":")).encode() + b"\n"


def parse_checkpoint(line: bytes) -> Checkpoint:
    """Reads a checkpoint's line.

    Raises:
        ValueError: it is none.
    """
    try:
        return Checkpoint(**json.loads(line)["checkpoint"])
    except (KeyError, TypeError):
        raise ValueError("not a checkpoint") from None


def row_line(table: str, row: str) -> bytes:
    """A row, which is JSON already, as a line of the log."""
    return f'{{"table":"{table}","row":{row}}}\n'.encode()


def table_of(line: bytes) -> str:
    """The table of a row's line; empty for a line that is no row."""
    if not line.startswith(ROW_START):
        return ""
    return line[len(ROW_START) : line.find(b'"', len(ROW_START))].decode()
