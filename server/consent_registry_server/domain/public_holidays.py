"""Public holidays, by the `holidays` library: what the law keeps free, and no more.

Sundays count only where they are holidays by name; school, bank and half-day holidays do not.
A day that the law moves (the Monday after Andalusia Day) counts where it was moved to. RE, AX and
the other territories are countries of their own here, with their parents' holidays and their own.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays

from consent_registry_server.domain.vocabulary import CountryCode


def is_public_holiday(country: CountryCode, subdivision: str, day: date) -> bool:
    """Whether a day is a public holiday; a national one where no subdivision is named.

    Raises:
        NotImplementedError: the library knows no such country or subdivision.
    """
    return day in _public_holidays(country, subdivision, day.year)


@lru_cache(maxsize=1024)
def _public_holidays(country: CountryCode, subdivision: str, year: int) -> frozenset[date]:
    found = holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, categories=(holidays.PUBLIC,)
    )
    # Some regions' new year's eve brings in a day of the next year.
    return frozenset(day for day in found if day.year == year)
