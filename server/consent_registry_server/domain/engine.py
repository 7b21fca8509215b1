"""The decision: (question, facts, policy) -> Decision. No I/O, no clock.

The steps are those of ADR 0002: step 1 here, the others in `deliberation.py`. Only step 1 ends a
decision; every other one contributes grounds, and the strictest ground wins, the first of its
verdict in step order. Opt-outs match widely, consents narrowly; unknown is never ALLOW. The
facts may come in any order.
"""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.contact_times import next_permitted_us
from consent_registry_server.domain.decision import Decision, Fact, Ground, Question
from consent_registry_server.domain.deliberation import Deliberation, strictest
from consent_registry_server.domain.policy import NEVER_US, Case, Policy
from consent_registry_server.domain.vocabulary import Reason, Verdict

_ALLOW: Final = Verdict.ALLOW
_DENY: Final = Verdict.DENY
_OUT_OF_TIME: Final = frozenset({Reason.OUTSIDE_CONTACT_HOURS, Reason.ATTEMPT_CAP})

_INSTANTS: Final = 1_000
"""How many later instants are looked at: more than hours open and close in a year."""


def decide(question: Question, facts: list[Fact], policy: Policy) -> Decision:
    """Answers a question from the facts that concern it.

    Args:
        question: its controller and purpose must be the policy's.
        facts: those of the question's controller and of `group` whose contact points meet the
            question's, matched by `matching.py`; facts that turn out not to apply are passed over.
        policy: the rules of all times.
    """
    case = policy.case(
        question.country,
        question.channel,
        question.line_type,
        question.recipient_type,
        question.purpose,
    )
    if not case.purpose.is_marketing:
        return not_marketing()
    now = Deliberation(question, facts, case, question.at_us)
    deciding, grounds = now.deciding, now.grounds
    if now.time_grounds:
        # Hours and cap of an unverified rule say what its regime may have said already.
        grounds = [*grounds, *(each for each in now.time_grounds if each not in grounds)]
    if deciding is not grounds[0]:
        grounds = [deciding, *(each for each in grounds if each is not deciding)]
    decision = Decision(deciding.verdict, deciding.reason, grounds)
    if now.closes_next:
        # That open hours close always changes the answer.
        decision.valid_until_us = now.ends_at_us
    elif now.ends_at_us != NEVER_US:
        decision.valid_until_us = _valid_until_us(now, question, facts, case)
    if deciding.verdict is _DENY and deciding.reason in _OUT_OF_TIME:
        decision.retry_at_us = _retry_at_us(now, question, facts, case)
    return decision


def not_marketing() -> Decision:
    """The answer to every question about contract, safety or alarm (step 1)."""
    ground = Ground(Reason.NOT_MARKETING, Verdict.ALLOW)
    return Decision(ground.verdict, ground.reason, [ground])


def _valid_until_us(
    now: Deliberation, question: Question, facts: list[Fact], case: Case
) -> int | None:
    """The first later instant with another verdict or reason.

    Whatever could change is looked at in the order of time, for not all of it matters: a consent
    that ends beside another one, say.
    """
    answer = (now.deciding.verdict, now.deciding.reason)
    at_us = now.ends_at_us
    for _ in range(_INSTANTS):
        if at_us == NEVER_US:
            return None
        later = Deliberation(question, facts, case, at_us)
        if (later.deciding.verdict, later.deciding.reason) != answer:
            break
        at_us = later.ends_at_us
    return at_us


def _retry_at_us(
    now: Deliberation, question: Question, facts: list[Fact], case: Case
) -> int | None:
    """The first later instant at which the answer is ALLOW; None where none is in sight."""
    found, at_us = now, question.at_us
    place = question.place or case.place
    for _ in range(_INSTANTS):
        next_us = min(found.changes, default=NEVER_US)
        if found.rule is not None and strictest(found.grounds).verdict is _ALLOW:
            permitted_us = next_permitted_us(found.rule, place, found.attempts, at_us)
            if permitted_us is not None and permitted_us < next_us:
                next_us = permitted_us
        if next_us == NEVER_US:
            return None
        at_us = next_us
        found = Deliberation(question, facts, case, at_us)
        if found.deciding.verdict is _ALLOW:
            return at_us
    return None
