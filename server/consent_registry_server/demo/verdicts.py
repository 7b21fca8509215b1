"""Shows what became of an audience: the real command, and its answers by reason."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.style import Style
from rich.table import Table

from consent_registry_server.demo.audience import Filtered, command, run_filter
from consent_registry_server.demo.explanations import IN_WORDS
from consent_registry_server.demo.screen import Screen

SALES_CALL: Final = "voice_call"

CHANNELS: Final = {SALES_CALL: "calls", "email": "emails", "door_to_door": "visits"}
"""The channels that the audience is filtered for, and what to call them."""

_LINE_WIDTH: Final = 74
_VERDICTS: Final = {"ALLOW": "green", "REVIEW": "yellow", "DENY": "red"}


def filter_audience(
    screen: Screen, address: str, audience: Path, *, at: datetime, outputs: Path
) -> dict[str, Filtered]:
    """Filters the file for each channel, to be contacted at `at`; the results by channel."""
    results: dict[str, Filtered] = {}
    for channel, what in CHANNELS.items():
        line = command(address, audience, channel=channel, at=at, outputs=outputs)
        if results:
            screen.say(f"$ the same for --channel={channel}", style="cyan")
        else:
            screen.say("$ " + _wrapped(line), style="cyan")
        result = run_filter(line, channel=channel, outputs=outputs)
        results[channel] = result
        allowed = sum(n for (verdict, _), n in result.counts.items() if verdict == "ALLOW")
        screen.say(
            f"{what}: {len(result.reasons):,} asked, {allowed:,} allowed"
            f"{result.bad_rows and f', {result.bad_rows}'}, in {result.elapsed_s:.1f} s"
        )
    return results


def verdict_table(results: dict[str, Filtered]) -> Table:
    """Returns how many people got which verdict, and for which reason, on each channel."""
    counts = [result.counts for result in results.values()]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("   verdict and reason", no_wrap=True)
    table.add_column("which means")
    for channel in results:
        table.add_column(CHANNELS[channel], justify="right")
    for verdict, style in _VERDICTS.items():
        table.add_row(
            f"   {verdict}", "", *_numbers(counts, verdict), style=Style(color=style, bold=True)
        )
        for reason in _most_frequent(counts, verdict):
            meaning = IN_WORDS.get(reason, "")
            table.add_row(f"     {reason}", meaning, *_numbers(counts, verdict, reason))
    return table


def _most_frequent(counts: Sequence[Counter[tuple[str, str]]], verdict: str) -> list[str]:
    """The reasons that go with the verdict, over all channels."""
    total = Counter[str]()
    for each in counts:
        total.update({reason: n for (given, reason), n in each.items() if given == verdict})
    return [reason for reason, _ in total.most_common()]


def _numbers(
    counts: Sequence[Counter[tuple[str, str]]], verdict: str, reason: str = ""
) -> Iterator[str]:
    """How many got the verdict (for the reason, if one is given), channel by channel."""
    for each in counts:
        yield _number(
            sum(n for key, n in each.items() if key[0] == verdict and reason in ("", key[1]))
        )


def _number(count: int) -> str:
    return f"{count:,}" if count else "."


def _wrapped(line: tuple[str, ...]) -> str:
    """The command over lines of bearable length, as it can be pasted into a shell."""
    lines, current = [], ""
    for word in map(shlex.quote, line):
        if current and len(current) + len(word) > _LINE_WIDTH:
            lines.append(current + " \\")
            current = "   "
        current += (" " if current.strip() else "") + word
    return "\n".join([*lines, current])
