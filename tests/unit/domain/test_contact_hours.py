"""Contact hours: by the clocks of the recipient, on every kind of day, to the microsecond."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent_registry_server.domain import contact_hours, policy
from consent_registry_server.domain.calendar import DAY_US, from_us, to_us
from consent_registry_server.domain.contact_hours import (
    HORIZON_DAYS,
    NEVER_US,
    ContactHours,
    DayKind,
    Place,
    Span,
    Window,
)
from consent_registry_server.domain.vocabulary import CountryCode

MINUTE_US = 60_000_000

WEEKDAYS = (DayKind.MON, DayKind.TUE, DayKind.WED, DayKind.THU, DayKind.FRI)
ALL_DAY = (Window(0, 1440),)
EVERY_KIND = dict.fromkeys(DayKind, ALL_DAY)

FRENCH = ContactHours(dict.fromkeys(WEEKDAYS, (Window(600, 780), Window(840, 1200))))
"""Monday to Friday 10-13 and 14-20, not on public holidays."""
ITALIAN = ContactHours(
    {
        **dict.fromkeys(WEEKDAYS, (Window(540, 1200),)),
        DayKind.SAT: (Window(600, 1140),),
        DayKind.HOLIDAY_EVE: (Window(600, 1140),),
    }
)
NORWEGIAN = ContactHours(dict.fromkeys(WEEKDAYS, (Window(540, 1260),)))
DAILY = ContactHours(dict.fromkeys(DayKind, (Window(540, 1200),)))


def place(country: str, *zones: str, subdivision: str = "") -> Place:
    return Place(CountryCode(country), zones, subdivision)


PARIS = place("FR", "Europe/Paris")
MOSELLE = place("FR", "Europe/Paris", subdivision="57")
ALSACE = place("FR", "Europe/Paris", subdivision="6AE")
REUNION = place("RE", "Indian/Reunion")
GUADELOUPE = place("GP", "America/Guadeloupe")
POLYNESIA = place("PF", "Pacific/Gambier", "Pacific/Marquesas", "Pacific/Tahiti")
SPAIN = place("ES", "Atlantic/Canary", "Europe/Madrid")
MADRID = place("ES", "Europe/Madrid", subdivision="MD")
TENERIFE = place("ES", "Atlantic/Canary", subdivision="CN")
AZORES = place("PT", "Atlantic/Azores", subdivision="20")
PORTUGAL = place("PT", "Atlantic/Azores", "Europe/Lisbon")
ROME = place("IT", "Europe/Rome")
OSLO = place("NO", "Europe/Oslo")
ALAND = place("AX", "Europe/Helsinki")
LORD_HOWE = place("FR", "Australia/Lord_Howe")
"""Its clocks change by half an hour."""
PARIS_AND_GUADELOUPE = place("FR", "America/Guadeloupe", "Europe/Paris")


def at(text: str, zone: str = "Europe/Paris") -> int:
    """An instant by the clock of a zone; `fold=1` after a slash for the second reading."""
    wall, _, fold = text.partition("/")
    local = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone), fold=int(bool(fold)))
    return to_us(local)


@pytest.mark.parametrize(
    "hours, where, asked, is_open, ends",
    [
        pytest.param(FRENCH, PARIS, "2026-11-23T10:00", True, "2026-11-23T13:00", id="opens"),
        pytest.param(
            FRENCH, PARIS, "2026-11-23T09:59:59.999999", False, "2026-11-23T10:00", id="not yet"
        ),
        pytest.param(
            FRENCH, PARIS, "2026-11-23T12:59:59.999999", True, "2026-11-23T13:00", id="last moment"
        ),
        pytest.param(FRENCH, PARIS, "2026-11-23T13:00", False, "2026-11-23T14:00", id="13 sharp"),
        pytest.param(FRENCH, PARIS, "2026-11-23T13:30", False, "2026-11-23T14:00", id="lunch"),
        pytest.param(FRENCH, PARIS, "2026-11-23T14:00", True, "2026-11-23T20:00", id="14 sharp"),
        pytest.param(FRENCH, PARIS, "2026-11-23T20:00", False, "2026-11-24T10:00", id="20 sharp"),
        pytest.param(FRENCH, PARIS, "2026-11-27T20:00", False, "2026-11-30T10:00", id="weekend"),
        pytest.param(FRENCH, PARIS, "2026-05-01T11:00", False, "2026-05-04T10:00", id="1 May"),
        pytest.param(
            FRENCH, PARIS, "2026-12-24T20:00", False, "2026-12-28T10:00", id="Christmas, weekend"
        ),
        pytest.param(
            FRENCH, PARIS, "2026-12-31T20:00", False, "2027-01-04T10:00", id="over the year's end"
        ),
        pytest.param(
            FRENCH, PARIS, "2027-03-26T11:00", True, "2027-03-26T13:00", id="Good Friday in Paris"
        ),
        pytest.param(
            FRENCH, ALSACE, "2027-03-26T11:00", False, "2027-03-30T10:00", id="and in Alsace"
        ),
        pytest.param(
            FRENCH, MOSELLE, "2027-03-26T11:00", False, "2027-03-30T10:00", id="and in Moselle"
        ),
        pytest.param(
            ITALIAN, ROME, "2026-11-23T19:30", True, "2026-11-23T20:00", id="Italian weekday"
        ),
        pytest.param(
            ITALIAN, ROME, "2026-11-28T09:30", False, "2026-11-28T10:00", id="Italian Saturday"
        ),
        pytest.param(
            ITALIAN, ROME, "2027-06-01T09:30", False, "2027-06-01T10:00", id="Italian eve, morning"
        ),
        pytest.param(
            ITALIAN, ROME, "2027-06-01T19:00", False, "2027-06-03T09:00", id="Italian eve, evening"
        ),
        pytest.param(
            ITALIAN, ROME, "2027-10-03T12:00", False, "2027-10-05T09:00", id="Sunday that is an eve"
        ),
        pytest.param(
            ITALIAN,
            ROME,
            "2027-03-27T18:00",
            True,
            "2027-03-27T19:00",
            id="Saturday that is Easter's eve",
        ),
        pytest.param(
            NORWEGIAN, OSLO, "2027-05-17T12:00", False, "2027-05-18T09:00", id="17 May in Norway"
        ),
        pytest.param(
            NORWEGIAN, OSLO, "2027-05-14T12:00", True, "2027-05-14T21:00", id="14 May in Norway"
        ),
        pytest.param(
            NORWEGIAN, ALAND, "2027-06-09T12:00", False, "2027-06-10T08:00", id="Autonomy Day"
        ),
        pytest.param(
            FRENCH, TENERIFE, "2026-11-23T10:30", False, "2026-11-23T11:00", id="Canary: an hour on"
        ),
        pytest.param(
            NORWEGIAN, SPAIN, "2026-11-23T09:30", False, "2026-11-23T10:00", id="Spain: not in all"
        ),
        pytest.param(
            NORWEGIAN, SPAIN, "2026-11-23T10:00", True, "2026-11-23T21:00", id="Spain: till Madrid"
        ),
        pytest.param(
            FRENCH, SPAIN, "2026-11-23T14:30", False, "2026-11-23T15:00", id="Spain: lunch is long"
        ),
        pytest.param(
            NORWEGIAN, AZORES, "2026-11-23T10:30", False, "2026-11-23T11:00", id="two hours behind"
        ),
        pytest.param(
            FRENCH, REUNION, "2026-11-23T16:30", True, "2026-11-23T17:00", id="Réunion in winter"
        ),
        pytest.param(
            FRENCH, REUNION, "2026-07-06T17:30", True, "2026-07-06T18:00", id="Réunion in summer"
        ),
        pytest.param(
            FRENCH, REUNION, "2027-12-20T12:00", False, "2027-12-21T07:00", id="20 December there"
        ),
        pytest.param(
            FRENCH, GUADELOUPE, "2026-11-23T14:30", False, "2026-11-23T15:00", id="Antilles, winter"
        ),
        pytest.param(
            FRENCH, GUADELOUPE, "2026-07-06T15:30", False, "2026-07-06T16:00", id="Antilles, summer"
        ),
        pytest.param(
            FRENCH,
            PARIS_AND_GUADELOUPE,
            "2026-11-23T15:00",
            True,
            "2026-11-23T18:00",
            id="from the Antilles' morning to their lunch",
        ),
    ],
)
def test_the_span_is_the_one_of_the_recipients_clock(
    hours: ContactHours, where: Place, asked: str, is_open: bool, ends: str
) -> None:
    """Half-open, by their public holidays; all instants here are by the clock in Paris."""
    assert hours.span(where, at(asked)) == Span(is_open, at(ends))


SPRING, AUTUMN = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    "window, where, asked, is_open, ends",
    [
        pytest.param(
            Window(150, 240),
            PARIS,
            f"{SPRING}T01:30",
            False,
            f"{SPRING}T03:00",
            id="begins in the gap",
        ),
        pytest.param(
            Window(60, 150), PARIS, f"{SPRING}T01:30", True, f"{SPRING}T03:00", id="ends in the gap"
        ),
        pytest.param(
            Window(60, 240), PARIS, f"{SPRING}T01:30", True, f"{SPRING}T04:00", id="over the gap"
        ),
        pytest.param(
            Window(150, 240),
            PARIS,
            f"{AUTUMN}T02:45",
            False,
            f"{AUTUMN}T02:30/2",
            id="begins at the second 02:30",
        ),
        pytest.param(
            Window(60, 150),
            PARIS,
            f"{AUTUMN}T02:15",
            True,
            f"{AUTUMN}T02:30",
            id="ends at the first 02:30",
        ),
        pytest.param(
            Window(60, 240), PARIS, f"{AUTUMN}T02:15", True, f"{AUTUMN}T04:00", id="over both"
        ),
        pytest.param(
            Window(130, 140),
            PARIS,
            f"{AUTUMN}T02:15",
            False,
            "2026-11-08T02:10",
            id="both ends twice: not that day, nor on All Saints'",
        ),
        pytest.param(
            Window(0, 600), AZORES, f"{SPRING}T01:00", True, f"{SPRING}T10:00", id="no midnight"
        ),
        pytest.param(
            Window(0, 600), AZORES, f"{AUTUMN}T00:30", True, f"{AUTUMN}T10:00", id="two midnights"
        ),
        pytest.param(
            Window(30, 600),
            AZORES,
            f"{AUTUMN}T00:45",
            False,
            f"{AUTUMN}T00:30/2",
            id="begins at the second half past",
        ),
        pytest.param(
            Window(120, 180),
            LORD_HOWE,
            "2026-10-04T01:00",
            False,
            "2026-10-04T02:30",
            id="half an hour is skipped",
        ),
    ],
)
def test_the_clock_may_change_within_a_window(
    window: Window, where: Place, asked: str, is_open: bool, ends: str
) -> None:
    """On Sundays: a time that does not exist is the next that does, of two the stricter counts."""
    hours = ContactHours({DayKind.SUN: (window,)})
    (zone,) = where.zones
    assert hours.span(where, at(asked, zone)) == Span(is_open, at(ends, zone))


def test_windows_that_meet_at_midnight_are_one_span() -> None:
    """Even where a holiday ends and a weekday begins, and on the nights the clocks change."""
    hours = ContactHours({**EVERY_KIND, DayKind.THU: (Window(0, 720),)})
    for asked in ("2027-05-13T12:00", "2026-03-26T12:00", "2026-10-22T12:00"):
        for where in (PARIS, AZORES, LORD_HOWE):
            (zone,) = where.zones
            opens_us = hours.next_open_us(where, at(asked, zone))
            assert opens_us is not None
            following = hours.span(where, opens_us)
            assert from_us(following.ends_at_us).astimezone(ZoneInfo(zone)).weekday() == DayKind.THU
            assert following.ends_at_us - opens_us > 6 * DAY_US


@pytest.mark.parametrize("where", [PARIS, SPAIN, POLYNESIA])
@pytest.mark.parametrize(
    "hours, is_open",
    [
        pytest.param(ContactHours({}), False, id="never open"),
        pytest.param(ContactHours({DayKind.HOLIDAY_EVE: ALL_DAY}), False, id="eves only narrow"),
        pytest.param(ContactHours(EVERY_KIND), True, id="never closed"),
    ],
)
def test_hours_that_do_not_change_have_no_end(
    where: Place, hours: ContactHours, is_open: bool
) -> None:
    """The engine takes that end for the one of a rule without `valid_to`."""
    asked_us = at("2026-11-23T12:00")
    assert hours.span(where, asked_us) == Span(is_open, NEVER_US)
    assert hours.next_open_us(where, asked_us) == (asked_us if is_open else None)
    assert NEVER_US == policy.NEVER_US


def test_zones_without_a_common_hour_never_open() -> None:
    """So that nobody waits for a retry."""
    brief = ContactHours(dict.fromkeys(WEEKDAYS, (Window(600, 645),)))
    asked_us = at("2026-11-23T12:00")
    assert brief.span(SPAIN, asked_us) == Span(False, NEVER_US)
    assert brief.next_open_us(SPAIN, asked_us) is None
    assert brief.next_open_us(MADRID, asked_us) == at("2026-11-24T10:00")


@pytest.mark.parametrize(
    "asked, opens",
    [
        pytest.param("2026-11-23T13:30", "2026-11-23T14:00", id="after lunch"),
        pytest.param("2026-11-23T14:00", "2026-11-23T14:00", id="now"),
        pytest.param("2026-12-24T20:00", "2026-12-28T10:00", id="after Christmas"),
    ],
)
def test_the_next_open_instant_is_the_asked_one_where_it_is_open(asked: str, opens: str) -> None:
    """Else the first that is."""
    assert FRENCH.next_open_us(PARIS, at(asked)) == at(opens)


@pytest.mark.parametrize(
    "where, asked_us",
    [
        pytest.param(place("FR"), at("2026-11-23T12:00"), id="no zone"),
        pytest.param(
            PARIS, to_us(datetime(9999, 12, 31, 23, tzinfo=UTC)), id="after all calendars"
        ),
        pytest.param(PARIS, to_us(datetime(1, 1, 1, tzinfo=UTC)), id="before all calendars"),
        pytest.param(PARIS, NEVER_US, id="never"),
    ],
)
def test_what_no_clock_shows_is_closed(where: Place, asked_us: int) -> None:
    """Unknown is no permission."""
    assert ContactHours(EVERY_KIND).span(where, asked_us) == Span(False, NEVER_US)


def test_hours_are_equal_when_they_say_the_same() -> None:
    """However the windows are cut; unverified ones are others."""
    cut = ContactHours({DayKind.MON: (Window(720, 780), Window(600, 720)), DayKind.TUE: ()})
    whole = ContactHours({DayKind.MON: (Window(600, 780),)})
    assert cut == whole
    assert hash(cut) == hash(whole)
    assert whole != ContactHours(whole.by_day, is_verified=False)
    assert whole != ContactHours({DayKind.TUE: (Window(600, 780),)})
    assert whole != ContactHours({**whole.by_day, DayKind.HOLIDAY_EVE: ()})
    assert whole != "MON 10:00-13:00"
    assert repr(whole) == "<ContactHours MON 10:00-13:00>"
    assert repr(ContactHours({}, is_verified=False)) == "<ContactHours closed, unverified>"


@pytest.mark.parametrize(
    "window",
    [Window(600, 600), Window(780, 600), Window(-1, 600), Window(600, 1441)],
)
def test_a_window_lies_within_its_day(window: Window) -> None:
    """The loader says so in the words of the file; here it is a mistake."""
    with pytest.raises(ValueError, match="no window of a day"):
        ContactHours({DayKind.MON: (window,)})


@pytest.mark.parametrize(
    "outer, inner, contains",
    [
        pytest.param(FRENCH, FRENCH, True, id="itself"),
        pytest.param(DAILY, FRENCH, True, id="every day, longer"),
        pytest.param(FRENCH, DAILY, False, id="not the other way round"),
        pytest.param(FRENCH, ContactHours({}), True, id="closed is in everything"),
        pytest.param(
            FRENCH,
            ContactHours({DayKind.MON: (Window(660, 900),)}),
            False,
            id="over the lunch break",
        ),
        pytest.param(
            FRENCH,
            ContactHours({**FRENCH.by_day, DayKind.HOLIDAY: (Window(660, 720),)}),
            False,
            id="on holidays",
        ),
        pytest.param(
            ITALIAN,
            ContactHours({DayKind.MON: (Window(540, 1200),)}),
            False,
            id="on an eve",
        ),
        pytest.param(ITALIAN, ContactHours({DayKind.MON: (Window(600, 1140),)}), True, id="narrow"),
        pytest.param(
            ContactHours({DayKind.MON: (Window(540, 600), Window(600, 780))}),
            ContactHours({DayKind.MON: (Window(570, 630),)}),
            True,
            id="over a seam",
        ),
    ],
)
def test_hours_contain_others_when_they_are_open_whenever_those_are(
    outer: ContactHours, inner: ContactHours, contains: bool
) -> None:
    """What a company may set in the place of the law's hours."""
    assert outer.contains(inner) is contains


