"""Whether it is the hour, whether an attempt is left, and what came of it all: steps 9 and 10."""

from __future__ import annotations

from collections.abc import Iterator

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact_hours import ContactHours, Place
from consent_registry_server.domain.contact_times import freed_at_us
from consent_registry_server.domain.decision import Fact, Ground, Match
from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Effect,
    Step,
    step,
)
from consent_registry_server.domain.explanation.words import days, listed, unless_verified
from consent_registry_server.domain.policy import NEVER_US, AttemptCap, Rule
from consent_registry_server.domain.vocabulary import EntryKind, Reason, Verdict


def times(account: Account) -> Step:
    """Is it the hour, and is an attempt left?"""
    return step(
        9,
        "Is it the hour for it, and is an attempt left?",
        _times(account),
        nothing="The law knows neither hours nor a number of attempts here.",
    )


def _times(account: Account) -> Iterator[Consideration]:
    rule, place = account.rule, account.place
    cap = None if rule is None else rule.attempt_cap
    if rule is not None and rule.contact_hours is not None and place is not None:
        yield _hours(rule, rule.contact_hours, place, account)
    if rule is not None and cap is not None:
        yield _cap(rule, cap, account)
    for fact in account.facts_of(EntryKind.CONTACT_ATTEMPT):
        text = f"The attempt of {account.when(fact.counts_at_us)} {_worth(fact, cap, account)}."
        yield account.by_entry(fact, text, None)


def _hours(rule: Rule, hours: ContactHours, place: Place, account: Account) -> Consideration:
    span = hours.span(place, account.question.at_us)
    state = "within" if span.is_open else "outside"
    whose = unless_verified(is_verified=hours.is_verified)
    clocks = listed(place.zones)
    text = f"{account.when(account.question.at_us)} is {state} the hours{whose}, by {clocks} time"
    if span.ends_at_us != NEVER_US:
        text += f", until {account.when(span.ends_at_us)}"
    ground = None
    if not span.is_open:
        ground = _ground(account, Reason.OUTSIDE_CONTACT_HOURS, is_verified=hours.is_verified)
    return account.by_rule(rule, f"{text}.", ground)


def _cap(rule: Rule, cap: AttemptCap, account: Account) -> Consideration:
    attempts = account.found.attempts
    whose = unless_verified(is_verified=cap.is_verified)
    text = f"At most {cap.attempts} attempts are permitted in any {days(cap.days)}{whose}"
    freed_us = None
    if attempts is not None:
        freed_us = freed_at_us(cap, attempts, account.question.at_us)
    if freed_us is None:
        return account.by_rule(rule, f"{text}: another one is left.")
    text += f": none is left before {account.when(freed_us)}."
    ground = _ground(account, Reason.ATTEMPT_CAP, is_verified=cap.is_verified)
    return account.by_rule(rule, text, ground)


def _worth(attempt: Fact, cap: AttemptCap | None, account: Account) -> str:
    if attempt.match is not Match.TARGET:
        return "was on another contact point than the one asked about"
    if attempt.lifted_at_us is not None:
        return "was granted and never made"
    if cap is None:
        return "was granted, and the rule counts none"
    if attempt.counts_at_us <= account.question.at_us - cap.days * DAY_US:
        return f"was granted and counts no more after {days(cap.days)}"
    return "was granted and counts"


def _ground(account: Account, reason: Reason, *, is_verified: bool) -> Ground | None:
    return account.ground_of(reason if is_verified else Reason.RULE_UNVERIFIED)


def conclusion(account: Account) -> Step:
    """What came of it all; nothing at all is no permission."""
    decision = account.decision
    if not account.is_decided:
        told = account.by_rule(account.rule, "Nothing allows the contact.", decision.grounds[0])
    elif decision.verdict is Verdict.ALLOW:
        text = f"Nothing stands against the contact, and {decision.reason.name} allows it."
        told = Consideration(Effect.NOT_APPLIED, text)
    else:
        text = (
            f"The strictest of all grounds decides, the first of them in the order of the steps: "
            f"{decision.verdict.name}, {decision.reason.name}."
        )
        told = Consideration(Effect.NOT_APPLIED, text)
    return Step(10, "What comes of it all?", (told,))
