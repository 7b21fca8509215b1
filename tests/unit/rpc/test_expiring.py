"""Identities that end soon, as Prometheus reads them."""

from __future__ import annotations

from datetime import date

from prometheus_client import CollectorRegistry, generate_latest

from consent_registry_server.domain.errors import RegistryError, Unavailable
from consent_registry_server.rpc.expiring import KEPT_S, ExpiringIdentities
from consent_registry_server.service.ports import Deadline
from tests.fakes.ambience import SetClock

NAME = "consent_registry_identities_expiring"
NOW_US = 1_795_446_000_000_000
TODAY = date(2026, 11, 23)
WEEK, MONTH = date(2026, 11, 30), date(2026, 12, 23)
DOWN = Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")


class Page:
    """A page that is scraped, of a database that answers as told."""

    def __init__(self, answer: dict[date, int] | RegistryError) -> None:
        self.answer = answer
        self.asked: list[tuple[date, date]] = []
        self.monotonic_s = 0.0
        self.registry = CollectorRegistry()
        collector = ExpiringIdentities(
            self.read, clock=SetClock(NOW_US), monotonic_s=lambda: self.monotonic_s
        )
        self.registry.register(collector)

    def read(self, first: date, behind: date, deadline: Deadline) -> int:
        assert deadline.remaining_s() is not None
        self.asked.append((first, behind))
        if isinstance(self.answer, RegistryError):
            raise self.answer
        return self.answer[behind]

    def within(self, days: int) -> float | None:
        return self.registry.get_sample_value(NAME, {"within_days": str(days)})


def test_what_ends_within_a_week_and_a_month_is_counted() -> None:
    """From today on, by days of UTC."""
    page = Page({WEEK: 3, MONTH: 17})
    assert (page.within(7), page.within(30)) == (3, 17)
    assert page.asked == [(TODAY, WEEK), (TODAY, MONTH)]


def test_a_database_that_does_not_answer_shows_nothing() -> None:
    """An old number would hide that; everything else is scraped as always."""
    page = Page(DOWN)
    assert page.within(7) is None
    assert b"consent_registry_" in generate_latest(page.registry)


def test_scrapes_ask_the_database_every_five_minutes() -> None:
    """And again afterwards."""
    page = Page({WEEK: 0, MONTH: 0})
    for _ in range(3):
        page.within(7)
    assert len(page.asked) == 2
    page.monotonic_s += KEPT_S
    page.within(7)
    assert len(page.asked) == 4