# --- Against the clocks themselves ----------------------------------------------------------------


@cache
def minutes_of(zone: str, day: date) -> list[tuple[int, int]]:
    """Each minute of a local day as an instant and what the clock shows, found by looking."""
    midnight_us = to_us(datetime(day.year, day.month, day.day, tzinfo=UTC))
    clock = ZoneInfo(zone)
    instants = range(
        midnight_us - 16 * 60 * MINUTE_US, midnight_us + 40 * 60 * MINUTE_US, MINUTE_US
    )
    shown = [(instant, from_us(instant).astimezone(clock)) for instant in instants]
    return [
        (instant, local.hour * 60 + local.minute) for instant, local in shown if local.date() == day
    ]


def open_between(zone: str, day: date, window: Window) -> tuple[int, int]:
    """From the last showing of a window's start to the first of its end.

    Where it reaches the start or the end of its day, from or to there.
    """
    minutes = minutes_of(zone, day)
    opens_us, closes_us = minutes[0][0], minutes[-1][0] + MINUTE_US
    if window.from_minute:
        shown = [instant for instant, minute in minutes if minute == window.from_minute]
        later = [instant for instant, minute in minutes if minute > window.from_minute]
        opens_us = shown[-1] if shown else later[0]
    if window.to_minute < 1440:
        closes_us = next(instant for instant, minute in minutes if minute >= window.to_minute)
    return opens_us, closes_us


