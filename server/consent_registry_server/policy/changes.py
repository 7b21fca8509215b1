"""What differs between two policies, key by key, in words.

Whether a change makes a rule stricter is said only where it is certain whatever the facts: every
answer is the same or a stricter one. A change that is neither for certain is left to the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple, TypeVar

from consent_registry_server.domain.contact_hours import ContactHours
from consent_registry_server.domain.policy import (
    AttemptCap,
    NationalRegister,
    Policy,
    Purpose,
    RecordingRule,
    Regime,
    Rule,
)
from consent_registry_server.policy import wording
from consent_registry_server.policy.times import are_hours_within, is_cap_within

T = TypeVar("T")


class Strictness(Enum):
    """What a change of one key does to the answers, all else being equal."""

    STRICTER = "stricter"
    LOOSER = "looser"
    NOT_CERTAIN = ""


class Change(NamedTuple):
    """One key of one thing that a policy declares; an empty text is what is not stated."""

    of: str
    """What declares it: the id of a rule, a purpose or a controller, or a country."""
    key: str
    """Empty when the whole of it is new or gone."""
    before: str
    after: str
    strictness: Strictness = Strictness.NOT_CERTAIN


def changes(before: Policy, after: Policy) -> list[Change]:
    """What differs, rules first; each by its id, with its keys in the order of the files."""
    return [
        *_compared(_rules(before), _rules(after), _rule_changes),
        *_compared(_recording(before), _recording(after), _worded(_recording_terms)),
        *_compared(_retention(before), _retention(after), _worded(dict)),
        *_compared(_purposes(before), _purposes(after), _worded(_purpose_terms)),
        *_compared(_controllers(before), _controllers(after), _worded(dict)),
        *_compared(_countries(before), _countries(after), _worded(dict)),
    ]


Comparison = Callable[[str, T, T], Iterator[Change]]


def _compared(
    before: Mapping[str, T], after: Mapping[str, T], compare: Comparison[T]
) -> Iterator[Change]:
    for key in sorted(before.keys() | after.keys()):
        if key not in after:
            yield Change(key, "", "declared", "")
        elif key not in before:
            yield Change(key, "", "", "declared")
        else:
            yield from compare(key, before[key], after[key])


def _worded(terms: Callable[[T], Mapping[str, str]]) -> Comparison[T]:
    def compare(of: str, before: T, after: T) -> Iterator[Change]:
        said_before, said_after = terms(before), terms(after)
        for key, was in said_before.items():
            becomes = said_after[key]
            if was != becomes:
                yield Change(of, key, was, becomes)

    return compare


# Rules.


def _rules(policy: Policy) -> dict[str, Rule]:
    return {rule.rule_id: rule for rules in policy.rules.values() for rule in rules}


def _rule_changes(of: str, before: Rule, after: Rule) -> Iterator[Change]:
    for (key, was), (_, becomes) in zip(wording.terms(before), wording.terms(after), strict=True):
        if was != becomes:
            judge = _JUDGES.get(key)
            strictness = judge(before, after) if judge else Strictness.NOT_CERTAIN
            yield Change(of, key, was, becomes, strictness)


def _judged(*, may_be_looser: bool, may_be_stricter: bool) -> Strictness:
    if may_be_looser == may_be_stricter:
        return Strictness.NOT_CERTAIN
    return Strictness.LOOSER if may_be_looser else Strictness.STRICTER


def _regime(before: Rule, after: Rule) -> Strictness:
    # An unverified rule asks a human where opt-in would refuse, and where it would allow.
    if before.regime is Regime.OPT_OUT:
        return Strictness.STRICTER
    return Strictness.LOOSER if after.regime is Regime.OPT_OUT else Strictness.NOT_CERTAIN


def _shorter(read: Callable[[Rule], float]) -> Callable[[Rule, Rule], Strictness]:
    """Judges a time within which something helps the one who asks."""

    def judge(before: Rule, after: Rule) -> Strictness:
        return _judged(
            may_be_looser=read(after) > read(before), may_be_stricter=read(after) < read(before)
        )

    return judge


def _soft_opt_in_months(rule: Rule) -> float:
    if rule.soft_opt_in is None:
        return 0
    return (
        float("inf") if rule.soft_opt_in.within_months is None else rule.soft_opt_in.within_months
    )


def _validity_months(rule: Rule) -> float:
    months = rule.consent_validity_months
    return float("inf") if months is None else months


def _register(before: Rule, after: Rule) -> Strictness:
    return _judged(
        may_be_looser=not _is_register_within(after.register, before.register),
        may_be_stricter=not _is_register_within(before.register, after.register),
    )


def _is_register_within(register: NationalRegister | None, other: NationalRegister | None) -> bool:
    if other is None:
        return True
    return (
        register is not None
        and register.name == other.name
        and register.scrub_age_days <= other.scrub_age_days
        and register.exemptions <= other.exemptions
        and register.contract_ended_within_days <= other.contract_ended_within_days
    )


def _contact_hours(before: Rule, after: Rule) -> Strictness:
    return _judged(
        may_be_looser=not _are_hours_as_firm(after.contact_hours, before.contact_hours),
        may_be_stricter=not _are_hours_as_firm(before.contact_hours, after.contact_hours),
    )


def _are_hours_as_firm(hours: ContactHours | None, other: ContactHours | None) -> bool:
    # Outside unverified hours a human is asked, outside known ones nobody.
    is_as_firm = other is None or not other.is_verified or (hours is not None and hours.is_verified)
    return is_as_firm and are_hours_within(hours, within=other)


def _attempt_cap(before: Rule, after: Rule) -> Strictness:
    return _judged(
        may_be_looser=not _is_cap_as_firm(after.attempt_cap, before.attempt_cap),
        may_be_stricter=not _is_cap_as_firm(before.attempt_cap, after.attempt_cap),
    )


def _is_cap_as_firm(cap: AttemptCap | None, other: AttemptCap | None) -> bool:
    is_as_firm = other is None or not other.is_verified or (cap is not None and cap.is_verified)
    return is_as_firm and is_cap_within(cap, within=other)


_JUDGES: Final[Mapping[str, Callable[[Rule, Rule], Strictness]]] = {
    "regime": _regime,
    "soft_opt_in": _shorter(_soft_opt_in_months),
    "running_contract_exemption": _shorter(lambda rule: rule.running_contract_exemption),
    "consent_validity_months": _shorter(_validity_months),
    "register": _register,
    "contact_hours": _contact_hours,
    "attempt_cap": _attempt_cap,
}


# All else.


def _recording(policy: Policy) -> dict[str, RecordingRule]:
    return {rule.rule_id: rule for rule in policy.recording_rules.values()}


def _recording_terms(rule: RecordingRule) -> dict[str, str]:
    return {
        "basis": wording.basis_name(rule.basis),
        "purpose": rule.purpose,
        "retention_months": wording.months(rule.retention_months or None),
        "citation": rule.citation,
    }


def _retention(policy: Policy) -> dict[str, dict[str, str]]:
    return {
        f"retention {term.key}": {"months": term.months, "source": term.source}
        for term in wording.kept_terms(policy)
    }


def _purposes(policy: Policy) -> dict[str, Purpose]:
    return {f"purpose {key}": purpose for key, purpose in policy.purposes.items()}


def _purpose_terms(purpose: Purpose) -> dict[str, str]:
    return {
        "description": purpose.description,
        "regime": wording.purpose_regime(purpose),
        "citation": purpose.citation,
    }


def _controllers(policy: Policy) -> dict[str, dict[str, str]]:
    return {
        f"controller {key}": {"legal_name": each.legal_name, "country": each.country}
        for key, each in policy.controllers.items()
    }


def _countries(policy: Policy) -> dict[str, dict[str, str]]:
    return {
        f"country {country}": {
            "time_zones": ", ".join(zones),
            "territories": ", ".join(wording.territories_of(policy, country)),
        }
        for country, zones in policy.time_zones.items()
    }
