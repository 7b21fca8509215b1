"""Sixteen writers at once: no entry is lost, none is there twice, standing is right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import grpc
import pytest
from google.protobuf.message import Message

from consent_registry.v1.contact_pb2 import ContactPoint
from consent_registry.v1.decision_pb2 import Reason
from consent_registry.v1.entry_pb2 import Entry
from consent_registry.v1.history_service_pb2 import ListEntriesRequest
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.examples import EMAIL, question
from tests.e2e.people import FRANCE, consent, opt_out, paris, proof, said, somebody, withdrawal
from tests.e2e.registry_process import RegistryProcess, run_program
from tests.e2e.writers import all_at_once, octets, written

_WRITERS = 16
_REQUESTS = 12


@pytest.fixture
def connections(registry: RegistryProcess) -> Iterator[list[Connection]]:
    """One for each writer."""
    with ExitStack() as stack:
        opened = [Connection(registry.address) for _ in range(_WRITERS)]
        for each in opened:
            stack.enter_context(closing(each.channel))
        yield opened


def _entries(connection: Connection, point: ContactPoint) -> list[Entry]:
    request = ListEntriesRequest(controller=FRANCE, contact_point=point, page_size=1_000)
    return list(connection.history.ListEntries(request).entries)


def test_the_same_requests_of_all_writers_are_written_once(
    connections: list[Connection],
) -> None:
    person = somebody()
    requests = [opt_out(person.email, person.phone) for _ in range(_REQUESTS)]

    def write_all(connection: Connection, first: int) -> Callable[[], dict[str, bytes]]:
        mine = requests[first:] + requests[:first]
        return lambda: {each.request_id: octets(written(connection, each)) for each in mine}

    answers = all_at_once(
        [write_all(each, number % _REQUESTS) for number, each in enumerate(connections)]
    )

    assert [each == answers[0] for each in answers] == [True] * _WRITERS
    assert len(_entries(connections[0], person.email)) == _REQUESTS


def test_no_write_of_any_writer_is_lost(connections: list[Connection]) -> None:
    person = somebody()

    def write_some(connection: Connection) -> Callable[[], list[str]]:
        return lambda: [
            written(connection, opt_out(person.email, person.phone, person.home())).entry_id
            for _ in range(_REQUESTS)
        ]

    answers = all_at_once([write_some(each) for each in connections])

    acknowledged = {entry_id for each in answers for entry_id in each}
    assert len(acknowledged) == _WRITERS * _REQUESTS
    assert {each.entry_id for each in _entries(connections[0], person.phone)} == acknowledged


def test_of_different_contents_under_one_request_id_one_is_written(
    connections: list[Connection],
) -> None:
    person = somebody()
    first = opt_out(person.email)

    def write(connection: Connection, number: int) -> Callable[[], grpc.StatusCode]:
        request = opt_out(person.email)
        request.request_id = first.request_id
        request.evidence.note = f"said {number} times"

        def attempt() -> grpc.StatusCode:
            try:
                written(connection, request)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

        return attempt

    codes = all_at_once([write(each, number) for number, each in enumerate(connections)])

    assert sorted(code.name for code in codes) == ["ALREADY_EXISTS"] * 15 + ["OK"]
    assert len(_entries(connections[0], person.email)) == 1


def test_what_all_writers_say_of_a_person_at_once_is_decided_by_when_it_was_said(
    connections: list[Connection],
) -> None:
    person = somebody()
    entries: list[Message] = [
        opt_out(person.email, person.phone, expression=said(paris(2025, 1, 1 + number)))
        for number in range(5)
    ]
    entries += [
        consent(person.email, channels=[EMAIL], at=paris(2025, 3, at)) for at in range(1, 6)
    ]
    entries += [withdrawal(person.email, at=paris(2025, 2, 1 + number)) for number in range(6)]

    all_at_once(
        [
            lambda connection=connection, entry=entry: written(connection, entry)  # type: ignore[misc]
            for connection, entry in zip(connections, entries, strict=True)
        ]
    )

    decision = connections[0].decisions.CheckContact(question(person.email, EMAIL)).decision
    assert decision.reason == Reason.REASON_CONSENT
    assert len(_entries(connections[0], person.email)) == _WRITERS


def test_lifts_that_race_with_their_entries_all_hold(connections: list[Connection]) -> None:
    person = somebody()
    objections = [
        written(each, opt_out(person.home(), expression=said(paris(2025, 1, 14)))).entry_id
        for each in connections
    ]

    def lift(connection: Connection, entry_id: str) -> Callable[[], object]:
        request = filled.lift_do_not_contact()
        request.entry_id = entry_id
        request.evidence.CopyFrom(proof())
        return lambda: written(connection, request)

    all_at_once([lift(*each) for each in zip(connections, objections, strict=True)])

    lifted = [each for each in _entries(connections[0], person.home()) if each.lifts_entry_id]
    assert {each.lifts_entry_id for each in lifted} == set(objections)


def test_standing_is_what_the_ledger_says_while_the_server_goes_on(
    registry: RegistryProcess, connection: Connection
) -> None:
    connection.write(opt_out(somebody().email))

    done = run_program(registry.data_dir, "rebuild")

    assert done.returncode == 0, done.stderr
    assert " 0 of them were wrong, missing or too many." in done.stdout
    assert connection.write(opt_out(somebody().email)).entry_id
