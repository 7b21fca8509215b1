"""How old the newest scrubs are, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from consent_registry_server.domain.errors import DeadlineExceeded, RegistryError, Unavailable
from consent_registry_server.domain.vocabulary import GROUP, ControllerId
from consent_registry_server.rpc.kept_reading import READ_S
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.scrub_ages import KEPT_S, ScrubAges
from consent_registry_server.service.ports import Deadline, ScrubAge
from tests.fakes.ambience import SetClock

AGE = "consent_registry_register_scrub_age_seconds"
UP = "consent_registry_register_scrubs_up"
ITALY = ControllerId("alarm-it")
DAY_S = 86_400
NOW_US = 1_795_446_000_000_000
DOWN = Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")


class Scrubs:
    """A database that tells when registers were last asked, or does not answer."""

    def __init__(self, *ages: ScrubAge) -> None:
        self.answer: Sequence[ScrubAge] | RegistryError = ages
        self.reads: list[float | None] = []

    def __call__(self, deadline: Deadline) -> Sequence[ScrubAge]:
        self.reads.append(deadline.remaining_s())
        if isinstance(self.answer, RegistryError):
            raise self.answer
        return self.answer


class Page:
    """The page that is scraped, at a time that is set by hand."""

    def __init__(self, scrubs: Scrubs) -> None:
        self.clock = SetClock(NOW_US)
        self.monotonic_s = 5_000.0
        self.metrics = Metrics(CollectorRegistry())
        ages = ScrubAges(scrubs, clock=self.clock, monotonic_s=lambda: self.monotonic_s)
        self.metrics.registry.register(ages)

    def after(self, seconds: float) -> None:
        self.clock.now_us += round(seconds * 1_000_000)
        self.monotonic_s += seconds

    def age(self, controller: str = ITALY, register: str = "RPO") -> float | None:
        labels = {"controller": controller, "register": register}
        return self.metrics.registry.get_sample_value(AGE, labels)

    @property
    def is_up(self) -> float | None:
        return self.metrics.registry.get_sample_value(UP)


def scrub(days: int, controller: ControllerId = ITALY, register: str = "RPO") -> ScrubAge:
    return ScrubAge(controller, register, NOW_US - days * DAY_S * 1_000_000)


def test_the_age_of_each_scrub_is_shown() -> None:
    """By controller and register, in seconds."""
    page = Page(Scrubs(scrub(3), scrub(20, GROUP), scrub(1, register="NDD")))
    assert page.age() == 3 * DAY_S
    assert page.age(GROUP) == 20 * DAY_S
    assert page.age(register="NDD") == DAY_S
    assert page.is_up == 1


def test_without_a_scrub_there_is_no_age() -> None:
    """And yet the database answered."""
    page = Page(Scrubs())
    assert (page.age(), page.is_up) == (None, 1)


def test_registering_asks_nothing() -> None:
    """The program starts whether the database answers or not."""
    scrubs = Scrubs(scrub(3))
    Page(scrubs)
    assert scrubs.reads == []


def test_the_database_is_asked_once_a_minute() -> None:
    """However often it is scraped; the age grows meanwhile."""
    scrubs = Scrubs(scrub(3))
    page = Page(scrubs)
    page.age()
    page.after(KEPT_S - 1)
    scrubs.answer = [scrub(0)]
    assert page.age() == 3 * DAY_S + KEPT_S - 1
    assert scrubs.reads == [READ_S]
    page.after(1)
    assert page.age() == KEPT_S
    assert len(scrubs.reads) == 2


@pytest.mark.parametrize(
    "error", [DOWN, DeadlineExceeded("DEADLINE", "the deadline passed")], ids=["down", "slow"]
)
def test_an_outage_hides_the_ages_and_nothing_else(error: RegistryError) -> None:
    """An old age would hide the outage; and it is not asked again at every scrape."""
    scrubs = Scrubs(scrub(3))
    page = Page(scrubs)
    page.age()
    page.after(KEPT_S)
    scrubs.answer = error
    for _ in range(3):
        assert (page.age(), page.is_up) == (None, 0)
    assert len(scrubs.reads) == 2
    page.metrics.audience_answered(3)
    assert b"consent_registry_audience_members_total 3.0" in generate_latest(page.metrics.registry)
    page.after(KEPT_S)
    scrubs.answer = [scrub(0)]
    assert (page.age(), page.is_up) == (KEPT_S * 2, 1)
