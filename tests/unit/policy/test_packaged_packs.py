"""The packaged policy states what the law was read to say; the tables are written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.policy import (
    ALWAYS_US,
    NEVER_US,
    AttemptCap,
    Confidence,
    LineType,
    NationalRegister,
    Policy,
    RecordingBasis,
    Regime,
    RegisterExemption,
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
    RecipientType,
)
from consent_registry_server.policy.load import load_policy
from consent_registry_server.policy.rule_checks import TIMED_CHANNELS
from consent_registry_server.policy.times import are_hours_within, is_cap_within

# OI opt-in, OO opt-out; +SO soft opt-in (with its months); +RC running-contract exemption;
# +V consent validity in months; +R a national register; ? medium confidence.
TERMS = """
   EMAIL    SMS      MESSAGING  VOICE_CALL       DOOR_TO_DOOR  POST   AUTOMATED_CALL
FR OI+SO    OI+SO    OI+SO      OI+RC+V12?       OO?           OO     OI+V12
NO OI+SO    OI+SO    OI+SO      OO+R             OO            OO+R   OI
SE OI+SO    OI+SO    OI+SO      OO+R             OO?           OO+R   OI
FI OI+SO?   OI+SO?   OI+SO?     OO?              OO?           OO?    OI
IE OI+SO12  OI+SO12  OI+SO12    -                OO?           OO     OI
ES OI+SO    OI+SO    OI+SO      OI+RC+V24+R?     OO?           OO+R   OI+V24
IT OI+SO    OI       OI         OO+R?            OO?           OO+R   OI+R?
PT OI+SO    OI+SO    OI+SO      OI+SO            OO?           OO     OI
"""

# Business recipients; = has no rules of its own, so that the consumer's hold.
BUSINESS_TERMS = """
   EMAIL    SMS      MESSAGING  VOICE_CALL       DOOR_TO_DOOR  POST   AUTOMATED_CALL
FR OO       OO       OO         OO               =             =      =
NO =        =        =          =                =             =      =
SE =        =        =          =                =             =      =
FI OO?      OO?      OO?        =                =             =      =
IE OO       =        =          =                =             =      =
ES =        =        =          =                =             =      =
IT =        =        =          =                =             =      =
PT OO       OO       OO         =                =             =      =
"""

# Contact hours and cap; "any" and "none" where the law knows none, "?" where it is unverified.
TIMES = """
   VOICE_CALL          AUTOMATED_CALL      DOOR_TO_DOOR
