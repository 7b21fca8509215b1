"""Whatever is sent, the server answers or says what is wrong: it never fails itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_registry.v1.decision_service_pb2 import FilterAudienceRequest
from consent_registry.v1.error_reason_pb2 import ErrorReason
from tests.e2e import filled
from tests.e2e.connection import Connection, refusal_of

_REFUSALS: Final = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
    }
)
_REASONS: Final = frozenset(ErrorReason.keys())

_IDENTIFIERS: Final = st.sampled_from(
    ["alarm-fr", "alarm-ie", "group", "direct_marketing", "service", "profiling", "FR", "GB"]
)
_TEXTS: Final = st.one_of(
    _IDENTIFIERS,
    st.sampled_from(
        [
            "",
            "fuzz@example.net",
            "fuzz+1@xn--fuzz-example.example",
            "+33 6 39 98 00 00",
            "06 39 98 00 00",
            "Europe/Paris",
            "12 bis rue de l’Exemple, apt 3",
            "75011",
            "00000000-0000-0000-0000-000000000007",
            "\0",
            "\u202e",
            "x" * 1_001,
        ]
    ),
    st.text(max_size=30),
)
_NUMBERS: Final = {
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 12),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1)
    | st.integers(600_000_000, 5_000_000_000),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=40) | st.just(bytes(32)),
    FieldDescriptor.TYPE_STRING: _TEXTS,
}
_FUZZ: Final = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _descriptor_of(message: Message) -> Descriptor:
    return cast("Descriptor", message.DESCRIPTOR)


def _messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Messages of a type, with any of its fields."""
    fields = {field.name: _values(field) for field in descriptor.fields}
    message_class = GetMessageClass(descriptor)
    return st.fixed_dictionaries({}, optional=fields).map(lambda chosen: message_class(**chosen))


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    one = _value(field)
    return st.lists(one, max_size=3) if field.is_repeated else one


def _value(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        assert field.message_type is not None
        return _messages(field.message_type)
    if field.type == FieldDescriptor.TYPE_ENUM:
        assert field.enum_type is not None
        known = sorted(field.enum_type.values_by_number)
        return st.sampled_from(known) | st.integers(-(2**31), 2**31 - 1)
    return _NUMBERS[field.type]


@pytest.fixture(scope="module")
def link(connection: Connection) -> dict[str, object]:
    """The tokens of a link and of what was said through it; made-up ones lead nowhere."""
    request = filled.unsubscribe()
    links = connection.unsubscribing.CreateUnsubscribeLinks(filled.create_unsubscribe_links())
    request.token = links.results[0].link.token
    stored = connection.unsubscribing.Unsubscribe(request)
    return {"token": request.token, "undo_token": stored.undo_token}


def _filled(method: str, link: Mapping[str, object]) -> Message:
    message = filled.UNARY[method]()
    for name, value in link.items():
        if hasattr(message, name):
            setattr(message, name, value)
    return message


@st.composite
def _variations(draw: st.DrawFn, method: str, link: Mapping[str, object]) -> Message:
    """A filled request in which a few fields, at any depth, are others or none."""
    message = _filled(method, link)
    for _ in range(draw(st.integers(0, 3))):
        place: Message = message
        while True:
            inner = [value for field, value in place.ListFields() if _is_single(field)]
            if not inner or draw(st.booleans()):
                break
            place = draw(st.sampled_from(inner))
        field = draw(st.sampled_from(list(_descriptor_of(place).fields)))
        place.ClearField(field.name)
        place.MergeFrom(type(place)(**{field.name: draw(_values(field))}))
    return message


def _is_single(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated


def _is_answered_or_refused(error: grpc.RpcError | None) -> None:
    if error is not None:
        refused = refusal_of(error)
        assert refused.code in _REFUSALS
        assert f"ERROR_REASON_{refused.reason}" in _REASONS


def _outcome(connection: Connection, method: str, octets: bytes) -> grpc.RpcError | None:
    try:
        connection.octets(method)(octets)
    except grpc.RpcError as error:
        return error
    return None


@pytest.mark.parametrize("method", filled.ASKING)
def test_any_message_is_answered_or_refused(
    connection: Connection, link: Mapping[str, object], method: str
) -> None:
    descriptor = _descriptor_of(filled.UNARY[method]())

    @_FUZZ
    @given(st.one_of(_messages(descriptor), _variations(method, link)))
    def is_answered_or_refused(message: Message) -> None:
        _is_answered_or_refused(_outcome(connection, method, message.SerializeToString()))

    is_answered_or_refused()


@pytest.mark.parametrize("method", filled.UNARY)
def test_any_octets_are_answered_or_refused(
    connection: Connection, link: Mapping[str, object], method: str
) -> None:
    valid = _filled(method, link).SerializeToString()

    @_FUZZ
    @given(st.binary(max_size=200), st.integers(0, len(valid)), st.integers(0, 20))
    def is_answered_or_refused(octets: bytes, at: int, dropped: int) -> None:
        spliced = valid[:at] + octets + valid[at + dropped :]
        _is_answered_or_refused(_outcome(connection, method, spliced))

    is_answered_or_refused()


def test_any_stream_is_answered_or_refused(connection: Connection) -> None:
    scope = FilterAudienceRequest(scope=filled.scope())
    chunks = st.lists(_messages(_descriptor_of(filled.member())), max_size=4)
    orderly = st.lists(chunks, max_size=3).map(
        lambda each: [
            scope,
            *(filled.chunk(at, *members) for at, members in enumerate(each, start=1)),  # type: ignore[arg-type]
        ]
    )
    anyhow = st.lists(_messages(_descriptor_of(scope)), max_size=4)

    @_FUZZ
    @given(st.one_of(orderly, anyhow))
    def is_answered_or_refused(requests: list[FilterAudienceRequest]) -> None:
        error = None
        try:
            _read(connection.decisions.FilterAudience(iter(requests)))
        except grpc.RpcError as failed:
            error = failed
        _is_answered_or_refused(error)

    is_answered_or_refused()


def _read(responses: Iterator[object]) -> None:
    for _ in responses:
        pass
