"""The packaged policy states what the law was read to say; the tables are written by hand."""

from __future__ import annotations

from datetime import date

import pytest

from consent_registry_server.domain.policy import (
    Confidence,
    LineType,
    Policy,
    RecordingBasis,
    Regime,
    Rule,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    CallDirection,
    CallLine,
    Channel,
    ControllerId,
    CountryCode,
    PurposeId,
)
from consent_registry_server.policy.load import load_policy

# OI opt-in, OO opt-out; +SO soft opt-in (with its months); +RC running-contract exemption;
# +V consent validity in months; +R a national register; ? medium confidence.
TERMS = """
   EMAIL    SMS      MESSAGING  VOICE_CALL       DOOR_TO_DOOR  POST   AUTOMATED_CALL
FR OI+SO    OI+SO    OI+SO      OI+RC+V12?       OO            OO     OI
NO OI+SO    OI+SO    OI+SO      OO+R             OO            OO+R   OI
SE OI+SO    OI+SO    OI+SO      OO+R             OO?           OO+R   OI
FI OI+SO?   OI+SO?   OI+SO?     OO?              OO?           OO?    OI
IE OI+SO12  OI+SO12  OI+SO12    -                OO?           OO     OI
ES OI+SO    OI+SO    OI+SO      OI+RC+V24+R?     OO?           OO+R   OI
IT OI+SO    OI       OI         OO+R             OO?           OO+R   OI
PT OI+SO    OI+SO    OI+SO      OI+SO            OO?           OO     OI
"""

COUNTRIES = ("FR", "NO", "SE", "FI", "IE", "ES", "IT", "PT")

