"""The registry down, slow, killed: no opt-out is acknowledged and lost, none recorded twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from consent_registry.v1.decision_pb2 import Reason
from consent_registry.v1.decision_service_pb2 import BatchCheckContactRequest, CheckContactRequest
from tests.e2e.connection import Connection
from tests.e2e.handler_process import WEB, WITHOUT_RATES, HandlerProcess, running
from tests.e2e.people import Person, somebody, subject
from tests.e2e.press_load import PressLoad
from tests.e2e.registry_process import (
    NotYet,
    RegistryProcess,
    eventually,
    run_program,
)
from tests.e2e.relay import Network, Relay
from tests.e2e.unsubscribing import (
    LANGUAGES,
    Answer,
    get,
    may_write_to,
    path_of,
    press,
    submit,
    tokens_for,
)

_PATIENCE_S: Final = "1"
_CLICKS: Final = 600
"""More than are made in any of the outages here."""

_ENTRIES: Final = """
    SELECT count(*), count(DISTINCT unsubscribe_link_id)
    FROM entry WHERE unsubscribe_link_id IS NOT NULL
"""


class Installation:
    """A page, a registry that may be started again, and the network between them."""

    def __init__(self, data_dir: Path, web: HandlerProcess, network: Relay) -> None:
        self.data_dir = data_dir
        self.web = web
        self.network = network
        self.registry = RegistryProcess(data_dir)
        self.network.lead_to(self.registry.port)

    def start_again(self) -> None:
        """A new server, on another port, over the same database."""
        self.registry = RegistryProcess(self.data_dir)
        self.network.lead_to(self.registry.port)

    def links(self, count: int) -> dict[str, Person]:
        """Links that nobody used yet, by their tokens."""
        people = [somebody() for _ in range(count)]
        connection = Connection(self.registry.address)
        with closing(connection.channel):
            tokens = tokens_for(connection, *(subject(person.email) for person in people))
        return dict(zip(tokens, people, strict=True))

    def reasons(self, people: Sequence[Person]) -> set[int]:
        """Why some may not be written to."""
        asked = [_asked(person) for person in people]
        connection = Connection(self.registry.address)
        with closing(connection.channel):
            batch = BatchCheckContactRequest(requests=asked)
            results = connection.decisions.BatchCheckContact(batch).results
        return {result.decision.reason for result in results}

    def entries(self) -> tuple[int, int]:
        """How many entries came through links, and through how many links."""
        with self.registry.database() as connection, connection.cursor() as cursor:
            cursor.execute(_ENTRIES)
            row = cursor.fetchone()
        assert row is not None
        return row[0], row[1]

    def readiness(self) -> int:
        return get(self.web.port, "/readyz").status

    def require_ready(self) -> None:
        if self.readiness() != 200:
            raise NotYet

    def require_unready(self) -> None:
        if self.readiness() != 503:
            raise NotYet


def _asked(person: Person) -> CheckContactRequest:
    asked = may_write_to(person)
    asked.ClearField("view")
    return asked


@pytest.fixture(scope="module")
def installation(new_data_dir: Callable[[], Path]) -> Iterator[Installation]:
    settings = {**WITHOUT_RATES, "TIMEOUT_S": _PATIENCE_S}
    with Relay() as network, running(WEB, network.address, **settings) as web:
        made = Installation(new_data_dir(), web, network)
        yield made
        assert made.registry.stop() == 0


def _says_that_nothing_is_recorded(answer: Answer) -> None:
    assert answer.status == 503
    assert int(answer.header("retry-after") or 0) > 0
    assert b'role="status"' not in answer.body
    assert b'name="undo"' not in answer.body


def _click(port: int, token: str) -> Answer:
    """What the page's button sends."""
    return submit(port, token, "unsubscribe")


def _repeated_until_stored(
    installation: Installation, tokens: Sequence[str], send: Callable[[int, str], Answer]
) -> None:
    """As a provider or a person does that was told to try again."""

    def stored(token: str) -> None:
        answer = send(installation.web.port, token)
        if answer.status != 200:
            _says_that_nothing_is_recorded(answer)
            raise NotYet

    for token in tokens:
        eventually(lambda token=token: stored(token))  # type: ignore[misc] # bound for the loop


def _all(answer_of: Callable[[str], Answer], tokens: Iterable[str]) -> list[Answer]:
    """What is answered to all at once."""
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(answer_of, tokens))


@pytest.mark.parametrize(
    "outage",
    [
        pytest.param(Network.DOWN, id="nobody answers"),
        pytest.param(Network.STALLED, id="answers take too long"),
        pytest.param(Network.ANSWERLESS, id="answers are lost"),
    ],
)
def test_what_is_not_known_to_be_stored_is_not_acknowledged(
    installation: Installation, outage: Network
) -> None:
    """Repeated until it is, it is there once, though the registry may have stored it before."""
    links = installation.links(12)
    by_mailbox, by_person = list(links)[:6], list(links)[6:]
    before, _ = installation.entries()
    with installation.network.being(outage):
        answers = _all(lambda token: press(installation.web.port, token), by_mailbox)
        answers += _all(lambda token: _click(installation.web.port, token), by_person)
    between, _ = installation.entries()

    for answer in answers:
        _says_that_nothing_is_recorded(answer)
    if outage is Network.ANSWERLESS:
        assert between == before + len(links), "or this says nothing"
    _repeated_until_stored(installation, by_mailbox, press)
    _repeated_until_stored(installation, by_person, _click)
    assert installation.reasons(list(links.values())) == {Reason.REASON_OBJECTION}
    assert installation.entries()[0] == before + len(links)


