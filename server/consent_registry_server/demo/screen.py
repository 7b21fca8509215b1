"""How the demonstration speaks to its reader."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

WIDTH: Final = 100
"""Of the output where no terminal tells its own."""

_INDENT: Final = 3


class Screen:
    """A console on which every stop of the demonstration has its numbered heading."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _console()
        self._stop = 0

    def stop(self, title: str) -> None:
        """Prints the heading of the next stop."""
        self._stop += 1
        self._console.print(f"\n{self._stop}. {title}", style="bold")

    def say(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """Prints lines of the stop's own, indented also where they are continued."""
        margin = " " * _INDENT * (indent + 1)
        for line in text.splitlines():
            for part in textwrap.wrap(
                line,
                self._console.width - 1,
                initial_indent=margin,
                subsequent_indent=margin + " " * _INDENT,
                break_long_words=False,
                break_on_hyphens=False,
            ):
                self._console.print(part, style=style, soft_wrap=True)

    def blank(self) -> None:
        """Prints an empty line."""
        self._console.print()

    def table(self, table: Table) -> None:
        """Prints a table."""
        self._console.print(table)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A progress bar, while there is a terminal; call what it gives with each advance."""
        bar = Progress(
            TextColumn("   {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        with bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)


def _console() -> Console:
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDTH
    return console
