"""Attempts and what became of them: protobuf to domain and back."""

from __future__ import annotations

from typing import Final

from consent_registry.v1 import attempt_service_pb2, decision_pb2
from consent_registry_server.domain.decision import UNKNOWN_CUSTOMER
from consent_registry_server.domain.entry import AttemptReport
from consent_registry_server.domain.vocabulary import AttemptOutcome
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_channel,
    to_controller,
    to_country,
    to_customer,
    to_entry_id,
    to_purpose,
    to_recipient_type,
    to_subject,
    to_target,
)
from consent_registry_server.rpc.convert_decision import fill_decision
from consent_registry_server.service.attempts import Reserved
from consent_registry_server.service.checks import Answers
from consent_registry_server.service.ports import Recorded
from consent_registry_server.service.questions import NO_SUBJECT, AskedContact, Scope

_OUTCOMES: Final = {int(each): each for each in AttemptOutcome}


def to_asked_attempt(request: attempt_service_pb2.ReserveContactAttemptRequest) -> AskedContact:
    """The question of a request, for the moment at which it is decided."""
    scope = Scope(
        to_controller(request.controller),
        to_channel(request.channel),
        to_purpose(request.purpose),
        to_customer(request.customer) if request.HasField("customer") else UNKNOWN_CUSTOMER,
        to_recipient_type(request.recipient_type),
    )
    return AskedContact(
        scope,
        to_target(request.target),
        to_subject(request.subject) if request.HasField("subject") else NO_SUBJECT,
        to_country(request.recipient_country),
    )


def to_report(request: attempt_service_pb2.ReportAttemptOutcomeRequest) -> AttemptReport:
    """The report of a request."""
    attempt_id = to_entry_id(request.attempt_id, "attempt_id")
    outcome = _OUTCOMES.get(request.outcome)
    if outcome is None:
        raise missing("outcome")
    return AttemptReport(attempt_id, outcome)


def fill_reservation(
    message: attempt_service_pb2.ReserveContactAttemptResponse,
    reserved: Reserved,
    view: decision_pb2.View.ValueType,
) -> None:
    """Writes a reservation into a message, with as much of the decision as the view shows."""
    reservation = reserved.reservation
    decision = reservation.decision
    answers = Answers(
        [decision], reservation.policy_version, reserved.revision, reservation.checked_at_us
    )
    decision_id = str(reservation.decision_id)
    fill_decision(message.decision, decision, answers, decision_id=decision_id, view=view)
    if reservation.attempt_id is not None:
        message.attempt_id = str(reservation.attempt_id)
    if reservation.expires_at_us is not None:
        set_timestamp(message.expires_at, reservation.expires_at_us)


def fill_report(
    message: attempt_service_pb2.ReportAttemptOutcomeResponse, recorded: Recorded
) -> None:
    """Writes the receipt of a report into a message."""
    message.entry_id = recorded.details["entry_id"]
    message.revision = recorded.revision
    set_timestamp(message.recorded_at, recorded.recorded_at_us)
    message.opt_out_entry_id = recorded.details.get("opt_out_entry_id", "")