FR FRENCH 4/30         FRENCH 4/30         any none
NO NINE_TO_NINE ?      NINE_TO_NINE ?      NINE_TO_NINE ?
SE ? ?                 ? ?                 ? ?
FI ? ?                 ? ?                 ? ?
IE ? ?                 ? ?                 ? ?
ES NINE_TO_NINE ?      NINE_TO_NINE ?      ? ?
IT ITALIAN ?           ITALIAN ?           any none
PT ? ?                 ? ?                 ? ?
"""

WEEKDAYS = (DayKind.MON, DayKind.TUE, DayKind.WED, DayKind.THU, DayKind.FRI)


def clock(hour: int) -> int:
    return hour * 60


HOURS = {
    "any": None,
    "?": ContactHours(
        dict.fromkeys(WEEKDAYS, (Window(clock(10), clock(13)), Window(clock(14), clock(19)))),
        is_verified=False,
    ),
    "FRENCH": ContactHours(
        dict.fromkeys(WEEKDAYS, (Window(clock(10), clock(13)), Window(clock(14), clock(20))))
    ),
    "NINE_TO_NINE": ContactHours(dict.fromkeys(WEEKDAYS, (Window(clock(9), clock(21)),))),
    "ITALIAN": ContactHours(
        {
            **dict.fromkeys(WEEKDAYS, (Window(clock(9), clock(20)),)),
            DayKind.SAT: (Window(clock(10), clock(19)),),
            DayKind.HOLIDAY_EVE: (Window(clock(10), clock(19)),),
        }
    ),
}

CAPS = {
    "none": None,
    "?": AttemptCap(4, 30, is_verified=False),
    "4/30": AttemptCap(4, 30),
}

COUNTRIES = ("FR", "NO", "SE", "FI", "IE", "ES", "IT", "PT")

FRENCH_TERRITORIES = ("GP", "MQ", "GF", "RE", "YT", "PM", "BL", "MF", "WF", "PF", "NC", "TF")

LATER = RegisterExemption.LATER_CONSENT

# By country: the register, its scrub age, what exempts, and the channels that it is asked for.
REGISTERS = {
    "FR": NationalRegister(
        "Bloctel", 1, is_scrub_age_verified=False, exemptions=frozenset({LATER})
    ),
    "NO": NationalRegister(
        "Reservasjonsregisteret",
        1,
        is_scrub_age_verified=False,
        exemptions=frozenset(
            {LATER, RegisterExemption.CONSENT, RegisterExemption.CUSTOMER_SIMILAR_OFFER}
        ),
    ),
    "SE": NationalRegister("NIX", 1, is_scrub_age_verified=False, exemptions=frozenset({LATER})),
    "IE": NationalRegister(
        "NDD",
        1,
        is_scrub_age_verified=False,
        exemptions=frozenset({LATER, RegisterExemption.CUSTOMER}),
    ),
    "ES": NationalRegister(
        "Lista Robinson", 1, is_scrub_age_verified=False, exemptions=frozenset({LATER})
    ),
    "IT": NationalRegister(
        "RPO",
        15,
        exemptions=frozenset({LATER, RegisterExemption.CONTRACT}),
        contract_ended_within_days=30,
    ),
}


def cells(table: str) -> list[tuple[str, str, str]]:
    """Country, channel and what is said of them, for every cell of a table."""
    header, *rows = (line.split() for line in table.strip().splitlines())
    found = []
    for country, *words in rows:
        width = len(words) // len(header)
        said = [" ".join(words[at : at + width]) for at in range(0, len(words), width)]
        found += [(country, channel, cell) for channel, cell in zip(header, said, strict=True)]
    return found


def terms(rule: Rule | None) -> str:
    """A rule in the tables' notation."""
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


@pytest.fixture(scope="module")
def every_rule(policy: Policy) -> list[Rule]:
    return [rule for rules in policy.rules.values() for rule in rules]


def latest(
    policy: Policy,
    country: str,
    channel: str,
    line_type: LineType = LineType.ANY,
    recipient_type: RecipientType = RecipientType.CONSUMER,
) -> Rule | None:
    """The rule in force today and until further notice."""
    rules = policy.rules_for(CountryCode(country), Channel[channel], line_type, recipient_type)
    return rules[-1] if rules else None


@pytest.mark.parametrize("country, channel, expected", cells(TERMS))
def test_rule_has_the_terms_of_the_law(
    policy: Policy, country: str, channel: str, expected: str
) -> None:
    """Each country and channel has the regime, exemptions and register read from the law."""
    assert terms(latest(policy, country, channel)) == expected


@pytest.mark.parametrize("country, channel, expected", cells(BUSINESS_TERMS))
def test_business_recipients_have_their_terms_or_the_consumers(
    policy: Policy, country: str, channel: str, expected: str
) -> None:
    """A person addressed in their profession is protected less only where the law says so."""
    rule = latest(policy, country, channel, recipient_type=RecipientType.BUSINESS)
    consumers = latest(policy, country, channel)
    assert rule == consumers if expected == "=" else terms(rule) == expected


def test_french_business_calls_know_no_hours_and_no_cap(policy: Policy) -> None:
    """L223-1 protects consumers only, its register included."""
    rule = latest(policy, "FR", "VOICE_CALL", recipient_type=RecipientType.BUSINESS)
    assert rule is not None
    assert (rule.contact_hours, rule.attempt_cap, rule.register) == (None, None, None)


@pytest.mark.parametrize("country, channel, expected", cells(TIMES))
def test_rule_has_the_hours_and_the_cap_of_the_law(
    policy: Policy, country: str, channel: str, expected: str
) -> None:
    """What nobody verified is replaced by hours and a cap that are marked as such."""
    rule = latest(policy, country, channel, LineType.MOBILE)
    hours, cap = expected.split()
    assert rule is not None
    assert (rule.contact_hours, rule.attempt_cap) == (HOURS[hours], CAPS[cap])


