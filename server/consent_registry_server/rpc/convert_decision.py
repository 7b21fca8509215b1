"""Questions and decisions: protobuf to domain and back.

Filling messages in place and reading fields once matters here: this is the path of every check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from consent_registry.v1 import decision_pb2, decision_service_pb2
from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.decision import UNKNOWN_CUSTOMER, Decision, Ground
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Reason,
    Verdict,
)
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_channel,
    to_contact_point,
    to_controller,
    to_country,
    to_customer,
    to_purpose,
    to_recipient_type,
    to_subject,
    to_target,
    to_us,
)
from consent_registry_server.rpc.validation import validate
from consent_registry_server.service.checks import Answers, AskedRecording
from consent_registry_server.service.questions import NO_SUBJECT, AskedContact, Scope

Answer: TypeAlias = tuple[Verdict, Reason]
"""What is counted of a decision."""

NO_TARGET: Final = Email("")
"""A target without a normal form, which no entry meets and no channel can use."""

_LINES: Final = {int(each): each for each in CallLine}
_DIRECTIONS: Final = {int(each): each for each in CallDirection}
_MAXIMUM_STALENESS_S: Final = 60


def to_asked_contact(request: decision_service_pb2.CheckContactRequest) -> AskedContact:
    """The question of a request."""
    scope = Scope(
        to_controller(request.controller),
        to_channel(request.channel),
        to_purpose(request.purpose),
        to_customer(request.customer) if request.HasField("customer") else UNKNOWN_CUSTOMER,
        to_recipient_type(request.recipient_type),
        at_us=to_us(request.at) if request.HasField("at") else None,
    )
    return AskedContact(
        scope,
        to_target(request.target),
        to_subject(request.subject) if request.HasField("subject") else NO_SUBJECT,
        to_country(request.recipient_country),
    )


def to_scope(message: decision_service_pb2.AudienceScope) -> Scope:
    """What is asked of every member of an audience."""
    return Scope(
        to_controller(message.controller),
        to_channel(message.channel),
        to_purpose(message.purpose),
        to_customer(message.customer) if message.HasField("customer") else UNKNOWN_CUSTOMER,
        to_recipient_type(message.recipient_type),
        to_country(message.recipient_country),
        to_us(message.at) if message.HasField("at") else None,
    )


def to_asked_of_member(scope: Scope, member: decision_service_pb2.AudienceMember) -> AskedContact:
    """What is asked of one member.

    A member whose fields make no sense is asked about a target that nothing can reach. The target
    needs no check here, for what has no normal form is unusable.
    """
    target = to_contact_point(member.target)
    if target is None:
        return AskedContact(scope, NO_TARGET)
    try:
        if member.HasField("customer"):
            validate(member.customer)
            scope = replace(scope, customer=to_customer(member.customer))
        subject = NO_SUBJECT
        if member.HasField("subject"):
            # What cannot be compared in it could be what an opt-out would have met.
            validate(member.subject)
            subject = to_subject(member.subject)
        country = member.recipient_country
        return AskedContact(scope, target, subject, to_country(country) if country else None)
    except InvalidRequest:
        return AskedContact(scope, NO_TARGET)


def to_asked_recording(request: decision_service_pb2.CheckCallRecordingRequest) -> AskedRecording:
    """The question of a request."""
    line = _LINES.get(request.line)
    if line is None:
        raise missing("line")
    direction = _DIRECTIONS.get(request.direction)
    if direction is None:
        raise missing("direction")
    return AskedRecording(
        to_controller(request.controller), to_subject(request.subject), line, direction
    )


def to_revision(consistency: decision_pb2.Consistency) -> str:
    """The revision that an answer must be at least as fresh as; empty for none.

    Every answer is read from the database itself, so the other requirements always hold.
    """
    requirement = consistency.WhichOneof("requirement")
    if requirement == "at_least_as_fresh":
        if not consistency.at_least_as_fresh:
            raise missing("consistency.at_least_as_fresh")
        return consistency.at_least_as_fresh
    if requirement == "fully_consistent" and not consistency.fully_consistent:
        message = "can only be asked for, not refused"
        raise InvalidRequest("INVALID_FIELD", message, field="consistency.fully_consistent")
    if requirement == "bounded_staleness":
        lag = consistency.bounded_staleness
        if not 0 <= lag.seconds + lag.nanos / 1e9 <= _MAXIMUM_STALENESS_S:
            message = f"must be 0 to {_MAXIMUM_STALENESS_S} seconds"
            raise InvalidRequest("INVALID_FIELD", message, field="consistency.bounded_staleness")
    return ""


def fill_decision(
    message: decision_pb2.Decision,
    decision: Decision,
    answers: Answers,
    *,
    decision_id: str,
    view: decision_pb2.View.ValueType,
) -> None:
    """Writes a decision into a message, with as much as the view shows."""
    message.verdict = decision_pb2.Verdict.ValueType(decision.verdict)
    message.reason = decision_pb2.Reason.ValueType(decision.reason)
    message.policy_version = answers.policy_version
    message.revision = answers.revision
    message.decision_id = decision_id
    set_timestamp(message.checked_at, answers.checked_at_us)
    if decision.valid_until_us is not None:
        set_timestamp(message.valid_until, decision.valid_until_us)
    if decision.retry_at_us is not None:
        set_timestamp(message.retry_at, decision.retry_at_us)
    if view == decision_pb2.VIEW_FULL:
        for ground in decision.grounds:
            fill_ground(message.grounds.add(), ground)


def fill_chunk_result(
    message: decision_service_pb2.AudienceChunkResult, decisions: Iterable[Decision]
) -> None:
    """Writes the answers for the members of a chunk into a message."""
    add = message.results.add
    for decision in decisions:
        result = add()
        # An IntEnum is the number that the message wants; its type is told to no purpose here.
        result.verdict = decision.verdict  # type: ignore[assignment]
        result.reason = decision.reason  # type: ignore[assignment]
        if decision.valid_until_us is not None:
            set_timestamp(result.valid_until, decision.valid_until_us)


def is_allowed(decision: Decision) -> bool:
    """Whether contact is permitted."""
    return decision.verdict is Verdict.ALLOW


def fill_summary(
    message: decision_service_pb2.AudienceSummary,
    counts: Counter[Answer],
    *,
    valid_until_us: int | None,
    revision: str,
    policy_version: str,
) -> None:
    """Writes the end of a complete audience stream into a message."""
    for (verdict, reason), members in counts.most_common():
        message.counts.add(
            verdict=decision_pb2.Verdict.ValueType(verdict),
            reason=decision_pb2.Reason.ValueType(reason),
            members=members,
        )
    message.members = counts.total()
    message.revision = revision
    message.policy_version = policy_version
    if valid_until_us is not None:
        set_timestamp(message.valid_until, valid_until_us)


def fill_ground(message: decision_pb2.Ground, ground: Ground) -> None:
    """Writes a ground into a message."""
    message.reason = decision_pb2.Reason.ValueType(ground.reason)
    message.verdict = decision_pb2.Verdict.ValueType(ground.verdict)
    message.citation = ground.citation
    if ground.entry_id is not None:
        message.entry_id = str(ground.entry_id)
    if ground.rule_id is not None:
        message.rule_id = ground.rule_id
    if ground.expressed_at_us is not None:
        set_timestamp(message.expressed_at, ground.expressed_at_us)
