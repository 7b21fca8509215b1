"""How long the identity in an entry is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US, to_us
from consent_registry_server.domain.contact import Email, Phone, Subject
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.identity_expiry import (
    WITHOUT_IDENTITY,
    countries_of,
    identity_expires_on,
)
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import Retention, last_day
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    CountryCode,
    EntryKind,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.policy.load import load_policy

OF_SEVEN_YEARS = (
    EntryKind.DO_NOT_CONTACT,
    EntryKind.WITHDRAWAL,
    EntryKind.DO_NOT_CONTACT_LIFT,
    EntryKind.RECORDING_OBJECTION,
    EntryKind.RECORDING_OBJECTION_LIFT,
    EntryKind.RESTRICTION,
)
SUBJECT = Subject((Email("ada@example.org"),))
ZONES = ("", "UTC", "Europe/Paris", "America/Martinique", "Pacific/Noumea", "Pacific/Tahiti")
FRANCE = ControllerId("alarm-fr")

instants = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(to_us)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


def at(text: str, zone: str = "UTC") -> int:
    """The microseconds of a local time."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def said(
    expressed_at_us: int | None,
    *,
    kind: EntryKind = EntryKind.DO_NOT_CONTACT,
    time_zone: str = "",
    precision: Precision = Precision.INSTANT,
    subject: Subject = SUBJECT,
) -> NewEntry:
    """An entry that was expressed at an instant; None for one nobody knows."""
    if expressed_at_us is None:
        precision = Precision.UNKNOWN
    expression = Expression(Source.WEB_FORM, precision, expressed_at_us, time_zone)
    return NewEntry(kind, FRANCE, expression, subject, Evidence())


def consent(
    expressed_at_us: int,
    *,
    channel: Channel = Channel.EMAIL,
    expires_at_us: int | None = None,
    customer_number: str = "",
) -> NewEntry:
    """A consent to the newsletter."""
    subject = replace(SUBJECT, customer_number=customer_number)
    return replace(
        said(expressed_at_us, kind=EntryKind.CONSENT, subject=subject),
        channels=channel.mask,
        purposes=frozenset({PurposeId("direct_marketing")}),
        expires_at_us=expires_at_us,
    )


@pytest.mark.parametrize("kind", OF_SEVEN_YEARS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "expressed, zone, expires_on",
    [
        pytest.param("2026-11-23T12:00", "", date(2033, 11, 23), id="seven calendar years"),
        pytest.param("2024-02-29T12:00", "", date(2031, 2, 28), id="29 February"),
        pytest.param(
            "2026-03-29T00:30", "Europe/Paris", date(2033, 3, 29), id="the night the clocks change"
        ),
        pytest.param(
            "2026-10-25T23:59", "Europe/Paris", date(2033, 10, 25), id="the day of 25 hours"
        ),
        pytest.param(
            "2026-12-31T23:00", "America/Martinique", date(2033, 12, 31), id="already 2027 in UTC"
        ),
        pytest.param(
            "2027-01-01T08:00", "Pacific/Noumea", date(2034, 1, 1), id="still 2026 in UTC"
        ),
    ],
)
def test_an_opt_out_is_kept_for_seven_years_from_the_day_it_was_expressed(
    policy: Policy, kind: EntryKind, expressed: str, zone: str, expires_on: date
) -> None:
    """In the time zone in which it was; where there is no such day, on the last of the month."""
    expressed_us = at(expressed, zone or "UTC")
    new = said(expressed_us, kind=kind, time_zone=zone)
    assert identity_expires_on(new, expressed_us + DAY_US, policy) == expires_on


@pytest.mark.parametrize(
    "expressed_us",
    [pytest.param(None, id="unknown"), pytest.param(at("2027-05-01T12:00"), id="in the future")],
)
def test_a_day_that_cannot_be_is_the_recording_day(
    policy: Policy, expressed_us: int | None
) -> None:
    """No clock error lengthens a term."""
    recorded_us = at("2026-11-23T12:00")
    assert identity_expires_on(said(expressed_us), recorded_us, policy) == date(2033, 11, 23)


@pytest.mark.parametrize(
    "expressed, expires_on",
    [
        pytest.param("2019-11-23T12:00", date(2026, 11, 23), id="on its last day"),
        pytest.param("2019-11-22T12:00", None, id="a day late"),
        pytest.param("1990-01-01T00:00", None, id="decades late"),
    ],
)
def test_what_is_past_its_term_is_not_kept_at_all(
    policy: Policy, expressed: str, expires_on: date | None
) -> None:
    """An old opt-out is imported by its digests alone."""
    new = said(at(expressed))
    assert identity_expires_on(new, at("2026-11-23T12:00"), policy) == expires_on


@pytest.mark.parametrize("kind", sorted(WITHOUT_IDENTITY), ids=lambda kind: kind.name)
def test_kinds_that_name_nobody_have_no_day(policy: Policy, kind: EntryKind) -> None:
    """There is nothing to keep."""
    assert identity_expires_on(said(at("2026-11-23"), kind=kind), at("2026-11-23"), policy) is None


def test_an_entry_that_names_nobody_has_no_day(policy: Policy) -> None:
    """The refusal of an attempt whose identity has ended, say."""
    new = said(at("2026-11-23"), subject=Subject())
    assert identity_expires_on(new, at("2026-11-23"), policy) is None


