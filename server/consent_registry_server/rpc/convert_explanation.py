"""Requests for explanations, and explanations: protobuf to domain and back."""

from __future__ import annotations

from typing import Final

from consent_registry.v1 import decision_pb2, decision_service_pb2, subject_service_pb2
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.explanation import Consideration, Step
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_controller,
    to_subject,
    to_target,
    to_us,
)
from consent_registry_server.rpc.convert_decision import (
    fill_decision,
    fill_ground,
    to_asked_contact,
)
from consent_registry_server.service.checks import Answers
from consent_registry_server.service.explain import Explained, Times
from consent_registry_server.service.questions import NO_SUBJECT, AskedContact
from consent_registry_server.service.replay import Replayed

_NOT_OF_A_PAST_QUESTION: Final = ("at", "view", "consistency", "issue_replay_token")
"""What the question of an explanation cannot state."""


def to_times(request: subject_service_pb2.ExplainDecisionRequest) -> Times:
    """The instants that a request asks for."""
    return Times(
        to_us(request.at) if request.HasField("at") else None,
        to_us(request.known_at) if request.HasField("known_at") else None,
    )


def to_past_question(request: decision_service_pb2.CheckContactRequest) -> AskedContact:
    """The question of which the answer is to be explained."""
    stated = {field.name for field, _ in request.ListFields()}
    for name in _NOT_OF_A_PAST_QUESTION:
        if name in stated:
            message = "cannot be set in the question of an explanation"
            raise InvalidRequest("CONTRADICTION", message, field=name)
    return to_asked_contact(request)


def to_replayed(message: subject_service_pb2.ReplayedDecision) -> Replayed:
    """The decision that is to be explained."""
    if not message.replay_token:
        raise missing("replay_token")
    return Replayed(
        message.replay_token,
        to_controller(message.controller),
        to_target(message.target),
        to_subject(message.subject) if message.HasField("subject") else NO_SUBJECT,
    )


def fill_explanation(
    message: subject_service_pb2.ExplainDecisionResponse, explained: Explained
) -> None:
    """Writes an explanation into a message."""
    decision = explained.explanation.decision
    answers = Answers(
        [decision], explained.policy_version, explained.revision, explained.checked_at_us
    )
    decision_id = "" if explained.decision_id is None else str(explained.decision_id)
    fill_decision(
        message.decision,
        decision,
        answers,
        decision_id=decision_id,
        view=decision_pb2.VIEW_FULL,
    )
    set_timestamp(message.at, explained.at_us)
    set_timestamp(message.known_at, explained.known_at_us)
    for step in explained.explanation.steps:
        _fill_step(message.steps.add(), step, explained.recorded_at_us)


def _fill_step(
    message: subject_service_pb2.ExplanationStep, step: Step, recorded_at_us: dict[EntryId, int]
) -> None:
    message.number = step.number
    message.title = step.title
    for consideration in step.considerations:
        _fill_consideration(message.considerations.add(), consideration, recorded_at_us)


def _fill_consideration(
    message: subject_service_pb2.Consideration,
    consideration: Consideration,
    recorded_at_us: dict[EntryId, int],
) -> None:
    message.effect = subject_service_pb2.ConsiderationEffect.ValueType(consideration.effect)
    message.text = consideration.text
    message.citation = consideration.citation
    if consideration.ground is not None:
        fill_ground(message.ground, consideration.ground)
    if consideration.rule_id is not None:
        message.rule_id = consideration.rule_id
    if consideration.expressed_at_us is not None:
        set_timestamp(message.expressed_at, consideration.expressed_at_us)
    entry_id = consideration.entry_id
    if entry_id is not None:
        message.entry_id = str(entry_id)
        set_timestamp(message.recorded_at, recorded_at_us[entry_id])
