"""Links live for ever: through restarts, new digest keys, and the end of the person's identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from consent_registry.v1.decision_pb2 import Reason
from consent_registry_server.cli import program
from tests.e2e.connection import Connection
from tests.e2e.examples import DENY, EMAIL, VOICE_CALL, question
from tests.e2e.handler_process import WEB, HandlerProcess, running
from tests.e2e.people import Person, consent, paris, phone, somebody
from tests.e2e.registry_process import RegistryProcess, run_program
from tests.e2e.relay import Relay
from tests.e2e.unsubscribing import get, may_write_to, outcome, path_of, press, submit, token_of

_OBJECTION = (DENY, Reason.REASON_OBJECTION)


@dataclass
class Old:
    """A registry that has gone through all of it, and links from before."""

    registry: RegistryProcess
    connection: Connection
    web: HandlerProcess
    tokens: dict[str, str]
    people: dict[str, Person]


def _give_new_digest_key(data_dir: Path) -> None:
    """Gives the registry a keyring with one key more, from its next start on."""
    keyring, new = data_dir / "keyring.json", data_dir / "new-keyring.json"
    added = CliRunner().invoke(program, ["keys", "add-digest", str(keyring), str(new)])
    assert added.exit_code == 0, added.output
    new.replace(keyring)


def _run(data_dir: Path, *arguments: str) -> str:
    done = run_program(data_dir, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _in_eight_years() -> str:
    today = datetime.now(UTC).date()
    return today.replace(day=1, year=today.year + 8).isoformat()


@pytest.fixture(scope="module")
def old(new_data_dir: Callable[[], Path]) -> Iterator[Old]:
    data_dir = new_data_dir()
    registry = RegistryProcess(data_dir)
    people = {name: somebody() for name in ("pressed", "unused", "kept for the dialer")}
    with Relay() as network, running(WEB, network.address) as web:
        network.lead_to(registry.port)
        before = Connection(registry.address)
        with closing(before.channel):
            for person in people.values():
                said = consent(person.email, person.phone, channels=[EMAIL], at=paris(2026, 1, 9))
                before.write(said)
            tokens = {name: token_of(before, person) for name, person in people.items()}
            assert press(web.port, tokens["pressed"]).status == 200
        assert registry.stop() == 0

        _give_new_digest_key(data_dir)
        registry = RegistryProcess(data_dir)
        network.lead_to(registry.port)
        rotated = _run(data_dir, "keys", "rotate-digests")
        assert "gone through 2 keys" in rotated
        _run(data_dir, "expire", "--as-of", _in_eight_years())
        connection = Connection(registry.address)
        with closing(connection.channel):
            yield Old(registry, connection, web, tokens, people)
        assert registry.stop() == 0


def test_by_then_nobody_is_known_by_the_first_key(old: Old) -> None:
    """Or the other tests here would say nothing."""
    assert old.registry.scalar("SELECT min(key_version) FROM contact_point") == 2
    assert old.registry.scalar("SELECT count(*) FROM vault") == 0


def test_an_opt_out_of_long_ago_counts(old: Old) -> None:
    assert outcome(old.connection, may_write_to(old.people["pressed"])) == _OBJECTION


def test_the_same_person_has_the_same_link(old: Old) -> None:
    for name, person in old.people.items():
        assert token_of(old.connection, person) == old.tokens[name]


def test_a_link_that_was_never_used_still_stops_contact(old: Old) -> None:
    """Under digests that were carried over, for a person whom nobody could name any more."""
    token, person = old.tokens["unused"], old.people["unused"]
    assert outcome(old.connection, may_write_to(person))[1] != Reason.REASON_OBJECTION

    page = get(old.web.port, path_of(token))
    pressed = press(old.web.port, token)

    assert page.status == pressed.status == 200
    assert page.heading != pressed.heading
    assert outcome(old.connection, may_write_to(person)) == _OBJECTION


def test_a_link_in_an_email_still_reaches_the_dialer(old: Old) -> None:
    person = old.people["kept for the dialer"]
    spoken = phone(f"06 39 98 {person.number // 100:02} {person.number % 100:02}", region="FR")
    call = question(spoken, VOICE_CALL)
    assert outcome(old.connection, call)[1] != Reason.REASON_OBJECTION

    stopped = submit(old.web.port, old.tokens["kept for the dialer"], "preferences", choice="calls")

    assert stopped.status == 200
    assert outcome(old.connection, call) == _OBJECTION
