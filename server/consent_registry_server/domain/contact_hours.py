"""When a person may be contacted: windows of local time, by day of the week and public holiday.

Windows are half-open: at 13:00 sharp a window until 13:00 is closed. Instants are microseconds
since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from enum import IntEnum
from typing import Final, NamedTuple

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.local_time import (
    DAY_MINUTES,
    local_day,
    midnight_us,
    stretch_us,
)
from consent_registry_server.domain.public_holidays import is_public_holiday
from consent_registry_server.domain.vocabulary import CountryCode

NEVER_US: Final = 1 << 62
"""The end of a span that does not end in sight."""

HORIZON_DAYS: Final = 400
"""How far ahead is looked, from the start of the instant's day in UTC: beyond the next year's
holidays."""

_MAX_PLACES: Final = 4_096
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAYS: Final = range(3 - _EPOCH_DAY, date.max.toordinal() - HORIZON_DAYS - 3 - _EPOCH_DAY)
"""The days since the epoch whose neighbours, as far as is looked, all have dates."""


class DayKind(IntEnum):
    """The kinds of day that windows distinguish; the weekdays are those of `date.weekday`."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6
    HOLIDAY_EVE = 7
    """A day before a public holiday: narrows the hours of its weekday, where hours are given."""
    HOLIDAY = 8
    """A public holiday: replaces its weekday; without hours of its own it is closed."""


class Window(NamedTuple):
    """Minutes since local midnight, from the first to the one after the last."""

    from_minute: int
    to_minute: int


class Place(NamedTuple):
    """Where a recipient is, as far as it matters for the time of day.

    Of several zones the hours of all must be kept. `subdivision` is a code of the `holidays`
    library for `country`, empty where only national holidays are known to apply.
    """

    country: CountryCode
    zones: tuple[str, ...]
    subdivision: str = ""


class Span(NamedTuple):
    """The stretch of time around an instant in which the hours are all open or all closed."""

    is_open: bool
    ends_at_us: int
    """The first instant after it; NEVER_US where none is within `HORIZON_DAYS`."""


class _Stretch(NamedTuple):
    """A span, and an instant from which on it is known to last."""

    is_open: bool
    from_us: int
    to_us: int


_Table = tuple[tuple[Window, ...], ...]
"""Windows by weekday and, at its end, of HOLIDAY: what `DayKind` numbers."""


