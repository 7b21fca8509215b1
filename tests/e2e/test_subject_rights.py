"""A person's rights over the wire: seen, copied, corrected, restricted, held, erased, answered."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from consent_registry.v1.contact_pb2 import Channel, ContactPoint
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.registry_service_pb2 import RecordPartnerLeadsRequest
from consent_registry_client import (
    AccessOperation,
    AsyncClient,
    Client,
    ErasureOutcome,
    HoldChange,
    IdentityState,
    NotFound,
    RestrictionGround,
    RightsRequestKind,
    RightsRequestOutcome,
    RightsRequestState,
    access_reason,
    point_correction,
    subject,
)
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.people import FRANCE, MARKETING, Person, consent, opt_out, said, somebody
from tests.e2e.registry_process import CONSENTCTL, RegistryProcess

EMAIL = Channel.CHANNEL_EMAIL
BY = access_reason(actor="officer.of.the.story", reason="request of the story 2026-14")


@pytest.fixture
def client(registry: RegistryProcess) -> Iterator[Client]:
    """The officer's program."""
    with closing(Client(registry.address)) as connected:
        yield connected


@pytest.fixture
def person(connection: Connection) -> Person:
    """Somebody who consented by email and phone."""
    made = somebody()
    connection.write(consent(made.email, made.phone, channels=[EMAIL]))
    return made


def gist(client: Client, target: ContactPoint) -> tuple[int, int]:
    """May this email address be written to?"""
    answer = client.may_contact(
        controller=FRANCE,
        target=target,
        channel=EMAIL,
        purpose=MARKETING,
        recipient_country="FR",
    )
    return answer.verdict, answer.reason


def test_a_person_is_shown_and_copied_without_third_parties(client: Client, person: Person) -> None:
    """The officer sees what is there; the person's copy holds only what they are known by."""
    [found] = client.find_subject(controller=FRANCE, subject=subject(person.email), access=BY)
    assert found.identity_state == IdentityState.IDENTITY_STATE_KEPT
    assert list(found.identity.subject.contact_points) == [person.email, person.phone]
    assert list(found.matched_contact_points) == [0]
    copy = client.export_subject(controller=FRANCE, subject=subject(person.email), access=BY)
    assert copy.entry_count == 1
    assert json.loads(copy.json)
    assert json.loads(copy.json_ld)
    assert person.email.email in copy.json
    assert person.phone.phone.number not in copy.json + copy.json_ld
    with pytest.raises(NotFound):
        client.export_subject(controller=FRANCE, subject=subject(somebody().email), access=BY)
    nobody = client.find_subject(controller=FRANCE, subject=subject(somebody().email), access=BY)
    assert list(nobody) == []


def test_a_correction_moves_a_consent_and_keeps_an_opt_out(
    connection: Connection, client: Client, person: Person
) -> None:
    """The consent holds for the right address alone, the objection for both."""
    right = somebody()
    correction = point_correction(person.email, right.email)
    client.rectify_subject(controller=FRANCE, contact_point=correction, access=BY)
    assert gist(client, right.email) == (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)
    assert gist(client, person.email) == (Verdict.VERDICT_DENY, Reason.REASON_NO_CONSENT)
    other = somebody()
    connection.write(opt_out(right.email))
    correction = point_correction(right.email, other.email)
    client.rectify_subject(controller=FRANCE, contact_point=correction, access=BY)
    for point in (right.email, other.email):
        assert gist(client, point) == (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)


def test_a_restriction_denies_until_it_is_lifted(client: Client, person: Person) -> None:
    """Whatever was consented to."""
    restriction = client.restrict_processing(
        controller=FRANCE,
        subject=subject(person.email),
        ground=RestrictionGround.RESTRICTION_GROUND_ACCURACY_CONTESTED,
        expression=said(),
        access=BY,
    )
    assert gist(client, person.email) == (Verdict.VERDICT_DENY, Reason.REASON_RESTRICTED)
    client.lift_restriction(
        controller=FRANCE,
        entry_id=restriction.entry_id,
        subject_informed_at=datetime.now(UTC) - timedelta(hours=1),
        access=BY,
    )
    assert gist(client, person.email) == (Verdict.VERDICT_ALLOW, Reason.REASON_CONSENT)


