"""`consentctl import`: do-not-contact entries from a file."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, cast
from zoneinfo import ZoneInfo

import typer

from consent_registry.v1.contact_pb2 import Channel
from consent_registry.v1.entry_pb2 import Expression, Source
from consent_registry.v1.registry_service_pb2 import AddDoNotContactResponse
from consent_registry_client import (
    Client,
    InvalidRequest,
    PreconditionFailed,
    RequestIdReused,
    subject,
)
from consent_registry_client._arguments import OptOut
from consent_registry_client.cli._batch import Report, RequestIds, RunLabel, report_path
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._faults import Faults
from consent_registry_client.cli._groups import Channels, Purposes, channels_of
from consent_registry_client.cli._outputs import Output, Outputs, require_distinct
from consent_registry_client.cli._people import (
    NAMING_FIELDS,
    PERSON_FIELDS,
    Defaults,
    RowFault,
    as_fault,
    further_points,
    main_points,
    require_size,
    require_sound,
)
from consent_registry_client.cli._progress import progress
from consent_registry_client.cli._records import Record, Records
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import print_json, print_line
from consent_registry_client.cli._times import parse_expression, parse_zone
from consent_registry_client.cli._words import CHANNELS, SOURCES

OPT_OUT_FIELDS = (*PERSON_FIELDS, "channels", "purposes", "expressed_at")
REPORT_COLUMNS = (
    "line",
    "outcome",
    "entry_id",
    "reason",
    "field",
    "unenforceable_channels",
    "indirect_channels",
    "kept_by_digits",
)
WRITERS = 8
# Enough that no writer waits for the slowest row; few enough that memory does not grow with it.
MAX_ROWS_IN_FLIGHT = 8 * WRITERS
# What one row can get wrong. Any other failure would meet every row, and ends the import.
_ROW_ERRORS = (InvalidRequest, PreconditionFailed, RequestIdReused)


@dataclass(slots=True, kw_only=True)
class OptOutRows:
    """The rows of one file of opt-outs, and what holds for all of them."""

    columns: Columns
    controller: str
    source: int
    channels: list[int]
    purposes: list[str]
    defaults: Defaults
    zone: ZoneInfo | None

    def opt_out(self, record: Record) -> OptOut:
        """Returns the opt-out of a row; raises RowFault when it makes none."""
        require_sound(record)
        try:
            return self._opt_out(record)
        except InvalidRequest as error:
            fault = as_fault(error)
        raise fault

    def _opt_out(self, record: Record) -> OptOut:
        points = [
            *main_points(record, self.columns, self.defaults).values(),
            *further_points(record, self.columns, self.defaults),
        ]
        name = self.columns.value(record, "name")
        customer_number = self.columns.value(record, "customer_number")
        if not (points or name or customer_number):
            raise RowFault("nobody is named")
        person = subject(*points, name=name, customer_number=customer_number)
        require_size(person)
        return OptOut(
            controller=self.controller,
            subject=person,
            channels=self._channels(record),
            purposes=self._purposes(record),
            expression=self._expression(record),
        )

    def _channels(self, record: Record) -> list[Channel.ValueType]:
        text = self.columns.value(record, "channels")
        numbers = CHANNELS.numbers(text) if text else self.channels
        if not numbers and text:
            raise RowFault(f"channels is none of: {CHANNELS.listed}")
        return channels_of(numbers or [])

    def _purposes(self, record: Record) -> list[str]:
        text = self.columns.value(record, "purposes")
        return text.replace(",", " ").replace(";", " ").split() if text else self.purposes

    def _expression(self, record: Record) -> Expression:
        text = self.columns.value(record, "expressed_at")
        expression = parse_expression(text, cast("Source.ValueType", self.source), self.zone)
        if expression is None:
            raise RowFault("expressed_at is no time, or needs --time-zone")
        return expression


@dataclass(slots=True, kw_only=True)
class Import:
    """One file on its way into the registry."""

    client: Client
    records: Records
    rows: OptOutRows
    ids: RequestIds
    report: Output
    faults: Faults = field(default_factory=Faults)
    stored: int = 0

    def run(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """Writes all rows, a bounded number at once; yields once a row, in the file's order."""
        self.report.write(REPORT_COLUMNS)
        in_flight: deque[tuple[Record, Future[AddDoNotContactResponse]]] = deque()
        for record in self.records:
            in_flight.append((record, pool.submit(self._store, record)))
            if len(in_flight) >= MAX_ROWS_IN_FLIGHT:
                self._note(*in_flight.popleft())
                yield
        while in_flight:
            self._note(*in_flight.popleft())
            yield

    def _store(self, record: Record) -> AddDoNotContactResponse:
        opt_out = self.rows.opt_out(record)
        opt_out["request_id"] = self.ids.of(record.line)
        return self.client.add_do_not_contact(**opt_out)

    def _note(self, record: Record, outcome: Future[AddDoNotContactResponse]) -> None:
        line = str(record.line)
        try:
            response = outcome.result()
        except RowFault as fault:
            self.faults.add(record.line, str(fault))
            self.report.write([line, "bad_row", "", str(fault), "", "", "", ""])
        except _ROW_ERRORS as error:
            fields = " ".join(violation.field for violation in error.field_violations)
            reason = error.reason or error.code.name
            self.faults.add(record.line, f"{reason} {fields}".strip())
            self.report.write([line, "refused", "", reason, fields, "", "", ""])
        else:
            self.stored += 1
            self.report.write(
                [
                    line,
                    "stored",
                    response.entry_id,
                    "",
                    "",
                    " ".join(CHANNELS.word(one) for one in response.unenforceable_channels),
                    " ".join(CHANNELS.word(one) for one in response.indirect_channels),
                    " ".join(str(index) for index in response.kept_by_digits),
                ]
            )


