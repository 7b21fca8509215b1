"""How many rights requests wait, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from consent_registry_server.domain.errors import DeadlineExceeded, RegistryError, Unavailable
from consent_registry_server.domain.vocabulary import ControllerId
from consent_registry_server.rpc.kept_reading import READ_S
from consent_registry_server.rpc.rights_request_counts import KEPT_S, RightsRequestCounts
from consent_registry_server.service.ports import Deadline
from consent_registry_server.service.subject_ports import RightsRequestCount

FRANCE, ITALY = ControllerId("alarm-fr"), ControllerId("alarm-it")


class Requests:
    """A database that tells how many there are, or does not answer."""

    def __init__(self, *counts: RightsRequestCount) -> None:
        self.answer: Sequence[RightsRequestCount] | RegistryError = counts
        self.reads: list[float | None] = []

    def __call__(self, deadline: Deadline) -> Sequence[RightsRequestCount]:
        self.reads.append(deadline.remaining_s())
        if isinstance(self.answer, RegistryError):
            raise self.answer
        return self.answer


class Page:
    """The page that is scraped, at a time that is set by hand."""

    def __init__(self, requests: Requests) -> None:
        self.monotonic_s = 5_000.0
        self.registry = CollectorRegistry()
        counts = RightsRequestCounts(requests, monotonic_s=lambda: self.monotonic_s)
        self.registry.register(counts)

    def shown(self, controller: str = FRANCE) -> tuple[float | None, float | None]:
        """How many are open, and overdue."""
        name = "consent_registry_rights_requests_"
        labels = {"controller": controller}
        return (
            self.registry.get_sample_value(f"{name}open", labels),
            self.registry.get_sample_value(f"{name}overdue", labels),
        )

    @property
    def is_up(self) -> float | None:
        return self.registry.get_sample_value("consent_registry_rights_requests_up")


def test_every_controllers_requests_are_shown() -> None:
    """Those of one for whom nobody waits as 0, so that an alert has something to look at."""
    page = Page(Requests(RightsRequestCount(FRANCE, 3, 1), RightsRequestCount(ITALY, 0, 0)))
    assert page.shown() == (3, 1)
    assert page.shown(ITALY) == (0, 0)
    assert page.is_up == 1


def test_the_database_is_asked_once_a_minute_and_not_at_registration() -> None:
    """However often it is scraped."""
    requests = Requests(RightsRequestCount(FRANCE, 3, 1))
    page = Page(requests)
    assert requests.reads == []
    page.shown()
    requests.answer = [RightsRequestCount(FRANCE, 2, 0)]
    page.monotonic_s += KEPT_S - 1
    assert page.shown() == (3, 1)
    assert requests.reads == [READ_S]
    page.monotonic_s += 1
    assert page.shown() == (2, 0)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached"),
        DeadlineExceeded("DEADLINE", "the deadline passed"),
    ],
    ids=["down", "slow"],
)
def test_an_outage_hides_the_numbers(error: RegistryError) -> None:
    """Old ones would hide it; and it is not asked again at every scrape."""
    requests = Requests(RightsRequestCount(FRANCE, 3, 1))
    page = Page(requests)
    page.shown()
    page.monotonic_s += KEPT_S
    requests.answer = error
    for _ in range(3):
        assert (page.shown(), page.is_up) == ((None, None), 0)
    assert len(requests.reads) == 2
