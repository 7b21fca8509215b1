"""Where a recipient is, as far as a phone number or an address tells.

Of what is unclear all zones remain, and the hours of all must be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import phonenumbers
from phonenumbers import timezone

from consent_registry_server.domain.contact import ContactPoint, PostalAddress
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.geography import (
    BY_POSTAL_CODE,
    PLACES,
    PLANS,
    PLANS_BY_CODE,
)
from consent_registry_server.domain.normal_form.lexicon import TERRITORIES
from consent_registry_server.domain.normal_form.text import ascii_digits
from consent_registry_server.domain.vocabulary import CountryCode

_DIGITS: Final = re.compile(r"[0-9][0-9 .-]*")


def place_of_recipient(
    target: ContactPoint, e164: str, country: CountryCode, *, others: Iterable[ContactPoint] = ()
) -> Place | None:
    """Where the person is who would be contacted, and who is said to be in `country`.

    Args:
        target: what would be used; an address is where it is.
        e164: the target's number; empty where it is none.
        country: whose rules apply.
        others: what else is known of the person. A number is narrowed by their addresses in the
            same country, its territories included.

    Returns:
        None where nothing is known but the country, or not even its zones.
    """
    if isinstance(target, PostalAddress):
        place = place_of_address(target.country, target.postal_code)
        if place is None or _is_in(place.country, country):
            return place
        return _also_in(country, place)
    by_number = place_of_phone(e164, country) if e164 else None
    if by_number is None:
        return None
    homes = {
        place_of_address(each.country, each.postal_code)
        for each in others
        if isinstance(each, PostalAddress)
    }
    places = [narrowed(by_number, each) for each in homes if each and _is_in(each.country, country)]
    return together(country, places) if places else by_number


def place_of_phone(e164: str, country: CountryCode) -> Place | None:
    """Where the holder of a number is, who is said to be in `country`.

    A geographic number tells its area; any other may be anywhere in its country. Where a number
    is from another country than the holder, that country's hours count too; an overseas number
    of the country's own is where it says. None for a country whose zones are not known here.
    """
    plan = PLANS.get(country)
    if plan is not None and e164.startswith(plan.code):
        return plan.by_prefix.get(e164[: plan.prefix_chars], plan.place)
    return _place_of_other_phone(e164, country)


def _place_of_other_phone(e164: str, country: CountryCode) -> Place | None:
    plan = PLANS_BY_CODE.get(e164[:3]) or PLANS_BY_CODE.get(e164[:4])
    if plan is None:
        return _also_in(country, Place(country, _zones_by_library(e164)))
    own = plan.by_prefix.get(e164[: plan.prefix_chars], plan.place)
    if TERRITORIES.get(own.country) == country:
        return own
    return _also_in(country, own)


def _also_in(country: CountryCode, place: Place) -> Place | None:
    """A place that is not in the country where the recipient is said to be: either may be true."""
    stated = PLACES.get(country)
    return None if stated is None else together(country, (stated, place))


def _is_in(country: str, other: str) -> bool:
    """Whether two countries are one, their territories included."""
    return TERRITORIES.get(country, country) == TERRITORIES.get(other, other)


def _zones_by_library(e164: str) -> tuple[str, ...]:
    found: tuple[str, ...] = timezone.time_zones_for_number(phonenumbers.parse(e164, None))
    return tuple(zone for zone in found if zone != timezone.UNKNOWN_TIMEZONE)


def place_of_address(country: str, postal_code: str) -> Place | None:
    """Where an address is, both as typed; None for a country whose zones are not known here.

    A postal code that tells nothing leaves the whole country.
    """
    country = country.strip().upper()
    family = TERRITORIES.get(country, country)
    lengths, by_prefix = BY_POSTAL_CODE.get(family, ((), {}))
    match = _DIGITS.search(ascii_digits(postal_code))
    code = re.sub("[^0-9]", "", match[0]) if match else ""
    # Spreadsheets take leading zeros.
    code = code.zfill(min(lengths, default=0))
    whole = PLACES.get(country)
    if len(code) not in lengths:
        return whole
    found = (by_prefix[code[:chars]] for chars in (5, 3, 2, 1) if code[:chars] in by_prefix)
    return next(found, whole)


def narrowed(by_number: Place, by_address: Place) -> Place:
    """Where the holder of a number with that address is.

    At the address, where the number may be there; else the hours of both count, on the days of
    the address. An address that tells less than the number changes nothing.
    """
    if set(by_address.zones) <= set(by_number.zones):
        return by_address
    if set(by_number.zones) < set(by_address.zones):
        return by_number
    return by_address._replace(zones=_zones_of((by_number, by_address)))


def together(country: CountryCode, places: Iterable[Place]) -> Place:
    """Where someone is who may be at any of some places: the hours of all must be kept.

    Where they do not share a calendar, only the national one of `country` is sure.
    """
    places = tuple(places)
    calendars = {(place.country, place.subdivision) for place in places}
    if len(calendars) == 1:
        country, subdivision = calendars.pop()
    else:
        subdivision = ""
    return Place(country, _zones_of(places), subdivision)


def _zones_of(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(sorted({zone for place in places for zone in place.zones}))
