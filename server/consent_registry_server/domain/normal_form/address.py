"""Normal form of a postal address: the building to match on, and the unit apart.

Building and unit are digested apart: whether a door opt-out holds depends on both (the same
building and equal units, or none on either side).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from consent_registry_server.domain.contact import PostalAddress
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.lexicon import (
    ANY_COUNTRY,
    DOOR,
    LEXICONS,
    TERRITORIES,
    Lexicon,
)
from consent_registry_server.domain.normal_form.street import street_line, street_name, words_of
from consent_registry_server.domain.normal_form.text import base_letters, typed
from consent_registry_server.domain.normal_form.unit import UnitState, read_unit

VERSION: Final[int] = 1
"""Stored with every digest of this form; a change of any output needs a new number."""

MAX_CHARS: Final = 200
"""Of each field as typed."""

_MIN_POSTAL_DIGITS: Final = 3
_COUNTRY: Final = re.compile("[A-Z]{2}")
_EIRCODE: Final = re.compile("(?:[AC-FHKNPRTV-Y][0-9]{2}|D6W)[0-9AC-FHKNPRTV-Y]{4}")
# Half of Paris 16 writes 75116.
_SAME_POSTAL_CODE: Final = {("FR", "75116"): "75016"}
_LOCALITY_NOISE: Final = frozenset({"co", "county", "city", "contae"})


@dataclass(slots=True)
class AddressForm:
    """An address as it is compared."""

    country: str
    """ISO 3166-1 alpha-2 of the country whose postal system it is: FR for an address in RE."""
    building: str = field(repr=False)
    """`country|postal code|number street`; for an Irish address with an Eircode `IE|eircode`,
    which is one dwelling's alone."""
    unit: str = field(repr=False)
    """Folded; empty exactly when `unit_state` is NONE."""
    unit_state: UnitState


@dataclass(slots=True)
class _Typed:
    country: str
    postal_code: str
    locality: str
    street: str
    unit: str


def address_form(address: PostalAddress) -> AddressForm:
    """The building and unit of an address.

    A unit in the street line is found there. A village address without a street is known by its
    locality; otherwise the locality, which is spelled in too many ways, does not count where
    there is a postal code.

    Raises:
        InvalidContactPoint: no country, postal code (in Ireland: nor locality) or street.
    """
    parts = _checked(address)
    lexicon = LEXICONS.get(parts.country, ANY_COUNTRY)
    postal_code = _postal_code(parts, lexicon)
    if parts.country == "IE" and _EIRCODE.fullmatch(postal_code):
        # Each flat has an Eircode of its own, so a unit could only contradict it.
        return AddressForm("IE", f"IE|{postal_code}", "", UnitState.NONE)
    segments = _without_locality(words_of(parts.street, lexicon), parts, lexicon)
    line = street_line(segments, lexicon)
    name = line.name or street_name(_flat(words_of(parts.locality, lexicon)), lexicon)
    if not name:
        raise InvalidContactPoint("names no street", field="address.street")
    unit, state = _unit(parts, line.unit, lexicon)
    building = f"{parts.country}|{postal_code}|{line.number} {name}"
    return AddressForm(parts.country, building, unit, state)


def _checked(address: PostalAddress) -> _Typed:
    country = typed(address.country, limit=MAX_CHARS, field="address.country").upper()
    if not _COUNTRY.fullmatch(country):
        raise InvalidContactPoint("not an ISO 3166-1 alpha-2 country", field="address.country")
    return _Typed(
        country=TERRITORIES.get(country, country),
        postal_code=typed(address.postal_code, limit=MAX_CHARS, field="address.postal_code"),
        locality=typed(address.locality, limit=MAX_CHARS, field="address.locality"),
        street=typed(address.street, limit=MAX_CHARS, field="address.street"),
        unit=typed(address.unit, limit=MAX_CHARS, field="address.unit"),
    )


def _postal_code(parts: _Typed, lexicon: Lexicon) -> str:
    """The postal code, or what stands in for it where codes are optional: the locality."""
    folded = base_letters(parts.postal_code).upper()
    if lexicon.postal_digits:
        return _numeric_postal_code(folded, parts.country, lexicon)
    code = "".join(char for char in folded if char.isalnum())
    if parts.country == "IE" and not _EIRCODE.fullmatch(code):
        # A routing key alone (D02) is as often left out as written.
        code = _town(parts.locality, lexicon) or code
    code = code or _town(parts.locality, lexicon)
    if not code:
        raise InvalidContactPoint("is needed", field="address.postal_code")
    return code


def _numeric_postal_code(folded: str, country: str, lexicon: Lexicon) -> str:
    """The digits, without `F-` or `CEDEX 11`, with the zeros a spreadsheet took."""
    match = re.match(r"[^0-9]*((?:[0-9][ .-]?)+)", folded)
    digits = "".join(char for char in match[1] if char.isdigit()) if match else ""
    lengths = {lexicon.postal_digits, lexicon.postal_kept}
    if len(lengths) == 1 and len(digits) >= _MIN_POSTAL_DIGITS:
        digits = digits.zfill(lexicon.postal_digits)
    if len(digits) not in lengths or not digits.strip("0"):
        raise InvalidContactPoint("is not one of the country", field="address.postal_code")
    code = digits[: lexicon.postal_kept]
    return _SAME_POSTAL_CODE.get((country, code), code)


def _town(locality: str, lexicon: Lexicon) -> str:
    """The last part, without districts: `Rathmines, Dublin 6` is Dublin."""
    segments = words_of(locality, lexicon)
    words = segments[-1] if segments else []
    kept = [word for word in words if word not in _LOCALITY_NOISE and not word.isdigit()]
    return street_name(kept, lexicon)


def _without_locality(
    segments: list[list[str]], parts: _Typed, lexicon: Lexicon
) -> list[list[str]]:
    """The street line without the postal code and locality that some repeat in it."""
    locality = _flat(words_of(parts.locality, lexicon))
    postal_code = "".join(char for char in base_letters(parts.postal_code) if char.isalnum())
    kept = []
    for index, words in enumerate(segments):
        if index and words == locality:
            continue
        end = _postal_code_at(words, postal_code, first=2 if index == 0 else 0)
        if end:
            kept.append(words[:end])
        if end < len(words):
            break
    return kept


def _postal_code_at(words: list[str], postal_code: str, *, first: int) -> int:
    """Where the postal code begins, written in one word or two; the length when it does not."""
    if postal_code:
        for at in range(first, len(words)):
            if words[at] == postal_code or "".join(words[at : at + 2]) == postal_code:
                return at
    return len(words)


def _unit(parts: _Typed, in_street: list[str], lexicon: Lexicon) -> tuple[str, UnitState]:
    """The unit of the field and of the street line; both together where they differ."""
    in_field = _flat(words_of(parts.unit, lexicon))
    if len(in_street) == 1 and in_street[0].isdigit():
        # Nobody said what the second number of a street line counts.
        in_street = [DOOR, *in_street]
    street, field_ = read_unit(in_street, lexicon), read_unit(in_field, lexicon)
    if street[1] is UnitState.NONE or street == field_:
        return field_
    if field_[1] is UnitState.NONE:
        return street
    return read_unit(in_street + in_field, lexicon)


def _flat(segments: list[list[str]]) -> list[str]:
    return [word for words in segments for word in words]
