"""Attempts over the wire: the worked example of the cap, at once and in order, and refusals."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from consent_registry.v1.attempt_service_pb2 import (
    ReserveContactAttemptRequest,
    ReserveContactAttemptResponse,
)
from consent_registry.v1.contact_pb2 import Channel, ContactPoint
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.entry_pb2 import EntryKind
from consent_registry_client import AttemptAnswer, AttemptOutcome, Client
from tests.e2e.connection import Connection
from tests.e2e.people import FRANCE, MARKETING, Person, consent, phone, somebody
from tests.e2e.registry_process import CONSENTCTL, RegistryProcess
from tests.e2e.round_the_clock import write_policy
from tests.e2e.writers import all_at_once

CAP = 4
CALL = Channel.CHANNEL_VOICE_CALL
CAPPED = (Verdict.VERDICT_DENY, Reason.REASON_ATTEMPT_CAP)
GRANTED = (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)


@pytest.fixture(scope="module")
def open_registry(
    new_data_dir: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryProcess]:
    """A server by which French calls are permitted at any hour, to whoever consented."""
    directory = write_policy(tmp_path_factory.mktemp("policy"))
    process = RegistryProcess(new_data_dir(), POLICY_DIR=str(directory))
    yield process
    assert process.stop() == 0
    assert b'"level": "error"' not in process.log


@pytest.fixture(scope="module")
def client(open_registry: RegistryProcess) -> Iterator[Client]:
    with Client(open_registry.address) as connected:
        yield connected


@pytest.fixture(scope="module")
def connections(open_registry: RegistryProcess) -> Iterator[list[Connection]]:
    """One for each of sixteen call centres."""
    opened = [Connection(open_registry.address) for _ in range(16)]
    yield opened
    for each in opened:
        each.channel.close()


@pytest.fixture
def person(connections: list[Connection]) -> Person:
    """Somebody who agreed to calls a while ago."""
    agreed = somebody()
    week_ago = datetime.now(UTC) - timedelta(days=7)
    connections[0].write(consent(agreed.phone, channels=[CALL], at=week_ago))
    return agreed


def request(target: ContactPoint, request_id: str = "") -> ReserveContactAttemptRequest:
    return ReserveContactAttemptRequest(
        controller=FRANCE,
        request_id=request_id or str(uuid4()),
        target=target,
        channel=CALL,
        purpose=MARKETING,
    )


def national(person: Person) -> ContactPoint:
    """The person's number as it is dialled at home."""
    return phone("0" + person.phone.phone.number.removeprefix("+33"), "FR")


def attempt(client: Client, target: ContactPoint) -> AttemptAnswer:
    return client.may_attempt(controller=FRANCE, target=target, channel=CALL, purpose=MARKETING)


def outcomes(responses: list[ReserveContactAttemptResponse]) -> Counter[tuple[int, int]]:
    return Counter((each.decision.verdict, each.decision.reason) for each in responses)


def reserve_all(
    connections: list[Connection], requests: list[ReserveContactAttemptRequest]
) -> list[ReserveContactAttemptResponse]:
    """Sends each request on a connection of its own, all at once."""

    def send(connection: Connection, one: ReserveContactAttemptRequest) -> Callable[[], Any]:
        return lambda: connection.attempts.ReserveContactAttempt(one)

    sent = zip(connections, requests, strict=False)
    return all_at_once([send(connection, one) for connection, one in sent])


def test_of_two_call_centres_at_once_one_is_denied(
    client: Client, connections: list[Connection], person: Person
) -> None:
    """Three attempts granted, two call centres reserve at the same moment."""
    assert all(attempt(client, person.phone) for _ in range(CAP - 1))

    responses = reserve_all(connections, [request(person.phone) for _ in range(2)])

    assert outcomes(responses) == {GRANTED: 1, CAPPED: 1}
    [denied] = [each for each in responses if not each.attempt_id]
    freed = datetime.now(UTC) + timedelta(days=30, minutes=15)
    assert abs(denied.decision.retry_at.ToDatetime(UTC) - freed) < timedelta(minutes=5)


