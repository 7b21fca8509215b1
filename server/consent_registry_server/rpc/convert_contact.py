"""Contact points, subjects, times and identifiers: protobuf to domain, and people back.

Functions that read raise `InvalidRequest` with the path of the field at fault, relative to the
message they were given; the caller adds where that message stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1 import contact_pb2
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.decision import Customer
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import (
    Channel,
    ContractState,
    ControllerId,
    CountryCode,
    EntryId,
    Offer,
    PurposeId,
    RecipientType,
    Relationship,
    channel_mask,
)

_COUNTRY_LENGTH: Final = 2
_MICROSECONDS: Final = 1_000_000

# Enumerations are open on the wire: a number that is not in its table is one not known here.
_CHANNELS: Final = {int(each): each for each in Channel}
_RELATIONSHIPS: Final = {int(each): each for each in Relationship}
_CONTRACTS: Final = {int(each): each for each in ContractState}
_OFFERS: Final = {int(each): each for each in Offer}


def missing(field: str) -> InvalidRequest:
    """The error of a required field that is empty."""
    return InvalidRequest("MISSING_FIELD", "required", field=field)


def to_us(timestamp: Timestamp) -> int:
    """Microseconds since the Unix epoch; what is finer is cut off."""
    return timestamp.seconds * _MICROSECONDS + timestamp.nanos // 1000


def set_timestamp(timestamp: Timestamp, instant_us: int) -> None:
    """Fills a timestamp in place, which costs a fifth of copying one in."""
    seconds, microseconds = divmod(instant_us, _MICROSECONDS)
    timestamp.seconds = seconds
    timestamp.nanos = microseconds * 1000


def to_controller(controller: str) -> ControllerId:
    """The controller that a request names."""
    if not controller:
        raise missing("controller")
    return ControllerId(controller)


def to_purpose(purpose: str) -> PurposeId:
    """The purpose that a question names."""
    if not purpose:
        raise missing("purpose")
    return PurposeId(purpose)


def to_purposes(purposes: Iterable[str]) -> frozenset[PurposeId] | None:
    """The purposes that an opt-out names; None for all when it names none."""
    return frozenset(map(PurposeId, purposes)) or None


def to_channel(channel: int) -> Channel:
    """The channel that a question names."""
    found = _CHANNELS.get(channel)
    if found is None:
        raise missing("channel")
    return found


def to_channels(channels: Iterable[int]) -> int:
    """The bit set of the channels that an entry names; ALL_CHANNELS when it names none."""
    found = []
    for index, channel in enumerate(channels):
        known = _CHANNELS.get(channel)
        if known is None:
            raise InvalidRequest("INVALID_FIELD", "names no channel", field=f"channels[{index}]")
        found.append(known)
    return channel_mask(tuple(found))


def to_country(country: str, field: str = "recipient_country") -> CountryCode | None:
    """An ISO 3166-1 alpha-2 code in upper case, None when empty.

    A code that no rule is for is kept: it decides as UNKNOWN_JURISDICTION.
    """
    if not country:
        return None
    if len(country) != _COUNTRY_LENGTH or not (country.isascii() and country.isalpha()):
        message = "must be an ISO 3166-1 alpha-2 code"
        raise InvalidRequest("INVALID_FIELD", message, field=field)
    return CountryCode(country.upper())


def to_entry_id(entry_id: str, field: str = "entry_id") -> EntryId:
    """The entry that a request names."""
    if not entry_id:
        raise missing(field)
    try:
        return EntryId(UUID(entry_id))
    except ValueError:
        raise InvalidRequest("INVALID_FIELD", "must be a UUID", field=field) from None


def to_contact_point(point: contact_pb2.ContactPoint) -> ContactPoint | None:
    """The contact point of a message, as typed; None when the message holds none."""
    if point.HasField("phone"):
        phone = point.phone
        return Phone(phone.number, phone.region)
    kind = point.WhichOneof("contact_point")
    if kind == "email":
        return Email(point.email)
    if kind == "address":
        address = point.address
        return PostalAddress(
            address.country, address.postal_code, address.locality, address.street, address.unit
        )
    if kind == "handle":
        return Handle(point.handle.platform, point.handle.handle)
    return None


def to_target(point: contact_pb2.ContactPoint) -> ContactPoint:
    """The target of a question."""
    target = to_contact_point(point)
    if target is None:
        raise missing("target")
    return target


def to_subject(subject: contact_pb2.Subject) -> Subject:
    """A subject, as typed; an empty message is an empty subject."""
    points = []
    for index, point in enumerate(subject.contact_points):
        converted = to_contact_point(point)
        if converted is None:
            raise missing(f"subject.contact_points[{index}]")
        points.append(converted)
    return Subject(tuple(points), subject.customer_number, subject.name)


def fill_subject(message: contact_pb2.Subject, subject: Subject) -> None:
    """Writes a subject into a message, and sets it even when it is empty."""
    message.SetInParent()
    message.name = subject.name
    message.customer_number = subject.customer_number
    for point in subject.contact_points:
        _fill_point(message.contact_points.add(), point)


def to_customer(message: contact_pb2.CustomerContext) -> Customer:
    """What the caller knows of the relationship."""
    ended, sold = message.contract_ended_at, message.last_sale_at
    return Customer(
        relationship=_RELATIONSHIPS.get(message.relationship),
        contract=_CONTRACTS.get(message.contract),
        contract_ended_at_us=to_us(ended) if message.HasField("contract_ended_at") else None,
        last_sale_at_us=to_us(sold) if message.HasField("last_sale_at") else None,
        informed_at_collection=message.informed_at_collection,
        offer=_OFFERS.get(message.offer),
    )


def to_recipient_type(recipient_type: int) -> RecipientType:
    """Consumer, whom the law protects most, unless the message says otherwise."""
    is_business = recipient_type == RecipientType.BUSINESS
    return RecipientType.BUSINESS if is_business else RecipientType.CONSUMER


def _fill_point(message: contact_pb2.ContactPoint, point: ContactPoint) -> None:
    match point:
        case Email():
            message.email = point.address
        case Phone():
            message.phone.number = point.number
            message.phone.region = point.region
        case Handle():
            message.handle.platform = point.platform
            message.handle.handle = point.handle
        case PostalAddress():
            message.address.country = point.country
            message.address.postal_code = point.postal_code
            message.address.locality = point.locality
            message.address.street = point.street
            message.address.unit = point.unit
        case _:
            assert_never(point)
