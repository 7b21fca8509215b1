"""From well-formed, checked files to the domain's `Policy`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.policy import (
    ALWAYS_US,
    NEVER_US,
    Controller,
    NationalRegister,
    Policy,
    Purpose,
    RecordingRule,
    Rule,
    Slot,
    SoftOptIn,
    TermSource,
)
from consent_registry_server.domain.retention import Retention
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    CountryCode,
    PurposeId,
    RuleId,
    channel_mask,
)
from consent_registry_server.policy.checks import ancestors
from consent_registry_server.policy.rule_checks import TIMED_CHANNELS
from consent_registry_server.policy.schema import (
    CompanyFile,
    ControllersFile,
    CountryFile,
    DeclaredRecordingRule,
    DeclaredRegister,
    DeclaredRule,
    DeclaredTerm,
    DeclaredTerms,
    PurposesFile,
    RecordingFile,
    RetentionFile,
    UnverifiedFile,
)
from consent_registry_server.policy.times import attempt_cap, contact_hours

_VERSION_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Packs:
    """Every file of a policy, free of faults; without a company layer, an empty one.

    `retention` is None where no file states the terms: then the program's own hold, and the
    version is the one that such a policy had before there was the file.
    """

    controllers: ControllersFile
    purposes: PurposesFile
    recording: RecordingFile
    unverified: UnverifiedFile
    countries: Mapping[str, CountryFile]
    company: CompanyFile
    retention: RetentionFile | None = None


def rules_of(packs: Packs) -> list[Rule]:
    """The rules as the countries state them, without the company's."""
    return [
        _rule(RuleId(key), declared, pack=pack, unverified=packs.unverified)
        for pack in packs.countries.values()
        for key, declared in pack.rules.items()
    ]


def policy_from(packs: Packs, rules: Iterable[Rule]) -> Policy:
    """The policy of the files, with its version; `rules` are theirs, tightened by the company."""
    recording = [_recording_rule(key, rule) for key, rule in packs.recording.rules.items()]
    return Policy(
        version=_version(packs),
        controllers=_controllers(packs.controllers),
        purposes=_purposes(packs.purposes),
        rules=_by_slot(rules),
        recording_rules={(rule.line, rule.direction): rule for rule in recording},
        territories={
            CountryCode(territory): CountryCode(country)
            for country, pack in packs.countries.items()
            for territory in pack.territories
        },
        time_zones={
            CountryCode(country): tuple(pack.time_zones)
            for country, pack in packs.countries.items()
        },
        retention=_retention(packs.retention),
        term_sources=_term_sources(packs.retention),
    )


def _version(packs: Packs) -> str:
    """A digest over what the files state; how they are written and ordered leaves no trace."""
    content = {
        "controllers": packs.controllers.model_dump(mode="json"),
        "purposes": packs.purposes.model_dump(mode="json"),
        "recording": packs.recording.model_dump(mode="json"),
        "unverified": packs.unverified.model_dump(mode="json"),
        "countries": {key: pack.model_dump(mode="json") for key, pack in packs.countries.items()},
        "company": packs.company.model_dump(mode="json"),
    }
    if packs.retention is not None:
        content["retention"] = packs.retention.model_dump(mode="json")
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_VERSION_LENGTH]


def _controllers(pack: ControllersFile) -> dict[ControllerId, Controller]:
    return {
        ControllerId(key): Controller(
            controller_id=ControllerId(key),
            legal_name=declared.legal_name,
            country=CountryCode(declared.country),
        )
        for key, declared in pack.controllers.items()
    }


def _purposes(pack: PurposesFile) -> dict[PurposeId, Purpose]:
    purposes = {}
    for key, declared in pack.purposes.items():
        line = [declared, *(pack.purposes[ancestor] for ancestor in ancestors(key))]
        ruling = next((purpose for purpose in line if purpose.regime is not None), declared)
        purposes[PurposeId(key)] = Purpose(
            purpose_id=PurposeId(key),
            description=declared.description,
            is_marketing=declared.marketing,
            regime=ruling.regime,
            regime_channels=channel_mask(tuple(ruling.channels)),
            citation=declared.citation or ruling.citation or "",
        )
    return purposes


