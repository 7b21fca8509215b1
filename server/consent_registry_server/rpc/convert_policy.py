"""The policy as a message."""

from __future__ import annotations

from datetime import date

from consent_registry.v1 import contact_pb2, decision_service_pb2, policy_service_pb2
from consent_registry_server.domain.contact_hours import ContactHours
from consent_registry_server.domain.errors import NotFound
from consent_registry_server.domain.policy import (
    AttemptCap,
    Controller,
    NationalRegister,
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
    if country is not None and country not in policy.time_zones:
        raise NotFound("UNKNOWN_COUNTRY", "there are no rules for it", field="country")
    message.policy_version = policy.version
    for _, controller in sorted(policy.controllers.items()):
        _fill_controller(message.controllers.add(), controller)
    for _, purpose in sorted(policy.purposes.items()):
        _fill_purpose(message.purposes.add(), purpose)
    every = (rule for rules in policy.rules.values() for rule in rules)
    for rule in sorted(every, key=lambda rule: rule.rule_id):
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
    message.recipient_type = contact_pb2.RecipientType.ValueType(rule.recipient_type)
    message.valid_from = _day(rule.valid_from)
    message.valid_to = _day(rule.valid_to)
    message.citation = rule.citation
    message.checked_on = _day(rule.checked_on)
    message.confidence = policy_service_pb2.Confidence.ValueType(rule.confidence)
    _fill_terms(message, rule)


def _fill_terms(message: policy_service_pb2.Rule, rule: Rule) -> None:
    message.regime = policy_service_pb2.Regime.ValueType(rule.regime or 0)
    if rule.soft_opt_in is not None:
        message.soft_opt_in = True
        message.soft_opt_in_within_months = rule.soft_opt_in.within_months or 0
    message.running_contract_exemption = rule.running_contract_exemption
    message.consent_validity_months = rule.consent_validity_months or 0
    message.proof_retention_months = rule.proof_retention_months or 0
    if rule.register is not None:
        _fill_register(message.national_register, rule.register)
    if rule.contact_hours is not None:
        _fill_contact_hours(message.contact_hours, rule.contact_hours)
    if rule.attempt_cap is not None:
        _fill_attempt_cap(message.attempt_cap, rule.attempt_cap)


def _fill_register(
    message: policy_service_pb2.NationalRegister, register: NationalRegister
) -> None:
    message.register = register.name
    message.scrub_age_days = register.scrub_age_days
    message.scrub_age_verified = register.is_scrub_age_verified
    message.exemptions.extend(
        policy_service_pb2.RegisterExemption.ValueType(exemption)
        for exemption in sorted(register.exemptions)
    )
    message.contract_ended_within_days = register.contract_ended_within_days


def _fill_contact_hours(message: policy_service_pb2.ContactHours, hours: ContactHours) -> None:
    message.verified = hours.is_verified
    for kind, windows in sorted(hours.by_day.items()):
        for window in windows:
            message.windows.add(
                # A message's zero stands for none; Monday is the domain's.
                day=policy_service_pb2.DayKind.ValueType(kind + 1),
                from_minute=window.from_minute,
                to_minute=window.to_minute,
            )


def _fill_attempt_cap(message: policy_service_pb2.AttemptCap, cap: AttemptCap) -> None:
    message.attempts = cap.attempts
    message.days = cap.days
    message.verified = cap.is_verified


def _fill_recording_rule(message: policy_service_pb2.RecordingRule, rule: RecordingRule) -> None:
    message.rule_id = rule.rule_id
    message.line = decision_service_pb2.CallLine.ValueType(rule.line)
    message.direction = decision_service_pb2.CallDirection.ValueType(rule.direction)
    message.basis = policy_service_pb2.RecordingBasis.ValueType(rule.basis)
    message.purpose = rule.purpose
    message.retention_months = rule.retention_months
    message.citation = rule.citation


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()
