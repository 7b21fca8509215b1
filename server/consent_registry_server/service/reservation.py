"""The answer to a request for an attempt, and how it is kept for a repetition of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from consent_registry_server.domain.decision import Decision, Ground
from consent_registry_server.domain.vocabulary import EntryId, Reason, RuleId, Verdict


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was decided, and the entry that counts the attempt.

    `attempt_id` and `expires_at_us` are None unless the decision is ALLOW; the attempt may be made
    until just before `expires_at_us`.
    """

    decision: Decision
    decision_id: UUID
    policy_version: str
    checked_at_us: int
    attempt_id: EntryId | None = None
    expires_at_us: int | None = None


def to_details(reservation: Reservation) -> dict[str, Any]:
    """A reservation as JSON; it names entries and rules, never a person."""
    decision = reservation.decision
    return {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "grounds": [_ground_details(ground) for ground in decision.grounds],
        "valid_until_us": decision.valid_until_us,
        "retry_at_us": decision.retry_at_us,
        "decision_id": str(reservation.decision_id),
        "policy_version": reservation.policy_version,
        "checked_at_us": reservation.checked_at_us,
        "attempt_id": None if reservation.attempt_id is None else str(reservation.attempt_id),
        "expires_at_us": reservation.expires_at_us,
    }


def from_details(details: dict[str, Any]) -> Reservation:
    """The reservation that `to_details` wrote."""
    decision = Decision(
        Verdict(details["verdict"]),
        Reason(details["reason"]),
        [_ground(each) for each in details["grounds"]],
        details["valid_until_us"],
        details["retry_at_us"],
    )
    return Reservation(
        decision,
        UUID(details["decision_id"]),
        details["policy_version"],
        details["checked_at_us"],
        _entry_id(details["attempt_id"]),
        details["expires_at_us"],
    )


def _ground_details(ground: Ground) -> dict[str, Any]:
    return {
        "reason": ground.reason,
        "verdict": ground.verdict,
        "entry_id": None if ground.entry_id is None else str(ground.entry_id),
        "rule_id": ground.rule_id,
        "citation": ground.citation,
        "expressed_at_us": ground.expressed_at_us,
    }


def _ground(details: dict[str, Any]) -> Ground:
    rule_id = details["rule_id"]
    return Ground(
        Reason(details["reason"]),
        Verdict(details["verdict"]),
        _entry_id(details["entry_id"]),
        None if rule_id is None else RuleId(rule_id),
        details["citation"],
        details["expressed_at_us"],
    )


def _entry_id(written: str | None) -> EntryId | None:
    return None if written is None else EntryId(UUID(written))
