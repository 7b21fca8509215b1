"""Killed under load, server or database: what was acknowledged is there, the rest is repeated."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from consent_registry.v1.decision_pb2 import Verdict
from consent_registry.v1.decision_service_pb2 import CheckContactRequest, CheckContactResponse
from consent_registry.v1.registry_service_pb2 import AddDoNotContactResponse
from consent_registry_client import Client
from tests.e2e.connection import Connection, Refusal, refusal, refusal_of
from tests.e2e.examples import POST, SMS, question
from tests.e2e.people import FRANCE, MARKETING, somebody
from tests.e2e.registry_process import CONSENTCTL, NotYet, RegistryProcess, eventually, run_program
from tests.e2e.writers import WriteLoad, octets, written

_WRITERS = 4
_BEFORE = 30


@pytest.fixture
def data_dir(new_data_dir: Callable[[], Path]) -> Path:
    return new_data_dir()


def _nothing_is_lost_or_doubled(registry: RegistryProcess, load: WriteLoad) -> None:
    """Repeats every write: the same answer where there was one, and one entry for each."""
    connection = Connection(registry.address)
    with closing(connection.channel):
        repeated = [octets(connection.write(request)) for request, _ in load.acknowledged]
        for request in load.unacknowledged:
            connection.write(request)

    assert load.unacknowledged
    assert [answer for _, answer in load.acknowledged] == repeated
    sent = len(load.acknowledged) + len(load.unacknowledged)
    assert registry.scalar("SELECT count(*) FROM entry") == sent
    assert registry.scalar("SELECT count(*) FROM vault") == sent


def test_a_killed_server_has_kept_all_that_it_acknowledged(data_dir: Path) -> None:
    registry = RegistryProcess(data_dir)
    with WriteLoad(registry.address, writers=_WRITERS) as load:
        load.wait_for(_BEFORE)
        registry.kill()

    registry = RegistryProcess(data_dir)
    kept = {
        registry.scalar(f"SELECT count(*) FROM entry WHERE entry_id = '{_entry_id(answer)}'")  # noqa: S608
        for _, answer in load.acknowledged
    }

    assert kept == {1}
    _nothing_is_lost_or_doubled(registry, load)
    assert registry.stop() == 0


def _entry_id(answer: bytes) -> str:
    return AddDoNotContactResponse.FromString(answer).entry_id


def _has_answered_members(registry: RegistryProcess) -> None:
    counted = re.search(
        rb"^consent_registry_audience_members_total ([0-9.]+)", registry.metrics(), re.MULTILINE
    )
    if counted is None or float(counted[1]) == 0:
        raise NotYet


def test_an_audience_that_was_not_answered_whole_leaves_no_output(
    data_dir: Path, tmp_path: Path
) -> None:
    audience = tmp_path / "audience.csv"
    rows = [f"audience-{number}@example.com" for number in range(200_000)]
    audience.write_text("\n".join(["email", *rows]))
    outputs = {"--allowed": tmp_path / "allowed.csv", "--refused": tmp_path / "refused.csv"}
    registry = RegistryProcess(data_dir)
    named = [argument for option in outputs.items() for argument in option]
    with subprocess.Popen(
        [
            *(CONSENTCTL, "--address", registry.address, "filter", audience),
            *("--controller", FRANCE, "--channel", "email", "--purpose", MARKETING),
            *named,
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        eventually(lambda: _has_answered_members(registry))
        registry.kill()
        _, complaint = command.communicate(timeout=60)

    assert command.returncode == 3
    assert complaint
    assert sorted(tmp_path.iterdir()) == [audience]


class Outage:
    """A database that was killed under load and started again, and what was answered meanwhile."""

    def __init__(self, registry: RegistryProcess) -> None:
        self.registry = registry
        self.connection = Connection(registry.address)
        allowed = question(somebody().home(), POST)
        self.before = self.connection.decisions.CheckContact(allowed)
        with WriteLoad(registry.address, writers=_WRITERS) as self.load:
            self.load.wait_for(_BEFORE)
            _kill_postgres(registry)
            self.refusals = [
                eventually(lambda: _refused(self.connection, allowed)),
                refusal(lambda: self.connection.decisions.CheckContact(allowed)),
            ]
        alarm = question(somebody().phone, SMS, purpose="service")
        self.service = self.connection.decisions.CheckContact(alarm)
        with Client(registry.address) as client:
            self.may_contact = client.may_contact(
                controller=FRANCE,
                target=somebody().home(),
                channel=POST,
                purpose=MARKETING,
                timeout_s=1.0,
            )

        started = run_program(registry.data_dir, "migrate")
        assert started.returncode == 0, started.stderr

        def answered() -> CheckContactResponse:
            try:
                return self.connection.decisions.CheckContact(allowed)
            except grpc.RpcError as error:
                raise NotYet from error

        self.after = eventually(answered)


def _refused(connection: Connection, asked: CheckContactRequest) -> Refusal:
    """How a check fails, once the last process of the database has noticed."""
    try:
        connection.decisions.CheckContact(asked)
    except grpc.RpcError as error:
        return refusal_of(error)
    raise NotYet


def _kill_postgres(registry: RegistryProcess) -> None:
    pid = int(registry.postmaster_pid_file.read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def outage(new_data_dir: Callable[[], Path]) -> Iterator[Outage]:
    registry = RegistryProcess(new_data_dir())
    outage = Outage(registry)
    yield outage
    outage.connection.channel.close()
    assert registry.stop() == 0


def test_without_its_database_the_server_answers_nothing_but_alarms(outage: Outage) -> None:
    assert outage.before.decision.verdict == Verdict.VERDICT_ALLOW
    assert {(each.code, each.reason, each.is_retryable) for each in outage.refusals} == {
        (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", True)
    }
    assert outage.service.decision.verdict == Verdict.VERDICT_ALLOW


def test_without_an_answer_the_client_library_says_not_to_contact(outage: Outage) -> None:
    assert not outage.may_contact


def test_when_its_database_is_back_the_server_answers_again(outage: Outage) -> None:
    assert outage.after.decision.verdict == Verdict.VERDICT_ALLOW


def test_a_killed_database_has_kept_all_that_was_acknowledged(outage: Outage) -> None:
    written(outage.connection, outage.load.unacknowledged[0])

    _nothing_is_lost_or_doubled(outage.registry, outage.load)


def test_a_database_that_was_killed_has_the_right_standing(outage: Outage) -> None:
    done = run_program(outage.registry.data_dir, "rebuild")

    assert " 0 of them were wrong, missing or too many." in done.stdout
