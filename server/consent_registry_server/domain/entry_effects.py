"""What the entries of a person do to each other, and how far they reach."""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.calendar import plus_months
from consent_registry_server.domain.decision import Fact
from consent_registry_server.domain.policy import Rule, covers
from consent_registry_server.domain.vocabulary import EntryId, EntryKind, PurposeId

_WITHDRAWAL: Final = EntryKind.WITHDRAWAL
_DO_NOT_CONTACT: Final = EntryKind.DO_NOT_CONTACT


def reaches(stated: frozenset[PurposeId], asked: PurposeId) -> bool:
    """Whether an opt-out for some purposes reaches one: itself or a parent of it."""
    return asked in stated or any(covers(each, asked) for each in stated)


def expiry_us(consent: Fact, rule: Rule | None) -> int | None:
    """When a consent ends: by its own date or the rule's validity, whichever comes first."""
    if rule is None or rule.consent_validity_months is None:
        return consent.expires_at_us
    by_rule_us = plus_months(consent.counts_at_us, rule.consent_validity_months)
    if consent.expires_at_us is None or by_rule_us < consent.expires_at_us:
        return by_rule_us
    return consent.expires_at_us


def has_ended(consent: Fact, withdrawals: list[Fact]) -> bool:
    """Whether one of the withdrawals was expressed with or after the consent."""
    return any(each.counts_at_us >= consent.counts_at_us for each in withdrawals)


def in_deciding_order(opt_outs: list[Fact], once_lifted_before_us: int) -> list[Fact]:
    """The latest opt-out first; on a tie an objection before a withdrawal.

    Where a withdrawal ended a consent that had lifted an objection, the objection applies again
    and decides: the withdrawal only took the person back to where they stood (ADR 0002).
    """
    revived = any(
        fact.kind is _DO_NOT_CONTACT and fact.counts_at_us < once_lifted_before_us
        for fact in opt_outs
    )

    def order(fact: Fact) -> tuple[bool, int, bool, EntryId]:
        withdrawal = fact.kind is _WITHDRAWAL
        return (revived and withdrawal, -fact.counts_at_us, withdrawal, fact.entry_id)

    return sorted(opt_outs, key=order)
