"""Why a decision came out as it did: every rule and entry considered, step by step, in words.

An explanation is told beside the decision, not by it, so that the decision stays fast. What
applied is taken from the decision's own grounds; of everything else it is said why it did not.
The sentences hold no contact data.
"""

from __future__ import annotations

from consent_registry_server.domain.decision import Fact, Question
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Effect,
    Explanation,
    Step,
)
from consent_registry_server.domain.explanation.consents import consents, lifting
from consent_registry_server.domain.explanation.jurisdiction import jurisdiction, purpose
from consent_registry_server.domain.explanation.opt_outs import opt_outs, restrictions
from consent_registry_server.domain.explanation.regime import regime
from consent_registry_server.domain.explanation.register import register
from consent_registry_server.domain.explanation.replayed import beside_given
from consent_registry_server.domain.explanation.times import conclusion, times
from consent_registry_server.domain.policy import Policy

__all__ = ["Consideration", "Effect", "Explanation", "Step", "beside_given", "explain"]

_OF_MARKETING = (
    jurisdiction,
    restrictions,
    opt_outs,
    consents,
    lifting,
    register,
    regime,
    times,
    conclusion,
)
"""Steps 2 to 10."""


def explain(question: Question, facts: list[Fact], policy: Policy) -> Explanation:
    """The decision with all that was considered; the arguments are those of `decide`.

    Of marketing every fact is considered once in one of the steps 3, 4, 5, 7 and 9, and all ten
    steps are told; anything else is decided by the first. Exactly one consideration decides.
    """
    decision = decide(question, facts, policy)
    account = Account(question, facts, policy, decision)
    steps = [purpose(account)]
    if account.case.purpose.is_marketing:
        steps += [tell(account) for tell in _OF_MARKETING]
    return Explanation(decision, tuple(steps))
