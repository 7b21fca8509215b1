"""The instant by which an entry is ordered, for every kind and precision."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US, to_us
from consent_registry_server.domain.entry import (
    FUTURE_TOLERANCE_US,
    Expression,
    counts_at_us,
    end_of_day_us,
    start_of_day_us,
)
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import EntryKind, Precision, Source

PARIS = "Europe/Paris"

DENYING = (
    EntryKind.DO_NOT_CONTACT,
    EntryKind.WITHDRAWAL,
    EntryKind.RECORDING_OBJECTION,
    EntryKind.RESTRICTION,
)
SAID = [kind for kind in EntryKind if kind <= EntryKind.RESTRICTION]
"""What people say; attempts and what registers say are dated by the registry and by them."""

PERMITTING = (
    EntryKind.CONSENT,
    EntryKind.PARTNER_CONSENT,
    EntryKind.RECORDING_OBJECTION_LIFT,
)
COUNTED_AT_THE_END_OF_THEIR_DAY = (*DENYING, EntryKind.DO_NOT_CONTACT_LIFT)


def utc(text: str) -> int:
    """The microseconds of an instant in UTC."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


def said(
    expressed_at_us: int | None,
    precision: Precision = Precision.INSTANT,
    time_zone: str = PARIS,
) -> Expression:
    """Something said at a time."""
    return Expression(Source.WEB_FORM, precision, expressed_at_us, time_zone)


RECORDED_US = utc("2026-03-20T09:00")


@pytest.mark.parametrize("kind", EntryKind)
def test_an_instant_counts_as_it_is(kind: EntryKind) -> None:
    """To the microsecond, however much later it was recorded."""
    expressed_us = utc("2026-03-10T17:00:00.000001")
    assert counts_at_us(kind, said(expressed_us), RECORDED_US) == expressed_us


@pytest.mark.parametrize("kind", COUNTED_AT_THE_END_OF_THEIR_DAY)
def test_a_day_on_which_contact_was_stopped_counts_at_its_end(kind: EntryKind) -> None:
    """So that whatever was consented to on that day is older. A lift ends a stop just as late."""
    noon_us = utc("2026-03-10T11:00")
    counted_us = counts_at_us(kind, said(noon_us, Precision.DAY), RECORDED_US)
    assert counted_us == utc("2026-03-10T23:00")


@pytest.mark.parametrize("kind", PERMITTING)
def test_a_day_on_which_something_was_permitted_counts_at_its_start(kind: EntryKind) -> None:
    """So that whatever was objected to on that day is newer."""
    noon_us = utc("2026-03-10T11:00")
    counted_us = counts_at_us(kind, said(noon_us, Precision.DAY), RECORDED_US)
    assert counted_us == utc("2026-03-09T23:00")


@pytest.mark.parametrize("kind", EntryKind)
def test_an_unknown_time_counts_when_recorded(kind: EntryKind) -> None:
    """For an opt-out the latest it can be; such a consent is unproven and permits nothing."""
    assert counts_at_us(kind, said(None, Precision.UNKNOWN), RECORDED_US) == RECORDED_US


@pytest.mark.parametrize("kind", EntryKind)
def test_five_minutes_ahead_are_a_clock_that_runs_fast(kind: EntryKind) -> None:
    """Exactly five minutes are believed."""
    expressed_us = RECORDED_US + FUTURE_TOLERANCE_US
    assert counts_at_us(kind, said(expressed_us), RECORDED_US) == expressed_us


@pytest.mark.parametrize("kind", DENYING)
def test_an_opt_out_from_the_future_counts_when_recorded(kind: EntryKind) -> None:
    """It is never refused, and must not outrank a later consent for ever."""
    expressed_us = RECORDED_US + FUTURE_TOLERANCE_US + 1
    assert counts_at_us(kind, said(expressed_us), RECORDED_US) == RECORDED_US


@pytest.mark.parametrize("kind", [*PERMITTING, EntryKind.DO_NOT_CONTACT_LIFT])
def test_what_permits_from_the_future_is_refused(kind: EntryKind) -> None:
    """With the reason and the field, and nothing of the person."""
    expressed_us = RECORDED_US + FUTURE_TOLERANCE_US + 1
    with pytest.raises(InvalidRequest) as refused:
        counts_at_us(kind, said(expressed_us), RECORDED_US)
    assert refused.value.reason == "EXPRESSED_IN_FUTURE"
    assert refused.value.field == "expression.expressed_at"


def test_an_opt_out_of_today_counts_at_the_end_of_today() -> None:
    """The day has begun, so it is no date in the future, though its end is."""
    today = said(RECORDED_US, Precision.DAY)
    counted_us = counts_at_us(EntryKind.DO_NOT_CONTACT, today, RECORDED_US)
    assert counted_us == utc("2026-03-20T23:00")


def test_an_opt_out_of_tomorrow_counts_when_recorded() -> None:
    """As one dated to an instant of tomorrow."""
    tomorrow = said(RECORDED_US + DAY_US, Precision.DAY)
    assert counts_at_us(EntryKind.WITHDRAWAL, tomorrow, RECORDED_US) == RECORDED_US


