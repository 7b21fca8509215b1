"""A progress bar on standard error, where somebody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

_ROWS_PER_STEP = 500


@contextmanager
def progress(label: str, size: int, *, position: Callable[[], int]) -> Iterator[Callable[[], None]]:
    """Yields what is to be called once a row; `position` tells how much of `size` is done."""
    console = Console(stderr=True)
    rows = 0
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(label, total=size, rows=0)

        def step() -> None:
            nonlocal rows
            rows += 1
            if rows % _ROWS_PER_STEP == 0:
                bar.update(task, completed=position(), rows=rows)

        yield step
