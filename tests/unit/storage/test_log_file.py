from __future__ import annotations

from pathlib import Path

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.log import writing
from consent_registry_server.storage.log.checkpoint import HEADER
from consent_registry_server.storage.log.reading import Batch, batches, examine, open_for_reading
from consent_registry_server.storage.log.writing import LogWriter, open_for_writing

ROWS = {"entry": ['{"entry_id": "a"}', '{"entry_id": "b"}'], "vault": ['{"entry_id": "b"}']}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.log"


def add_round(log: LogWriter, snapshot: str, *, since: str | None = None) -> None:
    """Appends a round with some rows, after the last one."""
    for table, rows in ROWS.items():
        for row in rows:
            log.append(table, row)
    if since is None:
        since = "" if log.last is None else log.last.snapshot
    log.end_round(incarnation="life", snapshot=snapshot, since=since, digest_newest=1)


def write_rounds(path: Path, *snapshots: str) -> None:
    with open_for_writing(path) as log:
        for snapshot in snapshots:
            add_round(log, snapshot)


def read(path: Path) -> list[Batch]:
    with open_for_reading(path) as file:
        return list(batches(file, examine(file).end, size=10))


def test_what_was_written_is_read_back_in_its_order(path: Path) -> None:
    """Rows that follow one another in a table come together, and a round ends without rows."""
    write_rounds(path, "1:1:", "2:2:")

    one_round = [
        Batch("entry", [{"entry_id": "a"}, {"entry_id": "b"}]),
        Batch("vault", [{"entry_id": "b"}]),
        Batch("", []),
    ]
    assert read(path) == one_round * 2


def test_a_batch_has_an_end(path: Path) -> None:
    """However many rows of one table follow one another."""
    write_rounds(path, "1:1:")

    with open_for_reading(path) as file:
        sizes = [len(each.rows) for each in batches(file, examine(file).end, size=1)]

    assert sizes == [1, 1, 1, 0]


def test_wherever_the_last_round_breaks_off_the_one_before_is_the_last(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash may leave any part of it, and a log is read back in blocks of any size."""
    write_rounds(path, "1:1:")
    first = path.read_bytes()
    write_rounds(path, "2:2:")
    both = path.read_bytes()

    for block_bytes in (7, 64, 4096):
        monkeypatch.setattr(writing, "_BLOCK_BYTES", block_bytes)
        for end in range(len(first), len(both)):
            path.write_bytes(both[:end])
            with open_for_reading(path) as file:
                assert examine(file).end == len(first)
            with open_for_writing(path) as log:
                assert log.last is not None
                assert log.last.snapshot == "1:1:"
            assert path.read_bytes() == first


def test_wherever_the_first_round_breaks_off_the_log_begins_anew(path: Path) -> None:
    """The header, too, may be there in part only."""
    write_rounds(path, "1:1:")
    whole = path.read_bytes()

    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with open_for_writing(path) as log:
            assert log.last is None
        assert path.read_bytes() == HEADER


def test_a_round_that_is_dropped_leaves_nothing(path: Path) -> None:
    """The next one begins where it began."""
    with open_for_writing(path) as log:
        add_round(log, "1:1:")
        log.append("entry", "{}")
        log.drop_round()
        add_round(log, "2:2:")

    assert [each.table for each in read(path)] == ["entry", "vault", ""] * 2


@pytest.mark.parametrize("octet", range(0, 400, 7))
def test_a_changed_octet_is_noticed(path: Path, octet: int) -> None:
    """Nothing of a damaged log is replayed."""
    write_rounds(path, "1:1:", "2:2:")
    whole = bytearray(path.read_bytes())
    whole[octet] ^= 1
    path.write_bytes(whole)

    with pytest.raises(ConfigurationError):
        read(path)


@pytest.mark.parametrize(
    "since", ["1:1:", "7:7:"], ids=["before-the-one-before", "of-another-state"]
)
def test_a_round_that_is_missing_is_noticed(path: Path, since: str) -> None:
    """Each round follows the one before it, or holds everything."""
    with open_for_writing(path) as log:
        add_round(log, "1:1:")
        add_round(log, "2:2:")
        add_round(log, "3:3:", since=since)

    with pytest.raises(ConfigurationError, match="damaged: lines 10 to 13"):
        read(path)


def test_an_empty_log_has_nothing_to_replay(path: Path) -> None:
    """A log without a whole round is refused: an empty one restores nothing."""
    with open_for_writing(path):
        pass

    with pytest.raises(ConfigurationError, match="no whole round"):
        read(path)


def test_a_log_is_not_read_while_it_is_written(path: Path) -> None:
    """An export that goes on would add what a replay does not see."""
    with open_for_writing(path), pytest.raises(ConfigurationError, match="stop the export"):
        read(path)


def test_a_log_that_is_not_there_is_said_so(path: Path) -> None:
    """By its path, without a traceback."""
    with pytest.raises(ConfigurationError, match=r"cannot open .*registry\.log: No such file"):
        read(path)
    with (
        pytest.raises(ConfigurationError, match="cannot open"),
        open_for_writing(path / "in" / "nothing"),
    ):
        pass
