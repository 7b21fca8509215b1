"""What the national register said, and whether it matters: step 7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from consent_registry_server.domain.calendar import DAY_US, LONGEST_DAY_US
from consent_registry_server.domain.decision import Fact, Match
from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Step,
    counted,
    step,
)
from consent_registry_server.domain.explanation.words import days, unless_verified
from consent_registry_server.domain.policy import NationalRegister, RegisterExemption, Rule
from consent_registry_server.domain.vocabulary import (
    ContractState,
    EntryKind,
    Offer,
    Reason,
    Relationship,
)

_EXEMPTIONS: Final = {
    RegisterExemption.LATER_CONSENT: "the person told the controller yes after the listing",
    RegisterExemption.CONSENT: "the person told the controller yes",
    RegisterExemption.CUSTOMER: "the person is a customer",
    RegisterExemption.CUSTOMER_SIMILAR_OFFER: "the person is a customer offered similar products",
}


def register(account: Account) -> Step:
    """What does the national register say?"""
    return step(
        7,
        "What does the national register say?",
        _register(account),
        nothing="The rule names no national register.",
    )


def _register(account: Account) -> Iterator[Consideration]:
    rule = account.rule
    asked = None if rule is None else rule.register
    last = None if asked is None else _last_result(asked, account)
    for fact in account.facts_of(EntryKind.REGISTER_RESULT):
        ground = account.ground_of(Reason.NATIONAL_REGISTER, entry_id=fact.entry_id)
        said = "listed" if fact.is_listed else "not listed"
        day = account.day_of_country(fact.counts_at_us)
        text = f"{fact.register}, asked on {day}: {said}; {_worth(fact, last, asked, account)}."
        yield account.by_entry(fact, text, ground)
    if rule is None or asked is None:
        return
    stale = account.ground_of(Reason.REGISTER_STALE)
    text = (
        f"A result of {asked.name} counts for {days(asked.scrub_age_days)}"
        f"{unless_verified(is_verified=asked.is_scrub_age_verified)}"
    )
    if stale is not None:
        yield account.by_rule(rule, f"{text}, and there is none of that time.", stale)
    else:
        yield account.by_rule(rule, f"{text}.")
    for exemption in sorted(asked.exemptions):
        yield _exemption(exemption, rule, asked, account)


def _last_result(asked: NationalRegister, account: Account) -> Fact | None:
    results = [
        fact
        for fact in account.facts_of(EntryKind.REGISTER_RESULT)
        if fact.match is Match.TARGET and fact.register == asked.name
    ]
    return max(results, key=lambda each: (each.counts_at_us, each.is_listed), default=None)


def _worth(fact: Fact, last: Fact | None, asked: NationalRegister | None, account: Account) -> str:
    """What a result means for the question."""
    if asked is None or fact.register != asked.name:
        return "the rule does not ask for it"
    if fact.match is not Match.TARGET:
        return "this is about another contact point than the one asked about"
    if fact is not last:
        return "a later result counts instead"
    if fact.is_listed:
        listed = account.ground_of(Reason.NATIONAL_REGISTER, entry_id=fact.entry_id)
        return "an exemption makes it not count" if listed is None else "no exemption holds"
    return _term(fact, asked, account)


def _term(fact: Fact, asked: NationalRegister, account: Account) -> str:
    """From when to when a result counts, by the instant asked about."""
    if fact.counts_at_us > account.question.at_us:
        return "this was only after the instant asked about"
    stale_at_us = fact.counts_at_us + asked.scrub_age_days * DAY_US
    if stale_at_us <= account.question.at_us:
        return f"this counted until {account.when(stale_at_us)} only"
    return f"this counts until {account.when(stale_at_us)}"


def _exemption(
    exemption: RegisterExemption, rule: Rule, asked: NationalRegister, account: Account
) -> Consideration:
    holds = _holds(exemption, asked, account)
    condition = _EXEMPTIONS.get(exemption) or _contract(asked)
    known = "this holds" if holds else "this is not known to hold"
    text = f"{asked.name} does not matter where {condition}: {known}."
    return counted(rule, text, holds=holds)


def _contract(asked: NationalRegister) -> str:
    if not asked.contract_ended_within_days:
        return "a contract runs"
    return f"a contract runs or ended less than {days(asked.contract_ended_within_days)} before"


def _holds(exemption: RegisterExemption, asked: NationalRegister, account: Account) -> bool:
    customer = account.question.customer
    is_customer = customer.relationship is Relationship.CUSTOMER
    if exemption is RegisterExemption.LATER_CONSENT:
        return _has_later_consent(asked, account)
    if exemption is RegisterExemption.CONSENT:
        return bool(_own_consents(account))
    if account.case.own_regime is not None:
        # A purpose with a regime of its own knows no exemption of a country's customers.
        return False
    if exemption is RegisterExemption.CUSTOMER:
        return is_customer
    if exemption is RegisterExemption.CUSTOMER_SIMILAR_OFFER:
        return is_customer and customer.offer is Offer.SIMILAR_OWN
    return customer.contract is ContractState.RUNNING or _ended_only_just(asked, account)


def _has_later_consent(asked: NationalRegister, account: Account) -> bool:
    """Whether the last result is a listing that a consent in force is later than."""
    result = _last_result(asked, account)
    if result is None or not result.is_listed:
        return False
    listed_at_us = result.listed_at_us
    if listed_at_us is None:
        listed_at_us = result.counts_at_us + LONGEST_DAY_US
    return any(fact.counts_at_us > listed_at_us for fact in _own_consents(account))


def _own_consents(account: Account) -> list[Fact]:
    """Those in force that the person gave the controller themselves."""
    return [fact for fact in account.holding_consents() if fact.lifts_opt_outs]


def _ended_only_just(asked: NationalRegister, account: Account) -> bool:
    customer, at_us = account.question.customer, account.question.at_us
    ended_at_us = customer.contract_ended_at_us
    if customer.contract is None or ended_at_us is None:
        return False
    return ended_at_us <= at_us < ended_at_us + asked.contract_ended_within_days * DAY_US
