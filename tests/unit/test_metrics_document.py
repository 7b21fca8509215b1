"""The page on metrics is what the programs register."""

from __future__ import annotations

import pytest

from tools.metrics_document import DOCUMENT, Program, described, document, programs


def test_the_page_is_true() -> None:
    """`make metrics-doc` makes it so again."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize("program", list(programs()), ids=lambda program: program.command)
def test_every_metric_says_what_it_is(program: Program) -> None:
    """With the values of its labels."""
    for metric in described(program.registry):
        assert metric.meaning, metric.name
        assert all(metric.labels.values()), metric