@cache
def holidays_of(country: str, subdivision: str) -> frozenset[date]:
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=range(2025, 2031))
    return frozenset(found)


def windows_on(hours: ContactHours, where: Place, day: date) -> list[Window]:
    public = holidays_of(where.country, where.subdivision)
    kind = DayKind.HOLIDAY if day in public else DayKind(day.weekday())
    windows = hours.by_day.get(kind, ())
    if day + timedelta(days=1) not in public or DayKind.HOLIDAY_EVE not in hours.by_day:
        return list(windows)
    return [
        Window(max(one[0], other[0]), min(one[1], other[1]))
        for one in windows
        for other in hours.by_day[DayKind.HOLIDAY_EVE]
        if max(one[0], other[0]) < min(one[1], other[1])
    ]


def is_open_by_the_clock(hours: ContactHours, where: Place, at_us: int) -> bool:
    """Looks at the clock and the calendar of every zone."""
    for zone in where.zones:
        day = from_us(at_us).astimezone(ZoneInfo(zone)).date()
        stretches = (open_between(zone, day, each) for each in windows_on(hours, where, day))
        if not any(opens_us <= at_us < closes_us for opens_us, closes_us in stretches):
            return False
    return True


# Round the hours at which clocks change, and to both ends of the day.
MINUTES = (0, 1, 30, 60, 90, 105, 120, 150, 165, 180, 240, 540, 600, 780, 840, 1200, 1380, 1440)
windows = (
    st.tuples(st.sampled_from(MINUTES), st.sampled_from(MINUTES))
    .filter(lambda ends: ends[0] < ends[1])
    .map(lambda ends: Window(*ends))
)
kinds = st.dictionaries(st.sampled_from(DayKind), st.lists(windows, max_size=2).map(tuple))
drawn_hours = st.builds(ContactHours, kinds) | st.sampled_from([FRENCH, ITALIAN, NORWEGIAN, DAILY])
PLACES = (
    PARIS,
    ALSACE,
    REUNION,
    GUADELOUPE,
    POLYNESIA,
    SPAIN,
    MADRID,
    TENERIFE,
    AZORES,
    PORTUGAL,
    ROME,
    OSLO,
    ALAND,
    LORD_HOWE,
    PARIS_AND_GUADELOUPE,
)
places = st.sampled_from(PLACES)
DAYS = (
    date(2026, 10, 25),
    date(2027, 3, 28),
    date(2026, 3, 29),
    date(2026, 12, 25),
    date(2027, 1, 1),
    date(2027, 5, 17),
    date(2027, 10, 3),
    date(2026, 10, 4),
    date(2027, 4, 4),
)
days = st.sampled_from(DAYS) | st.dates(date(2026, 1, 1), date(2028, 12, 31))
instants = st.builds(
    lambda day, minute, more_us: (
        to_us(datetime(day.year, day.month, day.day, tzinfo=UTC)) + minute * MINUTE_US + more_us
    ),
    days,
    st.integers(-1440, 2 * 1440),
    st.sampled_from((0, 0, 1, -1, 30_000_000)),
)


