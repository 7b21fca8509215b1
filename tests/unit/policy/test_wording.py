"""Rules in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.policy import (
    AttemptCap,
    LineType,
    NationalRegister,
    Regime,
    RegisterExemption,
    Rule,
    SoftOptIn,
)
from consent_registry_server.domain.vocabulary import (
    Channel,
    CountryCode,
    RecipientType,
    RuleId,
)
from consent_registry_server.policy import wording

MORNING, AFTERNOON = Window(600, 780), Window(840, 1200)
WEEKDAYS = tuple(kind for kind in DayKind if kind <= DayKind.FRI)


def rule(channel: Channel = Channel.VOICE_CALL, **terms: Any) -> Rule:  # noqa: ANN401 - any field
    terms.setdefault("regime", Regime.OPT_IN)
    return Rule(RuleId("it.voice_call"), CountryCode("IT"), channel, **terms)


@pytest.mark.parametrize(
    "by_day, words",
    [
        (
            dict.fromkeys(WEEKDAYS, (MORNING, AFTERNOON)),
            "Mon–Fri 10:00–13:00 and 14:00–20:00; not on public holidays",
        ),
        (
            {DayKind.MON: (MORNING,), DayKind.WED: (MORNING,)},
            "Mon 10:00–13:00; Wed 10:00–13:00; not on public holidays",
        ),
        (
            {DayKind.SAT: (MORNING,), DayKind.HOLIDAY_EVE: (AFTERNOON,)},
            "Sat 10:00–13:00; day before a holiday only 14:00–20:00; not on public holidays",
        ),
        (
            {DayKind.SUN: (Window(0, 1440),), DayKind.HOLIDAY: (MORNING,)},
            "Sun 00:00–24:00; public holiday 10:00–13:00",
        ),
        ({}, "never"),
    ],
    ids=["a week", "single days", "eve", "holiday", "never"],
)
def test_hours(by_day: Mapping[DayKind, tuple[Window, ...]], words: str) -> None:
    """Days in a row with the same hours are named once; holidays always."""
    assert wording.contact_hours(rule(contact_hours=ContactHours(by_day))) == words


@pytest.mark.parametrize(
    "channel, hours, cap", [(Channel.VOICE_CALL, "any time", "none"), (Channel.EMAIL, "", "")]
)
def test_a_law_without_hours_is_said_where_it_could_have_some(
    channel: Channel, hours: str, cap: str
) -> None:
    """An email has no hours to be silent about."""
    assert wording.contact_hours(rule(channel)) == hours
    assert wording.attempt_cap(rule(channel)) == cap


def test_a_register_is_told_with_all_that_exempts() -> None:
    """The reader needs no other table."""
    register = NationalRegister(
        "RPO",
        15,
        exemptions=frozenset({RegisterExemption.CONTRACT, RegisterExemption.LATER_CONSENT}),
        contract_ended_within_days=30,
    )
    assert wording.register(register) == (
        "RPO; a result counts for 15 days; exempt: a consent given after the listing,"
        " a running contract (or one that ended less than 30 days ago)"
    )


def test_every_exemption_has_words() -> None:
    """None is left out of what a lawyer reads."""
    register = NationalRegister("R", 1, exemptions=frozenset(RegisterExemption))
    assert wording.register(register).count(",") == len(RegisterExemption) - 1


def test_what_is_unverified_is_marked_and_listed() -> None:
    """Each of the four things that can be."""
    unknown = rule(
        regime=None,
        register=NationalRegister("R", 1, is_scrub_age_verified=False),
        contact_hours=ContactHours({DayKind.MON: (MORNING,)}, is_verified=False),
        attempt_cap=AttemptCap(4, 30, is_verified=False),
    )
    assert wording.unverified_in(unknown) == [
        "regime",
        "register",
        "contact_hours",
        "attempt_cap",
    ]
    assert wording.unverified_in(rule()) == []


def test_exemptions_and_terms_of_a_consent() -> None:
    """In words that say for whom and how long."""
    stated = rule(
        soft_opt_in=SoftOptIn(12),
        running_contract_exemption=True,
        consent_validity_months=24,
        proof_retention_months=36,
    )
    assert list(wording.exemptions(stated)) == [
        "own customer, within 12 months of the last sale",
        "running contract",
    ]
    assert list(wording.consent_terms(stated)) == ["counts 24 months", "proof kept 36 months"]
    assert list(wording.consent_terms(rule(regime=Regime.OPT_OUT))) == []


@pytest.mark.parametrize(
    "since, until, words",
    [
        (None, None, "always"),
        (None, date(2026, 8, 10), "until 2026-08-10"),
        (date(2026, 8, 11), None, "since 2026-08-11"),
        (date(2026, 8, 11), date(2027, 1, 1), "since 2026-08-11, until 2027-01-01"),
    ],
)
def test_a_period_names_its_days(since: date | None, until: date | None, words: str) -> None:
    """Both of them included."""
    assert wording.period(rule(valid_from=since, valid_to=until)) == words


@pytest.mark.parametrize(
    "day, holds",
    [
        (date(2026, 8, 10), False),
        (date(2026, 8, 11), True),
        (date(2027, 1, 1), True),
        (date(2027, 1, 2), False),
    ],
)
def test_a_rule_holds_on_its_first_and_last_day(day: date, holds: bool) -> None:
    """And between them."""
    stated = rule(valid_from=date(2026, 8, 11), valid_to=date(2027, 1, 1))
    assert wording.holds_on(stated, day) is holds


def test_a_rule_names_its_channel_line_and_recipients() -> None:
    """As one says them."""
    assert wording.channel_name(Channel.VOICE_CALL, LineType.MOBILE) == "voice call, mobile"
    assert wording.channel_name(Channel.SMS) == "SMS"
    assert [wording.recipients(each) for each in RecipientType] == ["consumers", "businesses"]
