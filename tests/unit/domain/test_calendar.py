"""Calendar months and microseconds, against computations of another kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US, from_us, plus_months, to_us

instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def on(text: str) -> int:
    """The microseconds of an instant in UTC."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "start, months, end",
    [
        pytest.param("2026-09-01T10:00", 12, "2027-09-01T10:00", id="a year"),
        pytest.param("2026-01-31T00:00", 1, "2026-02-28T00:00", id="no 31 February"),
        pytest.param("2028-01-31T00:00", 1, "2028-02-29T00:00", id="leap year"),
        pytest.param("2028-02-29T12:00", 12, "2029-02-28T12:00", id="leap day, a year on"),
        pytest.param("2028-02-29T12:00", 48, "2032-02-29T12:00", id="leap day, four years on"),
        pytest.param(
            "2026-02-28T23:59:59.999999", 1, "2026-03-28T23:59:59.999999", id="stays 28th"
        ),
        pytest.param("2026-12-31T08:00", 2, "2027-02-28T08:00", id="over the new year"),
        pytest.param("2026-11-30T08:00", 1, "2026-12-30T08:00", id="December is no thirteenth"),
        pytest.param("2026-11-30T08:00", 0, "2026-11-30T08:00", id="none"),
        pytest.param("1969-12-31T23:00", 2, "1970-02-28T23:00", id="before the epoch"),
        pytest.param("2096-02-29T00:00", 48, "2100-02-28T00:00", id="2100 is no leap year"),
    ],
)
def test_a_term_ends_on_the_same_day_of_a_later_month(start: str, months: int, end: str) -> None:
    """Or on its last one, so that no term outlasts the law's."""
    assert plus_months(on(start), months) == on(end)


@given(instants, st.integers(min_value=0, max_value=240))
def test_a_term_is_the_one_counted_month_by_month(start: datetime, months: int) -> None:
    """Months are counted on a list of years and months; the day is the last possible one."""
    ahead = [(year, month) for year in range(start.year, start.year + 22) for month in range(1, 13)]
    year, month = ahead[start.month - 1 + months]
    first_of_next = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    last_day = (first_of_next - timedelta(days=1)).day
    expected = start.replace(year=year, month=month, day=min(start.day, last_day))
    assert plus_months(to_us(start), months) == to_us(expected)


@given(instants, instants, st.integers(min_value=0, max_value=60))
def test_what_starts_later_never_ends_earlier(one: datetime, other: datetime, months: int) -> None:
    """But for those that a short month puts on its last day, where the time of day decides."""
    first, second = sorted((to_us(one), to_us(other)))
    assert plus_months(first, months) - plus_months(second, months) <= DAY_US
    if second - first >= 4 * DAY_US:
        assert plus_months(first, months) <= plus_months(second, months)


@given(instants)
def test_microseconds_come_back_as_the_same_instant(instant: datetime) -> None:
    """No float is on the way."""
    assert from_us(to_us(instant)) == instant


@given(instants, st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_an_instant_is_the_same_in_every_zone(instant: datetime, offset_min: int) -> None:
    """What counts is when it was, not what the clock showed."""
    local = instant.astimezone(timezone(timedelta(minutes=offset_min)))
    assert to_us(local) == to_us(instant)
