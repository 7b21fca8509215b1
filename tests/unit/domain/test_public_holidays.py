"""Public holidays: those of the law, in the region that an address tells."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from consent_registry_server.domain.geography import (
    BY_POSTAL_CODE,
    PLACES,
    PLANS,
)
from consent_registry_server.domain.public_holidays import is_public_holiday
from consent_registry_server.domain.vocabulary import CountryCode


def free_days(country: str, subdivision: str = "", year: int = 2027) -> set[date]:
    days = (date(year, 1, 1) + timedelta(days=day) for day in range(366))
    return {
        day
        for day in days
        if day.year == year and is_public_holiday(CountryCode(country), subdivision, day)
    }


@pytest.mark.parametrize(
    "country, subdivision, more, fewer",
    [
        pytest.param("FR", "57", ["03-26", "12-26"], [], id="Moselle"),
        pytest.param("FR", "6AE", ["03-26", "12-26"], [], id="Alsace"),
        pytest.param("RE", "", ["12-20"], [], id="Réunion"),
        pytest.param("YT", "", ["04-27"], [], id="Mayotte"),
        pytest.param("GF", "", ["06-10"], [], id="French Guiana"),
        pytest.param("MQ", "", ["05-22", "07-21"], [], id="Martinique"),
        pytest.param("GP", "", ["03-04", "03-26", "05-27", "07-21"], [], id="Guadeloupe"),
        pytest.param("NC", "", ["09-24"], [], id="New Caledonia"),
        pytest.param("AX", "", ["06-09"], [], id="Åland"),
        pytest.param("SJ", "", [], [], id="Svalbard"),
        pytest.param("ES", "CN", ["03-25", "05-31", "08-16"], [], id="Canary Islands"),
        pytest.param("ES", "CT", ["03-29", "06-24", "09-11"], [], id="Catalonia"),
        pytest.param("PT", "20", ["05-17"], [], id="Azores"),
        pytest.param("PT", "30", ["07-01", "12-26"], [], id="Madeira"),
    ],
)
def test_regions_and_territories_have_days_of_their_own(
    country: str, subdivision: str, more: list[str], fewer: list[str]
) -> None:
    """Beside those of the country they belong to; 2027."""
    parents = {"AX": "FI", "SJ": "NO", "ES": "ES", "PT": "PT"}
    national = free_days(parents.get(country, "FR"))
    own = free_days(country, subdivision)
    assert {f"{day:%m-%d}" for day in own - national} == set(more)
    assert {f"{day:%m-%d}" for day in national - own} == set(fewer)


@pytest.mark.parametrize("country", ["FR", "NO", "SE", "FI", "IE", "ES", "IT", "PT"])
@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_a_sunday_is_a_holiday_only_by_name(country: str, year: int) -> None:
    """Else every Saturday would be the eve of one, and Sunday hours would never count."""
    assert sum(day.weekday() == 6 for day in free_days(country, year=year)) <= 5


@pytest.mark.parametrize(
    "country, subdivision, day",
    [
        pytest.param("SE", "", date(2027, 12, 24), id="Christmas Eve, free by custom alone"),
        pytest.param("IT", "", date(2027, 12, 24), id="half a day"),
        pytest.param("PT", "", date(2027, 2, 9), id="carnival, left to the employer"),
        pytest.param("IE", "", date(2027, 3, 26), id="Good Friday, when banks close"),
        pytest.param("IE", "", date(2027, 12, 27), id="Christmas on a Saturday moves no holiday"),
        pytest.param("FR", "", date(2027, 3, 26), id="Good Friday outside Alsace-Moselle"),
        pytest.param("NO", "", date(2027, 12, 24), id="Christmas Eve in Norway"),
    ],
)
def test_other_free_days_do_not_count(country: str, subdivision: str, day: date) -> None:
    """The laws on contact hours speak of public holidays."""
    assert not is_public_holiday(CountryCode(country), subdivision, day)


def test_a_day_that_the_law_moved_counts_where_it_was_moved_to() -> None:
    """28 February 2027 is a Sunday: Andalusia rests on the Monday."""
    assert is_public_holiday(CountryCode("ES"), "AN", date(2027, 3, 1))


def test_every_place_has_a_calendar() -> None:
    """One that the library does not know would fail the decision about it."""
    places = {
        *PLACES.values(),
        *(plan.place for plan in PLANS.values()),
        *(place for plan in PLANS.values() for place in plan.by_prefix.values()),
        *(place for _, by_prefix in BY_POSTAL_CODE.values() for place in by_prefix.values()),
    }
    assert len(places) > 40
    for place in places:
        assert free_days(place.country, place.subdivision)


@pytest.mark.parametrize("country, subdivision", [("ZZ", ""), ("FR", "75")])
def test_an_unknown_calendar_is_an_error(country: str, subdivision: str) -> None:
    """And never a year without holidays."""
    with pytest.raises(NotImplementedError):
        is_public_holiday(CountryCode(country), subdivision, date(2027, 1, 1))
