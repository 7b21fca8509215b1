from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url

from consent_registry_server.domain.entry import Evidence
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.service.ports import PreparedEntry
from consent_registry_server.storage.log.export import export_round
from consent_registry_server.storage.log.lag import read_export_lag_s
from consent_registry_server.storage.log.writing import open_for_writing
from tests.clear_values import find_clear_values
from tests.integration.storage.exported_log import (
    LogDesk,
    engine_of,
    kept,
    lines,
    rows_of,
)
from tests.integration.storage.samples import FULL_SUBJECT, NO_DEADLINE
from tests.integration.storage.threads import at_once

EXPORT_FOR_EVER = """
import sys
from pathlib import Path
from tests.integration.storage.exported_log import export
while True:
    export(sys.argv[1], Path(sys.argv[2]))
"""


@pytest.fixture
def write_some(desk: LogDesk) -> Callable[[int], list[str]]:
    """Appends opt-outs, each in a request of its own; returns their ids."""

    def write(count: int) -> list[str]:
        entries = [kept(desk.samples.entry(desk.samples.point("a"))) for _ in range(count)]
        for entry in entries:
            desk.append(entry)
        return [str(entry.entry_id) for entry in entries]

    return write


def exported(path: Path) -> list[str]:
    """The ids of the entries in a log."""
    return [row["entry_id"] for row in rows_of(path, "entry")]


WriteSome = Callable[[int], list[str]]


def test_a_round_holds_what_the_rounds_before_have_not(
    desk: LogDesk, write_some: WriteSome
) -> None:
    """The first round holds everything, the next one what came after it."""
    first = write_some(2)
    assert desk.export()["entry"] == 2
    second = write_some(1)

    assert desk.export() == {"entry": 1, "vault": 1, "write_request": 1}

    assert sorted(exported(desk.path)) == sorted(first + second)
    assert rows_of(desk.path, "entry")[-1]["entry_id"] == second[0]


def test_when_nothing_is_new_the_file_stays_as_it_is(desk: LogDesk) -> None:
    """A round without rows adds no checkpoint, however often it is run."""
    desk.export()
    before = desk.path.read_bytes()

    assert desk.export() == {}

    assert desk.path.read_bytes() == before


def test_what_commits_after_a_round_that_it_began_before_is_in_the_next(
    desk: LogDesk, write_some: WriteSome
) -> None:
    """The classical skipped row: older by its number than what was exported, and yet not lost."""
    url = make_url(desk.url)
    late = psycopg2.connect(host=url.query["host"], user=url.username, dbname=url.database)
    try:
        with late.cursor() as cursor:
            cursor.execute("""
                INSERT INTO write_request (id_digest, content_digest, recorded_at)
                VALUES (decode(repeat('ab', 16), 'hex'), decode(repeat('ab', 16), 'hex'), now());
                INSERT INTO entry (entry_id, kind, controller, channels, source, precision,
                    expressed_at, time_zone, recorded_at, counts_at, proven, lifts_opt_outs)
                VALUES ('00000000-0000-4000-8000-000000000001', 4, 'alarm-fr', -1, 1, 1,
                    now(), '', now(), now(), false, false)
            """)
            [later] = write_some(1)
            desk.export()
            assert exported(desk.path) == [later]
            late.commit()
    finally:
        late.close()

    assert desk.export() == {"entry": 1, "write_request": 1}
    assert exported(desk.path) == [later, "00000000-0000-4000-8000-000000000001"]
    assert desk.export() == {}


def test_an_export_beside_writers_has_each_entry_once(desk: LogDesk) -> None:
    """Rounds that run while others write miss nothing and repeat nothing."""
    written: list[str] = []
    done = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            with engine_of(desk.url) as engine, open_for_writing(desk.path) as log:
                while not done.is_set():
                    export_round(engine, log)
                export_round(engine, log)
            return
        try:
            for _ in range(25):
                entry = desk.samples.entry(desk.samples.point(f"{number}"))
                desk.append(entry)
                written.append(str(entry.entry_id))
        finally:
            if number == 1:
                done.set()

    at_once(work, 5)
    desk.export()

    assert sorted(exported(desk.path)) == sorted(written)
    assert len([line for line in lines(desk.path) if "checkpoint" in line]) > 1


def test_an_export_that_is_killed_leaves_whole_rounds_and_goes_on(
    desk: LogDesk, write_some: WriteSome
) -> None:
    """SIGKILL at any point: what was begun is dropped, and done again by the next one."""
    written: list[str] = []
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", EXPORT_FOR_EVER, desk.url, str(desk.path)]
        )
        size = desk.path.stat().st_size if desk.path.exists() else 0
        written += write_some(20)
        while not desk.path.exists() or desk.path.stat().st_size <= size:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()

    desk.export()

    assert sorted(exported(desk.path)) == sorted(written)


