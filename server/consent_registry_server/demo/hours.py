"""When the campaign may call: now, or when the hours of the law next open."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from consent_registry_server.domain.calendar import from_us, to_us
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import Channel, CountryCode, RecipientType
from consent_registry_server.policy.load import load_policy

_FRANCE: Final = CountryCode("FR")
_LONG_ENOUGH_US: Final = 20 * 60 * 1_000_000
"""For the demonstration to end before the hours do."""


def calling_time(now: datetime) -> datetime:
    """Returns an instant within the hours for calls to France: now, if they are open long enough.

    The answers of the demonstration are to be the same at night and on Sundays.
    """
    policy = load_policy()
    place = Place(_FRANCE, policy.time_zones[_FRANCE])
    rules = policy.rules_for(_FRANCE, Channel.VOICE_CALL, LineType.ANY, RecipientType.CONSUMER)
    hours = rules[-1].contact_hours
    if hours is None:
        return now
    now_us = to_us(now)
    span = hours.span(place, now_us)
    if span.is_open and span.ends_at_us - now_us > _LONG_ENOUGH_US:
        return now
    open_us = hours.next_open_us(place, span.ends_at_us)
    return now if open_us is None else from_us(open_us)
