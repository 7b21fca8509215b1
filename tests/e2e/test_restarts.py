"""What a restart keeps, and the keyrings that a restart refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.message import Message

from consent_registry.v1.decision_pb2 import Consistency, Reason
from consent_registry.v1.registry_service_pb2 import LeadRefusal, RegisterPartnerRequest
from consent_registry_server import policy
from consent_registry_server.storage.keyring import Keyring
from tests.e2e import filled
from tests.e2e.connection import Connection, refusal
from tests.e2e.examples import EMAIL, VOICE_CALL, question
from tests.e2e.people import MARKETING, opt_out, somebody
from tests.e2e.registry_process import RegistryProcess, run_program
from tests.e2e.writers import octets

_FORMER_PURPOSE = "satisfaction_survey"
_WRITES = [method for method in filled.UNARY if method.startswith("RegistryService")]


def _partner_for(*purposes: str) -> RegisterPartnerRequest:
    request = filled.register_partner()
    request.partner.permitted_purposes[:] = purposes
    return request


@dataclass
class Past:
    """A registry that was used and stopped: what it was sent, and what it answered."""

    data_dir: Path
    answered: dict[str, tuple[Message, bytes]] = field(default_factory=dict)
    entries: int = 0

    @property
    def keyring_file(self) -> Path:
        return self.data_dir / "keyring.json"


@pytest.fixture(scope="module")
def past(new_data_dir: Callable[[], Path]) -> Past:
    past = Past(new_data_dir())
    registry = RegistryProcess(past.data_dir)
    connection = Connection(registry.address)
    with closing(connection.channel):
        connection.write(_partner_for(MARKETING, _FORMER_PURPOSE))
        objection = connection.write(filled.add_do_not_contact())
        for method in _WRITES:
            request: Any = filled.UNARY[method]()
            if method.endswith("LiftDoNotContact"):
                request.entry_id = objection.entry_id
            if method.endswith("RegisterPartner"):
                request = _partner_for(MARKETING, _FORMER_PURPOSE)
            past.answered[method] = request, octets(connection.method(method)(request))
    past.entries = registry.scalar("SELECT count(*) FROM entry")
    assert registry.stop() == 0
    return past


def _another_keyring(file: Path) -> None:
    file.unlink()
    Keyring.generate().save_new(file)


def _another_digest_key(file: Path) -> None:
    """One whose vault keys are the database's."""
    document = json.loads(file.read_text())
    other = file.with_name("other.json")
    Keyring.generate().save_new(other)
    document["digest_keys"] = json.loads(other.read_text())["digest_keys"]
    file.write_text(json.dumps(document))


def _truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize(
    "spoil,complaint",
    [
        pytest.param(Path.unlink, "does not exist", id="missing"),
        pytest.param(_truncated, "is truncated or not JSON", id="truncated"),
        pytest.param(_another_keyring, "is not the one the database was written with", id="wrong"),
        pytest.param(
            _another_digest_key,
            "the digest key digest-1 is not the one the database was written with",
            id="half wrong",
        ),
    ],
)
def test_a_keyring_that_is_not_the_databases_is_refused_and_nothing_is_changed(
    past: Past, tmp_path: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    kept = tmp_path / "keyring.json"
    shutil.copy(past.keyring_file, kept)
    spoil(past.keyring_file)
    spoilt = past.keyring_file.read_bytes() if past.keyring_file.exists() else None
    try:
        refused = run_program(past.data_dir, "serve")
        after = past.keyring_file.read_bytes() if past.keyring_file.exists() else None
    finally:
        shutil.copy(kept, past.keyring_file)

    last_line = refused.stderr.splitlines()[-1]
    assert refused.returncode == 1
    assert last_line.startswith("consent-registry: ")
    assert complaint in last_line
    assert "Traceback" not in refused.stderr
    assert after == spoilt
    assert not (past.data_dir / "postgresql" / "postmaster.pid").exists()


def test_a_purpose_that_the_policy_gave_up_refuses_the_leads_that_still_name_it(
    past: Past, tmp_path: Path
) -> None:
    packs = shutil.copytree(Path(policy.__file__).with_name("packs"), tmp_path / "packs")
    _give_up(packs / "purposes.yaml", _FORMER_PURPOSE)
    registry = RegistryProcess(past.data_dir, POLICY_DIR=str(packs))
    connection = Connection(registry.address)
    request = filled.record_partner_leads()
    request.leads[0].purposes.append(_FORMER_PURPOSE)

    with closing(connection.channel):
        (result,) = connection.write(request).results

    assert LeadRefusal.Name(result.refusal) == "LEAD_REFUSAL_NOT_PERMITTED"
    assert registry.stop() == 0


def _give_up(purposes_file: Path, purpose: str) -> None:
    document = yaml.safe_load(purposes_file.read_text())
    del document["purposes"][purpose]
    purposes_file.write_text(yaml.safe_dump(document))


@pytest.fixture(scope="module")
def restarted(past: Past) -> Iterator[RegistryProcess]:
    registry = RegistryProcess(past.data_dir)
    yield registry
    assert registry.stop() == 0


@pytest.fixture(scope="module")
def again(restarted: RegistryProcess) -> Iterator[Connection]:
    connection = Connection(restarted.address)
    with closing(connection.channel):
        yield connection


def test_a_restart_changes_nothing_in_the_ledger(past: Past, restarted: RegistryProcess) -> None:
    assert restarted.scalar("SELECT count(*) FROM entry") == past.entries


@pytest.mark.parametrize("method", _WRITES)
def test_a_request_repeated_after_a_restart_gets_its_first_answer_byte_for_byte(
    past: Past, again: Connection, restarted: RegistryProcess, method: str
) -> None:
    request, answer = past.answered[method]
    before = restarted.row_counts()

    assert octets(again.method(method)(request)) == answer
    assert restarted.row_counts() == before


def test_what_was_written_before_a_restart_decides_after_it(again: Connection) -> None:
    answer = again.decisions.CheckContact(question(filled.points()[1], VOICE_CALL))

    assert answer.decision.reason == Reason.REASON_OBJECTION


def test_a_check_sees_the_write_whose_revision_it_names(again: Connection) -> None:
    person = somebody()
    written = again.write(opt_out(person.email))
    asked = question(person.email, EMAIL)
    asked.consistency.at_least_as_fresh = written.revision

    decision = again.decisions.CheckContact(asked).decision

    assert decision.reason == Reason.REASON_OBJECTION
    assert decision.revision


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda revision: revision[:20], id="cut short"),
        pytest.param(lambda revision: revision[1:], id="beheaded"),
        pytest.param(lambda revision: revision + "=", id="padded"),
        pytest.param(lambda revision: f" {revision}", id="indented"),
        pytest.param(lambda revision: revision * 2, id="doubled"),
    ],
)
def test_a_revision_that_was_spoilt_is_refused(
    again: Connection, spoil: Callable[[str], str]
) -> None:
    asked = question(somebody().email, EMAIL)
    revision = again.write(opt_out(somebody().email)).revision
    asked.consistency.at_least_as_fresh = spoil(revision)

    refused = refusal(lambda: again.decisions.CheckContact(asked))

    assert refused.reason == "INVALID_REVISION"


def test_a_revision_of_a_read_is_one_that_can_be_asked_for(again: Connection) -> None:
    asked = question(somebody().email, EMAIL)
    revision = again.decisions.CheckContact(asked).decision.revision
    asked.consistency.CopyFrom(Consistency(at_least_as_fresh=revision))

    assert again.decisions.CheckContact(asked).decision.reason == Reason.REASON_NO_CONSENT
