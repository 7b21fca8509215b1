"""Contact points and subjects, as they were typed.

Nothing here is normalised: the normal forms (`normal_form/`) turn these values into what is
compared. Every class hides its content from `repr`, because a repr ends up in a log one day. They
are on the path of every decision: slotted, not frozen, and by convention never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class ContactKind(IntEnum):
    """What a contact point is; a customer number identifies like one but cannot be contacted."""

    EMAIL = 1
    PHONE = 2
    ADDRESS = 3
    HANDLE = 4
    CUSTOMER_NUMBER = 5


@dataclass(slots=True)
class Email:
    """An email address."""

    address: str = field(repr=False)


@dataclass(slots=True)
class Phone:
    """A phone number: E.164, or national together with the region it is dialled from."""

    number: str = field(repr=False)
    region: str = ""
    """ISO 3166-1 alpha-2, or empty when the number carries its country code."""


@dataclass(slots=True)
class PostalAddress:
    """A dwelling: the building by country, postal code and street; the unit apart."""

    country: str
    postal_code: str = field(repr=False)
    locality: str = field(repr=False, default="")
    street: str = field(repr=False, default="")
    unit: str = field(repr=False, default="")


@dataclass(slots=True)
class Handle:
    """An account at a messaging platform, e.g. `messenger`."""

    platform: str
    handle: str = field(repr=False)


@dataclass(slots=True)
class CustomerNumber:
    """A controller's number for a customer; matches opt-outs, is never a target."""

    number: str = field(repr=False)


ContactPoint = Email | Phone | PostalAddress | Handle


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or household, by whatever the caller knows of it.

    The name is kept as identity and never compared: a name is not a key.
    """

    contact_points: tuple[ContactPoint, ...] = ()
    customer_number: str = field(repr=False, default="")
    name: str = field(repr=False, default="")
