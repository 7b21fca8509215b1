"""What `consentctl` prints: results on standard output, everything else on standard error."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from consent_registry.v1.decision_pb2 import Decision, Verdict
from consent_registry.v1.entry_pb2 import Entry, Precision
from consent_registry_client.cli._times import day_of, shown
from consent_registry_client.cli._words import (
    CHANNELS,
    ENTRY_KINDS,
    REASONS,
    SOURCES,
    VERDICTS,
)

_COLOURS: dict[int, str] = {Verdict.VERDICT_ALLOW: "green", Verdict.VERDICT_REVIEW: "yellow"}


# Wide enough for an identifier in every column; what is no terminal has no width of its own.
_WIDTH_OF_FILES = 240
# Of a sentence, with all that it rests on.
_LONGEST_LINE = 10_000


def say(message: str) -> None:
    """Prints a line for a human on standard error."""
    Console(stderr=True, soft_wrap=True).print(Text(message))


def print_line(text: str | Text) -> None:
    """Prints one line of the result."""
    Console(soft_wrap=True).print(text if isinstance(text, Text) else Text(text))


def print_json(value: object) -> None:
    """Prints the result as JSON."""
    Console(soft_wrap=True).print(
        Text(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=False))
    )


def print_table(header: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Prints the result as a table."""
    table = Table(*header)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_OF_FILES
    console.print(table)


def print_tree(tree: Tree) -> None:
    """Prints the result as a tree; in a file every line of it is whole."""
    console = Console()
    if not console.is_terminal:
        console.width = _LONGEST_LINE
    console.print(tree)


def as_dict(message: Message) -> dict[str, Any]:
    """Returns a message for JSON, under the contract's names."""
    return MessageToDict(message, preserving_proto_field_name=True)


def verdict_text(verdict: int) -> Text:
    """Returns a verdict in its colour."""
    return Text(VERDICTS.name(verdict), style=_COLOURS.get(verdict, "red"))


def print_decision(decision: Decision) -> None:
    """Prints a decision with its grounds, as far as they are shown."""
    print_line(Text.assemble(verdict_text(decision.verdict), " ", REASONS.name(decision.reason)))
    for label, moment in (
        ("retry at", decision.retry_at),
        ("valid until", decision.valid_until),
    ):
        if shown(moment):
            print_line(f"  {label} {shown(moment)}")
    for ground in decision.grounds:
        basis = " ".join(
            part
            for part in (
                f"entry {ground.entry_id}" if ground.entry_id else "",
                f"expressed {shown(ground.expressed_at)}" if shown(ground.expressed_at) else "",
                f"rule {ground.rule_id}" if ground.rule_id else "",
                f"({ground.citation})" if ground.citation else "",
            )
            if part
        )
        print_line(
            Text.assemble(
                "  ", verdict_text(ground.verdict), f" {REASONS.name(ground.reason)} {basis}"
            )
        )


def print_entries(entries: Iterable[Entry]) -> None:
    """Prints entries, one a line."""
    print_table(
        ["recorded", "kind", "controller", "channels", "purposes", "expressed", "source", "entry"],
        (entry_cells(entry) for entry in entries),
    )


def entry_cells(entry: Entry) -> list[str]:
    """Returns the cells of an entry's row."""
    kind = ENTRY_KINDS.word(entry.kind)
    if shown(entry.lifted_at):
        kind += f", lifted {shown(entry.lifted_at)}"
    if entry.lifts_entry_id:
        kind += f" of {entry.lifts_entry_id}"
    elif entry.concerns_entry_id:
        kind += f" of {entry.concerns_entry_id}"
    if entry.keep_until:
        kind += f", kept until {entry.keep_until}"
    return [
        shown(entry.recorded_at),
        kind,
        entry.controller,
        "all" if entry.all_channels else " ".join(CHANNELS.word(one) for one in entry.channels),
        "all" if entry.all_purposes else " ".join(entry.purposes),
        _expressed(entry),
        SOURCES.word(entry.expression.source),
        entry.entry_id,
    ]


def _expressed(entry: Entry) -> str:
    expression = entry.expression
    if expression.precision == Precision.PRECISION_UNKNOWN:
        return "unknown"
    if expression.precision == Precision.PRECISION_DAY:
        return day_of(expression.expressed_at, expression.time_zone)
    return shown(expression.expressed_at)