def _retention(pack: RetentionFile | None) -> Retention:
    return Retention(**{field: term.months for field, term in _terms(pack)})


def _term_sources(pack: RetentionFile | None) -> dict[str, TermSource]:
    return {
        field: TermSource(term.citation, term.checked_on, term.confidence)
        for field, term in _terms(pack)
    }


def _terms(pack: RetentionFile | None) -> Iterator[tuple[str, DeclaredTerm]]:
    """The terms by the fields of `Retention`."""
    if pack is not None:
        for name in DeclaredTerms.model_fields:
            yield f"{name}_months", getattr(pack.terms, name)


def _by_slot(rules: Iterable[Rule]) -> dict[Slot, tuple[Rule, ...]]:
    slots: dict[Slot, list[Rule]] = {}
    for rule in sorted(rules, key=lambda rule: rule.holds_from_us):
        slot = (rule.country, rule.channel, rule.line_type, rule.recipient_type)
        slots.setdefault(slot, []).append(rule)
    return {slot: tuple(together) for slot, together in slots.items()}


def _rule(
    rule_id: RuleId, declared: DeclaredRule, *, pack: CountryFile, unverified: UnverifiedFile
) -> Rule:
    register, soft_opt_in = declared.national_register, declared.soft_opt_in
    is_timed = declared.channel in TIMED_CHANNELS
    hours, cap = declared.contact_hours, declared.attempt_cap
    return Rule(
        rule_id=rule_id,
        country=CountryCode(pack.country),
        channel=declared.channel,
        regime=declared.regime,
        line_type=declared.line_type,
        recipient_type=declared.recipient_type,
        valid_from=declared.valid_from,
        valid_to=declared.valid_to,
        holds_from_us=_holds_from_us(declared.valid_from, pack.time_zones),
        holds_until_us=_holds_until_us(declared.valid_to, pack.time_zones),
        soft_opt_in=None if soft_opt_in is None else SoftOptIn(soft_opt_in.within_months),
        running_contract_exemption=declared.running_contract_exemption,
        consent_validity_months=declared.consent_validity_months,
        proof_retention_months=declared.proof_retention_months,
        register=_register(register, unverified) if register else None,
        contact_hours=(
            contact_hours(hours or unverified.contact_hours, is_verified=hours is not None)
            if is_timed
            else None
        ),
        attempt_cap=(
            attempt_cap(cap or unverified.attempt_cap, is_verified=cap is not None)
            if is_timed
            else None
        ),
        citation=declared.citation or "",
        checked_on=declared.checked_on,
        confidence=declared.confidence,
    )


def _register(declared: DeclaredRegister, unverified: UnverifiedFile) -> NationalRegister:
    return NationalRegister(
        declared.name,
        scrub_age_days=declared.scrub_age_days or unverified.scrub_age_days,
        is_scrub_age_verified=declared.scrub_age_days is not None,
        exemptions=frozenset(declared.exemptions),
        contract_ended_within_days=declared.contract_ended_within_days or 0,
    )


def _holds_from_us(day: date | None, zones: Sequence[str]) -> int:
    return ALWAYS_US if day is None else _start_us(day, zones)


def _holds_until_us(day: date | None, zones: Sequence[str]) -> int:
    # There is no day after the last one that a date can name.
    return NEVER_US if day in {None, date.max} else _start_us(day + timedelta(days=1), zones)


def _start_us(day: date, zones: Sequence[str]) -> int:
    """When a day begins where the country's capital is."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zones[0])))


def _recording_rule(key: str, declared: DeclaredRecordingRule) -> RecordingRule:
    return RecordingRule(
        rule_id=RuleId(key),
        line=declared.line,
        direction=declared.direction,
        basis=declared.basis,
        purpose=declared.purpose or "",
        retention_months=declared.retention_months or 0,
        citation=declared.citation,
    )