@settings(deadline=None)
@given(drawn_hours, places, instants)
@example(FRENCH, SPAIN, at("2026-10-25T02:30"))
@example(ContactHours({DayKind.SUN: (Window(120, 180),)}), PARIS, at("2026-10-25T02:00"))
def test_a_span_is_exact(hours: ContactHours, where: Place, asked_us: int) -> None:
    """Until its very end nothing changes, and there it does; minute by minute, for three days."""
    is_open, ends_at_us = hours.span(where, asked_us)
    first_minute_us = asked_us - asked_us % MINUTE_US
    last_us = min(ends_at_us, asked_us + 3 * DAY_US)
    for minute_us in range(first_minute_us, last_us, MINUTE_US):
        assert is_open_by_the_clock(hours, where, minute_us) is is_open
    if ends_at_us != NEVER_US:
        assert is_open_by_the_clock(hours, where, ends_at_us - 1) is is_open
        assert is_open_by_the_clock(hours, where, ends_at_us) is not is_open


@settings(deadline=None)
@given(
    drawn_hours,
    st.lists(places, min_size=1, max_size=2),
    instants,
    st.lists(st.integers(-2 * 48, 2 * 48), min_size=2, max_size=12),
)
@example(FRENCH, [PARIS], at("2026-11-23T13:30"), [0, -2, -8, 2, 1])
@example(NORWEGIAN, [SPAIN], at("2026-11-23T10:30"), [0, -2, 20])
@example(NORWEGIAN, [SPAIN], at("2026-11-23T21:30"), [0, -3, -24])
def test_spans_already_found_change_no_answer(
    hours: ContactHours, where: list[Place], about_us: int, half_hours: list[int]
) -> None:
    """Asked of the same hours in any order, earlier ones last, or of hours never asked before."""
    for index, half_hour in enumerate(half_hours):
        here, asked_us = where[index % len(where)], about_us + half_hour * 30 * MINUTE_US
        assert hours.span(here, asked_us) == ContactHours(hours.by_day).span(here, asked_us)


