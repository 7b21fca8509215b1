"""`consentctl filter`: who of an audience may be contacted?"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast

import typer

from consent_registry.v1.contact_pb2 import Channel
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import AudienceMemberResult, AudienceSummary
from consent_registry_client import AudienceMember, allows
from consent_registry_client._arguments import Audience
from consent_registry_client.cli._audience_rows import AUDIENCE_FIELDS, AudienceRows
from consent_registry_client.cli._check import Purpose, SingleChannel
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._faults import Faults
from consent_registry_client.cli._groups import Customer
from consent_registry_client.cli._outputs import Output, Outputs, require_distinct
from consent_registry_client.cli._people import Defaults, RowFault
from consent_registry_client.cli._progress import progress
from consent_registry_client.cli._records import Record, Records
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import print_json, print_line, print_table, verdict_text
from consent_registry_client.cli._times import instant_option, parse_zone, shown
from consent_registry_client.cli._words import REASONS, VERDICTS

ADDED_COLUMNS = ("verdict", "reason", "valid_until")
BAD_ROW = "BAD_ROW"

Column = Annotated[
    list[str],
    typer.Option(
        metavar="FIELD=HEADER",
        help="Where a header is not named after its field. May be repeated, for email and phone "
        f"also with one field. Fields: {', '.join(AUDIENCE_FIELDS)}.",
    ),
]


@dataclass(slots=True, kw_only=True)
class Filtering:
    """One audience file on its way through the registry."""

    records: Records
    rows: AudienceRows
    allowed: Output
    refused: Output
    faults: Faults = field(default_factory=Faults)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _asked: deque[tuple[Record, str]] = field(default_factory=deque)

    def members(self) -> Iterator[AudienceMember]:
        """Yields a member for each row; an empty one, which is refused, for a bad row."""
        for record in self.records:
            try:
                member, fault = self.rows.member(record), ""
            except RowFault as error:
                member, fault = AudienceMember(), str(error)
            self._asked.append((record, fault))
            yield member

    def begin(self) -> None:
        """Writes the headers."""
        for output in (self.allowed, self.refused):
            output.write([*self.records.header, *ADDED_COLUMNS])

    def answer(self, result: AudienceMemberResult) -> None:
        """Writes the row that the answer is for."""
        record, fault = self._asked.popleft()
        if fault:
            self.faults.add(record.line, fault)
            self._write(self.refused, record, ("DENY", BAD_ROW, ""))
            return
        reason = REASONS.name(result.reason)
        if allows(result):
            self._write(self.allowed, record, ("ALLOW", reason, shown(result.valid_until)))
            return
        if result.reason == Reason.REASON_INVALID_CONTACT_POINT:
            self.faults.add(record.line, "the target cannot be used on this channel")
        is_review = result.verdict == Verdict.VERDICT_REVIEW
        verdict = "REVIEW" if is_review else "DENY"
        self._write(self.refused, record, (verdict, reason, shown(result.valid_until)))

    def _write(self, output: Output, record: Record, answer: tuple[str, str, str]) -> None:
        self.counts[answer[0], answer[1]] += 1
        width = len(self.records.header)
        cells = record.cells[:width]
        # What a row has too much stands behind, so that the answer is in its column in every row.
        output.write([*cells, *[""] * (width - len(cells)), *answer, *record.cells[width:]])


def filter_audience(
    context: typer.Context,
    *,
    audience: Annotated[Path, typer.Argument(metavar="AUDIENCE.csv", exists=True, dir_okay=False)],
    controller: Controller,
    channel: SingleChannel,
    purpose: Purpose,
    allowed: Annotated[Path, typer.Option(help="Gets the rows that may be contacted.")],
    refused: Annotated[Path, typer.Option(help="Gets all other rows, those to review included.")],
    customer: Customer,
    region: Annotated[str, typer.Option(help="Of national phone numbers, e.g. FR.")] = "",
    country: Annotated[str, typer.Option(help="Of rows that name none, e.g. FR.")] = "",
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant_option,
            metavar="TIME",
            help="Of the contact, for channels with contact hours. Default: now.",
        ),
    ] = None,
    column: Column = [],  # noqa: B006 - Typer copies it.
    time_zone: Annotated[str, typer.Option(help="Of times in the file without an offset.")] = "",
    as_json: AsJson = False,
) -> int:
    """Split an audience into who may be contacted and who may not.

    AUDIENCE.csv has a header and is UTF-8, with commas, semicolons or tabs. Both outputs keep its
    columns as they are and add verdict, reason and valid_until. They appear only when the whole
    audience was answered; otherwise what was there before stays.

    Bad rows (reason BAD_ROW: the row cannot be read; INVALID_CONTACT_POINT: the target cannot be
    used) are refused and reported with their line, and the exit code is 4.
    """
    require_distinct(audience, allowed, refused)
    zone = parse_zone(time_zone) if time_zone else None
    with Records(audience) as records:
        rows = AudienceRows(
            Columns(records.header, AUDIENCE_FIELDS, column),
            channel=channel,
            defaults=Defaults(region=region, country=country),
            customer=customer.context(),
            zone=zone,
        )
        encoding = "utf-8-sig" if records.has_byte_order_mark else "utf-8"
        making = Outputs(encoding=encoding, delimiter=records.delimiter, newline=records.newline)
        with making, client_of(context) as client:
            filtering = Filtering(
                records=records, rows=rows, refused=making.add(refused), allowed=making.add(allowed)
            )
            filtering.begin()
            scope = Audience(
                controller=controller,
                channel=cast("Channel.ValueType", channel),
                purpose=purpose,
                customer=customer.context(),
                recipient_type=customer.recipient_type(),
                recipient_country=country,
            )
            if at is not None:
                scope["at"] = at
            answers = client.filter_audience(filtering.members(), **scope)
            with (
                answers,
                progress("filtering", records.size, position=lambda: records.bytes_read) as step,
            ):
                for answer in answers:
                    filtering.answer(answer)
                    step()
                summary = answers.finish()
            making.publish()
    show_summary(filtering, summary, as_json=as_json)
    filtering.faults.tell(str(refused))
    return Exit.BAD_ROWS if filtering.faults.count else Exit.OK


def show_summary(filtering: Filtering, summary: AudienceSummary, *, as_json: bool) -> None:
    """Prints how many rows got which answer."""
    counted = filtering.counts.most_common()
    if as_json:
        print_json(
            {
                "rows": filtering.counts.total(),
                "counts": [
                    {"verdict": verdict, "reason": reason, "rows": rows}
                    for (verdict, reason), rows in counted
                ],
                "bad_rows": filtering.faults.count,
                "valid_until": shown(summary.valid_until),
                "revision": summary.revision,
                "policy_version": summary.policy_version,
            }
        )
        return
    numbers = {VERDICTS.name(number): number for number in (1, 2, 3)}
    print_table(
        ["verdict", "reason", "rows"],
        (
            [verdict_text(numbers[verdict]), reason, f"{rows:,}"]
            for (verdict, reason), rows in counted
        ),
    )
    if shown(summary.valid_until):
        print_line(f"Contact before {shown(summary.valid_until)}, or filter again.")
