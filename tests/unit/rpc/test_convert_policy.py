"""The policy as a client sees it."""

from __future__ import annotations

from datetime import date

import pytest

from consent_registry.v1 import policy_service_pb2 as policies
from consent_registry.v1.contact_pb2 import (
    CHANNEL_VOICE_CALL,
    RECIPIENT_TYPE_BUSINESS,
    RECIPIENT_TYPE_CONSUMER,
)
from consent_registry.v1.decision_service_pb2 import (
    CALL_DIRECTION_INBOUND,
    CALL_LINE_CUSTOMER_SERVICE,
)
from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.errors import NotFound
from consent_registry_server.domain.policy import (
    AttemptCap,
    Confidence,
    LineType,
    NationalRegister,
    Policy,
    RecordingBasis,
    RecordingRule,
    Regime,
    RegisterExemption,
    Rule,
    SoftOptIn,
)
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Channel,
    CountryCode,
    RecipientType,
    RuleId,
)
from consent_registry_server.rpc.convert_policy import fill_policy

FRANCE, NORWAY = CountryCode("FR"), CountryCode("NO")

UNTIL = Rule(
    RuleId("fr.voice_call.until_2026"),
    FRANCE,
    Channel.VOICE_CALL,
    Regime.OPT_OUT,
    valid_to=date(2026, 8, 10),
    register=NationalRegister(
        "Bloctel",
        30,
        is_scrub_age_verified=False,
        exemptions=frozenset({RegisterExemption.CONTRACT, RegisterExemption.LATER_CONSENT}),
        contract_ended_within_days=30,
    ),
)
SINCE = Rule(
    RuleId("fr.voice_call"),
    FRANCE,
    Channel.VOICE_CALL,
    Regime.OPT_IN,
    valid_from=date(2026, 8, 11),
    soft_opt_in=SoftOptIn(within_months=12),
    running_contract_exemption=True,
    consent_validity_months=12,
    proof_retention_months=36,
    contact_hours=ContactHours(
        {
            DayKind.HOLIDAY: (Window(600, 660),),
            DayKind.MON: (Window(600, 780), Window(840, 1200)),
        }
    ),
    attempt_cap=AttemptCap(4, 30, is_verified=False),
    citation="Code de la consommation art. L223-1",
    checked_on=date(2026, 11, 22),
    confidence=Confidence.MEDIUM,
)
BUSINESS = Rule(
    RuleId("fr.email.business"),
    FRANCE,
    Channel.EMAIL,
    None,
    recipient_type=RecipientType.BUSINESS,
)
CLOSED = Rule(
    RuleId("no.voice_call.mobile"),
    NORWAY,
    Channel.VOICE_CALL,
    Regime.OPT_OUT,
    line_type=LineType.MOBILE,
    contact_hours=ContactHours({}, is_verified=False),
)
RECORDING = RecordingRule(
    RuleId("recording.customer_service.inbound"),
    CallLine.CUSTOMER_SERVICE,
    CallDirection.INBOUND,
    RecordingBasis.UNLESS_OBJECTED,
    purpose="Quality and training",
    retention_months=6,
    citation="GDPR art. 6(1)(f)",
)


@pytest.fixture
def policy() -> Policy:
    rules: dict[tuple[CountryCode, Channel, LineType, RecipientType], tuple[Rule, ...]] = {}
    for rule in (UNTIL, SINCE, BUSINESS, CLOSED):
        slot = (rule.country, rule.channel, rule.line_type, rule.recipient_type)
        rules[slot] = (*rules.get(slot, ()), rule)
    return Policy(
        version="v1",
        controllers={},
        purposes={},
        rules=rules,
        recording_rules={(RECORDING.line, RECORDING.direction): RECORDING},
        territories={CountryCode("RE"): FRANCE},
        time_zones={FRANCE: ("Europe/Paris",), NORWAY: ("Europe/Oslo",)},
    )


def message(policy: Policy, country: CountryCode | None = None) -> policies.GetPolicyResponse:
    filled = policies.GetPolicyResponse()
    fill_policy(filled, policy, country)
    return filled


def rule(policy: Policy, rule_id: RuleId) -> policies.Rule:
    (found,) = (each for each in message(policy).rules if each.rule_id == rule_id)
    return found


def test_the_rules_of_all_times_are_shown_by_id(policy: Policy) -> None:
    """Those that were, that are and that will be."""
    assert [each.rule_id for each in message(policy).rules] == [
        "fr.email.business",
        "fr.voice_call",
        "fr.voice_call.until_2026",
        "no.voice_call.mobile",
    ]


