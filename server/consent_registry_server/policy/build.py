"""From well-formed, checked files to the domain's `Policy`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from consent_registry_server.domain.policy import (
    Controller,
    Policy,
    Purpose,
    RecordingRule,
    Rule,
    SoftOptIn,
)
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    CountryCode,
    PurposeId,
    RuleId,
    channel_mask,
)
from consent_registry_server.policy.checks import ancestors
from consent_registry_server.policy.schema import (
    ControllersFile,
    CountryFile,
    DeclaredRecordingRule,
    DeclaredRule,
    PurposesFile,
    RecordingFile,
)

_VERSION_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Packs:
    """Every file of a policy, free of faults."""

    controllers: ControllersFile
    purposes: PurposesFile
    recording: RecordingFile
    countries: Mapping[str, CountryFile]


def policy_from(packs: Packs) -> Policy:
    """The policy the files state, with its version."""
    rules = [
        _rule(key, rule, country=country)
        for country, pack in packs.countries.items()
        for key, rule in pack.rules.items()
    ]
    recording = [_recording_rule(key, rule) for key, rule in packs.recording.rules.items()]
    return Policy(
        version=_version(packs),
        controllers=_controllers(packs.controllers),
        purposes=_purposes(packs.purposes),
        rules={(rule.country, rule.channel, rule.line_type): rule for rule in rules},
        recording_rules={(rule.line, rule.direction): rule for rule in recording},
        territories={
            CountryCode(territory): CountryCode(country)
            for country, pack in packs.countries.items()
            for territory in pack.territories
        },
        countries=frozenset(map(CountryCode, packs.countries)),
    )


def _version(packs: Packs) -> str:
    """A digest over what the files state; how they are written and ordered leaves no trace."""
    content = {
        "controllers": packs.controllers.model_dump(mode="json"),
        "purposes": packs.purposes.model_dump(mode="json"),
        "recording": packs.recording.model_dump(mode="json"),
        "countries": {key: pack.model_dump(mode="json") for key, pack in packs.countries.items()},
    }
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


def _rule(key: str, declared: DeclaredRule, *, country: str) -> Rule:
    soft_opt_in = declared.soft_opt_in
    return Rule(
        rule_id=RuleId(key),
        country=CountryCode(country),
        channel=declared.channel,
        line_type=declared.line_type,
        regime=declared.regime,
        soft_opt_in=None if soft_opt_in is None else SoftOptIn(soft_opt_in.within_months),
        running_contract_exemption=declared.running_contract_exemption,
        consent_validity_months=declared.consent_validity_months,
        register=declared.national_register or "",
        citation=declared.citation or "",
        checked_on=declared.checked_on,
        confidence=declared.confidence,
    )


def _recording_rule(key: str, declared: DeclaredRecordingRule) -> RecordingRule:
    return RecordingRule(
        rule_id=RuleId(key),
        line=declared.line,
        direction=declared.direction,
        basis=declared.basis,
        retention_months=declared.retention_months or 0,
        citation=declared.citation,
    )
