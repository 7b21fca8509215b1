"""The safe reading of an answer, and of none: "do not contact", "do not record".

Two questions are answered without the registry, because no outage may block an alarm call: those
for the purpose `service`, which is not marketing, and the recording of the monitoring centre's
calls, which is always required.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from consent_registry.v1.decision_pb2 import Decision, Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    AudienceMemberResult,
    CallLine,
    CheckCallRecordingResponse,
)
from consent_registry_client._errors import ConsentRegistryError, UnusableAnswer

SERVICE_PURPOSE = "service"
MONITORING_CENTRE_RETENTION_MONTHS = 12

# The statuses by which the registry itself says no to the question. Any other one is an outage: it
# is what an unreachable, overloaded, crashing or half-deployed registry, or a proxy in front of
# it, answers with.
_REFUSALS = frozenset(
    {
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether contact is allowed, and why. True in a condition when it is."""

    allowed: bool
    verdict: Verdict.ValueType
    """DENY where the registry gave no verdict that this client knows."""
    reason: Reason.ValueType
    """Unspecified when there is no answer."""
    decision: Decision | None
    """The registry's answer; None when there is none."""
    cause: Exception | None
    """Why there is no answer; None when there is one."""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAnswer(Answer):
    """Whether the call may be recorded, and why. True in a condition when it may."""

    retention_months: int
    """How long the recording may be kept; 0 unless it is allowed."""


def allows(answer: Decision | AudienceMemberResult) -> bool:
    """Tells whether contact is permitted: by ALLOW alone, never by a verdict unknown here."""
    return answer.verdict == Verdict.VERDICT_ALLOW


def is_outage(cause: Exception) -> bool:
    """Tells whether the registry could not be asked, as opposed to having refused the question."""
    if isinstance(cause, UnusableAnswer):
        return False
    if isinstance(cause, ConsentRegistryError):
        return cause.code not in _REFUSALS
    return isinstance(cause, OSError)


def contact_answer(decision: Decision) -> Answer:
    """Returns what the registry decided."""
    return Answer(
        allowed=allows(decision),
        verdict=_known(decision.verdict),
        reason=decision.reason,
        decision=decision,
        cause=_doubt(decision),
    )


def contact_unanswered(cause: Exception, *, purpose: object) -> Answer:
    """Returns what holds without the registry: nothing but `service` is allowed, in an outage."""
    if purpose == SERVICE_PURPOSE and is_outage(cause):
        return Answer(
            allowed=True,
            verdict=Verdict.VERDICT_ALLOW,
            reason=Reason.REASON_NOT_MARKETING,
            decision=None,
            cause=cause,
        )
    return Answer(
        allowed=False,
        verdict=Verdict.VERDICT_DENY,
        reason=Reason.REASON_UNSPECIFIED,
        decision=None,
        cause=cause,
    )


def recording_answer(response: CheckCallRecordingResponse) -> RecordingAnswer:
    """Returns what the registry decided."""
    decision = response.decision
    return RecordingAnswer(
        allowed=allows(decision),
        verdict=_known(decision.verdict),
        reason=decision.reason,
        decision=decision,
        cause=_doubt(decision),
        retention_months=response.retention_months if allows(decision) else 0,
    )


def recording_unanswered(cause: Exception, *, line: object) -> RecordingAnswer:
    """Returns what holds without the registry: only the monitoring centre records, in an outage."""
    if line == CallLine.CALL_LINE_MONITORING_CENTRE and is_outage(cause):
        return RecordingAnswer(
            allowed=True,
            verdict=Verdict.VERDICT_ALLOW,
            reason=Reason.REASON_RECORDING_REQUIRED,
            decision=None,
            cause=cause,
            retention_months=MONITORING_CENTRE_RETENTION_MONTHS,
        )
    return RecordingAnswer(
        allowed=False,
        verdict=Verdict.VERDICT_DENY,
        reason=Reason.REASON_UNSPECIFIED,
        decision=None,
        cause=cause,
        retention_months=0,
    )


def _known(verdict: Verdict.ValueType) -> Verdict.ValueType:
    if verdict in {Verdict.VERDICT_ALLOW, Verdict.VERDICT_REVIEW}:
        return verdict
    return Verdict.VERDICT_DENY


def _doubt(decision: Decision) -> Exception | None:
    if decision.verdict in {
        Verdict.VERDICT_ALLOW,
        Verdict.VERDICT_REVIEW,
        Verdict.VERDICT_DENY,
    }:
        return None
    return UnusableAnswer(f"the registry answered with verdict {decision.verdict}, unknown here")
