"""Structural checks that every request passes before anything else reads it.

What a field means is for the servicers to check; here is only what no field may hold: control
characters, megabyte strings, enum numbers nobody knows, times out of range. The checks of a
message type are compiled once from its descriptor, for they run on every call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry_server.domain.errors import InvalidRequest

DEFAULT_TEXT_LIMIT: Final = 1_000
"""Characters of a string, octets of a byte string."""

TEXT_LIMITS: Final = {
    "actor": 200,
    "artefact_uri": 2_000,
    # A revision names every transaction that was open when it was read.
    "at_least_as_fresh": 65_536,
    "attempt_id": 64,
    "controller": 64,
    "email": 320,
    "entry_id": 64,
    "explanation": 20_000,
    "ip": 64,
    "lead_id": 128,
    "note": 20_000,
    "number": 64,
    "partner_id": 64,
    "reason": 2_000,
    # It holds a revision.
    "replay_token": 131_072,
    "request_id": 128,
    "rights_request_id": 64,
    "text": 20_000,
    "time_zone": 64,
    "user_agent": 1_000,
}
"""Characters, by the name of the field."""

DEFAULT_LIST_LIMIT: Final = 100

LIST_LIMITS: Final = {
    "channels": 32,
    "contact_points": 20,
    "leads": 1_000,
    "members": 5_000,
    "permitted_channels": 32,
    "permitted_purposes": 32,
    "purposes": 32,
    "requests": 1_000,
    "results": 5_000,
    "subjects": 1_000,
}
"""Items, by the name of the field."""

ITEMS_CHECKED_ONE_BY_ONE: Final = frozenset(
    {
        "consent_registry.v1.AudienceRows.members",
        "consent_registry.v1.BatchCheckContactRequest.requests",
        "consent_registry.v1.CreateUnsubscribeLinksRequest.subjects",
        "consent_registry.v1.RecordPartnerLeadsRequest.leads",
    }
)
"""Lists in which a bad item spoils only itself: the servicer calls `validate` for each."""

EARLIEST_SECOND: Final = 631_152_000
"""1990-01-01T00:00:00Z."""
LATEST_SECOND: Final = 4_102_444_800
"""2100-01-01T00:00:00Z, exclusive."""

_NANOS: Final = 1_000_000_000
_LONGEST_DURATION_S: Final = 315_576_000_000
_MULTILINE: Final = frozenset({"explanation", "note", "reason", "text"})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# What a text area in a browser sends: lines end in carriage return and line feed.
_CONTROL_IN_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

_SCALARS_CHECKED: Final = (FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_ENUM)

_Check = Callable[[Any], None]


class _Violation(Exception):
    """What is wrong, and where: the steps of the path, the innermost first."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message
        self.path: list[str] = []

    def at(self, step: str) -> _Violation:
        """The same violation, seen from one step further out."""
        self.path.append(step)
        return self


_checks: dict[type[Message], _Check] = {}


def validate(message: Message) -> None:
    """Checks a message and everything in it, but the items of `ITEMS_CHECKED_ONE_BY_ONE`.

    Raises:
        InvalidRequest: CONTROL_CHARACTER, TOO_LONG, UNKNOWN_ENUM_VALUE, INVALID_TIMESTAMP or
            INVALID_FIELD, with the path of the first field at fault.
    """
    check = _checks.get(type(message))
    if check is None:
        check = _checks[type(message)] = _compile(cast("Descriptor", message.DESCRIPTOR), {})
    try:
        check(message)
    except _Violation as violation:
        path = ".".join(reversed(violation.path))
        raise InvalidRequest(violation.reason, violation.message, field=path) from None


def _compile(descriptor: Descriptor, compiled: dict[str, _Check]) -> _Check:
    """The check of one message type; `compiled` holds those of the types around it."""
    if descriptor.full_name == "google.protobuf.Timestamp":
        return _check_timestamp
    if descriptor.full_name == "google.protobuf.Duration":
        return _check_duration
    if descriptor.full_name in compiled:
        return compiled[descriptor.full_name]
    # A type that contains itself finds this one while its own checks are still being collected.
    checks: list[_Check] = []

    def check_message(message: Message) -> None:
        for check in checks:
            check(message)

    compiled[descriptor.full_name] = check_message
    single = [field for field in descriptor.fields if not field.is_repeated]
    checks += _check_of_texts([field for field in single if field.type == field.TYPE_STRING])
    checks += [_check_of_scalar(field) for field in single if field.type in _SCALARS_CHECKED]
    checks += [
        _check_of_part(field, compiled)
        for field in single
        if field.type == field.TYPE_MESSAGE and field.containing_oneof is None
    ]
    checks += [_check_of_choice(oneof, compiled) for oneof in descriptor.oneofs]
    checks += [_check_of_list(field, compiled) for field in descriptor.fields if field.is_repeated]
    return check_message


