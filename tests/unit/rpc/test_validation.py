"""What no request may hold, whatever it asks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from consent_registry.v1 import contact_pb2 as contact
from consent_registry.v1 import decision_service_pb2 as decisions
from consent_registry.v1 import entry_pb2 as entries
from consent_registry.v1 import history_service_pb2 as history
from consent_registry.v1 import policy_service_pb2 as policy
from consent_registry.v1 import registry_service_pb2 as registry
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.rpc.validation import (
    DEFAULT_TEXT_LIMIT,
    EARLIEST_SECOND,
    LATEST_SECOND,
    TEXT_LIMITS,
    validate,
)

Check = decisions.CheckContactRequest
Add = registry.AddDoNotContactRequest

REQUESTS: list[type[Message]] = [
    GetMessageClass(method.input_type)
    for file in (decisions, history, policy, registry)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]


def subject(*points: contact.ContactPoint, **fields: str) -> contact.Subject:
    return contact.Subject(contact_points=points, **fields)


def email(text: str) -> contact.ContactPoint:
    return contact.ContactPoint(email=text)


def phone(number: str) -> contact.ContactPoint:
    return contact.ContactPoint(phone=contact.PhoneNumber(number=number))


def evidence(**fields: Any) -> Add:  # noqa: ANN401 - of any field
    return Add(evidence=entries.Evidence(**fields))


def at(seconds: int, nanos: int = 0) -> Check:
    return Check(at=Timestamp(seconds=seconds, nanos=nanos))


def staleness(seconds: int, nanos: int = 0) -> Check:
    request = Check()
    request.consistency.bounded_staleness.seconds = seconds
    request.consistency.bounded_staleness.nanos = nanos
    return request


def batch(number: int) -> decisions.BatchCheckContactRequest:
    return decisions.BatchCheckContactRequest(requests=[Check()] * number)


def chunk(number: int) -> decisions.FilterAudienceRequest:
    rows = decisions.AudienceRows(members=[decisions.AudienceMember()] * number)
    return decisions.FilterAudienceRequest(chunk=decisions.AudienceChunk(rows=rows))


def partner(**fields: Any) -> registry.RegisterPartnerRequest:  # noqa: ANN401 - of any field
    return registry.RegisterPartnerRequest(partner=registry.Partner(**fields))


@pytest.mark.parametrize(
    "message",
    [
        Check(),
        Check(controller="x" * 64, purpose="p" * 1_000),
        Check(subject=subject(*[email("a@example.com")] * 20)),
        Check(subject=subject(email("é" * 320), phone("1" * 64), name="Zoë Ångström\u00a0Ж")),
        Check(channel=contact.CHANNEL_PROCESSING),
        at(EARLIEST_SECOND),
        at(LATEST_SECOND - 1, 999_999_999),
        staleness(0),
        staleness(60, 999_999_999),
        evidence(text="a\r\n\tb" * 4_000, note="\n", text_digest=b"\0" * 32),
        Add(channels=[contact.CHANNEL_EMAIL] * 32, purposes=["p"] * 32, request_id="r" * 128),
        batch(1_000),
        chunk(5_000),
        registry.RecordPartnerLeadsRequest(leads=[registry.PartnerLead()] * 1_000),
        policy.GetPolicyRequest(country="FR"),
    ],
    ids=[
        "empty",
        "long enough",
        "twenty contact points",
        "characters of other alphabets",
        "last channel",
        "first instant",
        "last instant",
        "no staleness",
        "some staleness",
        "lines in text and note",
        "full lists",
        "full batch",
        "full chunk",
        "full leads",
        "other service",
    ],
)
def test_what_is_within_bounds_passes(message: Message) -> None:
    """Bounds are inclusive; the latest instant is not."""
    validate(message)


WRONG: list[tuple[Message, str, str]] = [
    (Check(controller="x\0"), "CONTROL_CHARACTER", "controller"),
    (Check(purpose="\x7f"), "CONTROL_CHARACTER", "purpose"),
    (Check(purpose="\x85"), "CONTROL_CHARACTER", "purpose"),
    (Check(target=phone("06\t39")), "CONTROL_CHARACTER", "target.phone.number"),
    (
        Check(subject=subject(email("a@example.com"), email("a\n@example.com"))),
        "CONTROL_CHARACTER",
        "subject.contact_points[1].email",
    ),
    (evidence(text="\0"), "CONTROL_CHARACTER", "evidence.text"),
    (evidence(note="\x1b"), "CONTROL_CHARACTER", "evidence.note"),
    (evidence(agent="a\nb"), "CONTROL_CHARACTER", "evidence.agent"),
    (Add(purposes=["p", "\0"]), "CONTROL_CHARACTER", "purposes[1]"),
    (Check(controller="x" * 65), "TOO_LONG", "controller"),
    (Check(purpose="p" * 1_001), "TOO_LONG", "purpose"),
    (Check(purpose="p" * 1_000_000), "TOO_LONG", "purpose"),
    (Check(target=email("a" * 321)), "TOO_LONG", "target.email"),
    (Check(target=phone("1" * 65)), "TOO_LONG", "target.phone.number"),
    (Add(request_id="r" * 129), "TOO_LONG", "request_id"),
    (evidence(text="t" * 20_001), "TOO_LONG", "evidence.text"),
    (evidence(ip="1" * 65), "TOO_LONG", "evidence.ip"),
    (evidence(text_digest=b"\0" * 1_001), "TOO_LONG", "evidence.text_digest"),
    (Check(subject=subject(*[phone("1")] * 21)), "TOO_LONG", "subject.contact_points"),
    (Add(channels=[contact.CHANNEL_EMAIL] * 33), "TOO_LONG", "channels"),
    (Add(purposes=["p"] * 33), "TOO_LONG", "purposes"),
    (batch(1_001), "TOO_LONG", "requests"),
    (chunk(5_001), "TOO_LONG", "chunk.rows.members"),
    (
        registry.RecordPartnerLeadsRequest(leads=[registry.PartnerLead()] * 1_001),
        "TOO_LONG",
        "leads",
    ),
    (Check(channel=77), "UNKNOWN_ENUM_VALUE", "channel"),  # type: ignore[arg-type]
    (Check(channel=-1), "UNKNOWN_ENUM_VALUE", "channel"),  # type: ignore[arg-type]
    (
        Add(channels=[contact.CHANNEL_EMAIL, 10]),  # type: ignore[list-item]
        "UNKNOWN_ENUM_VALUE",
        "channels[1]",
    ),
    (
        Check(customer=contact.CustomerContext(offer=9)),  # type: ignore[arg-type]
        "UNKNOWN_ENUM_VALUE",
        "customer.offer",
    ),
    (
        partner(permitted_channels=[99]),
        "UNKNOWN_ENUM_VALUE",
        "partner.permitted_channels[0]",
    ),
    (at(EARLIEST_SECOND - 1), "INVALID_TIMESTAMP", "at"),
    (at(LATEST_SECOND), "INVALID_TIMESTAMP", "at"),
    (at(2**63 - 1), "INVALID_TIMESTAMP", "at"),
    (at(EARLIEST_SECOND, -1), "INVALID_TIMESTAMP", "at"),
    (at(EARLIEST_SECOND, 1_000_000_000), "INVALID_TIMESTAMP", "at"),
    (Check(at=Timestamp()), "INVALID_TIMESTAMP", "at"),
    (staleness(1, -1), "INVALID_FIELD", "consistency.bounded_staleness"),
    (staleness(0, 1_000_000_000), "INVALID_FIELD", "consistency.bounded_staleness"),
    (staleness(315_576_000_001), "INVALID_FIELD", "consistency.bounded_staleness"),
]


@pytest.mark.parametrize(
    "message, reason, field",
    WRONG,
    ids=[f"{number} {reason} {field}" for number, (_, reason, field) in enumerate(WRONG)],
)
def test_what_is_not_is_refused(message: Message, reason: str, field: str) -> None:
    """With the reason and the path of the field, and nothing of its content."""
    with pytest.raises(InvalidRequest) as refused:
        validate(message)
    assert (refused.value.reason, refused.value.field) == (reason, field)
    assert not re.search(r"[\x00-\x1f]|example|06", refused.value.message)


@pytest.mark.parametrize(
    "message",
    [
        decisions.BatchCheckContactRequest(requests=[Check(purpose="\0")]),
        registry.RecordPartnerLeadsRequest(leads=[registry.PartnerLead(lead_id="\0")]),
        decisions.AudienceRows(members=[decisions.AudienceMember(target=email("\0"))]),
    ],
    ids=["batch", "leads", "audience"],
)
def test_an_item_of_many_spoils_only_itself(message: Message) -> None:
    """The servicer checks items one by one."""
    validate(message)
    items = message.ListFields()[0][1]
    with pytest.raises(InvalidRequest):
        validate(items[0])


def test_fields_of_a_newer_client_pass() -> None:
    """What this server does not know it does not read."""
    request = Check(controller="alarm-fr")
    request.MergeFromString(b"\xfa\x7f\x03abc")
    validate(request)


def test_the_contract_has_nothing_that_the_checks_do_not_see() -> None:
    """No map, no group and no `Any`; should one come, it needs a check first."""
    seen: set[str] = set()

    def walk(descriptor: Descriptor) -> Iterator[FieldDescriptor]:
        if descriptor.full_name in seen:
            return
        seen.add(descriptor.full_name)
        for field in descriptor.fields:
            yield field
            if field.message_type is not None:
                yield from walk(field.message_type)

    fields = [field for request in REQUESTS for field in walk(request.DESCRIPTOR)]  # type: ignore[arg-type]
    assert fields
    assert not [field.full_name for field in fields if field.type == field.TYPE_GROUP]
    assert not [name for name in seen if name == "google.protobuf.Any"]
    assert not [
        field.full_name
        for field in fields
        if field.message_type is not None and field.message_type.GetOptions().map_entry
    ]


# The fast path equals the slow one


def by_the_book(message: Message) -> bool:
    """A second, naive reading of the same rules for strings: whether all are within them."""
    for field, value in message.ListFields():
        values = value if field.is_repeated else [value]
        for each in values:
            if isinstance(each, Message):
                if not by_the_book(each):
                    return False
            elif isinstance(each, str):
                allowed = "\n\r\t" if field.name in {"text", "note"} else ""
                codes = [ord(character) for character in each if character not in allowed]
                if any(code < 0x20 or 0x7F <= code < 0xA0 for code in codes):
                    return False
                if len(each) > TEXT_LIMITS.get(field.name, DEFAULT_TEXT_LIMIT):
                    return False
    return True


texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", "a\n", "\r\n\t", "\0", "\u2028", "\u00ad", "x" * 64, "x" * 65, "x" * 1001]
    ),
)


@given(
    st.builds(entries.Evidence, text=texts, note=texts, agent=texts, ip=texts, user_agent=texts),
    st.builds(contact.Subject, name=texts, customer_number=texts),
    st.lists(texts, max_size=3),
)
def test_the_fast_path_equals_the_slow_one(
    proof: entries.Evidence, person: contact.Subject, purposes: list[str]
) -> None:
    """Whatever the strings of a message are together."""
    message = Add(evidence=proof, subject=person, purposes=purposes)
    if by_the_book(message):
        validate(message)
    else:
        with pytest.raises(InvalidRequest):
            validate(message)


# Any content


def check(message: Message) -> None:
    with suppress(InvalidRequest):
        validate(message)


def contents(descriptor: Descriptor, depth: int = 3) -> st.SearchStrategy[Message]:
    """Messages of a type with anything that its fields can carry."""
    plain = {
        FieldDescriptor.TYPE_STRING: st.text() | st.text(min_size=1_001, max_size=1_100),
        FieldDescriptor.TYPE_BYTES: st.binary(),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_ENUM: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 12),
        FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
        FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    }
    values: dict[str, st.SearchStrategy[Any]] = {}
    for field in descriptor.fields:
        if field.message_type is None:
            value: st.SearchStrategy[Any] = plain[field.type]
        elif depth:
            value = contents(field.message_type, depth - 1)
        else:
            continue
        values[field.name] = st.lists(value, max_size=3) if field.is_repeated else value
    built: Callable[..., Message] = GetMessageClass(descriptor)
    return st.fixed_dictionaries({}, optional=values).map(lambda fields: built(**fields))


@given(st.sampled_from(REQUESTS).flatmap(lambda each: contents(each.DESCRIPTOR)))  # type: ignore[arg-type]
def test_any_content_is_valid_or_an_invalid_request(message: Message) -> None:
    """Nothing else is ever raised."""
    check(message)


@given(st.sampled_from(REQUESTS), st.binary(max_size=200))
def test_any_octets_are_a_message_or_cannot_be_decoded(
    request_type: type[Message], octets: bytes
) -> None:
    """What decodes is checked like any other message."""
    try:
        message = request_type.FromString(octets)
    except DecodeError:
        return
    check(message)