FRENCH_TERRITORIES = ("GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "WF", "PF", "NC", "TF")

REGISTERS = {
    "NO": "Reservasjonsregisteret",
    "SE": "NIX",
    "IE": "NDD",
    "ES": "Lista Robinson",
    "IT": "RPO",
}


def cells() -> list[tuple[str, str, str]]:
    """Country, channel and terms of every cell of the table."""
    header, *rows = (line.split() for line in TERMS.strip().splitlines())
    return [
        (row[0], channel, cell)
        for row in rows
        for channel, cell in zip(header, row[1:], strict=True)
        if cell != "-"
    ]


def terms(rule: Rule | None) -> str:
    """A rule in the table's notation."""
    if rule is None or rule.regime is None:
        return "-"
    text = {Regime.OPT_IN: "OI", Regime.OPT_OUT: "OO"}[rule.regime]
    if rule.soft_opt_in is not None:
        text += f"+SO{rule.soft_opt_in.within_months or ''}"
    text += "+RC" * rule.running_contract_exemption
    if rule.consent_validity_months is not None:
        text += f"+V{rule.consent_validity_months}"
    text += "+R" * bool(rule.register)
    return (
        text + {Confidence.HIGH: "", Confidence.MEDIUM: "?", Confidence.LOW: "??"}[rule.confidence]
    )


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


@pytest.mark.parametrize("country, channel, expected", cells())
def test_rule_has_the_terms_of_the_law(
    policy: Policy, country: str, channel: str, expected: str
) -> None:
    """Each country and channel has the regime, exemptions and register read from the law."""
    rule = policy.rule(CountryCode(country), Channel[channel], LineType.MOBILE)
    assert terms(rule) == expected
    assert rule == policy.rule(CountryCode(country), Channel[channel], LineType.ANY)


@pytest.mark.parametrize(
    "line_type, expected",
    [(LineType.MOBILE, "OI"), (LineType.LANDLINE, "OO+R"), (LineType.ANY, "-")],
)
def test_irish_calls_depend_on_the_line(policy: Policy, line_type: LineType, expected: str) -> None:
    """Mobiles need a consent, landlines a register; an unclear line has no rule at all."""
    assert terms(policy.rule(CountryCode("IE"), Channel.VOICE_CALL, line_type)) == expected


@pytest.mark.parametrize("channel", [Channel.ONLINE_ADVERTISING, Channel.PROCESSING])
@pytest.mark.parametrize("country", COUNTRIES)
def test_processing_is_open_to_objection(policy: Policy, country: str, channel: Channel) -> None:
    """Without outreach the right to object of GDPR art. 21(2) decides everywhere."""
    rule = policy.rule(CountryCode(country), channel, LineType.ANY)
    assert terms(rule) == "OO?"
    assert rule is not None
    assert rule.citation == "GDPR art. 21(2)"


def test_registers_are_those_of_their_country(policy: Policy) -> None:
    """A register is named in its own country alone."""
    named = {(rule.country, rule.register) for rule in policy.rules.values() if rule.register}
    assert named == set(REGISTERS.items())


def test_every_rule_says_where_it_comes_from(policy: Policy) -> None:
    """Each rule keeps its citation and the day it was checked."""
    for rule in policy.rules.values():
        assert rule.citation
        assert rule.checked_on == date(2026, 11, 22)


def test_rule_ids_are_unique_and_speak(policy: Policy) -> None:
    """An id names country, channel and line type, and no other rule has it."""
    ids = [rule.rule_id for rule in policy.rules.values()]
    assert len(set(ids)) == len(ids)
    assert {"fr.voice_call", "ie.voice_call.mobile", "no.automated_call"} <= set(ids)


@pytest.mark.parametrize(
    "country, governing",
    [
        *((country, country) for country in COUNTRIES),
        *((territory, "FR") for territory in FRENCH_TERRITORIES),
        ("AX", "FI"),
        ("SJ", "NO"),
        ("DE", None),
        ("GB", None),
        ("", None),
    ],
)
def test_territories_follow_their_country(
    policy: Policy, country: str, governing: str | None
) -> None:
    """A territory has its country's rules; elsewhere there are none."""
    assert policy.jurisdiction(CountryCode(country)) == governing


def test_one_controller_a_country(policy: Policy) -> None:
    """Each country has its controller; the reserved one is not declared."""
    countries = {key: controller.country for key, controller in policy.controllers.items()}
    assert countries == {ControllerId(f"alarm-{country.lower()}"): country for country in COUNTRIES}
    assert GROUP not in policy.controllers


@pytest.mark.parametrize(
    "purpose, marketing, regime",
    [
        ("service", False, None),
        ("direct_marketing", True, None),
        ("direct_marketing.newsletter", True, None),
        ("satisfaction_survey", True, Regime.OPT_OUT),
        ("member_benefit", True, Regime.OPT_IN),
        ("profiling", True, Regime.OPT_OUT),
        ("partner_offers", True, Regime.OPT_IN),
    ],
)
def test_purposes(policy: Policy, purpose: str, marketing: bool, regime: Regime | None) -> None:
    """A purpose is marketing unless it is `service`, and may have a regime of its own."""
    stated = policy.purposes[PurposeId(purpose)]
    assert (stated.is_marketing, stated.regime) == (marketing, regime)
    assert len(policy.purposes) == 7


@pytest.mark.parametrize(
    "line, direction, basis, months",
    [
        ("MONITORING_CENTRE", "INBOUND", RecordingBasis.REQUIRED, 12),
        ("MONITORING_CENTRE", "OUTBOUND", RecordingBasis.REQUIRED, 12),
        ("CUSTOMER_SERVICE", "INBOUND", RecordingBasis.UNLESS_OBJECTED, 6),
        ("CUSTOMER_SERVICE", "OUTBOUND", RecordingBasis.NOT_PERMITTED, 0),
        ("SALES", "INBOUND", RecordingBasis.NOT_PERMITTED, 0),
        ("SALES", "OUTBOUND", RecordingBasis.NOT_PERMITTED, 0),
    ],
)
def test_recording(
    policy: Policy, line: str, direction: str, basis: RecordingBasis, months: int
) -> None:
    """Only what the privacy policy provides for may be recorded, for as long as it says."""
    rule = policy.recording_rules[CallLine[line], CallDirection[direction]]
    assert (rule.basis, rule.retention_months) == (basis, months)
