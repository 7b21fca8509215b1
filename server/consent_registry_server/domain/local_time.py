"""Local clocks and calendars in exact instants: microseconds since the Unix epoch, UTC.

A local time that the clocks skip begins at the first instant after the gap. Of one that they show
twice a caller takes the later reading for an opening and the earlier for a closing, which is the
stricter. Days are proleptic Gregorian ordinals, as of `date.toordinal`.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import DAY_US, from_us, to_us

DAY_MINUTES: Final = 1_440
_MINUTE_US: Final = 60_000_000
_SECOND_US: Final = 1_000_000


def local_day(zone: str, at_us: int) -> int:
    """The calendar day of an instant in an IANA zone."""
    return from_us(at_us).astimezone(ZoneInfo(zone)).toordinal()


# Every question about a day asks for two of them, and a conversion costs 2 us.
@lru_cache(maxsize=16_384)
def midnight_us(zone: str, day: int) -> int:
    """The first instant of a calendar day, at which the one before ends."""
    return _readings_us(zone, day, 0)[0]


def stretch_us(zone: str, day: int, from_minute: int, to_minute: int) -> tuple[int, int]:
    """The instants from one local time of a day to another, half-open.

    Minutes count from local midnight; 0 is the very start of the day and 1,440 its very end.
    Where the clocks change the end may not be after the start: then nothing is between them.
    """
    starts_us, ends_us = midnight_us(zone, day), midnight_us(zone, day + 1)
    if ends_us - starts_us == DAY_US:
        return starts_us + from_minute * _MINUTE_US, starts_us + to_minute * _MINUTE_US
    if from_minute:
        starts_us = _readings_us(zone, day, from_minute)[1]
    if to_minute < DAY_MINUTES:
        ends_us = _readings_us(zone, day, to_minute)[0]
    return starts_us, ends_us


def _readings_us(zone: str, day: int, minute: int) -> tuple[int, int]:
    """The first and the last instant at which the clock shows a time; in a gap, its end."""
    wall = datetime.fromordinal(day) + timedelta(minutes=minute)
    local = wall.replace(tzinfo=ZoneInfo(zone))
    first_us, last_us = to_us(local), to_us(local.replace(fold=1))
    if first_us <= last_us:
        return first_us, last_us
    change_us = _change_us(ZoneInfo(zone), last_us, first_us)
    return change_us, change_us


def _change_us(zone: ZoneInfo, before_us: int, after_us: int) -> int:
    """When the clocks change, between an instant before and one after."""

    def has_changed(at_us: int) -> bool:
        return from_us(at_us).astimezone(zone).utcoffset() != old

    old = from_us(before_us).astimezone(zone).utcoffset()
    # Clocks change at whole seconds.
    seconds = range(before_us, after_us + _SECOND_US, _SECOND_US)
    return seconds[bisect_left(seconds, True, key=has_changed)]  # noqa: FBT003 - what is sought
