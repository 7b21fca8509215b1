"""Reads a file of comma- or semicolon-separated values, row by row, however messy.

A row at fault spoils only itself: a stray quote does not swallow the rows below it, bytes that are
not UTF-8 and NULs are kept as they are, and what cannot be split into cells stays one cell.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import typer

DELIMITERS = ",;\t"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 16 * 1024 * 1024
# Quoted cells may hold line breaks, as addresses do; a quote that stays open longer is a stray one.
MAX_LINES_OF_A_ROW = 20
# How the decoder hands on bytes that are not UTF-8.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the file."""

    line: int
    """Where it begins; the header is line 1."""
    cells: list[str]
    """Verbatim; bytes that are not UTF-8 stand as lone surrogates."""
    fault: str = ""
    """What is wrong with the row as such; empty for a sound one."""


class _OpenQuote(Exception):
    """The row does not end where rows end."""


class Records:
    """The rows of a file, each a `Record`; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            self.size = path.stat().st_size
            self.bytes_read = 0
            self._line = 0
            self._waiting: deque[str] = deque()
            first = self._header_line()
            self.delimiter = max(DELIMITERS, key=_unquoted(first).count)
            self.newline = "\r\n" if first.endswith("\r\n") else "\n"
            self.header = self._header(first)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Record]:
        while True:
            record = self._next()
            if record is None:
                return
            if record.cells or record.fault:
                yield record

    def _header_line(self) -> str:
        start = self._file.read(len(BYTE_ORDER_MARK))
        self.has_byte_order_mark = start == BYTE_ORDER_MARK
        if start[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise typer.BadParameter("the file is UTF-16; save it as UTF-8")
        if not self.has_byte_order_mark:
            self._file.seek(0)
        line = self._read_line()
        if not line.strip():
            raise typer.BadParameter("the file has no header line")
        return line

    def _header(self, first: str) -> list[str]:
        self._waiting.appendleft(first)
        self._line = 0
        record = self._next()
        if record is None or (record.fault and len(record.cells) == 1):
            raise typer.BadParameter("the header line cannot be read")
        return record.cells

    def _next(self) -> Record | None:
        """Returns the next row; None at the end."""
        start = self._line + 1
        lines: list[str] = []
        try:
            cells = next(csv.reader(self._lines_of_a_row(lines), delimiter=self.delimiter), None)
        except (_OpenQuote, csv.Error):
            return self._unsplit(lines, start, "not a row of cells")
        if cells is None:
            return None
        is_header = start == 1
        if len(lines) > 1 and not (is_header or self._is_one_row(lines)):
            return self._unsplit(lines, start, "not a row of cells")
        return Record(start, cells, "" if is_header else self._fault(cells))

    def _is_one_row(self, lines: list[str]) -> bool:
        """Tells whether several lines are a row by the letter, and not by two stray quotes."""
        try:
            cells = next(csv.reader(lines, delimiter=self.delimiter, strict=True))
        except csv.Error:
            return False
        return len(cells) == len(self.header)

    def _fault(self, cells: list[str]) -> str:
        if cells and len(cells) != len(self.header):
            return f"{len(cells)} cells instead of {len(self.header)}"
        for cell in cells:
            if "\0" in cell:
                return "a NUL character"
            if _NOT_UTF8.search(cell):
                return "not UTF-8"
        return ""

    def _unsplit(self, lines: list[str], start: int, fault: str) -> Record:
        """Returns the first line as a row at fault, and puts the others back."""
        self._waiting.extendleft(reversed(lines[1:]))
        self._line = start
        return Record(start, [lines[0].rstrip("\r\n")], fault)

    def _lines_of_a_row(self, lines: list[str]) -> Iterator[str]:
        """Yields lines as long as the row goes on, and keeps them."""
        while len(lines) < MAX_LINES_OF_A_ROW:
            line = self._waiting.popleft() if self._waiting else self._read_line()
            if not line:
                if lines:
                    raise _OpenQuote
                return
            self._line += 1
            lines.append(line)
            yield line
        raise _OpenQuote

    def _read_line(self) -> str:
        raw = self._file.readline(MAX_LINE_BYTES + 1)
        if len(raw) > MAX_LINE_BYTES:
            raise typer.BadParameter(f"a line is longer than {MAX_LINE_BYTES} bytes: not a table")
        self.bytes_read += len(raw)
        return raw.decode("utf-8", "surrogateescape")


def _unquoted(line: str) -> str:
    return "".join(line.split('"')[::2])
