"""Contact hours and attempt caps: as files write them, as the domain has them, and compared."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.policy import AttemptCap
from consent_registry_server.policy.document import QUOTE_IT, yaml_word
from consent_registry_server.policy.values import Attempts, Days, Strict, one_of

ANY: Final = "any"
"""The word for hours where the law knows none."""

NONE: Final = "none"
"""The word for a cap, or a soft opt-in, that there is not."""

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00)")
_ALL_HOURS: Final = ContactHours(dict.fromkeys(DayKind, (Window(0, 24 * 60),)))


def _minute(value: object) -> int:
    if not isinstance(value, str):
        # YAML reads a bare 10:00 as the number 600.
        raise PydanticCustomError("time", QUOTE_IT.format(yaml_word(value)))
    clock = _CLOCK.fullmatch(value)
    if clock is None:
        raise PydanticCustomError("time", 'not a time of day from "00:00" to "24:00"')
    hour, minute = (int(part) for part in clock.groups() if part)
    return hour * 60 + minute


DayName = Annotated[DayKind, one_of({kind.name: kind for kind in DayKind})]
Minute = Annotated[int, BeforeValidator(_minute)]


class DeclaredWindow(Strict):
    """Some kinds of day, and from when until when contact is permitted on them."""

    days: Annotated[list[DayName], Field(min_length=1)]
    from_minute: Minute = Field(alias="from")
    to_minute: Minute = Field(alias="to")

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.from_minute >= self.to_minute:
            raise PydanticCustomError("window", "ends before it begins, or as it begins")
        return self


def _hours_or_any(value: object) -> object:
    if value == ANY:
        every_day = [kind.name for kind in DayKind]
        return [{"days": every_day, "from": "00:00", "to": "24:00"}]
    if not isinstance(value, list):
        raise PydanticCustomError("hours", "neither `any` nor a list of windows")
    if not value:
        raise PydanticCustomError("hours", "without a window there is no hour left")
    return value


def _by_day(windows: list[DeclaredWindow]) -> list[DeclaredWindow]:
    """The same windows, one for each kind of day and stretch, in their order."""
    single = sorted(
        (day, window.from_minute, window.to_minute) for window in windows for day in window.days
    )
    for (day, _, until), (next_day, since, _) in pairwise(single):
        if day == next_day and since < until:
            raise PydanticCustomError("overlap", "windows overlap on {day}", {"day": day.name})
    return [
        DeclaredWindow.model_construct(days=[day], from_minute=since, to_minute=until)
        for day, since, until in single
    ]


Hours = Annotated[list[DeclaredWindow], BeforeValidator(_hours_or_any), AfterValidator(_by_day)]
"""A list of windows, or `any`: all of every day."""


class DeclaredCap(Strict):
    """At most `attempts` in any `days` of 24 hours."""

    attempts: Attempts
    days: Days


NO_CAP: Final = DeclaredCap.model_construct(attempts=0, days=0)
"""What the word `none` is read as; no written cap equals it."""


def _cap_or_none(value: object) -> object:
    if isinstance(value, str) and value != NONE:
        raise PydanticCustomError("cap", "neither `none` nor attempts and days")
    return NO_CAP if value == NONE else value


Cap = Annotated[DeclaredCap, BeforeValidator(_cap_or_none)]
"""Attempts and days, or `none`."""


def contact_hours(
    windows: list[DeclaredWindow], *, is_verified: bool = True
) -> ContactHours | None:
    """The domain's hours; None where they permit every minute."""
    by_day: dict[DayKind, tuple[Window, ...]] = {}
    for window in windows:
        for day in window.days:
            stretch = Window(window.from_minute, window.to_minute)
            by_day[day] = (*by_day.get(day, ()), stretch)
    hours = ContactHours(by_day, is_verified=is_verified)
    return None if are_hours_within(None, within=hours) else hours


def attempt_cap(declared: DeclaredCap, *, is_verified: bool = True) -> AttemptCap | None:
    """The domain's cap; None for `none`."""
    if declared == NO_CAP:
        return None
    return AttemptCap(declared.attempts, declared.days, is_verified=is_verified)


def are_hours_within(hours: ContactHours | None, *, within: ContactHours | None) -> bool:
    """Whether hours permit no minute of any kind of day that others forbid; None permits all."""
    return (within or _ALL_HOURS).contains(hours or _ALL_HOURS)


def is_cap_within(cap: AttemptCap | None, *, within: AttemptCap | None) -> bool:
    """Whether a cap refuses every attempt that another refuses, whatever was attempted before.

    That is so exactly where it permits no more attempts over no fewer days. Fewer attempts over
    fewer days may permit no more in the long run, yet they forget an attempt of the time before
    they held that the other still counts.
    """
    if within is None:
        return True
    return cap is not None and cap.attempts <= within.attempts and cap.days >= within.days