def test_both_irish_lines_have_unverified_times(policy: Policy) -> None:
    """As every other line whose hours nobody verified."""
    for line_type in (LineType.MOBILE, LineType.LANDLINE):
        rule = latest(policy, "IE", "VOICE_CALL", line_type)
        assert rule is not None
        assert (rule.contact_hours, rule.attempt_cap) == (HOURS["?"], CAPS["?"])


def test_no_other_channel_knows_the_clock(every_rule: list[Rule]) -> None:
    """An email may be sent, and a letter may arrive, at any hour."""
    for rule in every_rule:
        if rule.channel not in TIMED_CHANNELS:
            assert (rule.contact_hours, rule.attempt_cap) == (None, None)


def test_what_stands_in_for_the_unknown_is_forbidden_by_no_known_law(
    every_rule: list[Rule],
) -> None:
    """The unverified hours are open wherever, the unverified cap and scrub age as strict as any."""
    known = [rule for rule in every_rule if rule.channel in TIMED_CHANNELS]
    hours = [rule.contact_hours for rule in known if rule.contact_hours != HOURS["?"]]
    caps = [rule.attempt_cap for rule in known if rule.attempt_cap != CAPS["?"]]
    assert hours.count(HOURS["FRENCH"]) == 3
    assert all(are_hours_within(HOURS["?"], within=each) for each in hours)
    assert all(is_cap_within(CAPS["?"], within=each) for each in caps)
    registers = [rule.register for rule in every_rule if rule.register]
    assert {each.scrub_age_days for each in registers if not each.is_scrub_age_verified} == {1}
    assert {each.scrub_age_days for each in registers if each.is_scrub_age_verified} == {15}


@pytest.mark.parametrize(
    "day, rule_id, expected",
    [
        (date(2020, 1, 1), "fr.voice_call.before_2026_08_11", "OO+R"),
        (date(2026, 8, 10), "fr.voice_call.before_2026_08_11", "OO+R"),
        (date(2026, 8, 11), "fr.voice_call", "OI+RC+V12?"),
        (date(2030, 1, 1), "fr.voice_call", "OI+RC+V12?"),
    ],
)
def test_french_calls_need_a_consent_since_2026_08_11(
    policy: Policy, day: date, rule_id: str, expected: str
) -> None:
    """From the first to the last minute of a day, by the clock of Paris."""
    rules = policy.rules_for(
        CountryCode("FR"), Channel.VOICE_CALL, LineType.MOBILE, RecipientType.CONSUMER
    )
    paris = ZoneInfo("Europe/Paris")
    for hour, minute in ((0, 0), (23, 59)):
        at_us = to_us(datetime(day.year, day.month, day.day, hour, minute, tzinfo=paris))
        (rule,) = (each for each in rules if each.holds_from_us <= at_us < each.holds_until_us)
        assert (rule.rule_id, terms(rule)) == (rule_id, expected)
        assert (rule.contact_hours, rule.attempt_cap) == (HOURS["FRENCH"], CAPS["4/30"])


def test_a_rule_changes_at_midnight_in_the_capital(policy: Policy) -> None:
    """The new French rule begins on 10 August at 22:00 UTC, when the old one ends."""
    before, since = policy.rules_for(
        CountryCode("FR"), Channel.VOICE_CALL, LineType.ANY, RecipientType.CONSUMER
    )
    midnight_us = to_us(datetime(2026, 8, 10, 22, tzinfo=UTC))
    assert (before.holds_from_us, before.holds_until_us) == (ALWAYS_US, midnight_us)
    assert (since.holds_from_us, since.holds_until_us) == (midnight_us, NEVER_US)
    assert (before.valid_to, since.valid_from) == (date(2026, 8, 10), date(2026, 8, 11))


@pytest.mark.parametrize(
    "line_type, expected",
    [(LineType.MOBILE, "OI"), (LineType.LANDLINE, "OO+R"), (LineType.ANY, "-")],
)
def test_irish_calls_depend_on_the_line(policy: Policy, line_type: LineType, expected: str) -> None:
    """Mobiles need a consent, landlines a register; an unclear line has no rule at all."""
    assert terms(latest(policy, "IE", "VOICE_CALL", line_type)) == expected


