"""What differs between two policies, and whether that is stricter."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.policy import (
    AttemptCap,
    Controller,
    NationalRegister,
    Policy,
    Purpose,
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
    ControllerId,
    CountryCode,
    PurposeId,
    RuleId,
)
from consent_registry_server.policy.changes import Change, Strictness, changes

FRANCE = CountryCode("FR")
RULE = Rule(RuleId("fr.voice_call"), FRANCE, Channel.VOICE_CALL, Regime.OPT_IN)
REGISTER = NationalRegister("RPO", 15)
OFFICE = ContactHours({DayKind.MON: (Window(540, 1080),)})
MORNING = ContactHours({DayKind.MON: (Window(540, 720),)})
EVENING = ContactHours({DayKind.MON: (Window(1080, 1200),)})
UNKNOWN = ContactHours({DayKind.MON: (Window(540, 1080),)}, is_verified=False)
UNKNOWN_MORNING = ContactHours(MORNING.by_day, is_verified=False)
LATER, CONTRACT = RegisterExemption.LATER_CONSENT, RegisterExemption.CONTRACT


def policy(*rules: Rule, **parts: Any) -> Policy:  # noqa: ANN401 - of any field
    by_slot: dict[Any, tuple[Rule, ...]] = {}
    for rule in rules:
        slot = (rule.country, rule.channel, rule.line_type, rule.recipient_type)
        by_slot[slot] = (*by_slot.get(slot, ()), rule)
    empty: dict[str, Any] = {
        "version": "v",
        "controllers": {},
        "purposes": {},
        "recording_rules": {},
        "territories": {},
        "time_zones": {FRANCE: ("Europe/Paris",)},
    }
    return Policy(rules=by_slot, **(empty | parts))


S, L, N = Strictness.STRICTER, Strictness.LOOSER, Strictness.NOT_CERTAIN
OPPOSITE = {S: L, L: S, N: N}


def with_register(**terms: Any) -> dict[str, Any]:  # noqa: ANN401 - of any field
    return {"register": replace(REGISTER, **terms)}


@pytest.mark.parametrize(
    "before, after, expected",
    [
        ({"regime": Regime.OPT_OUT}, {"regime": Regime.OPT_IN}, S),
        ({"regime": Regime.OPT_OUT}, {"regime": None}, S),
        ({"regime": None}, {"regime": Regime.OPT_IN}, N),
        ({"soft_opt_in": SoftOptIn()}, {}, S),
        ({"soft_opt_in": SoftOptIn()}, {"soft_opt_in": SoftOptIn(12)}, S),
        ({"soft_opt_in": SoftOptIn(12)}, {"soft_opt_in": SoftOptIn(6)}, S),
        ({"running_contract_exemption": True}, {}, S),
        ({}, {"consent_validity_months": 12}, S),
        ({"consent_validity_months": 12}, {"consent_validity_months": 11}, S),
        ({"proof_retention_months": 36}, {"proof_retention_months": 60}, N),
        ({}, {"register": REGISTER}, S),
        ({"register": REGISTER}, with_register(scrub_age_days=10), S),
        ({"register": REGISTER}, with_register(name="Other"), N),
        ({"register": REGISTER}, with_register(name="Other", scrub_age_days=10), N),
        (with_register(exemptions=frozenset({LATER})), {"register": REGISTER}, S),
        (
            with_register(exemptions=frozenset({LATER})),
            with_register(exemptions=frozenset({CONTRACT})),
            N,
        ),
        (
            with_register(exemptions=frozenset({CONTRACT}), contract_ended_within_days=30),
            with_register(exemptions=frozenset({CONTRACT})),
            S,
        ),
        (with_register(scrub_age_days=10), with_register(exemptions=frozenset({LATER})), L),
        (
            with_register(scrub_age_days=20),
            with_register(exemptions=frozenset({LATER})),
            N,
        ),
        ({}, {"contact_hours": OFFICE}, S),
        ({"contact_hours": OFFICE}, {"contact_hours": MORNING}, S),
        ({"contact_hours": MORNING}, {"contact_hours": EVENING}, N),
        ({"contact_hours": UNKNOWN}, {"contact_hours": OFFICE}, S),
        ({"contact_hours": UNKNOWN}, {"contact_hours": MORNING}, S),
        ({"contact_hours": OFFICE}, {"contact_hours": UNKNOWN_MORNING}, N),
        ({}, {"attempt_cap": AttemptCap(4, 30)}, S),
        ({"attempt_cap": AttemptCap(4, 30)}, {"attempt_cap": AttemptCap(3, 30)}, S),
        ({"attempt_cap": AttemptCap(4, 30)}, {"attempt_cap": AttemptCap(4, 60)}, S),
        ({"attempt_cap": AttemptCap(4, 30)}, {"attempt_cap": AttemptCap(3, 20)}, N),
        ({"attempt_cap": AttemptCap(4, 30, is_verified=False)}, {"attempt_cap": None}, L),
        (
            {"attempt_cap": AttemptCap(4, 30)},
            {"attempt_cap": AttemptCap(3, 30, is_verified=False)},
            N,
        ),
        ({"citation": "a"}, {"citation": "b"}, N),
        ({}, {"checked_on": date(2026, 11, 22)}, N),
        ({}, {"valid_to": date(2026, 8, 10)}, N),
    ],
)
def test_a_change_is_stricter_or_looser_only_when_that_is_certain(
    before: dict[str, Any], after: dict[str, Any], expected: Strictness
) -> None:
    """Read backwards it is the opposite; only the key that changed is told."""
    (key,) = before.keys() | after.keys()
    old, new = replace(RULE, **before), replace(RULE, **after)
    (forth,) = changes(policy(old), policy(new))
    (back,) = changes(policy(new), policy(old))
    assert (forth.of, forth.key, forth.strictness) == ("fr.voice_call", key, expected)
    assert (back.key, back.strictness) == (key, OPPOSITE[expected])
    assert (forth.before, forth.after) == (back.after, back.before)
    assert forth.before != forth.after


def test_equal_policies_do_not_differ() -> None:
    """Whatever their versions."""
    assert changes(policy(RULE), replace(policy(RULE), version="other")) == []


def test_a_rule_that_is_new_or_gone_is_told() -> None:
    """Without a word on its strictness: what it replaces may be another."""
    assert changes(policy(), policy(RULE)) == [Change("fr.voice_call", "", "", "declared")]
    assert changes(policy(RULE), policy()) == [Change("fr.voice_call", "", "declared", "")]


def test_all_else_that_a_policy_declares_is_compared() -> None:
    """Purposes, controllers, recording, countries."""

    def declared(word: str, basis: RecordingBasis) -> Policy:
        recording = RecordingRule(
            RuleId("recording.sales.inbound"), CallLine.SALES, CallDirection.INBOUND, basis
        )
        return policy(
            purposes={PurposeId("profiling"): Purpose(PurposeId("profiling"), word)},
            controllers={ControllerId("c"): Controller(ControllerId("c"), word, FRANCE)},
            recording_rules={(recording.line, recording.direction): recording},
            territories={CountryCode(word.upper()): FRANCE},
        )

    old = declared("re", RecordingBasis.NOT_PERMITTED)
    new = declared("gp", RecordingBasis.REQUIRED)
    assert changes(old, new) == [
        Change("recording.sales.inbound", "basis", "not permitted", "required"),
        Change("purpose profiling", "description", "re", "gp"),
        Change("controller c", "legal_name", "re", "gp"),
        Change("country FR", "territories", "RE", "GP"),
    ]