def test_without_its_registry_the_page_says_so(installation: Installation) -> None:
    """To whoever opens a link, in every language, and to the balancer; the process lives on."""
    web = installation.web.port
    token, *_ = installation.links(1)
    eventually(installation.require_ready)
    with installation.network.being(Network.DOWN):
        english = get(web, f"{path_of(token)}?lang=en")
        others = [get(web, f"{path_of(token)}?lang={language}") for language in LANGUAGES]
        eventually(installation.require_unready)
        alive = get(web, "/healthz")

    assert b"Nothing was recorded yet." in english.body
    for answer in (english, *others):
        _says_that_nothing_is_recorded(answer)
    assert len({answer.heading for answer in others}) == len(LANGUAGES)
    assert alive.status == 200
    eventually(installation.require_ready)
    eventually(lambda: _require_start(get(web, path_of(token))))


def _require_start(answer: Answer) -> None:
    if answer.status != 200:
        raise NotYet


def test_what_was_chosen_or_to_be_taken_back_is_kept_for_the_next_try(
    installation: Installation,
) -> None:
    """The page of the outage has the same form again, and it does what was wanted."""
    web = installation.web.port
    token, *_ = installation.links(1)
    # On the page alone: the mailbox's word would be an entry of its own.
    undo = submit(web, token, "unsubscribe").undo
    with installation.network.being(Network.DOWN):
        chosen = submit(web, token, "preferences", choice=["everything"])
        undone = submit(web, token, "undo", undo=undo)

    for answer in (chosen, undone):
        assert answer.status == 503
        assert answer.header("retry-after")
    assert b'name="choice" value="everything"' in chosen.body
    assert undone.undo == undo


def _nothing_is_lost_or_doubled(
    installation: Installation, load: PressLoad, links: dict[str, Person], before: int
) -> None:
    assert load.refused, "or there was no outage"
    for answer in load.refused.values():
        _says_that_nothing_is_recorded(answer)
    stored = load.stored
    assert installation.reasons([links[token] for token in stored]) == {Reason.REASON_OBJECTION}

    _repeated_until_stored(installation, list(load.refused), press)
    # A provider may repeat what was acknowledged as well.
    _repeated_until_stored(installation, stored, press)
    tried = [*stored, *load.refused]
    assert installation.reasons([links[token] for token in tried]) == {Reason.REASON_OBJECTION}
    entries, through_links = installation.entries()
    assert entries == through_links == before + len(tried)


def test_a_killed_registry_has_kept_all_that_was_acknowledged(installation: Installation) -> None:
    """Killed and started again while 20 links a second are pressed."""
    links = installation.links(_CLICKS)
    before, _ = installation.entries()
    with PressLoad(installation.web.port, list(links)) as load:
        load.wait_for(stored=20)
        installation.registry.kill()
        load.wait_for(refused=5)
        installation.start_again()
        load.wait_for(stored=20)

    _nothing_is_lost_or_doubled(installation, load, links, before)


def test_a_stopped_database_has_kept_all_that_was_acknowledged(installation: Installation) -> None:
    """The registry itself goes on meanwhile, and so does the page."""
    links = installation.links(_CLICKS)
    before, _ = installation.entries()
    with PressLoad(installation.web.port, list(links)) as load:
        load.wait_for(stored=20)
        _stop_postgres(installation.registry)
        load.wait_for(refused=5)
        started = run_program(installation.data_dir, "migrate")
        assert started.returncode == 0, started.stderr
        load.wait_for(stored=20)

    _nothing_is_lost_or_doubled(installation, load, links, before)


def _stop_postgres(registry: RegistryProcess) -> None:
    """At once and in good order: what runs is rolled back."""
    os.kill(int(registry.postmaster_pid_file.read_text().splitlines()[0]), signal.SIGINT)


def test_a_page_that_is_told_to_stop_ends_what_it_has_begun(installation: Installation) -> None:
    """Every click that was taken is answered, and every one that was answered so is stored."""
    links = installation.links(12)
    before, _ = installation.entries()
    web = HandlerProcess(WEB, installation.network.address, **WITHOUT_RATES, TIMEOUT_S="30")
    with ThreadPoolExecutor(len(links)) as pool, installation.registry.database() as blocker:
        blocker.autocommit = False
        with blocker.cursor() as cursor:
            cursor.execute("LOCK TABLE write_request")
        pressed = [pool.submit(press, web.port, token) for token in links]
        eventually(lambda: _require_in_flight(web, len(links)))
        web.send_signal(signal.SIGTERM)
        blocker.rollback()
        answers = [each.result() for each in pressed]

    assert web.wait() == 0
    assert {answer.status for answer in answers} == {200}
    assert installation.reasons(list(links.values())) == {Reason.REASON_OBJECTION}
    assert installation.entries()[0] == before + len(links)


def _require_in_flight(web: HandlerProcess, count: int) -> None:
    if b"consent_registry_web_requests_in_flight %.1f\n" % count not in web.metrics():
        raise NotYet