@pytest.mark.parametrize(
    "rest", [b"", b"{", b'{"table":"entry","row":{}}\n', b'{"checkpoint":{"in']
)
def test_the_rest_of_a_broken_round_is_cut_off(
    desk: LogDesk, write_some: WriteSome, rest: bytes
) -> None:
    """Whatever a crash left after the last checkpoint is gone when the next round begins."""
    write_some(1)
    desk.export()
    whole = desk.path.read_bytes()
    desk.path.write_bytes(whole + rest)

    assert desk.export() == {}

    assert desk.path.read_bytes() == whole


def test_a_resealed_identity_is_exported_again(desk: LogDesk, write_some: WriteSome) -> None:
    """A longer term, a hold and a new key change a row of the vault, and the log has both."""
    write_some(1)
    desk.export()
    desk.sql("UPDATE vault SET held = true")

    assert desk.export() == {"vault": 1}
    assert [(row["held"], row["times_sealed"]) for row in rows_of(desk.path, "vault")] == [
        (False, 1),
        (True, 2),
    ]


def test_another_life_of_the_database_is_exported_from_its_beginning(
    desk: LogDesk, write_some: WriteSome
) -> None:
    """After a restore the numbers of transactions start over, and those of before say nothing."""
    [written] = write_some(1)
    desk.export()
    desk.sql("UPDATE registry SET incarnation = gen_random_uuid()")

    desk.export()

    assert exported(desk.path) == [written, written]


def test_a_database_that_went_back_in_time_is_refused(desk: LogDesk, write_some: WriteSome) -> None:
    """Its new transactions have numbers that the log has seen: they would never be exported."""
    write_some(1)
    [(incarnation,)] = desk.sql("SELECT incarnation::text FROM registry")
    with open_for_writing(desk.path) as log:
        log.end_round(
            incarnation=incarnation, snapshot="99999999:99999999:", since="", digest_newest=1
        )
    before = desk.path.read_bytes()

    with pytest.raises(ConfigurationError, match="consent-registry reconcile"):
        desk.export()

    assert desk.path.read_bytes() == before


def test_a_log_has_one_writer(desk: LogDesk) -> None:
    """A second export to the same file is refused while the first one runs."""
    with open_for_writing(desk.path), pytest.raises(ConfigurationError, match="another program"):
        desk.export()


def test_somebody_elses_file_is_left_alone(desk: LogDesk) -> None:
    """What is no log is neither cut off nor added to."""
    desk.path.write_bytes(b"Dear diary,\n")

    with pytest.raises(ConfigurationError, match="not an exported log"):
        desk.export()

    assert desk.path.read_bytes() == b"Dear diary,\n"


def test_a_log_holds_no_clear_value_and_is_its_owners_alone(desk: LogDesk) -> None:
    """Neither contact points nor evidence are in it in any encoding."""
    desk.samples.subject = FULL_SUBJECT
    evidence = Evidence(note="she was at the door with her dog", ip="2001:db8::4711")
    entry = desk.samples.entry(
        desk.samples.point("a"), evidence=evidence, lead_id="lead-0042-of-the-union"
    )
    desk.append(kept(entry))

    desk.export()

    secrets = ["Camille", "Désirée", "39981234", "K-4711-0815", "with her dog", "2001:db8::4711"]
    assert len(rows_of(desk.path, "vault")) == 1
    assert find_clear_values(desk.path.read_bytes(), [*secrets, "lead-0042-of-the-union"]) == []
    assert stat.S_IMODE(desk.path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


def test_the_lag_is_the_age_of_the_oldest_entry_in_no_export(desk: LogDesk) -> None:
    """None without an export, 0 when all is exported, else how long ago the first was recorded."""

    def lag_s() -> float | None:
        return read_export_lag_s(desk.store.database, NO_DEADLINE)

    def recorded(entry: PreparedEntry, seconds_ago: int) -> PreparedEntry:
        [(now_us,)] = desk.sql("SELECT (extract(epoch FROM now()) * 1000000)::bigint")
        return replace(entry, recorded_at_us=now_us - seconds_ago * 1_000_000)

    desk.append(recorded(desk.samples.entry(), 5_000))
    assert lag_s() is None

    desk.export()
    assert lag_s() == 0

    desk.append(recorded(desk.samples.entry(), 300))
    desk.append(recorded(desk.samples.entry(), 100))
    assert lag_s() == pytest.approx(300, abs=60)

    desk.export()
    assert lag_s() == 0
