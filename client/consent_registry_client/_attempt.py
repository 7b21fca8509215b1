"""The safe reading of the answer to a reservation, and of none: "do not call", "do not visit"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from consent_registry.v1.attempt_service_pb2 import ReserveContactAttemptResponse
from consent_registry_client._answer import Answer, contact_answer, contact_unanswered
from consent_registry_client._errors import UnusableAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptAnswer(Answer):
    """Whether the attempt may be made, and why. True in a condition when it may."""

    attempt_id: str
    """To report the outcome under. Empty when nothing was reserved; an attempt that was reserved
    but may no longer be made has one, and should be reported as released."""
    expires_at: datetime | None
    """Until when the attempt may be made, exclusive; None when nothing was reserved."""


def attempt_answer(response: ReserveContactAttemptResponse, *, now_s: float) -> AttemptAnswer:
    """Returns what the registry decided; `now_s` is Unix time."""
    answer = contact_answer(response.decision)
    expires_at = None
    if response.HasField("expires_at"):
        expires_at = response.expires_at.ToDatetime(tzinfo=UTC)
    if answer.allowed:
        fault = _fault(response.attempt_id, expires_at, now_s=now_s)
        if fault:
            answer = contact_unanswered(UnusableAnswer(fault), purpose=None)
    return _with_attempt(answer, response.attempt_id, expires_at=expires_at)


def attempt_unanswered(cause: Exception) -> AttemptAnswer:
    """Returns what holds without the registry: nothing is allowed, for nothing is counted."""
    return _with_attempt(contact_unanswered(cause, purpose=None), "", expires_at=None)


def _fault(attempt_id: str, expires_at: datetime | None, *, now_s: float) -> str:
    """Why what was allowed may not be done; empty when it may."""
    if not attempt_id or expires_at is None:
        return "the registry allowed an attempt without a reservation"
    if expires_at.timestamp() <= now_s:
        return "the reservation had expired when its answer came"
    return ""


def _with_attempt(answer: Answer, attempt_id: str, *, expires_at: datetime | None) -> AttemptAnswer:
    return AttemptAnswer(
        allowed=answer.allowed,
        verdict=answer.verdict,
        reason=answer.reason,
        decision=answer.decision,
        cause=answer.cause,
        attempt_id=attempt_id,
        expires_at=expires_at,
    )
