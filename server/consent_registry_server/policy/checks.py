"""What must hold between the keys and files of a policy, beyond the shape of each.

Every check reports into the document at fault and goes on, so that one start names all faults.
The rules of a country are checked in `rule_checks.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import product
from typing import Final

from consent_registry_server.domain.policy import RecordingBasis, Regime
from consent_registry_server.domain.vocabulary import GROUP, CallDirection, CallLine
from consent_registry_server.policy.document import Document, KeyPath
from consent_registry_server.policy.schema import (
    ControllersFile,
    CountryFile,
    DeclaredPurpose,
    DeclaredRecordingRule,
    PurposesFile,
    RecordingFile,
    RetentionFile,
    UnverifiedFile,
)
from consent_registry_server.policy.times import (
    are_hours_within,
    attempt_cap,
    contact_hours,
    is_cap_within,
)

SERVICE: Final = "service"
"""The one purpose that is not marketing: contract, safety, alarm."""

SHORTEST_ATTEMPT_MONTHS: Final = 14
"""More than the year of days that a cap may count, and than its digests are kept for it."""


def check_controllers(
    pack: ControllersFile, document: Document, *, countries: AbstractSet[str]
) -> None:
    """The reserved name is free, and the country of each controller has a file."""
    for key, controller in pack.controllers.items():
        if key == GROUP:
            document.report(("controllers", key), "reserved: it exists without being declared")
        if controller.country not in countries:
            path = ("controllers", key, "country")
            document.report(path, f"no rules: {controller.country}.yaml is missing")


def check_purposes(pack: PurposesFile, document: Document) -> None:
    """The tree has no gaps, and `service` alone is not marketing."""
    if SERVICE not in pack.purposes:
        document.report(("purposes",), f"`{SERVICE}` is missing")
    for key, purpose in pack.purposes.items():
        path: KeyPath = ("purposes", key)
        if key == SERVICE:
            _check_service(purpose, document, path=path)
        elif not purpose.marketing:
            document.report((*path, "marketing"), f"only `{SERVICE}` is not marketing")
        _check_parent(pack, document, key=key)


def _check_service(purpose: DeclaredPurpose, document: Document, *, path: KeyPath) -> None:
    if purpose.marketing:
        document.report(path, f"`{SERVICE}` must state marketing: false")
    if purpose.regime is not None:
        document.report((*path, "regime"), f"`{SERVICE}` is always allowed and has no regime")


def _check_parent(pack: PurposesFile, document: Document, *, key: str) -> None:
    parent_key = key.rpartition(".")[0]
    path: KeyPath = ("purposes", key)
    if not parent_key:
        return
    if parent_key not in pack.purposes:
        document.report(path, f"its parent `{parent_key}` is missing")
    if parent_key == SERVICE:
        # A child would be marketing that a reader takes for service, or the reverse.
        document.report(path, f"`{SERVICE}` has no children")
    if pack.purposes[key].regime is Regime.OPT_OUT:
        strict = next((a for a in ancestors(key) if _asks_consent(pack.purposes.get(a))), None)
        if strict:
            document.report((*path, "regime"), f"less strict than `{strict}`, which is opt_in")


def ancestors(key: str) -> Iterable[str]:
    """The purposes above one in the tree, the nearest first."""
    while key := key.rpartition(".")[0]:
        yield key


def _asks_consent(purpose: DeclaredPurpose | None) -> bool:
    return purpose is not None and purpose.regime is Regime.OPT_IN


def check_recording(pack: RecordingFile, document: Document) -> None:
    """Every line and direction has exactly one rule."""
    seen: dict[tuple[CallLine, CallDirection], str] = {}
    for key, rule in pack.rules.items():
        pair = (rule.line, rule.direction)
        words = f"{rule.line.name} {rule.direction.name}"
        if pair in seen:
            document.report(("rules", key), f"{words} has a rule already: {seen[pair]}")
        seen.setdefault(pair, key)
        _check_recording_rule(rule, document, key=key)
    for line, direction in product(CallLine, CallDirection):
        if (line, direction) not in seen:
            document.report(("rules",), f"{line.name} {direction.name} has no rule")


def _check_recording_rule(rule: DeclaredRecordingRule, document: Document, *, key: str) -> None:
    expected = f"recording.{rule.line.name}.{rule.direction.name}".lower()
    path: KeyPath = ("rules", key)
    if key != expected:
        document.report(path, f"the id of this rule is {expected}")
    permitted = rule.basis is not RecordingBasis.NOT_PERMITTED
    terms = {"purpose": "used for nothing", "retention_months": "not kept"}
    for term, meaning in terms.items():
        stated = getattr(rule, term) is not None
        if permitted and not stated:
            document.report(path, f"{term} is missing")
        if stated and not permitted:
            document.report((*path, term), f"nothing is recorded, so it is {meaning}")


def check_retention(pack: RetentionFile, document: Document) -> None:
    """Attempts are kept for longer than any cap counts them."""
    if pack.terms.attempt.months < SHORTEST_ATTEMPT_MONTHS:
        message = f"fewer than {SHORTEST_ATTEMPT_MONTHS}: caps count the attempts of up to a year"
        document.report(("terms", "attempt", "months"), message)


def check_territories(packs: Mapping[str, CountryFile], documents: Mapping[str, Document]) -> None:
    """No territory follows two countries, or a country while it has rules of its own.

    `documents` has the files of all countries, `packs` those that are well-formed.
    """
    owners: dict[str, str] = {}
    for country, pack in sorted(packs.items()):
        document = documents[country]
        for territory in pack.territories:
            if territory in documents:
                document.report(("territories",), f"{territory} has a file of its own")
            if territory in owners:
                owner = owners[territory]
                document.report(("territories",), f"{territory} is a territory of {owner} already")
            owners.setdefault(territory, country)


def check_registers(packs: Mapping[str, CountryFile], documents: Mapping[str, Document]) -> None:
    """No national register is named by two countries: the day of a scrub is its country's."""
    owners: dict[str, str] = {}
    for country, pack in sorted(packs.items()):
        for key, rule in sorted(pack.rules.items()):
            register = rule.national_register
            owner = owners.setdefault(register.name, country) if register else country
            if owner != country:
                path = ("rules", key, "register", "name")
                documents[country].report(path, f"a register of {owner} already")


def check_unverified(
    pack: UnverifiedFile, document: Document, *, countries: Iterable[CountryFile]
) -> None:
    """What stands in for the unknown is no laxer than any law that is known."""
    hours, cap = contact_hours(pack.contact_hours), attempt_cap(pack.attempt_cap)
    for key, rule in (item for country in countries for item in country.rules.items()):
        if rule.contact_hours is not None:
            known_hours = contact_hours(rule.contact_hours)
            if not are_hours_within(hours, within=known_hours):
                document.report(("contact_hours",), f"permit what {key} forbids")
        if rule.attempt_cap is not None:
            known_cap = attempt_cap(rule.attempt_cap)
            if not is_cap_within(cap, within=known_cap):
                document.report(("attempt_cap",), f"permits what {key} forbids")
        register = rule.national_register
        scrub_age_days = register.scrub_age_days if register else None
        if scrub_age_days is not None and pack.scrub_age_days > scrub_age_days:
            document.report(("scrub_age_days",), f"more than the {scrub_age_days} of {key}")