def test_of_sixteen_callers_at_once_as_many_as_the_cap_are_granted(
    connections: list[Connection], person: Person
) -> None:
    """In two spellings of one number."""
    spellings = [person.phone, national(person)]

    responses = reserve_all(connections, [request(spellings[n % 2]) for n in range(16)])

    assert outcomes(responses) == {GRANTED: CAP, CAPPED: 16 - CAP}
    assert len({each.attempt_id for each in responses} - {""}) == CAP


def test_one_request_sent_by_many_at_once_is_one_attempt(
    connections: list[Connection], person: Person
) -> None:
    """All get the very same answer."""
    one = request(person.phone)

    responses = reserve_all(connections, [one] * 16)

    assert all(each == responses[0] for each in responses)
    assert outcomes(responses) == {GRANTED: 16}
    others = reserve_all(connections, [request(person.phone) for _ in range(CAP)])
    assert outcomes(others) == {GRANTED: CAP - 1, CAPPED: 1}


def test_an_attempt_may_be_made_for_a_quarter_of_an_hour(client: Client, person: Person) -> None:
    """By the clock of the server, which is this machine's."""
    answer = attempt(client, person.phone)
    assert answer.expires_at is not None
    assert answer.decision is not None
    lasts = answer.expires_at - answer.decision.checked_at.ToDatetime(UTC)
    assert lasts == timedelta(minutes=15)


def test_a_released_attempt_counts_no_more(client: Client, person: Person) -> None:
    """Another may be made in its stead, and no more than one."""
    granted = [attempt(client, person.phone) for _ in range(CAP)]
    assert not attempt(client, national(person))
    client.report_outcome(
        controller=FRANCE,
        attempt_id=granted[1].attempt_id,
        outcome=AttemptOutcome.ATTEMPT_OUTCOME_RELEASED,
    )
    assert attempt(client, national(person))
    assert attempt(client, person.phone).reason == Reason.REASON_ATTEMPT_CAP


def test_a_refusal_denies_every_later_question(client: Client, person: Person) -> None:
    """In CheckContact as in the next reservation, automated calls included."""
    granted = attempt(client, person.phone)
    report = client.report_outcome(
        controller=FRANCE,
        attempt_id=granted.attempt_id,
        outcome=AttemptOutcome.ATTEMPT_OUTCOME_REFUSED,
    )
    assert report.opt_out_entry_id
    assert attempt(client, national(person)).reason == Reason.REASON_OBJECTION
    for channel in (CALL, Channel.CHANNEL_AUTOMATED_CALL):
        decision = client.check_contact(
            controller=FRANCE, target=national(person), channel=channel, purpose=MARKETING
        )
        assert (decision.verdict, decision.reason) == (
            Verdict.VERDICT_DENY,
            Reason.REASON_OBJECTION,
        )


def test_a_reservation_and_its_report_are_history(client: Client, person: Person) -> None:
    """Whoever lists a number's entries finds when it was called."""
    granted = attempt(client, person.phone)
    entry = client.get_entry(controller=FRANCE, entry_id=granted.attempt_id)
    assert entry.kind == EntryKind.ENTRY_KIND_CONTACT_ATTEMPT
    listed = client.list_entries(controller=FRANCE, contact_point=national(person))
    assert granted.attempt_id in {each.entry_id for each in listed}


def test_the_command_line_reserves_and_reports(
    open_registry: RegistryProcess, person: Person
) -> None:
    """From the question to the opt-out."""

    def consentctl(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(CONSENTCTL), "--address", open_registry.address, "attempt", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    reserve = (
        *("reserve", "--controller", FRANCE, "--channel", "voice-call"),
        *("--purpose", MARKETING, "--phone", person.phone.phone.number, "--json"),
    )
    granted = consentctl(*reserve)
    assert granted.returncode == 0, granted.stderr
    attempt_id = json.loads(granted.stdout)["attempt_id"]
    refused = consentctl("report", attempt_id, "--controller", FRANCE, "--outcome", "refused")
    assert refused.returncode == 0, refused.stderr
    denied = consentctl(*reserve)
    assert denied.returncode == 1
    assert json.loads(denied.stdout)["reason"] == "OBJECTION"
