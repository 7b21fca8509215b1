"""Batches: a bad item is told what is wrong with it, and spoils nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import grpc
import pytest

from consent_registry.v1.decision_pb2 import ItemError, Reason
from consent_registry.v1.decision_service_pb2 import (
    BatchCheckContactRequest,
    BatchCheckContactResult,
    CheckContactRequest,
)
from consent_registry.v1.registry_service_pb2 import (
    LeadOutcome,
    LeadRefusal,
    PartnerLead,
    PartnerLeadResult,
)
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.corruption import corruptions
from tests.e2e.examples import SMS, question
from tests.e2e.people import MARKETING, consent, paris, somebody, subject, timestamp
from tests.e2e.registry_process import RegistryProcess

_INVALID: Final[int] = grpc.StatusCode.INVALID_ARGUMENT.value[0]
_NOT_FOUND: Final[int] = grpc.StatusCode.NOT_FOUND.value[0]


@pytest.fixture(scope="module", autouse=True)
def partner(connection: Connection) -> None:
    """The partner of the leads."""
    connection.write(filled.register_partner())


def _good_question() -> CheckContactRequest:
    return question(somebody().phone, SMS)


def _between_good_ones(connection: Connection, bad: CheckContactRequest) -> ItemError:
    requests = [_good_question(), bad, _good_question()]
    results = connection.decisions.BatchCheckContact(
        BatchCheckContactRequest(requests=requests)
    ).results
    assert [each.WhichOneof("result") for each in results] == ["decision", "error", "decision"]
    assert [results[at].decision.reason for at in (0, 2)] == [Reason.REASON_NO_CONSENT] * 2
    return results[1].error


def test_a_question_that_no_message_may_hold_gets_an_error_of_its_own(
    connection: Connection,
) -> None:
    for each in corruptions(filled.batch_question):
        error = _between_good_ones(connection, each.message)

        assert (error.code, error.reason, error.field) == (
            _INVALID,
            each.reason,
            each.path.text,
        ), each.name
        assert not [each for each in filled.IDENTITY.values() if each in str(error)]


@pytest.mark.parametrize(
    "change,code,reason,field",
    [
        ({"controller": "alarm-mars"}, _NOT_FOUND, "UNKNOWN_CONTROLLER", "controller"),
        ({"controller": ""}, _INVALID, "MISSING_FIELD", "controller"),
        ({"purpose": "world_domination"}, _INVALID, "UNKNOWN_PURPOSE", "purpose"),
        ({"recipient_country": "F1"}, _INVALID, "INVALID_FIELD", "recipient_country"),
        ({"channel": 0}, _INVALID, "MISSING_FIELD", "channel"),
    ],
    ids=["unknown controller", "no controller", "unknown purpose", "no country", "no channel"],
)
def test_a_question_that_makes_no_sense_gets_an_error_of_its_own(
    connection: Connection, change: dict[str, Any], code: int, reason: str, field: str
) -> None:
    bad = filled.batch_question()
    for name, value in change.items():
        setattr(bad, name, value)

    error = _between_good_ones(connection, bad)

    assert (error.code, error.reason, error.field) == (code, reason, field)


def test_a_question_cannot_ask_for_a_consistency_of_its_own(connection: Connection) -> None:
    error = _between_good_ones(connection, filled.check_contact())

    assert (error.reason, error.field) == ("CONTRADICTION", "consistency")


def test_a_batch_answers_each_question_as_if_it_were_asked_alone(connection: Connection) -> None:
    one, other = somebody(), somebody()
    connection.write(consent(one.phone, channels=[SMS], at=paris(2025, 3, 18)))
    requests = [
        question(one.phone, SMS),
        question(other.phone, SMS),
        question(one.phone, SMS, controller="alarm-no"),
        question(one.phone, SMS, purpose="service"),
    ]

    results = connection.decisions.BatchCheckContact(
        BatchCheckContactRequest(requests=requests)
    ).results

    alone = [connection.decisions.CheckContact(each).decision for each in requests]
    assert [_essence(each) for each in results] == [
        _essence(BatchCheckContactResult(decision=each)) for each in alone
    ]


def _essence(result: BatchCheckContactResult) -> object:
    decision = result.decision
    grounds = [ground.SerializeToString(deterministic=True) for ground in decision.grounds]
    return decision.verdict, decision.reason, decision.policy_version, grounds


def test_an_empty_batch_has_an_empty_answer(connection: Connection) -> None:
    assert not connection.decisions.BatchCheckContact(BatchCheckContactRequest()).results


def test_a_thousand_questions_are_answered_in_order(connection: Connection) -> None:
    objector = somebody()
    connection.write(consent(objector.phone, channels=[SMS], at=paris(2025, 3, 18)))
    requests = [_good_question() for _ in range(999)]
    requests.insert(707, question(objector.phone, SMS))

    results = connection.decisions.BatchCheckContact(
        BatchCheckContactRequest(requests=requests)
    ).results

    assert len(results) == 1_000
    assert [
        at for at, each in enumerate(results) if each.decision.reason != Reason.REASON_NO_CONSENT
    ] == [707]


def _good_lead() -> PartnerLead:
    lead = filled.lead()
    lead.subject.CopyFrom(subject(somebody().email))
    return lead


def _lead_between_good_ones(connection: Connection, bad: PartnerLead) -> PartnerLeadResult:
    request = filled.record_partner_leads()
    request.ClearField("leads")
    request.leads.extend([_good_lead(), bad, _good_lead()])
    results = connection.write(request).results
    assert [results[at].outcome for at in (0, 2)] == [LeadOutcome.LEAD_OUTCOME_ACCEPTED] * 2
    refused: PartnerLeadResult = results[1]
    assert not refused.entry_id
    return refused


def test_a_lead_that_no_message_may_hold_is_refused_alone(
    connection: Connection, registry: RegistryProcess
) -> None:
    before = registry.scalar("SELECT count(*) FROM entry")
    bad = list(corruptions(filled.lead))

    for each in bad:
        refused = _lead_between_good_ones(connection, each.message)

        assert (refused.outcome, refused.refusal, refused.field) == (
            LeadOutcome.LEAD_OUTCOME_REFUSED,
            LeadRefusal.LEAD_REFUSAL_INVALID,
            each.path.text,
        ), each.name
    assert registry.scalar("SELECT count(*) FROM entry") == before + 2 * len(bad)


def _older(lead: PartnerLead) -> None:
    lead.captured_at.CopyFrom(timestamp(datetime.now(UTC) - timedelta(days=366)))


def _newer(lead: PartnerLead) -> None:
    lead.captured_at.CopyFrom(timestamp(datetime.now(UTC) + timedelta(minutes=10)))


@pytest.mark.parametrize(
    "spoil,refusal,field",
    [
        (lambda lead: lead.ClearField("lead_id"), "INVALID", "lead_id"),
        (lambda lead: lead.ClearField("subject"), "INVALID", "subject.contact_points"),
        (lambda lead: lead.ClearField("channels"), "INVALID", "channels"),
        (lambda lead: lead.ClearField("purposes"), "INVALID", "purposes"),
        (lambda lead: lead.ClearField("captured_at"), "INVALID", "captured_at"),
        (lambda lead: lead.ClearField("named_controller"), "INVALID", "named_controller"),
        (
            lambda lead: lead.subject.contact_points.add(email="zephyrine"),
            "INVALID_CONTACT_POINT",
            "subject.contact_points[5]",
        ),
        (
            lambda lead: setattr(lead, "named_controller", "alarm-no"),
            "OTHER_RECIPIENT",
            "named_controller",
        ),
        (lambda lead: lead.ClearField("evidence"), "PROOF_INCOMPLETE", "evidence"),
        (lambda lead: lead.channels.append(SMS), "NOT_PERMITTED", "channels"),
        (lambda lead: lead.purposes.append("profiling"), "NOT_PERMITTED", "purposes"),
        (lambda lead: lead.purposes.append("nonsense"), "NOT_PERMITTED", "purposes"),
        (_older, "TOO_OLD", "captured_at"),
        (_newer, "IN_FUTURE", "captured_at"),
    ],
    ids=[
        "no id",
        "nobody",
        "no channel",
        "no purpose",
        "no time",
        "no recipient",
        "no email address",
        "another recipient",
        "no proof",
        "a channel the partner may not",
        "a purpose the partner may not",
        "a purpose nobody knows",
        "too old",
        "in the future",
    ],
)
def test_a_lead_that_makes_no_sense_is_refused_alone(
    connection: Connection, spoil: Callable[[PartnerLead], object], refusal: str, field: str
) -> None:
    lead = filled.lead()
    spoil(lead)

    refused = _lead_between_good_ones(connection, lead)

    assert (LeadRefusal.Name(refused.refusal), refused.field) == (f"LEAD_REFUSAL_{refusal}", field)


def test_a_thousand_leads_are_recorded_at_once(
    connection: Connection, registry: RegistryProcess
) -> None:
    before = registry.scalar("SELECT count(*) FROM entry")
    request = filled.record_partner_leads()
    request.ClearField("leads")
    for number in range(1_000):
        lead = request.leads.add()
        lead.CopyFrom(filled.lead())
        lead.subject.CopyFrom(subject(filled.points()[0]))
        lead.subject.contact_points[0].email = f"lead-{number}@example.net"

    results = connection.write(request).results

    assert {each.outcome for each in results} == {LeadOutcome.LEAD_OUTCOME_ACCEPTED}
    assert registry.scalar("SELECT count(*) FROM entry") == before + 1_000
    assert MARKETING in request.leads[0].purposes
