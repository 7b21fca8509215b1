"""Calendar arithmetic on instants: microseconds since the Unix epoch, UTC."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US: Final = 86_400_000_000
LONGEST_DAY_US: Final = 25 * 3_600_000_000
"""The day on which the clocks go back."""
_MICROSECOND: Final = timedelta(microseconds=1)


def to_us(instant: datetime) -> int:
    """The microseconds of an aware datetime."""
    return (instant - EPOCH) // _MICROSECOND


def from_us(instant_us: int) -> datetime:
    """The aware datetime, in UTC, of some microseconds."""
    return EPOCH + timedelta(microseconds=instant_us)


def plus_months(instant_us: int, months: int) -> int:
    """The same time of day some calendar months later, in UTC.

    Where that day does not exist the last of its month stands in (31 January plus one month is
    28 or 29 February), so that a term never runs longer than the law gives.
    """
    return instant_us + _months_us(instant_us // DAY_US, months)


# Terms start on few distinct days, and a date arithmetic costs more than the rest of a decision.
@lru_cache(maxsize=8192)
def _months_us(day: int, months: int) -> int:
    """How long so many calendar months are that start on a day, in microseconds."""
    start = (EPOCH + timedelta(days=day)).date()
    year, month0 = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = monthrange(year, month0 + 1)[1]
    end = start.replace(year=year, month=month0 + 1, day=min(start.day, last))
    return (end - start).days * DAY_US
