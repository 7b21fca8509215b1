"""What must hold within the rules of one country, beyond the shape of each."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import Final

from consent_registry_server.domain.policy import LineType, Regime, RegisterExemption
from consent_registry_server.domain.vocabulary import Channel, RecipientType
from consent_registry_server.policy.document import Document, KeyPath
from consent_registry_server.policy.schema import CountryFile, DeclaredRule

LINE_TYPE_CHANNELS: Final = frozenset({Channel.SMS, Channel.VOICE_CALL, Channel.AUTOMATED_CALL})
"""Where a rule may tell mobile lines from landlines."""

TIMED_CHANNELS: Final = frozenset(
    {Channel.VOICE_CALL, Channel.AUTOMATED_CALL, Channel.DOOR_TO_DOOR}
)
"""Where the law may know contact hours and a cap, so that a rule must say what it knows."""

_SLOT_WORDS: Final = frozenset(
    {kind.name.lower() for kind in LineType} | {kind.name.lower() for kind in RecipientType}
)

_Slot = tuple[Channel, LineType, RecipientType]


def check_country(pack: CountryFile, document: Document, *, country: str) -> None:
    """The file says what its name says, and every channel has its rules, one at a time."""
    if pack.country != country:
        document.report(("country",), f"the file's name says {country}")
    slots: dict[_Slot, dict[str, DeclaredRule]] = {}
    for key, rule in pack.rules.items():
        slot = (rule.channel, rule.line_type, rule.recipient_type)
        slots.setdefault(slot, {})[key] = rule
        _check_rule(rule, document, path=("rules", key))
    for slot, rules in slots.items():
        _check_rule_ids(rules, document, slot_id=".".join([country.lower(), *_words(slot)]))
        _check_periods(rules, document)
    for channel in Channel:
        _check_lines(channel, document, slots=slots.keys())


def _words(slot: _Slot) -> list[str]:
    """How a rule id names a slot: what is not distinguished is not named."""
    channel, line_type, recipient_type = slot
    words = [channel.name]
    if line_type is not LineType.ANY:
        words.append(line_type.name)
    if recipient_type is not RecipientType.CONSUMER:
        words.append(recipient_type.name)
    return [word.lower() for word in words]


def _check_rule_ids(rules: Mapping[str, DeclaredRule], document: Document, *, slot_id: str) -> None:
    """Decisions quote rule ids: one that names another channel would explain them wrongly."""
    for key in rules:
        stem, _, word = key.rpartition(".")
        is_period = len(rules) > 1 and stem == slot_id and word and word not in _SLOT_WORDS
        if key != slot_id and not is_period:
            further = ", or that and one word of its own" if len(rules) > 1 else ""
            document.report(("rules", key), f"the id of this rule is {slot_id}{further}")


def _check_periods(rules: Mapping[str, DeclaredRule], document: Document) -> None:
    """No two rules of one slot hold on the same day; a day without one is unverified."""
    periods = sorted(
        (rule.valid_from or date.min, rule.valid_to or date.max, key) for key, rule in rules.items()
    )
    (_, held_until, holding), *later = periods
    for since, until, key in later:
        if since <= held_until:
            overlap = f"holds on days on which {holding} holds already"
            document.report(("rules", key), f"{overlap}; see valid_from and valid_to")
        if until > held_until:
            held_until, holding = until, key


def _check_lines(channel: Channel, document: Document, *, slots: AbstractSet[_Slot]) -> None:
    kinds: dict[RecipientType, set[LineType]] = {recipient: set() for recipient in RecipientType}
    for ruled, line_type, recipient_type in slots:
        if ruled is channel:
            kinds[recipient_type].add(line_type)
    consumer, business = kinds[RecipientType.CONSUMER], kinds[RecipientType.BUSINESS]
    if not consumer:
        document.report(("rules",), f"{channel.name} has no rule for consumers")
    if consumer:
        _check_line_types(consumer, document, who=channel.name)
    if business:
        _check_line_types(business, document, who=f"{channel.name} BUSINESS")
    if business - {LineType.ANY} and LineType.ANY in consumer:
        # A business line of unclear type would fall back on the consumer's rule, maybe laxer.
        message = f"{channel.name} has line types for businesses, and none for consumers"
        document.report(("rules",), message)


def _check_line_types(kinds: AbstractSet[LineType], document: Document, *, who: str) -> None:
    path: KeyPath = ("rules",)
    if LineType.ANY in kinds and len(kinds) > 1:
        # A number whose line type is unclear must not fall back on the laxer rule.
        document.report(path, f"{who} has a rule for any line beside one for a line type")
    elif LineType.ANY not in kinds:
        for kind in (LineType.MOBILE, LineType.LANDLINE):
            if kind not in kinds:
                document.report(path, f"{who} {kind.name} has no rule")


def _check_rule(rule: DeclaredRule, document: Document, *, path: KeyPath) -> None:
    if rule.line_type is not LineType.ANY and rule.channel not in LINE_TYPE_CHANNELS:
        document.report((*path, "line_type"), f"{rule.channel.name} has no line types")
    if rule.valid_from and rule.valid_to and rule.valid_from > rule.valid_to:
        document.report((*path, "valid_to"), f"before valid_from, {rule.valid_from}")
    if rule.regime is not None:
        for key in ("citation", "checked_on"):
            if getattr(rule, key) is None:
                document.report(path, f"a verified rule needs {key}")
    _check_consent_terms(rule, document, path=path)
    _check_times(rule, document, path=path)
    _check_register(rule, document, path=path)


def _check_consent_terms(rule: DeclaredRule, document: Document, *, path: KeyPath) -> None:
    terms = {
        "soft_opt_in": rule.soft_opt_in is not None,
        "running_contract_exemption": rule.running_contract_exemption,
        "consent_validity_months": rule.consent_validity_months is not None,
        "proof_retention_months": rule.proof_retention_months is not None,
    }
    if rule.regime is not Regime.OPT_IN:
        for key, stated in terms.items():
            if stated:
                document.report((*path, key), "has a meaning under opt_in only")
    elif rule.proof_retention_months is None:
        document.report(path, "an opt_in rule needs proof_retention_months")


def _check_times(rule: DeclaredRule, document: Document, *, path: KeyPath) -> None:
    for key, word in (("contact_hours", "any"), ("attempt_cap", "none")):
        stated = key in rule.model_fields_set
        if rule.channel in TIMED_CHANNELS and not stated:
            # Whoever forgets the hours must not have permitted the night.
            unknown = f"`{word}` where the law knows none, null where nobody has looked"
            document.report(path, f"{key} is missing: {unknown}")
        if stated and rule.channel not in TIMED_CHANNELS:
            document.report((*path, key), f"has no meaning for {rule.channel.name}")


def _check_register(rule: DeclaredRule, document: Document, *, path: KeyPath) -> None:
    register = rule.national_register
    if register is None or register.contract_ended_within_days is None:
        return
    if RegisterExemption.CONTRACT not in register.exemptions:
        path = (*path, "register", "contract_ended_within_days")
        document.report(path, "has a meaning with the exemption contract only")
