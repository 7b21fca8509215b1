"""Makes the contract's messages from plain Python values."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1.contact_pb2 import (
    ContactPoint,
    MessagingHandle,
    PhoneNumber,
    PostalAddress,
    Subject,
)
from consent_registry.v1.entry_pb2 import Expression, Precision, RegisterStatus, Source
from consent_registry.v1.registry_service_pb2 import RegisterResult
from consent_registry.v1.subject_service_pb2 import (
    AccessReason,
    ContactPointCorrection,
    CustomerNumberCorrection,
)
from consent_registry_client._errors import FieldViolation, InvalidRequest

_Message = TypeVar("_Message", bound=Message)


def email(address: str) -> ContactPoint:
    """Returns an email address, as typed."""
    return build(ContactPoint, {"email": address})


def phone(number: str, *, region: str = "") -> ContactPoint:
    """Returns a phone number, as typed.

    Args:
        number: International with its country code, or national together with `region`.
        region: ISO 3166-1 alpha-2.
    """
    return build(ContactPoint, {"phone": build(PhoneNumber, {"number": number, "region": region})})


def address(
    *, country: str, postal_code: str, street: str = "", unit: str = "", locality: str = ""
) -> ContactPoint:
    """Returns a dwelling; `country` is ISO 3166-1 alpha-2. Without `unit`: the whole building."""
    return build(
        ContactPoint,
        {
            "address": build(
                PostalAddress,
                {
                    "country": country,
                    "postal_code": postal_code,
                    "street": street,
                    "unit": unit,
                    "locality": locality,
                },
            )
        },
    )


def handle(platform: str, name: str) -> ContactPoint:
    """Returns an account at a messaging platform, e.g. `handle("messenger", "marie.example")`."""
    return build(
        ContactPoint, {"handle": build(MessagingHandle, {"platform": platform, "handle": name})}
    )


def subject(*contact_points: ContactPoint, name: str = "", customer_number: str = "") -> Subject:
    """Returns a person or household, by whatever is known of it."""
    return build(
        Subject,
        {"contact_points": contact_points, "name": name, "customer_number": customer_number},
    )


def expressed_at(instant: datetime, *, source: Source.ValueType, time_zone: str = "") -> Expression:
    """Returns an expression of will of which the instant is known; it must carry its offset."""
    return build(
        Expression,
        {
            "expressed_at": instant,
            "precision": Precision.PRECISION_INSTANT,
            "time_zone": time_zone,
            "source": source,
        },
    )


def expressed_on(day: date, *, source: Source.ValueType, time_zone: str) -> Expression:
    """Returns an expression of will of which the day is known, in that IANA time zone."""
    try:
        zone = zoneinfo.ZoneInfo(time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        zone = None
    if zone is None:
        raise _invalid("time_zone", "not the name of an IANA time zone")
    # Noon exists in every zone on every day, which midnight does not.
    noon = datetime.combine(day, time(12), tzinfo=zone)
    return build(
        Expression,
        {
            "expressed_at": noon,
            "precision": Precision.PRECISION_DAY,
            "time_zone": time_zone,
            "source": source,
        },
    )


def expressed_sometime(*, source: Source.ValueType) -> Expression:
    """Returns an expression of will whose time is not known: it proves no consent."""
    return build(Expression, {"precision": Precision.PRECISION_UNKNOWN, "source": source})


def listed(point: ContactPoint, *, on: date | None = None) -> RegisterResult:
    """Returns that a national register lists a contact point; `on`: since that day, if known."""
    return build(
        RegisterResult,
        {
            "contact_point": point,
            "status": RegisterStatus.REGISTER_STATUS_LISTED,
            "listed_on": "" if on is None else on,
        },
    )


def not_listed(point: ContactPoint) -> RegisterResult:
    """Returns that a national register does not list a contact point."""
    return build(
        RegisterResult,
        {"contact_point": point, "status": RegisterStatus.REGISTER_STATUS_CLEAR},
    )


def access_reason(*, actor: str, reason: str) -> AccessReason:
    """Returns who looks at or changes clear identities, and why: both go to the access trail."""
    return build(AccessReason, {"actor": actor, "reason": reason})


def point_correction(wrong: ContactPoint, corrected: ContactPoint) -> ContactPointCorrection:
    """Returns that a contact point is wrong, and the one of the same kind that is right."""
    return build(ContactPointCorrection, {"wrong": wrong, "corrected": corrected})


def number_correction(wrong: str, corrected: str) -> CustomerNumberCorrection:
    """Returns that a customer number is wrong, and the right one."""
    return build(CustomerNumberCorrection, {"wrong": wrong, "corrected": corrected})


def timestamp(instant: datetime) -> Timestamp:
    """Returns the instant for the contract; it must carry its offset from UTC."""
    if instant.tzinfo is None:
        raise _invalid("", "a time without its offset from UTC names no instant")
    moment = Timestamp()
    moment.FromDatetime(instant)
    return moment


def build(message_type: type[_Message], fields: Mapping[str, object]) -> _Message:
    """Returns the message with these fields; aware datetimes become timestamps, days ISO 8601.

    Raises:
        InvalidRequest: A field does not exist or cannot hold its value. It names the field and,
            unlike protobuf's own error, does not repeat the value.
    """
    values = {name: _converted(name, value) for name, value in fields.items()}
    message = _made(message_type, values)
    if message is None:
        raise _invalid(_misfit(message_type, values), "no such field, or not a value for it")
    return message


def _converted(name: str, value: object) -> object:
    if not isinstance(value, datetime):
        return value.isoformat() if isinstance(value, date) else value
    if value.tzinfo is None:
        raise _invalid(name, "a time without its offset from UTC names no instant")
    return timestamp(value)


def _made(message_type: type[_Message], values: Mapping[str, object]) -> _Message | None:
    try:
        return message_type(**values)
    except (TypeError, ValueError):
        # The errors hold the value; they end here, not even kept as the context of ours.
        return None


def _misfit(message_type: type[Message], values: Mapping[str, object]) -> str:
    return next((name for name in values if _made(message_type, {name: values[name]}) is None), "")


def _invalid(field: str, description: str) -> InvalidRequest:
    return InvalidRequest(
        f"{field}: {description}" if field else description,
        code=grpc.StatusCode.INVALID_ARGUMENT,
        reason="INVALID_FIELD",
        field_violations=(FieldViolation(field, description),),
    )