def test_a_consent_of_tomorrow_is_refused() -> None:
    """Its day has not begun."""
    tomorrow = said(RECORDED_US + DAY_US, Precision.DAY)
    with pytest.raises(InvalidRequest):
        counts_at_us(EntryKind.CONSENT, tomorrow, RECORDED_US)


def test_tomorrow_may_have_begun_elsewhere() -> None:
    """A day is one of its own time zone: in Auckland it is already the 21st."""
    recorded_us = utc("2026-03-20T20:00")
    in_auckland = said(utc("2026-03-20T12:00"), Precision.DAY, "Pacific/Auckland")
    counted_us = counts_at_us(EntryKind.CONSENT, in_auckland, recorded_us)
    assert counted_us == utc("2026-03-20T11:00")


@pytest.mark.parametrize(
    "inside, time_zone, start, end",
    [
        pytest.param(
            "2026-03-29T12:00", PARIS, "2026-03-28T23:00", "2026-03-29T22:00", id="23 hours"
        ),
        pytest.param(
            "2026-10-25T12:00", PARIS, "2026-10-24T22:00", "2026-10-25T23:00", id="25 hours"
        ),
        pytest.param(
            "2026-10-25T00:30", PARIS, "2026-10-24T22:00", "2026-10-25T23:00", id="2:30, first"
        ),
        pytest.param(
            "2026-10-25T01:30", PARIS, "2026-10-24T22:00", "2026-10-25T23:00", id="2:30, again"
        ),
        pytest.param(
            "2026-03-09T23:00", PARIS, "2026-03-09T23:00", "2026-03-10T23:00", id="at midnight"
        ),
        pytest.param(
            "2026-03-09T22:59:59.999999",
            PARIS,
            "2026-03-08T23:00",
            "2026-03-09T23:00",
            id="a microsecond before midnight",
        ),
        pytest.param(
            "2026-11-01T12:00",
            "America/Havana",
            "2026-11-01T04:00",
            "2026-11-02T05:00",
            id="midnight comes twice",
        ),
        pytest.param(
            "2018-11-04T12:00",
            "America/Sao_Paulo",
            "2018-11-04T03:00",
            "2018-11-05T02:00",
            id="no midnight",
        ),
        pytest.param(
            "2011-12-30T09:00",
            "Pacific/Apia",
            "2011-12-29T10:00",
            "2011-12-30T10:00",
            id="the next day was left out",
        ),
        pytest.param(
            "2026-01-01T00:00", "Asia/Kathmandu", "2025-12-31T18:15", "2026-01-01T18:15", id="5:45"
        ),
        pytest.param("2026-06-30T23:59", "UTC", "2026-06-30T00:00", "2026-07-01T00:00", id="UTC"),
    ],
)
def test_a_day_is_as_long_as_the_clocks_of_its_zone_make_it(
    inside: str, time_zone: str, start: str, end: str
) -> None:
    """Its end is the first instant after it."""
    assert start_of_day_us(utc(inside), time_zone) == utc(start)
    assert end_of_day_us(utc(inside), time_zone) == utc(end)


@given(
    st.datetimes(
        min_value=datetime(1995, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
        max_value=datetime(2060, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    st.sampled_from(
        ("Europe/Paris", "Europe/Lisbon", "Atlantic/Canary", "Indian/Reunion", "America/Cayenne")
    ),
)
def test_a_day_holds_exactly_the_instants_of_its_date(instant: datetime, time_zone: str) -> None:
    """The first instant has the date, the one before has not; so at its end."""
    zone = ZoneInfo(time_zone)
    date = instant.astimezone(zone).date()
    start_us = start_of_day_us(to_us(instant), time_zone)
    end_us = end_of_day_us(to_us(instant), time_zone)
    assert start_us <= to_us(instant) < end_us
    inside = [start_us, end_us - 1]
    outside = [start_us - 1, end_us]
    dates = [local_date(each, zone) for each in (*inside, *outside)]
    assert [each == date for each in dates] == [True, True, False, False]


def local_date(instant_us: int, zone: ZoneInfo) -> object:
    """The date that a wall calendar shows."""
    seconds, microseconds = divmod(instant_us, 1_000_000)
    return datetime.fromtimestamp(seconds, zone).replace(microsecond=microseconds).date()


@given(
    st.sampled_from(SAID),
    st.integers(min_value=utc("2020-01-01T00:00"), max_value=utc("2030-01-01T00:00")),
    st.integers(min_value=utc("2020-01-01T00:00"), max_value=utc("2030-01-01T00:00")),
    st.sampled_from((Precision.INSTANT, Precision.DAY)),
)
def test_an_opt_out_never_counts_before_and_a_consent_never_after_what_was_said(
    kind: EntryKind, expressed_us: int, recorded_us: int, precision: Precision
) -> None:
    """Unless it claims to come from the future."""
    try:
        counted_us = counts_at_us(kind, said(expressed_us, precision), recorded_us)
    except InvalidRequest:
        assert kind not in DENYING
        return
    if kind in PERMITTING:
        assert counted_us <= expressed_us
    elif expressed_us <= recorded_us + FUTURE_TOLERANCE_US:
        assert counted_us >= expressed_us