def import_opt_outs(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False)],
    controller: Controller,
    source: Annotated[
        int,
        typer.Option(parser=SOURCES.parse, metavar="SOURCE", help=f"One of {SOURCES.listed}."),
    ] = cast("int", "import"),
    channel: Channels = [],  # noqa: B006 - Typer copies it.
    purpose: Purposes = [],  # noqa: B006
    region: Annotated[str, typer.Option(help="Of national phone numbers, e.g. FR.")] = "",
    country: Annotated[str, typer.Option(help="Of addresses that name none, e.g. FR.")] = "",
    time_zone: Annotated[
        str, typer.Option(help="Of days, and of times without an offset, e.g. Europe/Paris.")
    ] = "",
    column: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=HEADER",
            help="Where a header is not named after its field. May be repeated, for email and "
            f"phone also with one field. Fields: {', '.join(OPT_OUT_FIELDS)}.",
        ),
    ] = [],  # noqa: B006
    report: Report = None,
    run: RunLabel = "",
    as_json: AsJson = False,
) -> int:
    """Record a do-not-contact request for every row of a file.

    The columns channels and purposes limit it to those (default: --channel and --purpose; without
    them: all). expressed_at is an ISO 8601 time, a day, or empty: not known.

    The report says of every row whether it was stored or refused; with bad rows the exit code is 4.
    After an interruption run the same command again: what was stored is not stored twice.
    """
    place = report_path(report, file)
    require_distinct(file, place)
    options = [controller, source, channel, purpose, region, country, time_zone, column, run]
    with Records(file) as records:
        columns = Columns(records.header, OPT_OUT_FIELDS, column)
        if not columns.has(*NAMING_FIELDS):
            raise typer.BadParameter(
                "no column names a person: name them in the first line, or with --column"
            )
        rows = OptOutRows(
            columns=columns,
            controller=controller,
            source=source,
            channels=channel,
            purposes=purpose,
            defaults=Defaults(region=region, country=country),
            zone=parse_zone(time_zone) if time_zone else None,
        )
        making = Outputs()
        with making, client_of(context) as client:
            work = Import(
                client=client,
                records=records,
                rows=rows,
                ids=RequestIds(file, options),
                report=making.add(place),
            )
            store_all(work)
            making.publish()
    if as_json:
        print_json({"stored": work.stored, "bad_rows": work.faults.count, "report": str(place)})
    else:
        print_line(f"{work.stored} stored, {work.faults.count} not; see {place}")
    work.faults.tell(str(place))
    return Exit.BAD_ROWS if work.faults.count else Exit.OK


def store_all(work: Import) -> None:
    """Writes all rows; when one meets a failure that all would meet, begins no further row."""
    pool = ThreadPoolExecutor(WRITERS, thread_name_prefix="import")
    try:
        with progress(
            "importing", work.records.size, position=lambda: work.records.bytes_read
        ) as step:
            for _ in work.run(pool):
                step()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
