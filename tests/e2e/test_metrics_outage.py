"""What is scraped while the database is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.outside_database import OutsideDatabase
from tests.e2e.registry_process import NotYet, RegistryProcess, eventually

SCRAPE_TIMEOUT_S = 10.0
"""Prometheus's own default; later, the server counts as down."""
READY = b"\nconsent_registry_ready "
UPS = (
    b"\nconsent_registry_export_up ",
    b"\nconsent_registry_register_scrubs_up ",
    b"\nconsent_registry_rights_requests_up ",
)


@pytest.fixture
def server(
    new_data_dir: Callable[[], Path], outside_database: OutsideDatabase
) -> Iterator[RegistryProcess]:
    started = RegistryProcess(new_data_dir(), **outside_database.settings)
    yield started
    assert started.stop() == 0


def scraped(server: RegistryProcess) -> tuple[bytes, float]:
    """The page, and how long it took."""
    started_s = time.monotonic()
    return server.metrics(), time.monotonic() - started_s


def test_a_database_that_hangs_does_not_hold_a_scrape(
    server: RegistryProcess, outside_database: OutsideDatabase
) -> None:
    """All that is read of it together is waited for once; the page says that nobody told."""
    with outside_database.frozen():
        # Nothing has been read yet, so that this scrape asks for everything.
        page, took_s = scraped(server)
        assert took_s < SCRAPE_TIMEOUT_S / 2
        assert [page.count(up + b"0.0") for up in UPS] == [1, 1, 1]
        assert b"\nconsent_registry_identities_overdue " not in page

        def noticed() -> None:
            if READY + b"0.0" not in server.metrics():
                raise NotYet

        eventually(noticed)
        assert scraped(server)[1] < SCRAPE_TIMEOUT_S / 2


def test_a_database_that_comes_back_is_read_again(
    server: RegistryProcess, outside_database: OutsideDatabase
) -> None:
    """The lag of the export, which is asked for most often, within seconds."""
    with outside_database.frozen():
        assert UPS[0] + b"0.0" in scraped(server)[0]

    def told() -> None:
        if UPS[0] + b"1.0" not in server.metrics() or READY + b"1.0" not in server.metrics():
            raise NotYet

    eventually(told)
