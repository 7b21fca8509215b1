"""The worked examples, asked over gRPC, in every order in which the entries can be written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from uuid import uuid4

import pytest
from google.protobuf.message import Message

from consent_registry.v1.contact_pb2 import Channel
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    CallDirection,
    CallLine,
    CheckCallRecordingRequest,
)
from consent_registry.v1.registry_service_pb2 import (
    LeadOutcome,
    ObjectToCallRecordingRequest,
    Partner,
    PartnerKind,
    RegisterPartnerRequest,
)
from tests.e2e.connection import Connection
from tests.e2e.examples import EXAMPLES, PARTNER, Example, lead
from tests.e2e.people import FRANCE, MARKETING, Person, opt_out, paris, said, somebody, subject

Order = tuple[int, ...]


def _in_every_order() -> Iterator[object]:
    for example in EXAMPLES:
        entries = len(example.says(Person(0)))
        for order in permutations(range(entries)):
            name = f"{example.case} {''.join(map(str, order))}".strip()
            yield pytest.param(example, order, id=name)


@pytest.fixture(scope="module", autouse=True)
def partner(connection: Connection) -> None:
    """The partner of the examples, who may bring consents to email."""
    mover = Partner(
        partner_id=PARTNER,
        name="Déménagements Exemple",
        kind=PartnerKind.PARTNER_KIND_MOVER,
        permitted_channels=[Channel.CHANNEL_EMAIL],
        permitted_purposes=[MARKETING],
        maximum_lead_age_days=365,
    )
    request = RegisterPartnerRequest(controller=FRANCE, request_id=str(uuid4()), partner=mover)
    connection.write(request)


@pytest.mark.parametrize("example,order", list(_in_every_order()))
def test_the_answer_is_the_same_in_whatever_order_the_entries_came(
    connection: Connection, example: Example, order: Order
) -> None:
    person = somebody()
    entries = example.says(person)
    for index in order:
        connection.write(entries[index])

    decision = connection.decisions.CheckContact(example.asks(person)).decision

    grounds = decision.grounds
    assert (Verdict.Name(decision.verdict), Reason.Name(decision.reason)) == (
        Verdict.Name(example.verdict),
        Reason.Name(example.reason),
    )
    assert (grounds[0].verdict, grounds[0].reason) == (example.verdict, example.reason)
    assert {ground.reason for ground in grounds[1:]} >= example.further


def test_a_lead_of_somebody_who_unsubscribed_is_stored_and_reported_as_blocked(
    connection: Connection,
) -> None:
    person = somebody()
    connection.write(opt_out(person.email, expression=said(paris(2025, 1, 14))))

    (result,) = connection.write(lead(person, captured_at=said().expressed_at.ToDatetime())).results

    assert LeadOutcome.Name(result.outcome) == "LEAD_OUTCOME_BLOCKED"
    assert result.entry_id


_RECORDED = ("VERDICT_ALLOW", "REASON_RECORDING_NOT_OBJECTED", 6)
_REQUIRED = ("VERDICT_ALLOW", "REASON_RECORDING_REQUIRED", 12)
_OBJECTED = ("VERDICT_DENY", "REASON_RECORDING_OBJECTION", 0)
_NOT_PERMITTED = ("VERDICT_DENY", "REASON_RECORDING_NOT_PERMITTED", 0)


@pytest.mark.parametrize(
    "objects,line,direction,answer",
    [
        pytest.param(True, "MONITORING_CENTRE", "INBOUND", _REQUIRED, id="an objector's alarm"),
        pytest.param(True, "CUSTOMER_SERVICE", "INBOUND", _OBJECTED, id="an objector calls"),
        pytest.param(False, "CUSTOMER_SERVICE", "INBOUND", _RECORDED, id="anybody calls"),
        pytest.param(False, "CUSTOMER_SERVICE", "OUTBOUND", _NOT_PERMITTED, id="service calls"),
        pytest.param(False, "SALES", "OUTBOUND", _NOT_PERMITTED, id="sales calls"),
    ],
)
def test_whether_a_call_is_recorded(
    connection: Connection,
    objects: bool,
    line: str,
    direction: str,
    answer: tuple[str, str, int],
) -> None:
    person = somebody()
    if objects:
        objection: Message = ObjectToCallRecordingRequest(
            controller=FRANCE,
            request_id=str(uuid4()),
            subject=subject(person.phone, person.email),
            expression=said(paris(2025, 1, 14)),
        )
        connection.write(objection)

    response = connection.decisions.CheckCallRecording(
        CheckCallRecordingRequest(
            controller=FRANCE,
            subject=subject(person.phone),
            line=CallLine.Value(f"CALL_LINE_{line}"),
            direction=CallDirection.Value(f"CALL_DIRECTION_{direction}"),
        )
    )

    decision = response.decision
    assert (
        Verdict.Name(decision.verdict),
        Reason.Name(decision.reason),
        response.retention_months,
    ) == answer
