"""What the demonstration says is readable, and fits a terminal of 80 columns."""

from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

from rich.console import Console

from consent_registry.v1.decision_pb2 import Reason
from consent_registry_client import timestamp
from consent_registry_server.demo.audience import Filtered
from consent_registry_server.demo.explanations import IN_WORDS, day_of
from consent_registry_server.demo.screen import Screen
from consent_registry_server.demo.stories import ON_A_SALES_CALL
from consent_registry_server.demo.verdicts import CHANNELS, verdict_table


def _console(width: int) -> tuple[Console, StringIO]:
    output = StringIO()
    return Console(file=output, width=width, highlight=False), output


def _answers() -> Counter[tuple[str, str]]:
    return Counter(
        {
            ("ALLOW", "CONSENT"): 1_100,
            ("ALLOW", "RUNNING_CONTRACT"): 3_150,
            ("DENY", "INVALID_CONTACT_POINT"): 200,
            ("DENY", "NO_CONSENT"): 5_550,
        }
    )


def _lines_of_the_table() -> list[str]:
    reasons = {str(number): key for number, key in enumerate(_answers().elements())}
    filtered = Filtered(Path("allowed"), Path("refused"), reasons, "", 1.0)
    console, output = _console(80)
    console.print(verdict_table(dict.fromkeys(CHANNELS, filtered)))
    return output.getvalue().splitlines()


def test_table_has_a_line_for_each_verdict_and_reason() -> None:
    """Nothing wraps in 80 columns, not even with the longest name."""
    lines = _lines_of_the_table()
    assert len(lines) == 1 + len({"ALLOW", "REVIEW", "DENY"}) + len(_answers())


def test_table_sums_up_each_verdict() -> None:
    """A verdict's number is the sum of its reasons' numbers; none is a dot."""
    totals = {line.split()[0]: line.split()[1:] for line in _lines_of_the_table()}
    assert totals["ALLOW"] == ["4,250"] * len(CHANNELS)
    assert totals["DENY"] == ["5,750"] * len(CHANNELS)
    assert totals["REVIEW"] == ["."] * len(CHANNELS)


def test_the_most_frequent_reason_comes_first() -> None:
    """Within its verdict."""
    names = [line.split()[0] for line in _lines_of_the_table()]
    assert names.index("NO_CONSENT") < names.index("INVALID_CONTACT_POINT")


def test_every_reason_in_words_is_one_of_the_contract() -> None:
    """No reason was renamed without its explanation, and none of the stories' is missing."""
    assert {f"REASON_{name}" for name in IN_WORDS} <= {name for name, _ in Reason.items()}
    assert set(ON_A_SALES_CALL.values()) <= IN_WORDS.keys()


def test_a_day_is_the_one_in_france() -> None:
    """Shortly before midnight in UTC it is the next day in Paris."""
    late = timestamp(datetime(2026, 6, 30, 22, 30, tzinfo=UTC))
    assert day_of(late) == "1 July 2026"


def test_a_long_line_is_continued_further_in() -> None:
    """It is seen where the next one begins."""
    console, output = _console(40)
    Screen(console).say("law: " + "Code de la consommation " * 3)
    lines = output.getvalue().splitlines()
    assert lines[0].startswith("   law: ")
    assert all(line.startswith("      ") for line in lines[1:])
    assert all(len(line) < 40 for line in lines)