class ContactHours:
    """The hours of one rule. Equal when their windows are; spans already found are kept."""

    __slots__ = ("_eves", "_known", "_ordinary", "by_day", "is_verified")

    def __init__(
        self, by_day: Mapping[DayKind, tuple[Window, ...]], *, is_verified: bool = True
    ) -> None:
        """Takes the windows of each kind of day; a kind that is not there is closed.

        `is_verified` is False where the law's hours are unknown and these are ones that no law
        forbids: outside them a human must look.

        Raises:
            ValueError: a window that is empty or leaves its day.
        """
        joined = {kind: _joined(by_day[kind]) for kind in sorted(by_day)}
        # No hours on an eve close it; no hours on any other day are the same as none given.
        self.by_day = {
            kind: windows
            for kind, windows in joined.items()
            if windows or kind is DayKind.HOLIDAY_EVE
        }
        self.is_verified = is_verified
        self._ordinary: _Table = tuple(joined.get(kind, ()) for kind in DayKind)
        eve = joined.get(DayKind.HOLIDAY_EVE, (Window(0, DAY_MINUTES),))
        self._eves: _Table = tuple(_common(windows, eve) for windows in self._ordinary)
        # The last span found at each place, and the instants for which it is the answer. Threads
        # share it without a lock, because an entry is replaced as a whole.
        self._known: dict[Place, tuple[int, int, Span]] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContactHours):
            return NotImplemented
        return self.by_day == other.by_day and self.is_verified == other.is_verified

    def __hash__(self) -> int:
        return hash((frozenset(self.by_day.items()), self.is_verified))

    def __repr__(self) -> str:
        days = ", ".join(
            f"{kind.name} {' '.join(map(_clock, windows)) or 'closed'}"
            for kind, windows in self.by_day.items()
        )
        return f"<ContactHours {days or 'closed'}{'' if self.is_verified else ', unverified'}>"

    def span(self, place: Place, at_us: int) -> Span:
        """The span around an instant. Where a place has several zones, open means open in all.

        A holiday that is the eve of another is held to the hours of both. A place without zones
        and an instant that no calendar reaches are closed.
        """
        known = self._known.get(place)
        if known is not None and known[0] <= at_us < known[1]:
            return known[2]
        return self._find(place, at_us)

    def next_open_us(self, place: Place, at_us: int) -> int | None:
        """The first instant, at or after one, that is open; None within the next 400 days."""
        is_open, ends_at_us = self.span(place, at_us)
        if is_open:
            return at_us
        return None if ends_at_us == NEVER_US else ends_at_us

    def contains(self, other: ContactHours) -> bool:
        """Whether these hours are open whenever the others are, on every kind of day."""
        return all(
            _common(theirs, ours) == theirs
            for kind in DayKind
            if kind is not DayKind.HOLIDAY_EVE
            for theirs, ours in (
                (other._ordinary[kind], self._ordinary[kind]),
                (other._eves[kind], self._eves[kind]),
            )
        )

    def _find(self, place: Place, at_us: int) -> Span:
        day = at_us // DAY_US
        if day not in _DAYS or not place.zones:
            return Span(is_open=False, ends_at_us=NEVER_US)
        horizon_us = (day + HORIZON_DAYS) * DAY_US
        is_open, from_us, to_us = self._stretch(place, at_us, horizon_us)
        if to_us < horizon_us:
            span = Span(is_open, to_us)
            # From any earlier instant the end may be beyond the horizon.
            known = (max(from_us, to_us - (HORIZON_DAYS - 1) * DAY_US), to_us, span)
        else:
            # Tomorrow's horizon is another one.
            span = Span(is_open, NEVER_US)
            known = (max(from_us, day * DAY_US), (day + 1) * DAY_US, span)
        if len(self._known) >= _MAX_PLACES:
            self._known = {}
        self._known[place] = known
        return span

    def _stretch(self, place: Place, at_us: int, horizon_us: int) -> _Stretch:
        """The stretch around an instant in all zones of a place together."""
        by_zone = [self._in_zone(place, zone, at_us, horizon_us) for zone in place.zones]
        closed = [each for each in by_zone if not each.is_open]
        if not closed:
            return _Stretch(
                is_open=True,
                from_us=max(each.from_us for each in by_zone),
                to_us=min(each.to_us for each in by_zone),
            )
        from_us = min(each.from_us for each in closed)
        while closed and at_us < horizon_us:
            # Until the last of them opens, one of them is closed.
            at_us = max(each.to_us for each in closed)
            by_zone = [self._in_zone(place, zone, at_us, horizon_us) for zone in place.zones]
            closed = [each for each in by_zone if not each.is_open]
        return _Stretch(is_open=False, from_us=from_us, to_us=at_us)

    def _in_zone(self, place: Place, zone: str, at_us: int, horizon_us: int) -> _Stretch:
        """The stretch around an instant in one zone; its end may lie beyond the horizon."""
        day = local_day(zone, at_us)
        from_us, to_us = midnight_us(zone, day), horizon_us
        is_open = False
        for opens_us, closes_us in self._openings(place, zone, day, horizon_us):
            if is_open:
                if opens_us > to_us:
                    break
                to_us = closes_us
            elif at_us < opens_us:
                to_us = opens_us
                break
            elif at_us < closes_us:
                is_open, from_us, to_us = True, opens_us, closes_us
            else:
                from_us = closes_us
        return _Stretch(is_open, from_us, to_us)

    def _openings(
        self, place: Place, zone: str, day: int, horizon_us: int
    ) -> Iterator[tuple[int, int]]:
        """The open stretches of a day and those after it, in order; windows may touch."""
        while midnight_us(zone, day) < horizon_us:
            for window in self._windows_on(place, day):
                opens_us, closes_us = stretch_us(zone, day, *window)
                if opens_us < closes_us:
                    yield opens_us, closes_us
            day += 1

    def _windows_on(self, place: Place, day: int) -> tuple[Window, ...]:
        today, tomorrow = date.fromordinal(day), date.fromordinal(day + 1)
        is_eve = is_public_holiday(place.country, place.subdivision, tomorrow)
        by_kind = self._eves if is_eve else self._ordinary
        is_holiday = is_public_holiday(place.country, place.subdivision, today)
        return by_kind[DayKind.HOLIDAY if is_holiday else today.weekday()]


def _joined(windows: tuple[Window, ...]) -> tuple[Window, ...]:
    """The windows in order, those that touch or overlap as one."""
    joined: list[Window] = []
    for window in sorted(windows):
        if not 0 <= window.from_minute < window.to_minute <= DAY_MINUTES:
            raise ValueError(f"no window of a day: {window}")
        if joined and window.from_minute <= joined[-1].to_minute:
            from_minute, to_minute = joined.pop()
            joined.append(Window(from_minute, max(to_minute, window.to_minute)))
        else:
            joined.append(window)
    return tuple(joined)


def _common(some: tuple[Window, ...], others: tuple[Window, ...]) -> tuple[Window, ...]:
    """What is in both, each in order and apart."""
    common = (
        Window(max(one.from_minute, other.from_minute), min(one.to_minute, other.to_minute))
        for one in some
        for other in others
    )
    return tuple(window for window in common if window.from_minute < window.to_minute)


def _clock(window: Window) -> str:
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in window)
