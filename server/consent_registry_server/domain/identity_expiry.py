"""On which day the identity in an entry ends, by the policy's terms.

Days are those of the time zone in which the person spoke; UTC where that is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from consent_registry_server.domain.calendar import plus_months
from consent_registry_server.domain.contact import ContactPoint, Subject
from consent_registry_server.domain.entry import (
    PERMITTING,
    Evidence,
    Expression,
    Identity,
    NewEntry,
    counts_at_us,
)
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.local_time import local_day
from consent_registry_server.domain.matching import forms_of
from consent_registry_server.domain.policy import Policy, Rule
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import CountryCode, EntryKind, channels_in

WITHOUT_IDENTITY: Final = frozenset(
    {
        EntryKind.ATTEMPT_OUTCOME,
        EntryKind.REGISTER_RESULT,
        EntryKind.IDENTITY_EXPIRED,
        EntryKind.IDENTITY_ERASED,
        EntryKind.RETENTION_SET,
        EntryKind.HOLD_PLACED,
        EntryKind.HOLD_LIFTED,
        EntryKind.RESTRICTION_LIFT,
        EntryKind.RECTIFICATION,
    }
)
"""They name nobody whom an entry before them did not, or nobody at all; who made those of the
data-protection officer, and why, is in the access trail."""

_UTC: Final = "UTC"
_NOBODY: Final = Identity(Subject(), Evidence())


@dataclass(frozen=True, slots=True)
class ConsentTerm:
    """How long a consent may be used, and its proof is kept after that.

    `used_until` is None where nothing but the person ends it.
    """

    used_until: date | None
    proof_months: int


def identity_expires_on(
    new: NewEntry,
    recorded_at_us: int,
    policy: Policy,
    *,
    countries: Collection[CountryCode] = (),
) -> date | None:
    """The last day on which the identity in an entry is kept.

    None where there is none to keep: of a kind that names nobody, of an entry that names nobody,
    and of one whose term was over when it was recorded. `countries` are those that the entry's
    contact points tell; a consent is kept by the rules there, and in its controller's country.

    A consent that nothing ends is kept for a while after it was given: the day is then one on
    which it must be judged again by what became of it (`storage/expiry.py`).
    """
    if new.kind in WITHOUT_IDENTITY or _names_nobody(new):
        return None
    first = first_day(new.expression, recorded_at_us)
    terms = policy.retention
    if new.kind in PERMITTING:
        term = consent_term(new, recorded_at_us, policy, countries=countries)
        if term.used_until is not None:
            expires_on = last_day(term.used_until, term.proof_months)
        elif new.subject.customer_number:
            expires_on = last_day(first, terms.consent_proof_months)
        else:
            expires_on = last_day(first, terms.prospect_months)
    elif new.kind is EntryKind.CONTACT_ATTEMPT:
        expires_on = last_day(first, terms.attempt_months)
    else:
        expires_on = last_day(first, terms.opt_out_months)
    return expires_on if expires_on >= day_of(recorded_at_us) else None


def first_day(expression: Expression, recorded_at_us: int) -> date:
    """The day from which a term runs: that of the expression, but never one after the recording."""
    expressed_at_us = expression.expressed_at_us
    at_us = recorded_at_us if expressed_at_us is None else min(expressed_at_us, recorded_at_us)
    return day_of(at_us, expression.time_zone)


def consent_term(
    new: NewEntry, recorded_at_us: int, policy: Policy, *, countries: Collection[CountryCode] = ()
) -> ConsentTerm:
    """For how long a consent may be used and then proven, by the rules of the day it was recorded.

    Of several rules that may apply the most lasting one counts, for which of them will is asked
    only with the question.

    Raises:
        InvalidRequest: EXPRESSED_IN_FUTURE.
    """
    rules = list(_rules_of_the_day(new, recorded_at_us, policy, countries))
    proofs = (rule.proof_retention_months for rule in rules)
    stated = [months for months in proofs if months is not None]
    proof_months = max(stated, default=policy.retention.consent_proof_months)
    ends_at_us = new.expires_at_us
    validities = [rule.consent_validity_months for rule in rules]
    limited = [months for months in validities if months is not None]
    if limited and len(limited) == len(validities):
        given_at_us = counts_at_us(new.kind, new.expression, recorded_at_us)
        by_rule_us = plus_months(given_at_us, max(limited))
        ends_at_us = by_rule_us if ends_at_us is None else min(ends_at_us, by_rule_us)
    if ends_at_us is None:
        return ConsentTerm(None, proof_months)
    return ConsentTerm(day_of(ends_at_us, new.expression.time_zone), proof_months)


def countries_of(points: Iterable[ContactPoint]) -> frozenset[CountryCode]:
    """The countries that some contact points tell; those without a normal form tell none."""
    return frozenset(filter(None, map(_country_of, points)))


def day_of(instant_us: int, time_zone: str = "") -> date:
    """The calendar day of an instant in an IANA time zone; in UTC where none is named."""
    return date.fromordinal(local_day(time_zone or _UTC, instant_us))


def _country_of(point: ContactPoint) -> CountryCode:
    try:
        return forms_of(point).country
    except InvalidContactPoint:
        return CountryCode("")


def _names_nobody(new: NewEntry) -> bool:
    return Identity.of(new) == _NOBODY


def _rules_of_the_day(
    new: NewEntry, at_us: int, policy: Policy, countries: Collection[CountryCode]
) -> Iterator[Rule]:
    """The rules in force that rest on a consent, for its channels wherever it may be used."""
    controller = policy.controllers.get(new.controller)
    home = () if controller is None else (controller.country,)
    ruled = {policy.jurisdiction(country) for country in (*countries, *home)}
    for country in filter(None, ruled):
        for channel in channels_in(new.channels):
            for rule in policy.consent_rules.get((country, channel), ()):
                if rule.holds_from_us <= at_us < rule.holds_until_us:
                    yield rule
