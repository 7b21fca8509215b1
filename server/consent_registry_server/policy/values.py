"""The kinds of value that policy files hold: words, dates, countries, terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from functools import cache
from typing import Annotated, Final, TypeVar
from zoneinfo import ZoneInfo

from holidays import list_supported_countries
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic import StringConstraints as Constraints
from pydantic_core import PydanticCustomError

from consent_registry_server.domain.policy import (
    Confidence,
    LineType,
    RecordingBasis,
    Regime,
    RegisterExemption,
)
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Channel,
    RecipientType,
)

UNLIMITED: Final = "unlimited"
"""The word for a time without a limit; null would look like one that is unverified."""

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


class Strict(BaseModel):
    """A mapping of known keys to values of their exact type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def one_of(words: Mapping[str, object]) -> BeforeValidator:
    """Reads one of some words as what it stands for."""

    def parse(value: object) -> object:
        if isinstance(value, str) and value in words:
            return words[value]
        raise PydanticCustomError("word", "not one of {words}", {"words": ", ".join(words)})

    return BeforeValidator(parse)


def _stated(value: T) -> T:
    if value is None:
        raise PydanticCustomError(
            "null", "null marks what is unverified, which this key has no meaning for; leave it out"
        )
    return value


STATED: Final = BeforeValidator(_stated)
"""Refuses null: for a key that may be left out, yet is never unverified."""


def _iso_date(value: object) -> date:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise PydanticCustomError("date", "not a date like 2026-01-31")
    return day


def _months_or_unlimited(value: object) -> object:
    return None if value == UNLIMITED else _stated(value)


@cache
def _countries() -> frozenset[str]:
    # Contact hours need the public holidays of a country, so that one which the library does not
    # know could not be decided on; it knows every country of ISO 3166-1.
    return frozenset(list_supported_countries(include_aliases=False))


def _known_country(code: str) -> str:
    if code not in _countries():
        raise PydanticCustomError("country", "no country has this code (ISO 3166-1 alpha-2)")
    return code


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("zone", "not a time zone like Europe/Paris") from None


def _each_once(values: list[T]) -> list[T]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("repeated", "names one of them twice")
    return values


def _capital_first(zones: list[str]) -> list[str]:
    """The first zone has a meaning of its own; the order of the others has none."""
    return [zones[0], *sorted(zones[1:])]


def _names(members: Iterable[E]) -> dict[str, E]:
    return {member.name: member for member in members}


def _lower_names(members: Iterable[E]) -> dict[str, E]:
    return {member.name.lower(): member for member in members}


ControllerKey = Annotated[str, Constraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
PurposeKey = Annotated[
    str, Constraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)
]
RuleKey = Annotated[str, Constraints(pattern=r"^[a-z0-9_.]+$", max_length=100)]
Text = Annotated[str, Constraints(strip_whitespace=True, min_length=1, max_length=500)]
Country = Annotated[str, Constraints(pattern=r"^[A-Z]{2}$"), AfterValidator(_known_country)]
Territories = Annotated[list[Country], AfterValidator(_each_once), AfterValidator(sorted)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
TimeZones = Annotated[
    list[TimeZone],
    Field(min_length=1),
    AfterValidator(_each_once),
    AfterValidator(_capital_first),
]
Day = Annotated[date, BeforeValidator(_iso_date)]
Months = Annotated[int, Field(ge=1, le=120)]
MonthsOrUnlimited = Annotated[Months | None, BeforeValidator(_months_or_unlimited)]
Days = Annotated[int, Field(ge=1, le=366)]
Attempts = Annotated[int, Field(ge=1, le=1000)]

RegimeWord = Annotated[Regime, one_of(_lower_names(Regime))]
ChannelName = Annotated[Channel, one_of(_names(Channel))]
CallLineName = Annotated[CallLine, one_of(_names(CallLine))]
DirectionName = Annotated[CallDirection, one_of(_names(CallDirection))]
BasisWord = Annotated[RecordingBasis, one_of(_lower_names(RecordingBasis))]
ConfidenceWord = Annotated[Confidence, one_of(_lower_names(Confidence))]
RecipientWord = Annotated[RecipientType, one_of(_lower_names(RecipientType))]
LineTypeWord = Annotated[
    LineType, one_of(_lower_names(kind for kind in LineType if kind is not LineType.ANY))
]
ExemptionWord = Annotated[RegisterExemption, one_of(_lower_names(RegisterExemption))]
Exemptions = Annotated[list[ExemptionWord], AfterValidator(_each_once), AfterValidator(sorted)]
