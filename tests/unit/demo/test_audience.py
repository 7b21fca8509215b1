"""The audience file is what a campaign tool would export, the command what a user would type."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from consent_registry_server.demo.audience import (
    COLUMNS,
    Filtered,
    command,
    run_filter,
    unexpected,
    write_audience,
)
from consent_registry_server.demo.dataset import Dataset, dataset
from consent_registry_server.demo.failure import DemoFailed
from consent_registry_server.demo.programs import environment
from consent_registry_server.demo.stories import ON_A_SALES_CALL, Story

Seeded = Callable[[int], Random]

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture(scope="module", name="data")
def _data(seeded: Seeded) -> Dataset:
    return dataset(1_000, seeded(1), now=NOW)


def _filtered(reasons: dict[str, tuple[str, str]]) -> Filtered:
    return Filtered(Path("allowed"), Path("refused"), reasons, "", 1.0)


def test_everybody_has_one_row(data: Dataset, seeded: Seeded, tmp_path: Path) -> None:
    """In the order of the data set, however messy."""
    path = tmp_path / "audience.csv"
    write_audience(path, data.contacts, seeded(2))
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [row[0] for row in rows] == [each.person.customer_number for each in data.contacts]


def test_only_customers_have_a_running_contract(
    data: Dataset, seeded: Seeded, tmp_path: Path
) -> None:
    """What the company knows of a customer comes with the question."""
    path = tmp_path / "audience.csv"
    write_audience(path, data.contacts, seeded(2))
    with path.open(encoding="utf-8", newline="") as file:
        running = {
            row["customer_number"] for row in csv.DictReader(file) if row["contract"] == "running"
        }
    assert running == {
        each.person.customer_number
        for each in data.contacts
        if each.story.name.startswith("RUNNING_CONTRACT")
    }


def test_command_names_the_channel_and_two_files_of_its_own(tmp_path: Path) -> None:
    """Channels do not overwrite each other's results."""
    lines = [
        command("127.0.0.1:1", tmp_path / "a.csv", channel=channel, at=NOW, outputs=tmp_path)
        for channel in ("voice_call", "email")
    ]
    assert "--channel=voice_call" in lines[0]
    assert len({word for line in lines for word in line if "ed=" in word}) == 4


def test_a_command_that_fails_ends_the_demonstration(tmp_path: Path) -> None:
    """No results of an earlier run are taken for those of this one."""
    (tmp_path / "email-allowed.csv").write_text("customer_number,verdict,reason\n")
    line = command(
        "127.0.0.1:1", tmp_path / "no-such.csv", channel="email", at=NOW, outputs=tmp_path
    )
    with pytest.raises(DemoFailed, match="exit code 2"):
        run_filter(line, channel="email", outputs=tmp_path)


def test_the_answers_that_the_stories_ask_for_are_not_unexpected(data: Dataset) -> None:
    """Each person's reason is compared with their own story."""
    reasons = {
        each.person.customer_number: ("", ON_A_SALES_CALL[each.story]) for each in data.contacts
    }
    assert unexpected(data.contacts, _filtered(reasons)) == []


def test_a_wrong_or_missing_answer_is_unexpected(data: Dataset) -> None:
    """An objector who would be called is found, and so is a row that got lost."""
    reasons = {
        each.person.customer_number: ("", ON_A_SALES_CALL[each.story]) for each in data.contacts
    }
    objector = data.first(Story.OBJECTION_BY_PHONE)
    lost = data.first(Story.PROSPECT)
    reasons[objector.person.customer_number] = ("ALLOW", "CONSENT")
    del reasons[lost.person.customer_number]
    wrong = unexpected(data.contacts, _filtered(reasons))
    assert sorted(each.story for each in wrong) == sorted([objector.story, lost.story])


def test_the_callers_own_settings_do_not_reach_the_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A demonstration never writes to the registry that its user works with."""
    monkeypatch.setenv("CONSENT_REGISTRY_DATABASE_URL", "postgresql://db.example/production")
    monkeypatch.setenv("CONSENT_REGISTRY_ADDRESS", "registry.example:443")
    given = environment(CONSENT_REGISTRY_DATA_DIR="elsewhere")
    ours = {name: value for name, value in given.items() if name.startswith("CONSENT_REGISTRY_")}
    assert ours == {"CONSENT_REGISTRY_DATA_DIR": "elsewhere"}
    assert "PATH" in given
