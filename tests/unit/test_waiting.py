"""What comes by itself is waited for, and what does not is told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from structlog.testing import CapturingLogger

from consent_registry_server.domain.errors import (
    ConfigurationError,
    NotPrepared,
    RegistryError,
    Unavailable,
)
from consent_registry_server.waiting import INTERVAL_S, REMINDER_S, Stopped, patiently

NO_DATABASE = Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")
NO_SCHEMA = NotPrepared("the database has no schema yet")


class Story:
    """Attempts that fail with some errors, one after the other, and time that passes between."""

    def __init__(self, *errors: RegistryError, stops_after: int | None = None) -> None:
        self.errors = list(errors)
        self.pauses_s: list[float] = []
        self.now_s = 1_000.0
        self._stops_after = stops_after
        self.log = CapturingLogger()

    def attempt(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "opened"

    def stop_within(self, seconds: float) -> bool:
        self.now_s += seconds
        self.pauses_s.append(seconds)
        return len(self.pauses_s) == self._stops_after

    def wait(self, attempt: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401 - its result
        logger = structlog.wrap_logger(self.log, processors=[])
        return patiently(
            attempt or self.attempt,
            stop_within=self.stop_within,
            logger=logger,
            clock=lambda: self.now_s,
        )

    @property
    def told(self) -> list[str]:
        return [call.kwargs["reason"] for call in self.log.calls]


@pytest.mark.parametrize("error", [NO_DATABASE, NO_SCHEMA], ids=["unavailable", "not prepared"])
def test_it_is_tried_again_until_it_succeeds(error: RegistryError) -> None:
    story = Story(error, error, error)

    assert story.wait() == "opened"

    assert story.pauses_s == [INTERVAL_S] * 3


def test_what_waiting_does_not_mend_is_raised_at_once() -> None:
    story = Story(ConfigurationError("the digest key k1 is missing"))

    with pytest.raises(ConfigurationError, match="k1"):
        story.wait()

    assert story.pauses_s == []


def test_what_is_waited_for_is_told_when_it_changes() -> None:
    story = Story(NO_DATABASE, NO_DATABASE, NO_SCHEMA, NO_SCHEMA, NO_DATABASE)

    story.wait()

    assert story.told == [NO_DATABASE.message, NO_SCHEMA.message, NO_DATABASE.message]


def test_a_long_wait_is_told_again_every_half_a_minute() -> None:
    minutes = 2
    story = Story(*[NO_DATABASE] * int(60 * minutes / INTERVAL_S))

    story.wait()

    assert len(story.told) == 60 * minutes / REMINDER_S


def test_whoever_stops_it_learns_what_was_waited_for() -> None:
    story = Story(*[NO_SCHEMA] * 10, stops_after=3)

    with pytest.raises(Stopped, match="no schema yet"):
        story.wait()

    assert len(story.pauses_s) == 3
