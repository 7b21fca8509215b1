"""Identities that should have ended, as Prometheus reads them."""

from __future__ import annotations

from datetime import date

from prometheus_client import CollectorRegistry, generate_latest

from consent_registry_server.domain.errors import RegistryError, Unavailable
from consent_registry_server.domain.retention import Overdue
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.overdue import KEPT_S, OverdueIdentities
from consent_registry_server.service.ports import Deadline
from tests.fakes.ambience import SetClock

NUMBER = "consent_registry_identities_overdue"
DAYS = "consent_registry_identities_overdue_days"
NOW_US = 1_795_446_000_000_000
TODAY = date(2026, 11, 23)
DOWN = Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")


class Page:
    """A page that is scraped, of a database that answers as told."""

    def __init__(self, answer: Overdue | RegistryError) -> None:
        self.answer = answer
        self.asked: list[date] = []
        self.monotonic_s = 0.0
        self.metrics = Metrics(CollectorRegistry())
        clock = SetClock(NOW_US)
        collector = OverdueIdentities(self.read, clock=clock, monotonic_s=lambda: self.monotonic_s)
        self.metrics.registry.register(collector)

    def read(self, as_of: date, deadline: Deadline) -> Overdue:
        assert deadline.remaining_s() is not None
        self.asked.append(as_of)
        if isinstance(self.answer, RegistryError):
            raise self.answer
        return self.answer

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


def test_what_is_overdue_is_counted_with_the_days_of_the_oldest() -> None:
    """Asked for as of today in UTC."""
    page = Page(Overdue(17, date(2026, 11, 20)))
    assert (page.value(NUMBER), page.value(DAYS)) == (17, 3)
    assert set(page.asked) == {TODAY}


def test_nothing_overdue_is_nought() -> None:
    """Not missing, so that an alert on a missing metric means an outage."""
    page = Page(Overdue(0, None))
    assert (page.value(NUMBER), page.value(DAYS)) == (0, 0)


def test_a_database_that_does_not_answer_shows_nothing() -> None:
    """An old number would hide that; everything else is scraped as always."""
    page = Page(DOWN)
    assert page.value(NUMBER) is None
    assert b"consent_registry_" in generate_latest(page.metrics.registry)


def test_scrapes_ask_the_database_once_a_minute() -> None:
    """And again afterwards."""
    page = Page(Overdue(1, date(2026, 11, 22)))
    page.value(NUMBER)
    page.value(NUMBER)
    assert len(page.asked) == 1
    page.monotonic_s += KEPT_S
    page.answer = Overdue(0, None)
    assert page.value(NUMBER) == 0
