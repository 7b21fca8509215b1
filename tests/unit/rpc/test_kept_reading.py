"""Reads for scrapes: kept for a while, and never waited for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from consent_registry_server.domain.errors import DeadlineExceeded, Unavailable
from consent_registry_server.rpc.kept_reading import ScrapeReader
from consent_registry_server.service.ports import Deadline

SHORT_S = 0.05
LONG_S = 30.0


class Within:
    """A deadline so many seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def remaining_s(self) -> float:
        """See `Deadline`."""
        return self._seconds


class Hanging:
    """A database that answers nobody until it is let go on."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.reads = 0

    def __call__(self, _deadline: Deadline) -> str:
        self.reads += 1
        assert self.goes_on.wait(LONG_S)
        return "late"


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """Lets its readers go on in the end."""
    database = Hanging()
    yield database
    database.goes_on.set()


def test_a_read_in_time_is_what_it_was() -> None:
    """With its arguments, and its deadline."""
    deadline = Within(LONG_S)

    def read(name: str, given: Deadline) -> tuple[str, Deadline]:
        return name, given

    assert ScrapeReader().bounded(read)("held", deadline) == ("held", deadline)


def test_the_error_of_a_read_is_raised() -> None:
    """As it was."""
    error = DeadlineExceeded("DEADLINE", "the deadline passed")

    def read(_: Deadline) -> None:
        raise error

    with pytest.raises(DeadlineExceeded) as raised:
        ScrapeReader().bounded(read)(Within(LONG_S))
    assert raised.value is error


def test_a_database_that_hangs_is_left_at_the_deadline(hanging: Hanging) -> None:
    """Whatever it does with the connection."""
    with pytest.raises(Unavailable, match="in time"):
        ScrapeReader().bounded(hanging)(Within(SHORT_S))


def test_while_it_hangs_no_other_read_waits(hanging: Hanging) -> None:
    """All that a scrape reads takes no longer together than one read may."""
    reader = ScrapeReader()
    with pytest.raises(Unavailable):
        reader.bounded(hanging)(Within(SHORT_S))
    started_s = time.monotonic()
    for _ in range(5):
        with pytest.raises(Unavailable):
            reader.bounded(hanging)(Within(LONG_S))
    assert time.monotonic() - started_s < LONG_S
    assert hanging.reads == 1


def test_once_it_answers_again_reads_go_on(hanging: Hanging) -> None:
    """The late answer is nobody's."""
    reader = ScrapeReader()
    with pytest.raises(Unavailable):
        reader.bounded(hanging)(Within(SHORT_S))
    hanging.goes_on.set()
    for thread in threading.enumerate():
        if thread.name == "scrape-read":
            thread.join(LONG_S)
    assert reader.bounded(lambda _: "now")(Within(LONG_S)) == "now"


def test_two_scrapes_at_once_read_one_after_the_other() -> None:
    """Neither takes the other for an outage."""
    reader = ScrapeReader()
    began, answers = threading.Event(), threading.Event()

    def slow(_: Deadline) -> str:
        began.set()
        assert answers.wait(LONG_S)
        return "slow"

    found: list[str] = []
    first = threading.Thread(target=lambda: found.append(reader.bounded(slow)(Within(LONG_S))))
    first.start()
    assert began.wait(LONG_S)
    answering = threading.Timer(SHORT_S, answers.set)
    answering.start()
    assert reader.bounded(lambda _: "quick")(Within(LONG_S)) == "quick"
    first.join(LONG_S)
    answering.join()
    assert found == ["slow"]
