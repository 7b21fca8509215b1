"""Makes recipients of the rows of a file, and gets their unsubscribe links."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from consent_registry.v1.contact_pb2 import Subject
from consent_registry.v1.decision_pb2 import ItemError
from consent_registry.v1.unsubscribe_service_pb2 import UnsubscribeLink, UnsubscribeLinkResult
from consent_registry_client import Client, InvalidRequest, UnusableAnswer, subject
from consent_registry_client._arguments import UnsubscribeLinks
from consent_registry_client.cli._audience_rows import kinds_reached
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._faults import Faults
from consent_registry_client.cli._outputs import Output
from consent_registry_client.cli._people import (
    Defaults,
    RowFault,
    as_fault,
    further_points,
    main_points,
    require_size,
    require_sound,
)
from consent_registry_client.cli._records import Record, Records

LINK_COLUMNS: Final = ("unsubscribe_url", "list_unsubscribe", "list_unsubscribe_post")
FAULT_COLUMN: Final = "fault"
ROWS_PER_CALL: Final = 1_000
# A message has a size limit too, and a call may end one row beyond this.
MAX_CALL_BYTES: Final = 2 * 1024 * 1024
# Nobody waits on the line, and the batch of another campaign may come first.
_TIMEOUT_S: Final = 30.0


class LinkRows:
    """The rows of one file of recipients."""

    def __init__(self, columns: Columns, *, channel: int, defaults: Defaults) -> None:
        """Prepares to read rows.

        Raises:
            typer.BadParameter: No column holds what the channel reaches.
        """
        self._columns = columns
        self._kinds = kinds_reached(columns, channel)
        self._defaults = defaults

    def recipient(self, record: Record) -> Subject:
        """Returns the person of a row; raises RowFault when it makes none."""
        require_sound(record)
        try:
            return self._recipient(record)
        except InvalidRequest as error:
            fault = as_fault(error)
        raise fault

    def _recipient(self, record: Record) -> Subject:
        points = main_points(record, self._columns, self._defaults)
        if not any(kind in points for kind in self._kinds):
            raise RowFault(f"no {' or '.join(self._kinds)}")
        person = subject(
            *points.values(),
            *further_points(record, self._columns, self._defaults),
            name=self._columns.value(record, "name"),
            customer_number=self._columns.value(record, "customer_number"),
        )
        require_size(person)
        return person


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, and the person it makes or why it makes none."""

    record: Record
    person: Subject | None
    fault: str = ""


@dataclass(slots=True, kw_only=True)
class Linking:
    """One file of recipients on its way to its links."""

    records: Records
    rows: LinkRows
    linked: Output
    refused: Output
    faults: Faults = field(default_factory=Faults)
    count: int = 0

    def run(self, client: Client, campaign: UnsubscribeLinks) -> Iterator[None]:
        """Gets all links, a bounded number a call; yields once a row, in the file's order."""
        self.linked.write([*self.records.header, *LINK_COLUMNS])
        self.refused.write([*self.records.header, FAULT_COLUMN])
        for rows in self._batches():
            people = [row.person for row in rows if row.person is not None]
            asked: UnsubscribeLinks = {**campaign, "subjects": people}
            results = (
                client.create_unsubscribe_links(timeout_s=_TIMEOUT_S, **asked) if people else ()
            )
            remaining = iter(results)
            for row in rows:
                if row.person is None:
                    self._refuse(row.record, row.fault)
                else:
                    self._note(row.record, next(remaining))
                yield

    def _batches(self) -> Iterator[list[Row]]:
        """Yields the rows, sound and bad ones, as many at a time as travel together."""
        rows: list[Row] = []
        size = 0
        for record in self.records:
            try:
                person = self.rows.recipient(record)
            except RowFault as fault:
                rows.append(Row(record=record, person=None, fault=str(fault)))
            else:
                rows.append(Row(record=record, person=person))
                size += person.ByteSize()
            if len(rows) >= ROWS_PER_CALL or size >= MAX_CALL_BYTES:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows

    def _note(self, record: Record, result: UnsubscribeLinkResult) -> None:
        if result.HasField("error"):
            self._refuse(record, fault_of(result.error))
            return
        link = whole(result.link)
        self.count += 1
        added = (link.url, link.list_unsubscribe, link.list_unsubscribe_post)
        self.linked.write([*record.cells, *added])

    def _refuse(self, record: Record, fault: str) -> None:
        self.faults.add(record.line, fault)
        width = len(self.records.header)
        cells = record.cells[:width]
        # What a row has too much stands behind, so that the fault is in its column in every row.
        self.refused.write([*cells, *[""] * (width - len(cells)), fault, *record.cells[width:]])


def whole(link: UnsubscribeLink) -> UnsubscribeLink:
    """Returns a link as it came; raises UnusableAnswer when something of it is missing."""
    if not (link.url and link.list_unsubscribe and link.list_unsubscribe_post):
        raise UnusableAnswer("the registry answered with less than a link")
    return link


def fault_of(error: ItemError) -> str:
    """Returns why there is no link, without contact data."""
    return f"{error.reason or 'refused'} {error.field}".strip()
