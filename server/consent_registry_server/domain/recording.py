"""May a call be recorded? (question, facts, policy) -> Decision, as in `engine.py`.

The answer follows the line and the direction. Where an objection matters it reaches everybody
who shares a contact point or the customer number; a lift reaches only the very contact points
it names, so that recording is permitted as narrowly as contact is.
"""

from __future__ import annotations

from dataclasses import dataclass

from consent_registry_server.domain.decision import Decision, Ground, RecordingQuestion
from consent_registry_server.domain.policy import Policy, RecordingBasis
from consent_registry_server.domain.vocabulary import EntryId, EntryKind, Reason, Verdict


@dataclass(slots=True)
class RecordingFact:
    """One objection, or lift of objections, on one stored contact point.

    `point` names the stored contact point; a lift ends only objections on the same one, and one
    objection that it names: `lifted_at_us`.
    """

    kind: EntryKind
    point: bytes
    entry_id: EntryId
    counts_at_us: int
    expressed_at_us: int | None
    lifted_at_us: int | None = None


def depends_on_objection(question: RecordingQuestion, policy: Policy) -> bool:
    """Whether an objection can change the answer; on other lines nothing need be read."""
    rule = policy.recording_rules[question.line, question.direction]
    return rule.basis is RecordingBasis.UNLESS_OBJECTED and question.is_subject_usable


def decide_recording(
    question: RecordingQuestion, facts: list[RecordingFact], policy: Policy
) -> Decision:
    """Answers whether a call may be recorded; `retention_months` is 0 unless it may.

    On a tie between an objection and its lift the objection wins; order is by `counts_at`, never
    by arrival.
    """
    rule = policy.recording_rules[question.line, question.direction]
    if rule.basis is RecordingBasis.NOT_PERMITTED:
        grounds = [Ground(Reason.RECORDING_NOT_PERMITTED, Verdict.DENY)]
    elif rule.basis is RecordingBasis.REQUIRED:
        grounds = [Ground(Reason.RECORDING_REQUIRED, Verdict.ALLOW)]
    elif not question.is_subject_usable:
        grounds = [Ground(Reason.INVALID_CONTACT_POINT, Verdict.DENY)]
    else:
        grounds = _objections(facts, question.at_us) or [
            Ground(Reason.RECORDING_NOT_OBJECTED, Verdict.ALLOW)
        ]
    deciding = grounds[0]
    for ground in grounds:
        if ground.entry_id is None:
            ground.rule_id = rule.rule_id
            ground.citation = rule.citation
    months = rule.retention_months if deciding.verdict is Verdict.ALLOW else 0
    return Decision(deciding.verdict, deciding.reason, grounds, retention_months=months)


def _objections(facts: list[RecordingFact], at_us: int) -> list[Ground]:
    """The objections in force, the latest first, each entry once."""
    lifted_at: dict[bytes, int] = {}
    for fact in facts:
        if fact.kind is EntryKind.RECORDING_OBJECTION_LIFT and fact.counts_at_us <= at_us:
            lifted_at[fact.point] = max(lifted_at.get(fact.point, -1), fact.counts_at_us)
    in_force = {
        fact.entry_id: fact
        for fact in facts
        if fact.kind is EntryKind.RECORDING_OBJECTION
        and fact.counts_at_us >= lifted_at.get(fact.point, -1)
        and (fact.lifted_at_us is None or fact.lifted_at_us > at_us)
    }
    latest_first = sorted(in_force.values(), key=lambda fact: (-fact.counts_at_us, fact.entry_id))
    return [
        Ground(
            Reason.RECORDING_OBJECTION,
            Verdict.DENY,
            fact.entry_id,
            expressed_at_us=fact.expressed_at_us,
        )
        for fact in latest_first
    ]
