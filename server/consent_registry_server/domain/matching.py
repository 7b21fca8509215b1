"""Which stored contact points a question meets, and how.

A contact point is stored and looked up by its *wide* form: an email without its sub-address, a
building without its unit, a number by its digits. What is found this way is told apart by the
*exact* form. Opt-outs are content with the wide meeting, consents need the exact one on the
target. Only digests of the forms are ever compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from consent_registry_server.domain.contact import (
    ContactKind,
    ContactPoint,
    CustomerNumber,
    Email,
    Handle,
    Phone,
    PostalAddress,
)
from consent_registry_server.domain.decision import Match
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form import (
    address,
    customer_number,
    email,
    handle,
    phone,
)
from consent_registry_server.domain.normal_form.unit import UnitState
from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import Channel, CountryCode

_PHONE_CHANNELS: Final = frozenset({Channel.SMS, Channel.VOICE_CALL, Channel.AUTOMATED_CALL})
_ADDRESS_CHANNELS: Final = frozenset({Channel.DOOR_TO_DOOR, Channel.POST})
_DATA_KINDS: Final = frozenset({ContactKind.EMAIL, ContactKind.PHONE, ContactKind.HANDLE})

TARGET_KINDS: Final[dict[Channel, frozenset[ContactKind]]] = {
    Channel.EMAIL: frozenset({ContactKind.EMAIL}),
    Channel.MESSAGING: frozenset({ContactKind.HANDLE, ContactKind.PHONE}),
    Channel.ONLINE_ADVERTISING: _DATA_KINDS,
    Channel.PROCESSING: _DATA_KINDS,
    **dict.fromkeys(_PHONE_CHANNELS, frozenset({ContactKind.PHONE})),
    **dict.fromkeys(_ADDRESS_CHANNELS, frozenset({ContactKind.ADDRESS})),
}
"""The kinds of contact point that can be the target on a channel."""

_REGION_CHARS: Final = 2

_PHONE_LABEL: Final = b"phone/%d\0" % phone.VERSION
_EMAIL_WIDE_LABEL: Final = b"email/wide/%d\0" % email.VERSION
_EMAIL_EXACT_LABEL: Final = b"email/exact/%d\0" % email.VERSION
_BUILDING_LABEL: Final = b"address/building/%d\0" % address.VERSION
_DWELLING_LABEL: Final = b"address/dwelling/%d\0" % address.VERSION
_HANDLE_LABEL: Final = b"handle/%d\0" % handle.VERSION
_CUSTOMER_LABEL: Final = b"customer_number/%d\0" % customer_number.VERSION


class Forms(NamedTuple):
    """The canonical forms of one contact point, ready to be digested.

    `wide` and `exact` are the same bytes where the kind knows no difference. `country` is where
    the recipient lives as far as the contact point tells, empty otherwise; `e164` is set for
    phone numbers that could be parsed.
    """

    kind: ContactKind
    wide: bytes
    exact: bytes
    version: int
    unit_state: UnitState = UnitState.NONE
    country: CountryCode = CountryCode("")
    e164: str = ""


def forms_of(point: ContactPoint | CustomerNumber) -> Forms:
    """The forms of a contact point.

    Raises:
        InvalidContactPoint: it has no normal form.
    """
    if isinstance(point, Phone):
        return _phone_forms(point)
    if isinstance(point, Email):
        exact = email.exact_form(point.address)
        wide = _EMAIL_WIDE_LABEL + email.wide_form(exact).encode()
        return Forms(ContactKind.EMAIL, wide, _EMAIL_EXACT_LABEL + exact.encode(), email.VERSION)
    if isinstance(point, PostalAddress):
        return _address_forms(point)
    if isinstance(point, Handle):
        return _handle_forms(point)
    number = _CUSTOMER_LABEL + customer_number.customer_number_form(point.number).encode()
    return Forms(ContactKind.CUSTOMER_NUMBER, number, number, customer_number.VERSION)


def digits_forms_of(point: Phone) -> Forms:
    """The forms of a number that cannot be parsed: its digits, as an opt-out keeps them.

    A parsed number is compared by its digits too, so the two meet whenever they agree.

    Raises:
        InvalidContactPoint: too few digits to mean anything.
    """
    digits = _PHONE_LABEL + phone.digits_form(point.number).encode()
    return Forms(ContactKind.PHONE, digits, digits, phone.VERSION)


def home_forms_of(point: Phone, home: CountryCode) -> Forms | None:
    """The forms of a national number without a region, read in the controller's own country.

    People type `06 39 98 00 01` where a region is asked for and none is given. An opt-out is kept
    and looked for in this reading too; a guess is good enough to stop contact, never to permit it.
    """
    if point.region or point.number.startswith("+"):
        return None
    try:
        return _phone_forms(Phone(point.number, home))
    except InvalidContactPoint:
        return None


def suppression_forms_of(point: ContactPoint | CustomerNumber) -> list[Forms]:
    """All forms by which an opt-out of this contact point may have been kept; none if unusable.

    For the contact points of a question: an unusable one cannot have been stored, so it cannot
    hide an opt-out. A number typed in its national form is also compared by those digits, because
    an opt-out without a region was kept by them.
    """
    try:
        forms = forms_of(point)
    except InvalidContactPoint:
        return _digits_forms_of(point) if isinstance(point, Phone) else []
    if not isinstance(point, Phone) or point.number.startswith("+"):
        return [forms]
    return [forms, *(each for each in _digits_forms_of(point) if each.wide != forms.wide)]


def _digits_forms_of(point: Phone) -> list[Forms]:
    try:
        return [digits_forms_of(point)]
    except InvalidContactPoint:
        return []


def plain_phone_form(point: ContactPoint) -> tuple[bytes, CountryCode] | None:
    """The one form of a phone number that is E.164 to the letter, and its country.

    None for everything else. What it gives, `suppression_forms_of` gives too, five times slower;
    most members of an audience are such numbers.
    """
    if type(point) is not Phone or len(point.region) > _REGION_CHARS:
        return None
    country = phone.own_country(point.number)
    if country is None:
        return None
    return _PHONE_LABEL + point.number[1:].encode(), CountryCode(country)


def _phone_forms(point: Phone) -> Forms:
    parsed = phone.parse_phone(point.number, point.region)
    return _forms_of_e164(parsed.e164, CountryCode(parsed.country))


def _forms_of_e164(e164: str, country: CountryCode) -> Forms:
    number = _PHONE_LABEL + e164[1:].encode()
    return Forms(ContactKind.PHONE, number, number, phone.VERSION, UnitState.NONE, country, e164)


def _address_forms(point: PostalAddress) -> Forms:
    form = address.address_form(point)
    building = form.building.encode()
    return Forms(
        ContactKind.ADDRESS,
        _BUILDING_LABEL + building,
        _DWELLING_LABEL + building + b"\0" + form.unit.encode(),
        address.VERSION,
        form.unit_state,
        CountryCode(form.country),
    )


def _handle_forms(point: Handle) -> Forms:
    e164 = handle.phone_of(point)
    if e164:
        # A messenger account that is a phone number is that phone number: an opt-out of either
        # must reach the other.
        return _forms_of_e164(e164, CountryCode(phone.parse_phone(e164, "").country))
    value = _HANDLE_LABEL + handle.handle_form(point).encode()
    return Forms(ContactKind.HANDLE, value, value, handle.VERSION)


def line_type_of(forms: Forms) -> LineType:
    """The kind of line of a parsed number; ANY for everything else and where it is unclear."""
    return phone.line_type(forms.e164) if forms.e164 else LineType.ANY


class Look(NamedTuple):
    """One contact point of a question, digested: what is looked up, and how it is compared."""

    wide: bytes
    exact: bytes
    unit_state: UnitState
    is_address: bool
    is_target: bool


def counts_addresses(channel: Channel) -> bool:
    """Whether an address matches on this channel; on all others it says nothing of the person."""
    return channel in _ADDRESS_CHANNELS


def meet(looks: Iterable[Look], wide: bytes, exact: bytes, *, unit_state: int) -> Match | None:
    """How a stored contact point meets a question; the closest of all ways, or None."""
    best: Match | None = None
    for look in looks:
        if look.wide == wide:
            found = _meet(look, exact, unit_state)
            if found is not None and (best is None or found > best):
                best = found
    return best


def _meet(look: Look, exact: bytes, unit_state: int) -> Match | None:
    if look.exact == exact:
        # The same words, even where they name no unit anybody could read, are the same place for
        # an opt-out; for a consent they are not proof enough.
        readable = unit_state != UnitState.UNREADABLE
        return Match.TARGET if look.is_target and readable else Match.WIDE
    if not look.is_address:
        return Match.WIDE
    if look.unit_state == unit_state == UnitState.READ:
        return None
    return Match.UNIT_UNCLEAR
