"""What follows its files takes them as a whole or not at all, and goes on with what was good."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.renewal import (
    MAX_READINGS,
    FileWatch,
    Renewed,
)
from consent_registry_server.service.ports import Reload

WAIT_S = 10.0


class Bench:
    """A number made of a file that can be spoilt, and what is told of it."""

    def __init__(self) -> None:
        self.file: str | None = "1"
        self.pauses: list[Callable[[], None]] = []
        self.made: list[str] = []
        self.outcomes: Counter[Reload] = Counter()
        self.number = Renewed(
            "1",
            1,
            subject="number",
            read=self._read,
            make=self._make,
            logger=structlog.get_logger(),
            counted=lambda outcome: self.outcomes.update([outcome]),
            pause=self._pause,
        )

    def write(self, content: str) -> Callable[[], None]:
        return lambda: setattr(self, "file", content)

    def _read(self) -> str:
        if self.file is None:
            raise ConfigurationError("the file is gone")
        return self.file

    def _make(self, content: str) -> int:
        self.made.append(content)
        if content == "crash":
            raise RuntimeError(content)
        if not content.isdigit():
            raise ConfigurationError(f"no number:\n  {len(content)} characters")
        return int(content)

    def _pause(self) -> None:
        if self.pauses:
            self.pauses.pop(0)()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_changed_files_take_the_place_of_those_before(bench: Bench) -> None:
    """Once; files that are as they were are not even made anything of."""
    bench.file = "2"
    with capture_logs() as events:
        bench.number.reload()
        bench.number.reload()
    assert bench.number.value == 2
    assert bench.made == ["2"]
    assert [event["event"] for event in events] == ["number_reloaded"]
    assert bench.outcomes == {Reload.DONE: 1}


def test_files_that_are_being_written_are_read_when_they_hold_still(bench: Bench) -> None:
    """What was read in between is the content of nobody."""
    bench.file, bench.pauses = "2", [bench.write("23"), bench.write("234")]
    bench.number.reload()
    assert bench.number.value == 234
    assert bench.made == ["234"]


def test_files_that_never_hold_still_are_refused_for_now(bench: Bench) -> None:
    """They are tried again."""
    bench.file, bench.pauses = "2", [bench.write(str(each)) for each in range(MAX_READINGS)]
    bench.number.reload()
    assert (bench.number.value, bench.outcomes[Reload.REFUSED]) == (1, 1)
    bench.number.reload()
    assert bench.number.value == MAX_READINGS - 1


@pytest.mark.parametrize(
    "spoilt, faults",
    [("many words", ["10 characters"]), (None, ["the file is gone"])],
    ids=["faulty", "gone"],
)
def test_faulty_files_leave_what_is_in_force(
    bench: Bench, spoilt: str | None, faults: list[str]
) -> None:
    """Told once, counted each time, and made nothing of twice; until they are mended."""
    bench.file = spoilt
    with capture_logs() as events:
        for _ in range(3):
            bench.number.reload()
    assert bench.number.value == 1
    [event] = events
    assert (event["event"], event["faults"]) == ("number_refused", faults)
    assert bench.outcomes == {Reload.REFUSED: 3}
    assert len(bench.made) <= 1
    bench.file = "2"
    bench.number.reload()
    assert bench.number.value == 2


def test_a_fault_that_comes_back_is_told_again(bench: Bench) -> None:
    """Whoever mended it must learn that it did not last."""
    with capture_logs() as events:
        for content in ("faulty", "1", "faulty"):
            bench.file = content
            bench.number.reload()
    assert [event["event"] for event in events] == ["number_refused"] * 2


def test_a_defect_leaves_what_is_in_force(bench: Bench) -> None:
    """And the thread that looks."""
    bench.file = "crash"
    with capture_logs() as events:
        bench.number.reload()
    assert (bench.number.value, bench.outcomes) == (1, {Reload.FAILED: 1})
    assert [event["event"] for event in events] == ["number_reload_failed"]


# Watching


@pytest.fixture
def reloads() -> threading.Semaphore:
    return threading.Semaphore(0)


@pytest.fixture
def quick(reloads: threading.Semaphore) -> Iterator[FileWatch]:
    watch = FileWatch(reloads.release, interval_s=0.001)
    yield watch
    watch.close()


@pytest.fixture
def slow(reloads: threading.Semaphore) -> Iterator[FileWatch]:
    watch = FileWatch(reloads.release, interval_s=3_600)
    yield watch
    watch.close()


@pytest.mark.usefixtures("quick")
def test_files_are_looked_at_again_and_again(reloads: threading.Semaphore) -> None:
    """At each interval."""
    assert all(reloads.acquire(timeout=WAIT_S) for _ in range(3))


def test_files_are_looked_at_when_told(slow: FileWatch, reloads: threading.Semaphore) -> None:
    """At once, as often as told."""
    for _ in range(2):
        slow.reload_now()
        assert reloads.acquire(timeout=WAIT_S)
    assert not reloads.acquire(blocking=False)


def test_a_closed_watch_looks_no_more(reloads: threading.Semaphore) -> None:
    """Closing ends the wait and does not reload."""
    watch = FileWatch(reloads.release, interval_s=3_600)
    watch.close()
    assert not reloads.acquire(blocking=False)


def test_one_watch_looks_after_several(reloads: threading.Semaphore) -> None:
    """Each at every interval."""
    others = threading.Semaphore(0)
    watch = FileWatch(reloads.release, others.release, interval_s=0.001)
    try:
        assert all(each.acquire(timeout=WAIT_S) for each in (reloads, others) for _ in range(2))
    finally:
        watch.close()