def test_an_attempt_is_kept_for_its_own_term(policy: Policy) -> None:
    """Three years from it."""
    new = said(at("2026-11-23"), kind=EntryKind.CONTACT_ATTEMPT)
    assert identity_expires_on(new, at("2026-11-23"), policy) == date(2029, 11, 23)


@pytest.mark.parametrize(
    "new, expires_on",
    [
        pytest.param(
            consent(at("2026-11-23"), expires_at_us=at("2027-06-15")),
            date(2030, 6, 15),
            id="until its own end, and its proof",
        ),
        pytest.param(
            consent(at("2026-11-23"), channel=Channel.VOICE_CALL),
            date(2030, 11, 23),
            id="until the rule ends it, and its proof",
        ),
        pytest.param(
            consent(at("2026-11-23"), channel=Channel.VOICE_CALL, expires_at_us=at("2027-02-01")),
            date(2030, 2, 1),
            id="whichever is earlier",
        ),
        pytest.param(
            consent(at("2026-11-23")), date(2029, 11, 23), id="a prospect, from the last contact"
        ),
        pytest.param(
            consent(at("2026-11-23"), customer_number="C-1"),
            date(2029, 11, 23),
            id="a customer, until it is looked at again",
        ),
    ],
)
def test_a_consent_is_kept_until_its_use_is_over_and_as_long_as_its_proof(
    policy: Policy, new: NewEntry, expires_on: date
) -> None:
    """French calls: a consent counts for 12 months, its proof is kept for 36 more."""
    assert identity_expires_on(new, at("2026-11-23"), policy) == expires_on


def test_of_several_rules_the_most_lasting_one_counts(policy: Policy) -> None:
    """For a consent to emails and calls the email's end, which is none."""
    new = consent(at("2026-11-23"), channel=Channel.VOICE_CALL, customer_number="C-1")
    both = replace(new, channels=Channel.VOICE_CALL.mask | Channel.EMAIL.mask)
    france = frozenset({CountryCode("FR")})
    assert identity_expires_on(new, at("2026-11-23"), policy, countries=france) == date(
        2030, 11, 23
    )
    assert identity_expires_on(both, at("2026-11-23"), policy, countries=france) == date(
        2029, 11, 23
    )


def test_a_consent_abroad_is_kept_by_the_rules_there_too(policy: Policy) -> None:
    """A Norwegian number of a French controller's: no rule there ends the consent."""
    new = consent(at("2026-11-23"), channel=Channel.AUTOMATED_CALL)
    norway = countries_of((Phone("+4799999999"), Email("nobody"), Phone("12")))
    assert norway == {"NO"}
    at_home = identity_expires_on(new, at("2026-11-23"), policy)
    abroad = identity_expires_on(new, at("2026-11-23"), policy, countries=norway)
    assert (at_home, abroad) == (date(2030, 11, 23), date(2029, 11, 23))


def test_the_terms_are_the_policy_s(policy: Policy) -> None:
    """Six months, where it says so."""
    short = replace(policy, retention=Retention(opt_out_months=6))
    assert identity_expires_on(said(at("2026-08-31")), at("2026-08-31"), short) == date(2027, 2, 28)


@given(
    st.sampled_from(OF_SEVEN_YEARS),
    instants,
    st.integers(min_value=0, max_value=3_000 * DAY_US),
    st.sampled_from(ZONES),
)
def test_an_opt_out_is_kept_for_seven_years_and_not_a_day_longer(
    kind: EntryKind, expressed_us: int, later_us: int, zone: str
) -> None:
    """Counted on the calendar of its zone; nothing of it is left where that is over already."""
    recorded_us = expressed_us + later_us
    kept = identity_expires_on(said(expressed_us, kind=kind, time_zone=zone), recorded_us, POLICY)
    day = datetime.fromtimestamp(expressed_us / 1e6, ZoneInfo(zone or "UTC")).date()
    last = day.replace(year=day.year + 7, day=min(day.day, 28 if day.month == 2 else day.day))
    if day.month == 2 and day.day == 29 and last.year % 4 == 0 and last.year != 2100:
        last = last.replace(day=29)
    recorded_on = datetime.fromtimestamp(recorded_us / 1e6, UTC).date()
    assert kept == (last if last >= recorded_on else None)


@given(instants, instants, st.sampled_from(ZONES))
def test_what_is_expressed_later_is_never_forgotten_earlier(
    one: int, other: int, zone: str
) -> None:
    """The order of expiries is the order of expressions."""
    earlier, later = sorted((one, other))
    recorded_us = later
    first = identity_expires_on(said(earlier, time_zone=zone), recorded_us, POLICY)
    second = identity_expires_on(said(later, time_zone=zone), recorded_us, POLICY)
    assert second is not None
    assert first is None or first <= second


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(min_value=1, max_value=240))
def test_a_term_ends_in_its_month_on_the_day_it_began(first: date, months: int) -> None:
    """Or, where that month has no such day, on its last."""
    last = last_day(first, months)
    assert (last.year * 12 + last.month) - (first.year * 12 + first.month) == months
    is_last_of_month = (last + timedelta(days=1)).day == 1
    assert last.day == first.day or (is_last_of_month and last.day < first.day)


POLICY = load_policy()
