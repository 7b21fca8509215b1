"""What the question is and whose rules apply to it: steps 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Effect,
    Step,
    step,
)
from consent_registry_server.domain.explanation.words import CHANNELS, LINES, RECIPIENTS
from consent_registry_server.domain.policy import LineType, Rule
from consent_registry_server.domain.vocabulary import CountryCode, Reason, RecipientType


def purpose(account: Account) -> Step:
    """Is it marketing at all?"""
    asked = account.case.purpose
    ground = account.ground_of(Reason.NOT_MARKETING)
    if ground is None:
        text = f"The purpose {asked.purpose_id} ({asked.description.rstrip('.')}) is marketing."
    else:
        text = f"The purpose {asked.purpose_id} is no marketing: nothing may stand in its way."
    told = Consideration(account.effect_of(ground), text, ground, citation=asked.citation)
    return Step(1, "Is it marketing at all?", (told,))


def jurisdiction(account: Account) -> Step:
    """Can the target be used, and whose rules apply?"""
    return step(
        2,
        "Can the target be used, and whose rules apply?",
        _jurisdiction(account),
        nothing="There is no rule for this channel.",
    )


def _jurisdiction(account: Account) -> Iterator[Consideration]:
    question = account.question
    unusable = account.ground_of(Reason.INVALID_CONTACT_POINT)
    if unusable is not None:
        text = f"The target cannot be used for {CHANNELS[question.channel]}."
        yield account.by_rule(None, text, unusable)
    unknown = account.ground_of(Reason.UNKNOWN_JURISDICTION)
    country = None if question.country is None else account.policy.jurisdiction(question.country)
    if question.country is None:
        yield account.by_rule(None, "It is not known in which country the recipient is.", unknown)
        return
    if country is None:
        text = f"The recipient is in {question.country}, for which there are no rules."
        yield account.by_rule(None, text, unknown)
        return
    yield _governed_by(country, account)
    for rule in _rules(country, account):
        yield _considered(rule, account)
    if account.rule is None:
        text = "No verified rule is in force for this case: a human must look."
        yield account.by_rule(None, text, account.ground_of(Reason.RULE_UNVERIFIED))


def _governed_by(country: CountryCode, account: Account) -> Consideration:
    asked = account.question.country
    text = f"The recipient is in {asked}"
    text += "." if asked == country else f", where the rules of {country} apply."
    return Consideration(Effect.APPLIED, text)


def _rules(country: CountryCode, account: Account) -> list[Rule]:
    """All rules of the country for the channel, whomever they are for and whenever they hold."""
    return [
        rule
        for rules in account.policy.rules.values()
        for rule in rules
        if rule.country == country and rule.channel is account.question.channel
    ]


def _considered(rule: Rule, account: Account) -> Consideration:
    if rule is account.rule:
        text = f"The rule {rule.rule_id} applies{_since(rule)}."
        return Consideration(Effect.APPLIED, text, rule_id=rule.rule_id, citation=rule.citation)
    return account.by_rule(rule, f"The rule {rule.rule_id} {_why_not(rule, account)}.")


def _why_not(rule: Rule, account: Account) -> str:
    if rule in account.case.rules:
        if account.question.at_us < rule.holds_from_us:
            return f"holds only from {_day(rule.valid_from)} on"
        return f"held until {_day(rule.valid_to)} only"
    question = account.question
    if rule.line_type is not LineType.ANY and rule.line_type is not question.line_type:
        unclear = ", and it is not clear what kind of line this is"
        return f"is for {LINES[rule.line_type]}{unclear if not question.line_type else ''}"
    if rule.recipient_type is not question.recipient_type:
        return f"is for {RECIPIENTS[rule.recipient_type]}"
    return "is for lines without a rule of their own"


def _since(rule: Rule) -> str:
    parts = []
    if rule.valid_from is not None:
        parts.append(f"since {_day(rule.valid_from)}")
    if rule.valid_to is not None:
        parts.append(f"until {_day(rule.valid_to)}")
    if rule.line_type is not LineType.ANY:
        parts.append(f"to {LINES[rule.line_type]}")
    if rule.recipient_type is RecipientType.BUSINESS:
        parts.append("to business recipients")
    return " " + " ".join(parts) if parts else ""


def _day(day: date | None) -> str:
    # A rule that is drawn up for a test may know its instants only.
    return "another time" if day is None else f"{day.day} {day:%B %Y}"
