"""Reads the person of a row: contact points, customer number, name."""

from dataclasses import dataclass

from google.protobuf.message import Message

from consent_registry.v1.contact_pb2 import ContactPoint
from consent_registry_client import InvalidRequest, address, email, handle, phone
from consent_registry_client._audience import MAX_MEMBER_BYTES
from consent_registry_client.cli._columns import Columns
from consent_registry_client.cli._records import Record

PERSON_FIELDS = (
    "email",
    "phone",
    "region",
    "country",
    "postal_code",
    "locality",
    "street",
    "unit",
    "platform",
    "handle",
    "customer_number",
    "name",
)
KIND_FIELDS = {
    "email": ("email",),
    "phone": ("phone",),
    "address": ("postal_code", "street"),
    "handle": ("handle",),
}
"""The columns of which a contact point of each kind needs at least one."""
NAMING_FIELDS = ("email", "phone", "postal_code", "street", "handle", "customer_number", "name")
"""The columns of which a person needs at least one."""


class RowFault(Exception):
    """A row that cannot be used; says why, without its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for rows that say nothing themselves."""

    region: str
    country: str


def main_points(record: Record, columns: Columns, defaults: Defaults) -> dict[str, ContactPoint]:
    """Returns the contact point of each kind that the row has, by kind."""
    points: dict[str, ContactPoint] = {}
    if text := columns.value(record, "email"):
        points["email"] = email(text)
    if text := columns.value(record, "phone"):
        points["phone"] = phone(text, region=_region(record, columns, defaults))
    if text := columns.value(record, "handle"):
        points["handle"] = handle(columns.value(record, "platform"), text)
    if columns.value(record, "street") or columns.value(record, "postal_code"):
        points["address"] = address(
            country=columns.value(record, "country") or defaults.country,
            postal_code=columns.value(record, "postal_code"),
            locality=columns.value(record, "locality"),
            street=columns.value(record, "street"),
            unit=columns.value(record, "unit"),
        )
    return points


def further_points(record: Record, columns: Columns, defaults: Defaults) -> list[ContactPoint]:
    """Returns the emails and phone numbers of all columns but the first of their kind."""
    region = _region(record, columns, defaults)
    return [
        *(email(text) for text in columns.further(record, "email")),
        *(phone(text, region=region) for text in columns.further(record, "phone")),
    ]


def require_sound(record: Record) -> None:
    """Raises RowFault for a row at fault as such."""
    if record.fault:
        raise RowFault(record.fault)


def require_size(message: Message) -> None:
    """Raises RowFault for what is too large to travel."""
    if message.ByteSize() > MAX_MEMBER_BYTES:
        raise RowFault("too long")


def as_fault(error: InvalidRequest) -> RowFault:
    """Returns the fault of a row that makes no message."""
    fields = [violation.field for violation in error.field_violations if violation.field]
    return RowFault(f"{fields[0]} cannot be sent" if fields else "cannot be sent")


def _region(record: Record, columns: Columns, defaults: Defaults) -> str:
    return columns.value(record, "region") or defaults.region
