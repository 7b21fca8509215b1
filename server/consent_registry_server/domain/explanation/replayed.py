"""Whether a replayed decision is the one that was given."""

from __future__ import annotations

from dataclasses import replace

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.explanation.account import (
    Consideration,
    Effect,
    Explanation,
)
from consent_registry_server.domain.vocabulary import Reason, Verdict


def beside_given(
    explanation: Explanation, verdict: Verdict, reason: Reason, *, given_at_us: int
) -> Explanation:
    """The explanation of a replay that begins with what was answered at the time.

    It is the first consideration of the first step, for whoever reads on should know whether
    what follows is how the answer came about.
    """
    moment = from_us(given_at_us)
    given = f"{moment.day} {moment:%B %Y at %H:%M} UTC was {verdict.name}, {reason.name}"
    decision = explanation.decision
    if (decision.verdict, decision.reason) == (verdict, reason):
        comparison = "the replay comes to the same"
    else:
        comparison = (
            f"the replay comes to {decision.verdict.name}, {decision.reason.name}: the registry no"
            " longer holds all that the answer was based on, as after an erasure or a restore"
        )
    told = Consideration(
        Effect.NOT_APPLIED, f"The decision that was given on {given}; {comparison}."
    )
    first, *others = explanation.steps
    first = replace(first, considerations=(told, *first.considerations))
    return replace(explanation, steps=(first, *others))