def test_an_erasure_keeps_opt_outs_and_what_is_held(
    connection: Connection, client: Client, person: Person
) -> None:
    """And a partner that brings the person back afterwards changes nothing."""
    objection = connection.write(opt_out(person.email)).entry_id
    [held] = [
        each.entry.entry_id
        for each in client.find_subject(controller=FRANCE, subject=subject(person.email), access=BY)
        if each.entry.entry_id != objection
    ]
    placed = HoldChange.HOLD_CHANGE_PLACE
    kept = client.set_retention(controller=FRANCE, entry_id=held, hold=placed, access=BY)
    assert kept.held
    erased = client.erase_subject(controller=FRANCE, subject=subject(person.email), access=BY)
    outcomes = {each.entry_id: (each.outcome, each.citation) for each in erased.entries}
    assert outcomes[objection][0] == ErasureOutcome.ERASURE_OUTCOME_OPT_OUT_KEPT
    assert outcomes[held][0] == ErasureOutcome.ERASURE_OUTCOME_HELD
    assert all(citation for _, citation in outcomes.values())

    connection.write(filled.register_partner())
    lead = filled.lead()
    lead.subject.CopyFrom(subject(person.email))
    lead.lead_id = f"lead-{uuid4()}"
    connection.write(
        RecordPartnerLeadsRequest(
            controller=FRANCE, request_id=str(uuid4()), partner_id=filled.PARTNER, leads=[lead]
        )
    )
    assert gist(client, person.email) == (Verdict.VERDICT_DENY, Reason.REASON_OBJECTION)
    trail = client.list_accesses(controller=FRANCE, entry_id=objection)
    assert [(each.operation, each.actor, each.reason, each.caller_id) for each in trail] == [
        (operation, BY.actor, BY.reason, "local")
        for operation in (
            AccessOperation.ACCESS_OPERATION_ERASE_SUBJECT,
            AccessOperation.ACCESS_OPERATION_FIND_SUBJECT,
        )
    ]


def test_a_request_that_nobody_answers_is_overdue(client: Client) -> None:
    """Until it is closed; those due first are listed first."""
    received_on = datetime.now(UTC).date() - timedelta(days=40)
    opened = client.open_rights_request(
        controller=FRANCE,
        kind=RightsRequestKind.RIGHTS_REQUEST_KIND_ERASURE,
        received_on=received_on,
        actor="officer.of.the.story",
        subject=subject(name="Camille"),
    ).rights_request
    assert opened.overdue

    def overdue() -> list[str]:
        state = RightsRequestState.RIGHTS_REQUEST_STATE_OVERDUE
        listed = client.list_rights_requests(controller=FRANCE, state=state, page_size=1)
        return [each.rights_request_id for each in listed]

    assert opened.rights_request_id in overdue()
    shown = client.get_rights_request(
        controller=FRANCE, rights_request_id=opened.rights_request_id, access=BY
    )
    assert shown.rights_request == opened
    assert shown.subject == subject(name="Camille")
    assert [each.actor for each in shown.notes] == ["officer.of.the.story"]
    client.close_rights_request(
        controller=FRANCE,
        rights_request_id=opened.rights_request_id,
        outcome=RightsRequestOutcome.RIGHTS_REQUEST_OUTCOME_FULFILLED,
        identity_confirmed=True,
        actor="officer.of.the.story",
    )
    assert opened.rights_request_id not in overdue()


def test_the_asyncio_client_does_the_same(registry: RegistryProcess, person: Person) -> None:
    """Finds page by page, erases, and lists the trail."""
    whom = subject(person.email)

    async def story() -> tuple[int, int, int]:
        async with AsyncClient(registry.address) as client:
            found = [
                each
                async for each in client.find_subject(
                    controller=FRANCE, subject=whom, access=BY, page_size=1
                )
            ]
            entry_id = found[0].entry.entry_id
            erased = await client.erase_subject(controller=FRANCE, subject=whom, access=BY)
            trail = [
                each async for each in client.list_accesses(controller=FRANCE, entry_id=entry_id)
            ]
        return len(found), erased.entries[0].outcome, len(trail)

    assert asyncio.run(story()) == (1, ErasureOutcome.ERASURE_OUTCOME_ERASED, 2)


def test_the_log_tells_neither_the_person_nor_the_officer(
    registry: RegistryProcess, client: Client, person: Person, tmp_path: Path
) -> None:
    """Whatever is found, copied or refused, by the command line too."""
    list(client.find_subject(controller=FRANCE, subject=subject(person.email), access=BY))
    file = tmp_path / "copy.json"
    done = subprocess.run(
        [
            *(CONSENTCTL, "--address", registry.address, "subject", "export"),
            *("--controller", FRANCE, "--email", person.email.email, "--json", file),
            *("--actor", BY.actor, "--reason", BY.reason),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    assert person.email.email in file.read_text("utf-8")
    for telling in (person.email.email, BY.actor, BY.reason):
        assert telling.encode() not in registry.log
