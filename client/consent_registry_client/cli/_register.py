"""`consentctl register`: what national registers said."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from consent_registry_client.cli._batch import RequestIds, digest_of, report_path
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._outputs import Outputs, require_distinct
from consent_registry_client.cli._people import Defaults
from consent_registry_client.cli._progress import progress
from consent_registry_client.cli._scrub_files import (
    KINDS,
    SCRUB_FIELDS,
    Reading,
    came_back,
    missing,
)
from consent_registry_client.cli._scrub_load import REPORT_COLUMNS, RESULTS_PER_CALL, Load
from consent_registry_client.cli._session import AsJson, Controller, Exit, client_of
from consent_registry_client.cli._show import print_json, print_line
from consent_registry_client.cli._times import day_option

_FILES = "The files"
_SPELLING = "How they are written"

register = typer.Typer(no_args_is_help=True, help="What national registers said.")


@register.callback()
def registers() -> None:
    """Makes `load` a command of its own, as long as there is no other."""


def _file(help_text: str) -> Any:  # noqa: ANN401 - What Typer itself declares.
    return typer.Option(exists=True, dir_okay=False, help=help_text, rich_help_panel=_FILES)


def _flag(name: str, help_text: str) -> Any:  # noqa: ANN401 - What Typer itself declares.
    return typer.Option(name, help=help_text, rich_help_panel=_FILES)


def _text(help_text: str) -> Any:  # noqa: ANN401 - What Typer itself declares.
    return typer.Option(help=help_text, rich_help_panel=_SPELLING)


@dataclass(slots=True, kw_only=True)
class Files:
    """Who is listed; or who was submitted, and who of them came back."""

    listed: Annotated[Path | None, _file("Everything in it is listed.")] = None
    submitted: Annotated[Path | None, _file("What the register was asked.")] = None
    returned: Annotated[Path | None, _file("What of it came back: it is not listed.")] = None
    all_listed: Annotated[bool, _flag("--all-listed", "Nothing came back, rightly.")] = False
    none_listed: Annotated[bool, _flag("--none-listed", "Everything came back, rightly.")] = False

    @property
    def main(self) -> Path:
        """The file of which every row becomes a result."""
        main = self.listed or self.submitted
        is_pair = self.submitted is not None and self.returned is not None
        is_alone = self.submitted is None and self.returned is None
        if main is None or not (is_alone if self.listed else is_pair):
            raise typer.BadParameter("either --listed, or --submitted together with --returned")
        return main

    def others(self) -> list[str]:
        """What tells this scrub from another one with the same main file."""
        return [] if self.returned is None else [digest_of(self.returned)]

    def clear(self, reading: Reading) -> set[str] | None:
        """Returns the digits of what came back; None when it is told who is listed.

        What a slip of the hand would make of the files is asked for, not guessed.
        """
        if self.submitted is None or self.returned is None:
            return None
        if reading.kind != "phone":
            raise typer.BadParameter("only phone numbers can be compared; give --listed")
        digits, unread = came_back(self.returned, reading)
        listed = missing(self.submitted, digits, unread=unread, reading=reading)
        if not (digits or self.all_listed):
            raise typer.BadParameter(
                "nothing came back. Is that file complete? If it is, --all-listed lists everything "
                "that was submitted"
            )
        if not (listed or self.none_listed):
            raise typer.BadParameter(
                "everything came back. Is that the register's answer, and does it hold only what "
                "is not listed? If so, --none-listed clears everything that was submitted"
            )
        return digits


@dataclass(slots=True, kw_only=True)
class Spelling:
    """How the files are written."""

    kind: Annotated[str, _text(f"Of what there is in them: {', '.join(KINDS)}.")] = "phone"
    region: Annotated[str, _text("Of national phone numbers, e.g. IT.")] = ""
    country: Annotated[str, _text("Of addresses that name none, e.g. IT.")] = ""
    column: Annotated[
        list[str],
        typer.Option(
            metavar="FIELD=HEADER",
            help="Where a header is not named after its field. May be repeated. "
            f"Fields: {', '.join(SCRUB_FIELDS)}.",
            rich_help_panel=_SPELLING,
        ),
    ] = field(default_factory=list)

    def options(self) -> list[object]:
        """What tells this scrub from one of the same files, read in another way."""
        return [self.kind, self.region, self.country, self.column]

    def reading(self) -> Reading:
        """Returns how to read the files."""
        if self.kind not in KINDS:
            raise typer.BadParameter(f"--kind is one of: {', '.join(KINDS)}")
        defaults = Defaults(region=self.region, country=self.country)
        return Reading(kind=self.kind, defaults=defaults, column=self.column)


@register.command()
@grouped
def load(
    context: typer.Context,
    *,
    controller: Controller,
    name: Annotated[str, typer.Option("--register", help="As the policy names it, e.g. RPO.")],
    checked_on: Annotated[
        date,
        typer.Option(
            parser=day_option,
            metavar="DAY",
            help="The day of the scrub, in the register's country.",
        ),
    ],
    files: Files,
    spelling: Spelling,
    report: Annotated[
        Path | None,
        typer.Option(help="The rows that were not recorded. Default: NAME.report.csv."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Record what a national register said of contact points on one day.

    Give --listed, a file of those that are listed; or --submitted and --returned, what the register
    was asked and what came back: the difference is listed, the rest clear. A file is CSV with a
    header, or holds one phone number a line. In a --listed file the column listed_on may say since
    when.

    Numbers are compared by their digits, without 00 before them. When anything came back that was
    not submitted, nothing is recorded. With rows that cannot be recorded the exit code is 4. After
    an interruption run the same command again: what was stored is not stored twice.
    """
    main, reading = files.main, spelling.reading()
    place = report_path(report, main)
    require_distinct(place, *(file for file in (main, files.returned) if file is not None))
    digits = files.clear(reading)
    options = [controller, name, checked_on.isoformat(), *files.others(), *spelling.options()]
    making = Outputs()
    with making, client_of(context) as client, reading.rows(main) as rows:
        work = Load(
            client=client,
            controller=controller,
            register=name,
            checked_on=checked_on,
            ids=RequestIds(main, [*options, RESULTS_PER_CALL]),
            report=making.add(place),
        )
        work.report.write(REPORT_COLUMNS)
        results = work.listings(rows) if digits is None else work.differences(rows, digits)
        records = rows.records
        with progress("loading", records.size, position=lambda: records.bytes_read) as step:
            work.store(results, step)
        making.publish()
    counts = {"listed": work.listed, "clear": work.clear, "bad_rows": work.faults.count}
    if as_json:
        print_json({**counts, "report": str(place)})
    else:
        print_line(f"{work.listed} listed, {work.clear} clear, {work.faults.count} not recorded")
    work.faults.tell(str(place))
    return Exit.BAD_ROWS if work.faults.count else Exit.OK