def test_the_rules_of_one_country_are_shown_alone(policy: Policy) -> None:
    """All else of the policy is shown with them."""
    shown = message(policy, NORWAY)
    assert [each.rule_id for each in shown.rules] == ["no.voice_call.mobile"]
    assert shown.policy_version == "v1"
    assert len(shown.recording_rules) == 1


@pytest.mark.parametrize("country", ["DE", "RE"])
def test_a_country_without_rules_of_its_own_is_unknown(policy: Policy, country: str) -> None:
    """A territory has none: it follows a country."""
    with pytest.raises(NotFound) as refused:
        message(policy, CountryCode(country))
    assert (refused.value.reason, refused.value.field) == ("UNKNOWN_COUNTRY", "country")


def test_every_field_of_a_rule_is_shown(policy: Policy) -> None:
    """Days of the week are numbered from one."""
    assert rule(policy, SINCE.rule_id) == policies.Rule(
        rule_id="fr.voice_call",
        country="FR",
        channel=CHANNEL_VOICE_CALL,
        recipient_type=RECIPIENT_TYPE_CONSUMER,
        regime=policies.REGIME_OPT_IN,
        valid_from="2026-08-11",
        soft_opt_in=True,
        soft_opt_in_within_months=12,
        running_contract_exemption=True,
        consent_validity_months=12,
        proof_retention_months=36,
        contact_hours=policies.ContactHours(
            windows=[
                policies.ContactWindow(
                    day=policies.DAY_KIND_MONDAY, from_minute=600, to_minute=780
                ),
                policies.ContactWindow(
                    day=policies.DAY_KIND_MONDAY, from_minute=840, to_minute=1200
                ),
                policies.ContactWindow(
                    day=policies.DAY_KIND_HOLIDAY, from_minute=600, to_minute=660
                ),
            ],
            verified=True,
        ),
        attempt_cap=policies.AttemptCap(attempts=4, days=30, verified=False),
        citation="Code de la consommation art. L223-1",
        checked_on="2026-11-22",
        confidence=policies.CONFIDENCE_MEDIUM,
    )


def test_a_register_is_shown_with_what_exempts_from_it(policy: Policy) -> None:
    """In the order of the contract."""
    shown = rule(policy, UNTIL.rule_id)
    assert (shown.valid_from, shown.valid_to) == ("", "2026-08-10")
    assert shown.national_register == policies.NationalRegister(
        register="Bloctel",
        scrub_age_days=30,
        scrub_age_verified=False,
        exemptions=[
            policies.REGISTER_EXEMPTION_LATER_CONSENT,
            policies.REGISTER_EXEMPTION_CONTRACT,
        ],
        contract_ended_within_days=30,
    )


def test_what_a_rule_does_not_state_is_unset(policy: Policy) -> None:
    """An unverified regime has no number; no register, hours or cap are no message."""
    shown = rule(policy, BUSINESS.rule_id)
    assert shown.regime == policies.REGIME_UNSPECIFIED
    assert shown.recipient_type == RECIPIENT_TYPE_BUSINESS
    assert not any(
        shown.HasField(name) for name in ("national_register", "contact_hours", "attempt_cap")
    )


def test_hours_without_a_window_are_shown_as_hours(policy: Policy) -> None:
    """At no time is not at any time."""
    shown = rule(policy, CLOSED.rule_id)
    assert shown.HasField("contact_hours")
    assert (len(shown.contact_hours.windows), shown.contact_hours.verified) == (0, False)


def test_a_recording_rule_says_what_the_recording_is_for(policy: Policy) -> None:
    """With all else it says."""
    assert list(message(policy).recording_rules) == [
        policies.RecordingRule(
            rule_id="recording.customer_service.inbound",
            line=CALL_LINE_CUSTOMER_SERVICE,
            direction=CALL_DIRECTION_INBOUND,
            basis=policies.RECORDING_BASIS_UNLESS_OBJECTED,
            purpose="Quality and training",
            retention_months=6,
            citation="GDPR art. 6(1)(f)",
        )
    ]


def test_every_kind_of_day_has_its_number_in_the_contract() -> None:
    """One more than the domain's."""
    numbers = {kind.name[:3]: kind + 1 for kind in DayKind if kind < DayKind.HOLIDAY_EVE}
    shown = {
        name.removeprefix("DAY_KIND_")[:3]: number
        for name, number in policies.DayKind.items()
        if policies.DAY_KIND_UNSPECIFIED < number <= policies.DAY_KIND_SUNDAY
    }
    assert shown == numbers
    assert DayKind.HOLIDAY_EVE + 1 == policies.DAY_KIND_HOLIDAY_EVE
    assert DayKind.HOLIDAY + 1 == policies.DAY_KIND_HOLIDAY