@pytest.mark.parametrize("channel", ["ONLINE_ADVERTISING", "PROCESSING"])
@pytest.mark.parametrize("country", COUNTRIES)
def test_processing_is_open_to_objection(policy: Policy, country: str, channel: str) -> None:
    """Without outreach the right to object of GDPR art. 21(2) decides everywhere."""
    rule = latest(policy, country, channel)
    assert terms(rule) == "OO?"
    assert rule is not None
    assert rule.citation == "GDPR art. 21(2)"


def test_registers_are_those_of_their_country(policy: Policy, every_rule: list[Rule]) -> None:
    """Every rule of a country that asks for a register asks for the same, on the same terms."""
    named = [(rule.country, rule.register) for rule in every_rule if rule.register]
    assert all(register == REGISTERS[country] for country, register in named)
    assert policy.registers == {register.name: country for country, register in REGISTERS.items()}


def test_where_a_consent_is_asked_for_its_proof_is_kept(every_rule: list[Rule]) -> None:
    """Three years after the last use, by decree or by the practice of the CNIL."""
    for rule in every_rule:
        expected = 36 if rule.regime is Regime.OPT_IN else None
        assert rule.proof_retention_months == expected


@pytest.mark.parametrize(
    "country, zones",
    [
        ("FR", ("Europe/Paris",)),
        ("NO", ("Europe/Oslo",)),
        ("SE", ("Europe/Stockholm",)),
        ("FI", ("Europe/Helsinki",)),
        ("IE", ("Europe/Dublin",)),
        ("ES", ("Europe/Madrid", "Africa/Ceuta", "Atlantic/Canary")),
        ("IT", ("Europe/Rome",)),
        ("PT", ("Europe/Lisbon", "Atlantic/Azores", "Atlantic/Madeira")),
    ],
)
def test_a_country_has_its_time_zones(policy: Policy, country: str, zones: tuple[str, ...]) -> None:
    """All of them, the islands' too; that of the capital comes first."""
    assert policy.time_zones[CountryCode(country)] == zones
    assert len(policy.time_zones) == len(COUNTRIES)


def test_every_rule_says_where_it_comes_from(every_rule: list[Rule]) -> None:
    """Each rule keeps its citation and the day it was checked."""
    for rule in every_rule:
        assert rule.citation
        assert rule.checked_on == date(2026, 11, 22)


def test_rule_ids_are_unique_and_speak(every_rule: list[Rule]) -> None:
    """An id names country, channel, line type and recipient, and no other rule has it."""
    ids = [rule.rule_id for rule in every_rule]
    assert len(set(ids)) == len(ids)
    assert {"fr.voice_call", "ie.voice_call.mobile", "fr.email.business"} <= set(ids)


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
    "line, direction, basis, months, purpose",
    [
        ("MONITORING_CENTRE", "INBOUND", RecordingBasis.REQUIRED, 12, "alarms"),
        ("MONITORING_CENTRE", "OUTBOUND", RecordingBasis.REQUIRED, 12, "alarms"),
        ("CUSTOMER_SERVICE", "INBOUND", RecordingBasis.UNLESS_OBJECTED, 6, "training"),
        ("CUSTOMER_SERVICE", "OUTBOUND", RecordingBasis.NOT_PERMITTED, 0, ""),
        ("SALES", "INBOUND", RecordingBasis.NOT_PERMITTED, 0, ""),
        ("SALES", "OUTBOUND", RecordingBasis.NOT_PERMITTED, 0, ""),
    ],
)
def test_recording(
    policy: Policy, line: str, direction: str, *, basis: RecordingBasis, months: int, purpose: str
) -> None:
    """Only what the privacy policy provides for may be recorded, for its purpose and time."""
    rule = policy.recording_rules[CallLine[line], CallDirection[direction]]
    assert (rule.basis, rule.retention_months) == (basis, months)
    assert purpose in rule.purpose
    assert bool(purpose) == bool(rule.purpose)


@pytest.mark.parametrize("country", ["FR", "ES", "IT"])
def test_an_automated_call_is_no_laxer_than_a_live_one(policy: Policy, country: str) -> None:
    """In the term of a consent and the register, where the law names them for live calls."""
    live, automated = (
        latest(policy, country, "VOICE_CALL"),
        latest(policy, country, "AUTOMATED_CALL"),
    )
    assert live is not None
    assert automated is not None
    assert automated.regime is Regime.OPT_IN
    assert automated.consent_validity_months == live.consent_validity_months
    if country == "IT":
        assert automated.register == live.register
