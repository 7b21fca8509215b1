"""The demonstration does what it shows: real server, real database, real command."""

import csv
from pathlib import Path

import pytest

from consent_registry_server.demo import run

CONTACTS = 1_000


def _customer_numbers(path: Path) -> set[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["customer_number"] for row in csv.DictReader(file)}


def test_demonstration_succeeds_and_leaves_its_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every answer is the one that the data was made for; otherwise it fails of itself."""
    code = run(outputs=tmp_path, contacts=CONTACTS)
    shown = capsys.readouterr().out
    assert code == 0, shown
    for text in ("RUNNING_CONTRACT", "UNIT_UNCLEAR", "L223-1", "DENY RECORDING_OBJECTION"):
        assert text in shown
    for channel in ("voice_call", "email", "door_to_door"):
        allowed = _customer_numbers(tmp_path / f"{channel}-allowed.csv")
        refused = _customer_numbers(tmp_path / f"{channel}-refused.csv")
        assert not allowed & refused
        assert len(allowed | refused) == CONTACTS
