"""What must hold between the keys and files of a policy, beyond the shape of each.

Every check reports into the document at fault and goes on, so that one start names all faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import product
from typing import Final

from consent_registry_server.domain.policy import LineType, RecordingBasis, Regime
from consent_registry_server.domain.vocabulary import GROUP, CallDirection, CallLine, Channel
from consent_registry_server.policy.document import Document, KeyPath
from consent_registry_server.policy.schema import (
    ControllersFile,
    CountryFile,
    DeclaredPurpose,
    DeclaredRecordingRule,
    DeclaredRule,
    PurposesFile,
    RecordingFile,
)

SERVICE: Final = "service"
"""The one purpose that is not marketing: contract, safety, alarm."""

LINE_TYPE_CHANNELS: Final = frozenset({Channel.SMS, Channel.VOICE_CALL, Channel.AUTOMATED_CALL})
"""Where a rule may tell mobile lines from landlines."""


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
    _check_rule_id(key, document, expected=expected)
    permitted = rule.basis is not RecordingBasis.NOT_PERMITTED
    if permitted and rule.retention_months is None:
        document.report(("rules", key), "retention_months is missing")
    if not permitted and rule.retention_months is not None:
        path = ("rules", key, "retention_months")
        document.report(path, "nothing is recorded, so nothing is kept")


def check_country(pack: CountryFile, document: Document, *, country: str) -> None:
    """The file says what its name says, and every channel has its rules, each once."""
    if pack.country != country:
        document.report(("country",), f"the file's name says {country}")
    seen: dict[tuple[Channel, LineType], str] = {}
    for key, rule in pack.rules.items():
        slot = (rule.channel, rule.line_type)
        if slot in seen:
            document.report(("rules", key), f"{_words(*slot)} has a rule already: {seen[slot]}")
        seen.setdefault(slot, key)
        expected = ".".join([country, *_words(*slot).split()]).lower()
        _check_rule_id(key, document, expected=expected)
        _check_rule(rule, document, path=("rules", key))
    for channel in Channel:
        _check_channel(channel, document, kinds={kind for owner, kind in seen if owner is channel})


def _words(channel: Channel, line_type: LineType) -> str:
    return channel.name if line_type is LineType.ANY else f"{channel.name} {line_type.name}"


def _check_channel(channel: Channel, document: Document, *, kinds: AbstractSet[LineType]) -> None:
    path: KeyPath = ("rules",)
    if not kinds:
        document.report(path, f"{channel.name} has no rule")
    elif LineType.ANY in kinds and len(kinds) > 1:
        # A number whose line type is unclear must not fall back on the laxer rule.
        document.report(path, f"{channel.name} has a rule for any line beside one for a line type")
    elif LineType.ANY not in kinds:
        for kind in (LineType.MOBILE, LineType.LANDLINE):
            if kind not in kinds:
                document.report(path, f"{_words(channel, kind)} has no rule")


def _check_rule(rule: DeclaredRule, document: Document, *, path: KeyPath) -> None:
    if rule.line_type is not LineType.ANY and rule.channel not in LINE_TYPE_CHANNELS:
        document.report((*path, "line_type"), f"{rule.channel.name} has no line types")
    if rule.regime is not Regime.OPT_IN:
        for key, stated in _consent_terms(rule).items():
            if stated:
                document.report((*path, key), "has a meaning under opt_in only")
    if rule.regime is not None:
        for key in ("citation", "checked_on"):
            if getattr(rule, key) is None:
                document.report(path, f"a verified rule needs {key}")


def _consent_terms(rule: DeclaredRule) -> Mapping[str, bool]:
    return {
        "soft_opt_in": rule.soft_opt_in is not None,
        "running_contract_exemption": rule.running_contract_exemption,
        "consent_validity_months": rule.consent_validity_months is not None,
    }


def _check_rule_id(key: str, document: Document, *, expected: str) -> None:
    """Decisions quote rule ids: one that names another channel would explain them wrongly."""
    if key != expected:
        document.report(("rules", key), f"the id of this rule is {expected}")


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