@settings(deadline=None)
@given(drawn_hours, places, places, instants)
def test_more_zones_never_open_more(
    hours: ContactHours, one: Place, other: Place, asked_us: int
) -> None:
    """A span of both is open exactly where each is, and ends where one of them ends."""
    both = one._replace(zones=(*one.zones, *other.zones))
    second = one._replace(zones=other.zones)
    spans = [hours.span(one, asked_us), hours.span(second, asked_us)]
    of_both = hours.span(both, asked_us)
    assert of_both.is_open is all(each.is_open for each in spans)
    if of_both.is_open:
        assert of_both.ends_at_us == min(each.ends_at_us for each in spans)
    else:
        assert of_both.ends_at_us >= max(each.ends_at_us for each in spans if not each.is_open)


def narrowed(outer: ContactHours, other: ContactHours) -> ContactHours:
    """Open where both are; an eve is held to whatever hours either has for it."""
    by_day = {
        kind: tuple(
            Window(max(one[0], another[0]), min(one[1], another[1]))
            for one in windows
            for another in other.by_day.get(kind, ())
            if max(one[0], another[0]) < min(one[1], another[1])
        )
        for kind, windows in outer.by_day.items()
    }
    if (DayKind.HOLIDAY_EVE in outer.by_day) is not (DayKind.HOLIDAY_EVE in other.by_day):
        eves = {**outer.by_day, **other.by_day}[DayKind.HOLIDAY_EVE]
        by_day[DayKind.HOLIDAY_EVE] = eves
    return ContactHours(by_day)


