"""The dashboard, as a person meets it: everything in its place, named, explained, with a unit."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.charts.rules.asked import VARIABLES, dashboard, of_panels, of_rules, panels, recorded
from tests.charts.rules.promtool import RECORDING, rules

PANELS = [pytest.param(panel, id=panel["title"]) for panel in panels()]
STATS = [pytest.param(panel, id=panel["title"]) for panel in panels() if panel["type"] == "stat"]
WIDTH = 24
QUESTIONS = (
    "Are we answering?",
    "How fast?",
    "How many are denied, and why?",
    "What expires?",
    "What is overdue?",
    "Are imports and unsubscribes healthy?",
)


def _cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    columns = range(place["x"], place["x"] + place["w"])
    return {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}


def test_the_rows_are_the_questions_that_it_answers() -> None:
    """In the order in which they are asked."""
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert tuple(rows) == QUESTIONS


def test_no_panel_covers_another() -> None:
    """Nor reaches beyond the edge."""
    everything = dashboard()["panels"]
    for first, second in combinations(everything, 2):
        assert not _cells(first) & _cells(second), (first["title"], second["title"])
    assert all(0 <= x < WIDTH for panel in everything for x, _ in _cells(panel))


def test_every_row_is_full() -> None:
    """A gap looks like a panel that does not load."""
    cells = set[tuple[int, int]]().union(*map(_cells, dashboard()["panels"]))
    bottom = max(y for _, y in cells)
    assert [(x, y) for y in range(bottom + 1) for x in range(WIDTH) if (x, y) not in cells] == []


def test_panels_have_ids_and_titles_of_their_own() -> None:
    """Grafana finds them by the one, and people by the other."""
    everything = dashboard()["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in everything}) == len(everything)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    """In words, with a unit, and with a name for each line."""
    assert len(panel["description"]) > 20
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    names = [target["refId"] for target in panel["targets"]]
    assert len(set(names)) == len(names) > 0
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", STATS)
def test_a_single_number_has_a_colour_that_means_something(panel: dict[str, Any]) -> None:
    """From the lowest value on."""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    values = [step["value"] for step in steps]
    assert values[0] is None
    assert values[1:] == sorted(values[1:])


def test_every_expression_is_of_the_release_that_was_chosen() -> None:
    """By the variables, each of which is used, and there."""
    written = "".join(t["expr"] for panel in panels() for t in panel["targets"])
    declared = {f"${each['name']}" for each in dashboard()["templating"]["list"]}
    assert declared == (set(VARIABLES) | {"$datasource"}) - {"$__rate_interval"}
    assert all(each in written for each in VARIABLES)
    for expression in of_panels():
        for name, labels in expression.selectors():
            needed = {"namespace"} if name == "ALERTS" else {"namespace", "job"}
            assert needed <= labels, (expression.place, name)


def test_what_is_recorded_is_asked_for() -> None:
    """By a panel or by an alert, or nobody needs it."""
    recording = {rule["record"] for rule in rules(RECORDING)}
    asked = {
        name for each in [*of_panels(), *of_rules()] for name, _ in each.selectors()
    } & recording
    assert asked == set(recorded())
