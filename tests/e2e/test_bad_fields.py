"""Whatever is wrong with a field: refused with its path, nothing written, nothing given away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from consent_registry.v1.decision_service_pb2 import FilterAudienceRequest
from tests.e2e import filled
from tests.e2e.connection import Connection, Refusal, refusal
from tests.e2e.corruption import corruptions
from tests.e2e.registry_process import RegistryProcess

Expected = tuple[grpc.StatusCode, str, str]

_ALONE = (filled.EMAIL, filled.PHONE, filled.HANDLE, filled.STREET, filled.NAME, filled.NOTE)


@pytest.fixture(autouse=True)
def nothing_is_written(registry: RegistryProcess) -> Iterator[None]:
    """Not a row, in any test of this module."""
    before = registry.row_counts()
    yield
    assert registry.row_counts() == before


def _refused(call: Callable[[Message], object], message: Message) -> Refusal:
    refused = refusal(lambda: call(message))
    assert not [each for each in filled.IDENTITY.values() if each in refused.everything]
    return refused


def _told(refused: Refusal) -> Expected:
    return refused.code, refused.reason, refused.field


@pytest.mark.parametrize("method", filled.ASKING)
def test_a_field_that_no_message_may_hold_is_refused_by_its_path(
    connection: Connection, method: str
) -> None:
    call: Any = connection.method(method)
    answers = {
        each.name: (_told(_refused(call, each.message)), each)
        for each in corruptions(filled.UNARY[method])
    }
    expected = {
        name: (grpc.StatusCode.INVALID_ARGUMENT, each.reason, each.path.text)
        for name, (_, each) in answers.items()
    }
    assert {name: told for name, (told, _) in answers.items()} == expected
    assert answers


def test_a_field_that_no_scope_may_hold_ends_the_stream_by_its_path(connection: Connection) -> None:
    def call(scope: Any) -> object:  # noqa: ANN401 - a scope, spoilt
        return list(connection.decisions.FilterAudience(iter([FilterAudienceRequest(scope=scope)])))

    for each in corruptions(filled.scope):
        assert _told(_refused(call, each.message)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            each.reason,
            f"scope.{each.path.text}",
        )


@pytest.mark.parametrize("method", filled.ASKING)
@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"\xff", id="a tag that ends early"),
        pytest.param(b"\x0a\x7fabc", id="a string that ends early"),
        pytest.param(b"\x0a\x02\xc3\x28", id="a string that is no UTF-8"),
        pytest.param(b"\x0a\x03\xed\xa0\x80", id="a lone surrogate"),
        pytest.param(b"\x0b" * 200, id="groups without an end"),
    ],
)
def test_octets_that_are_no_message_are_refused(
    connection: Connection, method: str, octets: bytes
) -> None:
    refused = refusal(lambda: connection.octets(method)(octets))

    assert (refused.code, refused.reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "MALFORMED_MESSAGE",
    )


@pytest.mark.parametrize("method", filled.UNARY)
def test_a_message_beyond_the_limit_is_refused_before_it_is_read(
    connection: Connection, method: str
) -> None:
    # A field that nobody knows, of nine megabytes.
    octets = b"\xfa\x7f" + b"\x80\x80\x80\x04" + bytes(8 * 1024 * 1024)

    refused = refusal(lambda: connection.octets(method)(octets))

    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_log_tells_nothing_of_what_was_refused(registry: RegistryProcess) -> None:
    log = registry.log.decode()

    assert "rpc_finished" in log
    assert not [each for each in _ALONE if each in log]
