from __future__ import annotations

from prometheus_client import CollectorRegistry

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.rpc.export_lag import KEPT_S, ExportLag
from consent_registry_server.service.ports import Deadline

LAG = "consent_registry_export_lag_seconds"
UP = "consent_registry_export_up"


class Database:
    """Tells a lag, or that nobody answers."""

    def __init__(self, lag_s: float | None) -> None:
        self.lag_s = lag_s
        self.is_up = True
        self.asked = 0
        self.now_s = 0.0

    def __call__(self, deadline: Deadline) -> float | None:
        remaining_s = deadline.remaining_s()
        assert remaining_s is not None
        assert remaining_s > 0
        self.asked += 1
        if not self.is_up:
            raise Unavailable("DATABASE_UNAVAILABLE", "nobody answers")
        return self.lag_s


def registry_of(database: Database) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(ExportLag(database, monotonic_s=lambda: database.now_s))
    return registry


def test_the_lag_is_what_the_database_tells() -> None:
    """In seconds; 0 when all is exported."""
    for lag_s in (0.0, 12.5):
        registry = registry_of(Database(lag_s))

        assert registry.get_sample_value(LAG) == lag_s
        assert registry.get_sample_value(UP) == 1


def test_without_an_export_there_is_no_lag() -> None:
    """An alert on its absence tells that nobody exports."""
    registry = registry_of(Database(None))

    assert registry.get_sample_value(LAG) is None
    assert registry.get_sample_value(UP) == 1


def test_in_an_outage_there_is_no_lag() -> None:
    """An old one would hide that nobody knows it."""
    database = Database(3.0)
    registry = registry_of(database)
    assert registry.get_sample_value(LAG) == 3

    database.is_up = False
    database.now_s += KEPT_S

    assert registry.get_sample_value(LAG) is None
    assert registry.get_sample_value(UP) == 0


def test_the_database_is_asked_once_in_a_while() -> None:
    """However often it is scraped, in an outage as well; registering asks nothing."""
    database = Database(3.0)
    registry = registry_of(database)
    assert database.asked == 0

    for is_up in (True, False):
        database.is_up = is_up
        for _ in range(3):
            registry.get_sample_value(LAG)
        database.now_s += KEPT_S

    assert database.asked == 2
