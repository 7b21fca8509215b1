"""What the law asks for, and whether it is there: step 8."""

from __future__ import annotations

from collections.abc import Iterator

from consent_registry_server.domain.deliberation import meets_soft_opt_in
from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Step,
    counted,
    step,
)
from consent_registry_server.domain.explanation.words import listed
from consent_registry_server.domain.policy import Regime, Rule, SoftOptIn
from consent_registry_server.domain.vocabulary import (
    ContractState,
    Offer,
    Reason,
    Relationship,
)


def regime(account: Account) -> Step:
    """What does the law ask for?"""
    return step(
        8,
        "What does the law ask for before such a contact?",
        _regime(account),
        nothing="Without a rule it is not known what the law asks for.",
    )


def _regime(account: Account) -> Iterator[Consideration]:
    rule, own = account.rule, account.case.own_regime
    if rule is None:
        return
    asked = rule.regime if own is None else own
    whose = f"The rule {rule.rule_id}"
    if own is not None:
        whose = f"The purpose {account.question.purpose}, in every country,"
    if asked is None:
        text = f"{whose} has not been verified: a human must look."
        yield account.by_rule(rule, text, account.ground_of(Reason.RULE_UNVERIFIED))
    elif asked is Regime.OPT_OUT:
        text = f"{whose} allows contact until the person opts out."
        yield account.by_rule(rule, text, account.ground_of(Reason.OPT_OUT_REGIME))
    else:
        lacking = account.ground_of(Reason.NO_CONSENT)
        text = f"{whose} asks for a consent{_consent_at_hand(account)}."
        yield account.by_rule(rule, text, lacking)
        yield from _exemptions(rule, account)


def _consent_at_hand(account: Account) -> str:
    if account.has_consent:
        return ", and there is one in force (step 5)"
    if account.ground_of(Reason.SOFT_OPT_IN) or account.ground_of(Reason.RUNNING_CONTRACT):
        return ", and there is what stands in for it"
    return ", and none is in force"


def _exemptions(rule: Rule, account: Account) -> Iterator[Consideration]:
    if account.case.own_regime is not None:
        if rule.soft_opt_in is not None or rule.running_contract_exemption:
            text = "The rule's exemptions for own customers are not for this purpose."
            yield counted(rule, text, holds=False)
        return
    if rule.soft_opt_in is not None:
        ground = account.ground_of(Reason.SOFT_OPT_IN) or account.ground_of(
            Reason.SOFT_OPT_IN_EXPIRED
        )
        yield account.by_rule(rule, _soft_opt_in(rule.soft_opt_in, account), ground)
    if rule.running_contract_exemption:
        ground = account.ground_of(Reason.RUNNING_CONTRACT)
        text = "A running contract and an offer related to it stand in for the consent"
        text += ": both are there." if ground else f", but {_why_no_contract(account)}."
        yield account.by_rule(rule, text, ground)


def _soft_opt_in(terms: SoftOptIn, account: Account) -> str:
    months = terms.within_months
    term = "" if months is None else f" within {months} months of the last sale"
    text = (
        "Without a consent an own customer informed at collection may be offered similar own"
        f" products{term}"
    )
    if account.ground_of(Reason.SOFT_OPT_IN) is not None:
        return f"{text}: all of this holds."
    if account.ground_of(Reason.SOFT_OPT_IN_EXPIRED) is not None:
        return f"{text}: that time has run out."
    return f"{text}, but {_why_no_soft_opt_in(account)}."


def _why_no_soft_opt_in(account: Account) -> str:
    customer = account.question.customer
    if meets_soft_opt_in(customer):
        if customer.last_sale_at_us is None:
            return "it is not known when the last sale was"
        if customer.last_sale_at_us > account.question.at_us:
            return "the last sale was only after the instant asked about"
        return "the consent that failed is what counts"
    missing = []
    if customer.relationship is not Relationship.CUSTOMER:
        missing.append("the person is not known to be a customer")
    if customer.offer is not Offer.SIMILAR_OWN:
        missing.append("the offer is not known to be of similar own products")
    if not customer.informed_at_collection:
        missing.append("the person is not known to have been informed at collection")
    return listed(missing)


def _why_no_contract(account: Account) -> str:
    customer = account.question.customer
    missing = []
    if customer.contract is not ContractState.RUNNING:
        missing.append("no contract is known to run")
    if customer.offer is not Offer.SIMILAR_OWN:
        missing.append("the offer is not known to be related to it")
    return listed(missing)