def _check_of_texts(fields: list[FieldDescriptor]) -> list[_Check]:
    """One check of all strings of a message: joined, they are usually short and printable."""
    if not fields:
        return []
    names = [field.name for field in fields]
    alone = len(names) == 1
    texts_of = attrgetter(*names)
    checks = [_check_of_text(name) for name in names]
    least_limit = min(_text_limit(name) for name in names)

    def check(message: Message) -> None:
        texts: Any = texts_of(message)
        joined: str = texts if alone else "".join(texts)
        if len(joined) <= least_limit and joined.isprintable():
            return
        for name, check_text, text in zip(names, checks, (texts,) if alone else texts, strict=True):
            _check_inside(name, check_text, text)

    return [check]


def _check_of_text(name: str) -> _Check:
    limit = _text_limit(name)
    forbidden = _CONTROL_IN_LINES if name in _MULTILINE else _CONTROL

    def check(text: str) -> None:
        if len(text) > limit:
            raise _Violation("TOO_LONG", f"longer than {limit:,} characters")
        if forbidden.search(text):
            raise _Violation("CONTROL_CHARACTER", "holds a control character")

    return check


def _check_of_scalar(field: FieldDescriptor) -> _Check:
    name = field.name
    check_value = _check_of_value(field)

    def check(message: Message) -> None:
        value = getattr(message, name)
        if value:
            _check_inside(name, check_value, value)

    return check


def _check_of_value(field: FieldDescriptor) -> _Check:
    """The check of one byte string or enum number."""
    if field.type == field.TYPE_BYTES:
        limit = _text_limit(field.name)

        def check_bytes(value: bytes) -> None:
            if len(value) > limit:
                raise _Violation("TOO_LONG", f"longer than {limit:,} octets")

        return check_bytes
    known = frozenset(cast("EnumDescriptor", field.enum_type).values_by_number)

    def check_enum(value: int) -> None:
        if value not in known:
            raise _Violation("UNKNOWN_ENUM_VALUE", "a number without a meaning here")

    return check_enum


def _check_of_part(field: FieldDescriptor, compiled: dict[str, _Check]) -> _Check:
    name = field.name
    check_part = _compile(_type_of(field), compiled)

    def check(message: Message) -> None:
        if message.HasField(name):
            _check_inside(name, check_part, getattr(message, name))

    return check


def _check_of_choice(oneof: OneofDescriptor, compiled: dict[str, _Check]) -> _Check:
    """The check of the messages of a oneof; its other members are checked as plain fields."""
    name = oneof.name
    members = {
        field.name: _compile(_type_of(field), compiled)
        for field in oneof.fields
        if field.type == field.TYPE_MESSAGE
    }

    def check(message: Message) -> None:
        chosen = message.WhichOneof(name)
        if chosen in members:
            _check_inside(chosen, members[chosen], getattr(message, chosen))

    return check


def _check_of_list(field: FieldDescriptor, compiled: dict[str, _Check]) -> _Check:
    name = field.name
    limit = LIST_LIMITS.get(name, DEFAULT_LIST_LIMIT)
    check_item = _check_of_item(field, compiled)

    def check(message: Message) -> None:
        items = getattr(message, name)
        if not items:
            return
        if len(items) > limit:
            raise _Violation("TOO_LONG", f"more than {limit:,} items").at(name)
        if check_item is not None:
            for index, item in enumerate(items):
                _check_inside(f"{name}[{index}]", check_item, item)

    return check


def _check_of_item(field: FieldDescriptor, compiled: dict[str, _Check]) -> _Check | None:
    if field.full_name in ITEMS_CHECKED_ONE_BY_ONE:
        return None
    if field.type == field.TYPE_MESSAGE:
        return _compile(_type_of(field), compiled)
    if field.type == field.TYPE_STRING:
        return _check_of_text(field.name)
    if field.type in _SCALARS_CHECKED:
        return _check_of_value(field)
    return None


def _check_inside(step: str, check: _Check, value: object) -> None:
    try:
        check(value)
    except _Violation as violation:
        raise violation.at(step) from None


def _check_timestamp(value: Timestamp) -> None:
    if not (EARLIEST_SECOND <= value.seconds < LATEST_SECOND and 0 <= value.nanos < _NANOS):
        raise _Violation("INVALID_TIMESTAMP", "not a time between 1990 and 2100")


def _check_duration(value: Duration) -> None:
    seconds, nanos = value.seconds, value.nanos
    if abs(seconds) > _LONGEST_DURATION_S or abs(nanos) >= _NANOS or seconds * nanos < 0:
        raise _Violation("INVALID_FIELD", "not a valid duration")


def _type_of(field: FieldDescriptor) -> Descriptor:
    return cast("Descriptor", field.message_type)


def _text_limit(name: str) -> int:
    return TEXT_LIMITS.get(name, DEFAULT_TEXT_LIMIT)
