"""The database is gone for a while, under load: nobody is allowed anything, and all recovers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from consent_registry_client import Channel, Client, email, subject
from tests.e2e.checking import Checking, People, require_objections
from tests.e2e.handler_process import WEB, WITHOUT_RATES, running
from tests.e2e.kubernetes_service import LIVENESS, SERVING, health, wait_until_ready
from tests.e2e.outside_database import OutsideDatabase
from tests.e2e.people import FRANCE, MARKETING
from tests.e2e.registry_process import RegistryProcess, WaitingRegistryProcess

RATE_HZ = 100
KILLED_S = 20.0
FROZEN_S = 8.0
NOTICED_WITHIN_S = 6.0
RECOVERED_WITHIN_S = 5.0
FAILED_CLOSED = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}


@pytest.fixture
def server(
    new_data_dir: Callable[[], Path], outside_database: OutsideDatabase
) -> Iterator[RegistryProcess]:
    page = "http://127.0.0.1:8080"
    started = RegistryProcess(new_data_dir(), UNSUBSCRIBE_URL=page, **outside_database.settings)
    yield started
    assert started.is_running
    assert started.stop() == 0


@contextmanager
def killed(outside_database: OutsideDatabase) -> Iterator[None]:
    outside_database.kill()
    yield
    outside_database.start()


def frozen(outside_database: OutsideDatabase) -> AbstractContextManager[None]:
    return outside_database.frozen()


@pytest.mark.parametrize(
    "gone, for_s",
    [pytest.param(killed, KILLED_S, id="killed"), pytest.param(frozen, FROZEN_S, id="frozen")],
)
def test_a_database_that_is_gone_for_a_while_allows_nothing_and_all_recovers(
    server: RegistryProcess,
    outside_database: OutsideDatabase,
    gone: Callable[[OutsideDatabase], AbstractContextManager[None]],
    for_s: float,
) -> None:
    """By itself, within five seconds of its return; probes tell, and the process lives."""
    people = People.known_to(server.address)
    with Checking(server.address, people, rate_hz=RATE_HZ) as checking:
        checking.wait_for(RATE_HZ)
        with gone(outside_database):
            gone_at_s = time.monotonic()
            wait_until_ready(server, is_ready=False)
            noticed_s = time.monotonic() - gone_at_s
            assert health(server, LIVENESS) == SERVING
            time.sleep(max(0.0, for_s - (time.monotonic() - gone_at_s)))
            during = checking.since(gone_at_s)
        back_at_s = time.monotonic()
        wait_until_ready(server)
        ready_s = time.monotonic() - back_at_s
        checking.wait_for(2 * RATE_HZ, which=lambda each: each.answer == "ALLOW")
    first_s = min(
        each.asked_at_s + each.took_s - back_at_s
        for each in checking.since(gone_at_s)
        if each.asked_at_s + each.took_s > back_at_s and each.answer == "ALLOW"
    )
    print(  # noqa: T201 - for whoever asks with -s
        f"noticed in {noticed_s:.1f} s, ready {ready_s:.1f} s after its return,"
        f" first answer after {first_s:.1f} s; {checking.counts()}"
    )
    assert during
    assert {each.answer for each in during} <= FAILED_CLOSED
    objected = {each.answer for each in checking.since(back_at_s) if each.has_objected}
    assert objected <= FAILED_CLOSED | {"DENY"}
    assert noticed_s < NOTICED_WITHIN_S
    assert max(ready_s, first_s) < RECOVERED_WITHIN_S
    assert checking.wrong == []
    require_objections(server.address, checking.objections)


def test_a_server_that_starts_meanwhile_waits_and_serves_when_it_is_back(
    new_data_dir: Callable[[], Path], outside_database: OutsideDatabase
) -> None:
    """Alive all the while, and stopped in good order if it is told to."""
    outside_database.kill()
    directory = new_data_dir()
    impatient = WaitingRegistryProcess(directory, **outside_database.settings)
    patient = WaitingRegistryProcess(directory, **outside_database.settings)
    patient.event("waiting")
    assert health(patient, LIVENESS) == SERVING
    assert b"consent_registry_ready 0.0" in patient.metrics()
    assert impatient.stop() == 0

    outside_database.start()
    back_at_s = time.monotonic()
    patient.wait_until_serving()
    took_s = time.monotonic() - back_at_s

    assert took_s < RECOVERED_WITHIN_S
    wait_until_ready(patient)
    assert b"consent_registry_ready 1.0" in patient.metrics()
    assert patient.stop() == 0


def test_the_unsubscribe_page_lives_through_it(
    server: RegistryProcess, outside_database: OutsideDatabase
) -> None:
    """It says that nothing is recorded yet, so that mailboxes and people try again."""
    with Client(server.address) as client, running(WEB, server.address, **WITHOUT_RATES) as web:
        (result,) = client.create_unsubscribe_links(
            controller=FRANCE,
            channel=Channel.CHANNEL_EMAIL,
            purpose=MARKETING,
            campaign="outage",
            subjects=[subject(email("outage@example.com"))],
        )
        press = Request(
            f"http://127.0.0.1:{web.port}/u/{result.link.token}",
            data=b"List-Unsubscribe=One-Click",
            method="POST",
        )
        with killed(outside_database):
            wait_until_ready(server, is_ready=False)
            with pytest.raises(HTTPError) as refused:
                urlopen(press, timeout=30)  # noqa: S310 - plain HTTP to this machine
            with refused.value as answer:
                assert answer.code == 503
            with urlopen(f"http://127.0.0.1:{web.port}/healthz", timeout=30) as alive:
                assert alive.status == 200
        wait_until_ready(server)
        with urlopen(press, timeout=30) as stored:  # noqa: S310 - as above
            assert stored.status == 200
