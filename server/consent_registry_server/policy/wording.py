"""The policy in words, for those who read the law rather than YAML."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple

from consent_registry_server.domain.contact_hours import DayKind, Window
from consent_registry_server.domain.policy import (
    LineType,
    NationalRegister,
    Policy,
    Purpose,
    RecordingBasis,
    Regime,
    RegisterExemption,
    Rule,
    TermSource,
)
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    RecipientType,
    channels_in,
)
from consent_registry_server.policy.rule_checks import TIMED_CHANNELS

UNVERIFIED: Final = "UNVERIFIED"
"""Marks what nobody has found in the law yet; it is never taken for a permission."""

_COUNTRIES: Final = {
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "IE": "Ireland",
    "IT": "Italy",
    "NO": "Norway",
    "PT": "Portugal",
    "SE": "Sweden",
}
_REGIMES: Final = {Regime.OPT_IN: "opt-in", Regime.OPT_OUT: "opt-out"}
_EXEMPTIONS: Final = {
    RegisterExemption.LATER_CONSENT: "a consent given after the listing",
    RegisterExemption.CONSENT: "a consent whenever given",
    RegisterExemption.CUSTOMER: "a customer",
    RegisterExemption.CUSTOMER_SIMILAR_OFFER: "a customer (for similar own offers)",
    RegisterExemption.CONTRACT: "a running contract",
}
_KEPT: Final = {
    "opt_out_months": (
        "identity in an opt-out, an objection, a restriction or the lift of one",
        "the day it was expressed",
    ),
    "consent_proof_months": (
        "identity in a consent, where its rule names no term",
        "the last day it could be used",
    ),
    "prospect_months": (
        "identity in a consent that nothing ends, of a person who never bought",
        "the last contact",
    ),
    "attempt_months": ("identity in a contact attempt", "the attempt"),
    "refused_lead_months": ("that a partner's lead was refused", "the refusal"),
    "access_months": ("a row of the access trail", "the access"),
    "rights_request_months": ("a rights request", "its receipt"),
}
_WEEKDAYS: Final = tuple(kind for kind in DayKind if kind < DayKind.HOLIDAY_EVE)


class Term(NamedTuple):
    """One thing a rule states: the key as in the files, and what it says there in words."""

    key: str
    text: str


def country_name(code: str) -> str:
    """The English name of a country of the packaged policy; of another one its code."""
    return _COUNTRIES.get(code, code)


def terms(rule: Rule) -> Iterator[Term]:
    """All that a rule states, in the order in which one reads it; what it does not is left out."""
    yield Term("valid_from", "" if rule.valid_from is None else rule.valid_from.isoformat())
    yield Term("valid_to", "" if rule.valid_to is None else rule.valid_to.isoformat())
    yield Term("regime", regime(rule.regime))
    yield Term("soft_opt_in", soft_opt_in(rule))
    yield Term(
        "running_contract_exemption",
        "for similar own offers" if rule.running_contract_exemption else "",
    )
    yield Term("consent_validity_months", months(rule.consent_validity_months))
    yield Term("proof_retention_months", months(rule.proof_retention_months))
    yield Term("register", register(rule.register))
    yield Term("contact_hours", contact_hours(rule))
    yield Term("attempt_cap", attempt_cap(rule))
    yield Term("citation", rule.citation)
    yield Term("checked_on", "" if rule.checked_on is None else rule.checked_on.isoformat())
    yield Term("confidence", rule.confidence.name.lower())


def regime(stated: Regime | None) -> str:
    """What is asked before an outreach."""
    return UNVERIFIED if stated is None else _REGIMES[stated]


def soft_opt_in(rule: Rule) -> str:
    """Within which time own customers may be offered similar own products without a consent."""
    if rule.soft_opt_in is None:
        return ""
    within = rule.soft_opt_in.within_months
    return "without limit" if within is None else f"within {months(within)} of the last sale"


def exemptions(rule: Rule) -> Iterator[str]:
    """What stands in for the consent that a rule asks for."""
    if rule.soft_opt_in is not None:
        within = rule.soft_opt_in.within_months
        yield "own customer" if within is None else f"own customer, {soft_opt_in(rule)}"
    if rule.running_contract_exemption:
        yield "running contract"


def consent_terms(rule: Rule) -> Iterator[str]:
    """For how long a consent counts, and its proof is kept."""
    if rule.regime is Regime.OPT_IN:
        yield f"counts {months(rule.consent_validity_months) or 'without limit'}"
    if rule.proof_retention_months is not None:
        yield f"proof kept {months(rule.proof_retention_months)}"


def months(number: int | None) -> str:
    """A number of months; nothing for none."""
    return "" if number is None else f"{number} months"


def register(stated: NationalRegister | None) -> str:
    """A register, for how long a result counts, and what exempts from it."""
    if stated is None:
        return ""
    verified = "" if stated.is_scrub_age_verified else f" ({UNVERIFIED})"
    text = f"{stated.name}; a result counts for {_days(stated.scrub_age_days)}{verified}"
    exemptions = [_exemption(each, stated) for each in sorted(stated.exemptions)]
    return f"{text}; exempt: {', '.join(exemptions)}" if exemptions else text


def _exemption(exemption: RegisterExemption, stated: NationalRegister) -> str:
    text = _EXEMPTIONS[exemption]
    within = stated.contract_ended_within_days
    if exemption is RegisterExemption.CONTRACT and within:
        return f"{text} (or one that ended less than {_days(within)} ago)"
    return text


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def attempt_cap(rule: Rule) -> str:
    """How often one target may be tried; nothing on a channel on which that means nothing."""
    cap = rule.attempt_cap
    if cap is None:
        return "none" if rule.channel in TIMED_CHANNELS else ""
    verified = "" if cap.is_verified else f" ({UNVERIFIED})"
    return f"{cap.attempts} in any {_days(cap.days)}{verified}"


def contact_hours(rule: Rule) -> str:
    """The hours of each day of the week, then of public holidays and the days before them.

    Nothing on a channel on which hours mean nothing.
    """
    hours = rule.contact_hours
    if hours is None:
        return "any time" if rule.channel in TIMED_CHANNELS else ""
    if not any(hours.by_day.values()):
        return "never"
    by_windows = groupby(_WEEKDAYS, key=lambda day: hours.by_day.get(day, ()))
    parts = [f"{_span(list(days))} {_windows(windows)}" for windows, days in by_windows if windows]
    if DayKind.HOLIDAY_EVE in hours.by_day:
        parts.append(f"day before a holiday only {_windows(hours.by_day[DayKind.HOLIDAY_EVE])}")
    if windows := hours.by_day.get(DayKind.HOLIDAY, ()):
        parts.append(f"public holiday {_windows(windows)}")
    else:
        parts.append("not on public holidays")
    verified = "" if hours.is_verified else f" ({UNVERIFIED})"
    return "; ".join(parts) + verified


def _span(days: list[DayKind]) -> str:
    first, last = days[0].name.title(), days[-1].name.title()
    return first if first == last else f"{first}–{last}"


def _windows(windows: tuple[Window, ...]) -> str:
    return " and ".join(f"{_clock(start)}–{_clock(end)}" for start, end in windows) or "closed"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def channel_name(channel: Channel, line_type: LineType = LineType.ANY) -> str:
    """A channel, and the kind of line where there are several: `voice call, mobile`."""
    name = "SMS" if channel is Channel.SMS else channel.name.lower().replace("_", " ")
    return name if line_type is LineType.ANY else f"{name}, {line_type.name.lower()}"


def recipients(recipient_type: RecipientType) -> str:
    """Whom a rule is about."""
    return "consumers" if recipient_type is RecipientType.CONSUMER else "businesses"


def period(rule: Rule) -> str:
    """When a rule holds, first and last day included."""
    if rule.valid_from is None:
        return "always" if rule.valid_to is None else f"until {rule.valid_to}"
    return f"since {rule.valid_from}" + (f", until {rule.valid_to}" if rule.valid_to else "")


def source(rule: Rule) -> str:
    """Where a rule comes from, when that was last looked at and how sure it is."""
    checked = f"checked {rule.checked_on}" if rule.checked_on else "never checked"
    citation = rule.citation or "no citation"
    return f"{citation} ({checked}; confidence {rule.confidence.name.lower()})"


def purpose_regime(purpose: Purpose) -> str:
    """What a purpose asks for by itself, and on which channels."""
    if not purpose.is_marketing:
        return "not marketing: always allowed"
    if purpose.regime is None:
        return "the country decides"
    text = _REGIMES[purpose.regime]
    if purpose.regime_channels == ALL_CHANNELS:
        return text
    names = ", ".join(channel_name(channel) for channel in channels_in(purpose.regime_channels))
    return f"{text} on {names}; elsewhere the country decides"


def basis_name(basis: RecordingBasis) -> str:
    """Whether calls may be recorded."""
    return basis.name.lower().replace("_", " ")


class KeptTerm(NamedTuple):
    """A term of the policy in words; the source is empty where no file states it."""

    key: str
    kept: str
    since: str
    months: str
    source: str


def kept_terms(policy: Policy) -> Iterator[KeptTerm]:
    """For how long everything about a person is kept, in the order of the file."""
    for field, (kept, since) in _KEPT.items():
        stated = policy.term_sources.get(field)
        yield KeptTerm(
            field.removesuffix("_months"),
            kept,
            since,
            months(getattr(policy.retention, field)),
            "" if stated is None else term_source(stated),
        )


def term_source(stated: TermSource) -> str:
    """Who says for how long something is kept, when that was looked at and how sure it is."""
    confidence = stated.confidence.name.lower()
    return f"{stated.citation} (checked {stated.checked_on}; confidence {confidence})"


def territories_of(policy: Policy, country: str) -> list[str]:
    """The codes of the territories that follow a country, sorted."""
    return sorted(key for key, followed in policy.territories.items() if followed == country)


def rules_of(policy: Policy, country: str, on: date | None = None) -> list[Rule]:
    """The rules of a country by id: of one day, or of all times."""
    return sorted(
        (
            rule
            for rules in policy.rules.values()
            for rule in rules
            if rule.country == country and (on is None or holds_on(rule, on))
        ),
        key=lambda rule: (rule.channel, rule.line_type, rule.recipient_type, rule.holds_from_us),
    )


def holds_on(rule: Rule, day: date) -> bool:
    """Whether a rule is in force on a day of its country."""
    return (rule.valid_from is None or rule.valid_from <= day) and (
        rule.valid_to is None or day <= rule.valid_to
    )


def unverified_in(rule: Rule) -> list[str]:
    """What of a rule is unverified, by the keys of the files."""
    return [key for key, text in terms(rule) if UNVERIFIED in text]