@settings(deadline=None)
@given(drawn_hours, drawn_hours, places, instants)
def test_contained_hours_are_open_only_where_the_others_are(
    outer: ContactHours, other: ContactHours, where: Place, asked_us: int
) -> None:
    """Whatever day it is, the nights on which the clocks change included."""
    inner = narrowed(outer, other)
    assert outer.contains(inner)
    if inner.span(where, asked_us).is_open:
        assert outer.span(where, asked_us).is_open
    if other.span(where, asked_us).is_open and not outer.span(where, asked_us).is_open:
        assert not outer.contains(other)


# --- What is kept ---------------------------------------------------------------------------------


def test_a_span_that_still_holds_is_not_sought_again() -> None:
    """It is the same object, for any instant within and for a place that is merely equal."""
    hours = ContactHours(FRENCH.by_day)
    found = hours.span(PARIS, at("2026-11-23T15:00"))
    assert hours.span(place("FR", "Europe/Paris"), at("2026-11-23T14:00")) is found
    assert hours.span(PARIS, at("2026-11-23T19:59:59.999999")) is found


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the oldest places are sought again, with the same answers."""
    monkeypatch.setattr(contact_hours, "_MAX_PLACES", 3)
    hours = ContactHours(FRENCH.by_day)
    asked_us = at("2026-11-23T15:00")
    for where in PLACES * 2:
        assert hours.span(where, asked_us) == ContactHours(FRENCH.by_day).span(where, asked_us)
        assert len(hours._known) <= 3  # noqa: SLF001 - it shows nowhere else


def test_the_horizon_is_the_same_for_all_instants_of_a_day() -> None:
    """Else what was asked before would tell whether an end far ahead is seen."""
    on_holidays = {DayKind.HOLIDAY: ALL_DAY}
    # The library knows of none before.
    first = min(holidays.country_holidays("IE", years=range(1800, 1900)))
    opens_us = to_us(datetime(first.year, first.month, first.day, tzinfo=ZoneInfo("Europe/Dublin")))
    dublin = place("IE", "Europe/Dublin")
    day = opens_us // DAY_US - HORIZON_DAYS
    asked = [
        ((day - 1) * DAY_US, NEVER_US),
        (day * DAY_US - 1, NEVER_US),
        (day * DAY_US, NEVER_US),
        ((day + 1) * DAY_US - 1, NEVER_US),
        ((day + 1) * DAY_US, opens_us),
        ((day + 3) * DAY_US, opens_us),
    ]
    for order in (asked, asked[::-1]):
        hours = ContactHours(on_holidays)
        for asked_us, ends_at_us in order:
            assert hours.span(dublin, asked_us) == Span(False, ends_at_us)


def test_spans_follow_one_another() -> None:
    """Walking from end to end passes every opening of a year: two a working day in France."""
    at_us, until_us = at("2027-01-01T00:00"), at("2028-01-01T00:00")
    spans = []
    while at_us < until_us:
        spans.append(FRENCH.span(PARIS, at_us))
        at_us = spans[-1].ends_at_us
    assert all(one.is_open is not other.is_open for one, other in pairwise(spans))
    # 261 weekdays, 7 of which are holidays.
    assert sum(span.is_open for span in spans) == 2 * (261 - 7)
