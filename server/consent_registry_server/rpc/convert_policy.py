"""The policy as a message."""

from __future__ import annotations

from consent_registry.v1 import contact_pb2, decision_service_pb2, policy_service_pb2
from consent_registry_server.domain.errors import NotFound
from consent_registry_server.domain.policy import (
    Controller,
    Policy,
    Purpose,
    RecordingRule,
    Rule,
)
from consent_registry_server.domain.vocabulary import CountryCode, channels_in


def fill_policy(
    message: policy_service_pb2.GetPolicyResponse, policy: Policy, country: CountryCode | None
) -> None:
    """Writes the policy into a message; only the rules of one country where one is given.

    Raises:
        NotFound: UNKNOWN_COUNTRY, for a country without rules.
    """
    if country is not None and country not in policy.countries:
        raise NotFound("UNKNOWN_COUNTRY", "there are no rules for it", field="country")
    message.policy_version = policy.version
    for _, controller in sorted(policy.controllers.items()):
        _fill_controller(message.controllers.add(), controller)
    for _, purpose in sorted(policy.purposes.items()):
        _fill_purpose(message.purposes.add(), purpose)
    for rule in sorted(policy.rules.values(), key=lambda rule: rule.rule_id):
        if country is None or rule.country == country:
            _fill_rule(message.rules.add(), rule)
    for recording in sorted(policy.recording_rules.values(), key=lambda rule: rule.rule_id):
        _fill_recording_rule(message.recording_rules.add(), recording)


def _fill_controller(message: policy_service_pb2.Controller, controller: Controller) -> None:
    message.controller = controller.controller_id
    message.legal_name = controller.legal_name
    message.country = controller.country


def _fill_purpose(message: policy_service_pb2.Purpose, purpose: Purpose) -> None:
    message.purpose = purpose.purpose_id
    message.description = purpose.description
    message.marketing = purpose.is_marketing
    message.regime = policy_service_pb2.Regime.ValueType(purpose.regime or 0)
    message.citation = purpose.citation
    if purpose.regime is not None:
        message.regime_channels.extend(
            contact_pb2.Channel.ValueType(channel)
            for channel in channels_in(purpose.regime_channels)
        )


def _fill_rule(message: policy_service_pb2.Rule, rule: Rule) -> None:
    message.rule_id = rule.rule_id
    message.country = rule.country
    message.channel = contact_pb2.Channel.ValueType(rule.channel)
    message.line_type = policy_service_pb2.LineType.ValueType(rule.line_type)
    message.regime = policy_service_pb2.Regime.ValueType(rule.regime or 0)
    if rule.soft_opt_in is not None:
        message.soft_opt_in = True
        message.soft_opt_in_within_months = rule.soft_opt_in.within_months or 0
    message.running_contract_exemption = rule.running_contract_exemption
    message.consent_validity_months = rule.consent_validity_months or 0
    message.national_register = rule.register
    message.citation = rule.citation
    message.checked_on = rule.checked_on.isoformat() if rule.checked_on else ""
    message.confidence = policy_service_pb2.Confidence.ValueType(rule.confidence)


def _fill_recording_rule(message: policy_service_pb2.RecordingRule, rule: RecordingRule) -> None:
    message.rule_id = rule.rule_id
    message.line = decision_service_pb2.CallLine.ValueType(rule.line)
    message.direction = decision_service_pb2.CallDirection.ValueType(rule.direction)
    message.basis = policy_service_pb2.RecordingBasis.ValueType(rule.basis)
    message.retention_months = rule.retention_months
    message.citation = rule.citation
