"""Reads what a national register was asked and what it said, one number a line or as CSV."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import typer

from consent_registry.v1.contact_pb2 import ContactPoint
from consent_registry_client import InvalidRequest, phone
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._people import (
    KIND_FIELDS,
    PERSON_FIELDS,
    Defaults,
    RowFault,
    as_fault,
    main_points,
    require_size,
    require_sound,
)
from consent_registry_client.cli._records import BYTE_ORDER_MARK, Record, Records

SCRUB_FIELDS = (*PERSON_FIELDS, "listed_on")
KINDS = ("phone", "address")

_NUMBER = re.compile(r"[\d\s+()./-]*\d[\d\s+()./-]*")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Number(NamedTuple):
    """A phone number as it is compared: by its digits, without `00` before them.

    The others tell apart two numbers that have these digits in common.
    """

    digits: str
    is_international: bool
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the files of one scrub are read."""

    kind: str
    defaults: Defaults
    column: list[str]

    @contextmanager
    def rows(self, path: Path) -> Iterator["Rows"]:
        """Yields the rows of a file."""
        with Records(path) as records:
            yield Rows(records, self)


class Rows:
    """The rows of one file, of which a list of bare numbers has no header."""

    def __init__(self, records: Records, reading: Reading) -> None:
        self.records = records
        self._reading = reading
        self._is_bare = len(records.header) == 1 and bool(_NUMBER.fullmatch(records.header[0]))
        if self._is_bare:
            self._columns = Columns(["phone"], SCRUB_FIELDS, [])
        else:
            self._columns = Columns(records.header, SCRUB_FIELDS, reading.column)
        if not self._columns.has(*KIND_FIELDS[reading.kind]):
            raise typer.BadParameter(
                f"no column holds a contact point of kind {reading.kind}: "
                "name it in the first line, or with --column"
            )

    def __iter__(self) -> Iterator[Record]:
        if self._is_bare:
            yield Record(1, self.records.header)
        for record in self.records:
            if any(cell.strip() for cell in record.cells):
                yield record

    def points(self, record: Record) -> list[ContactPoint]:
        """Returns the contact points of a row; raises RowFault when there is none."""
        require_sound(record)
        try:
            points = self._points(record)
            for point in points:
                require_size(point)
        except InvalidRequest as error:
            fault = as_fault(error)
        else:
            return points
        raise fault

    def numbers(self, record: Record) -> list[tuple[Number, ContactPoint]]:
        """Returns the numbers of a row, to compare and to send."""
        numbers = []
        for point in self.points(record):
            number = _number(point)
            if not number.digits:
                raise RowFault("no phone number")
            numbers.append((number, point))
        return numbers

    def listed_on(self, record: Record, checked_on: date) -> date | None:
        """Returns since when the contact points of a row are listed; None when it does not say."""
        text = self._columns.value(record, "listed_on")
        if not text:
            return None
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            raise RowFault("listed_on is no day as YYYY-MM-DD")
        if day > checked_on:
            raise RowFault("listed_on is after --checked-on")
        return day

    def _points(self, record: Record) -> list[ContactPoint]:
        points = main_points(record, self._columns, self._reading.defaults)
        point = points.get(self._reading.kind)
        if point is None:
            raise RowFault(f"no {self._reading.kind}")
        if self._reading.kind != "phone":
            return [point]
        further = self._columns.further(record, "phone")
        return [point, *(phone(text, region=point.phone.region) for text in further)]


def is_blank(path: Path) -> bool:
    """Tells whether a file holds nothing at all."""
    with path.open("rb") as file:
        return not any(line.strip(BYTE_ORDER_MARK + b" \t\r\n") for line in file)


def came_back(path: Path, reading: Reading) -> tuple[set[str], int]:
    """Returns the digits of all numbers that a register returned, and how many rows have none."""
    digits: set[str] = set()
    unread = 0
    if is_blank(path):
        return digits, unread
    with reading.rows(path) as rows:
        for record in rows:
            try:
                digits.update(number.digits for number, _ in rows.numbers(record))
            except RowFault:
                unread += 1
    return digits, unread


def missing(path: Path, returned: set[str], *, unread: int, reading: Reading) -> int:
    """Returns how many of the numbers submitted did not come back.

    Raises:
        BadParameter: What came back cannot be told from what was submitted. Then no comparison says
            anything: it would list everybody, or hide who is listed.
    """
    submitted: dict[str, Number] = {}
    unclear = 0
    with reading.rows(path) as rows:
        for record in rows:
            try:
                numbers = rows.numbers(record)
            except RowFault:
                continue
            for number, _ in numbers:
                unclear += submitted.setdefault(number.digits, number) != number
    if unclear:
        raise typer.BadParameter(
            f"{unclear} of the numbers submitted have their digits in common with another one, and "
            "differ in a leading + or 00, or in their region: nothing was loaded"
        )
    strange = len(returned - submitted.keys()) + unread
    if strange:
        raise typer.BadParameter(
            f"{strange} of what was returned was not submitted. Are these the right files, with "
            "all numbers written alike? Nothing was loaded"
        )
    return len(submitted) - len(returned)


def _number(point: ContactPoint) -> Number:
    text = point.phone.number
    digits = "".join(str(int(character)) for character in text if character.isdecimal())
    is_international = text.lstrip(" (").startswith(("+", "00"))
    region = "" if is_international else point.phone.region.upper()
    return Number(digits.removeprefix("00"), is_international, region)
