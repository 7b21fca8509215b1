"""A failed call raises one kind of error, which tells what a caller can act on."""

from __future__ import annotations

import pickle

import grpc
import pytest

from consent_registry_client import (
    Client,
    ConsentRegistryError,
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RequestIdReused,
    Source,
    Unauthenticated,
    Unavailable,
    email,
    expressed_sometime,
    subject,
)
from consent_registry_client._status import error_from
from tests.unit.client.fake_registry import FakeRegistry, failing

LEAVES = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: RequestIdReused,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionFailed,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INTERNAL: ConsentRegistryError,
}


@pytest.mark.parametrize("code, leaf", LEAVES.items(), ids=str)
def test_each_status_has_its_error(
    registry: FakeRegistry, client: Client, code: grpc.StatusCode, leaf: type[ConsentRegistryError]
) -> None:
    registry.on("GetPolicy", failing(code, "why", reason="SOME_REASON", fields=["a", "b.c"]))
    with pytest.raises(ConsentRegistryError) as caught:
        client.get_policy()
    error = caught.value
    assert type(error) is leaf
    assert (str(error), error.code, error.reason) == ("why", code, "SOME_REASON")
    assert error.field_violations == (
        FieldViolation("a", "is wrong"),
        FieldViolation("b.c", "is wrong"),
    )
    assert error.request_id == ""


def test_a_write_that_failed_names_its_request_id(registry: FakeRegistry, client: Client) -> None:
    registry.on("AddDoNotContact", failing(grpc.StatusCode.INTERNAL))
    with pytest.raises(ConsentRegistryError) as caught:
        client.add_do_not_contact(
            controller="alarm-fr",
            subject=subject(email("a@example.com")),
            expression=expressed_sometime(source=Source.SOURCE_LETTER),
        )
    assert caught.value.request_id == registry.requests("AddDoNotContact")[0].request_id != ""


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param((), id="none"),
        pytest.param((("grpc-status-details-bin", b"\xff\xff"),), id="not a status"),
        pytest.param((("other-bin", b"\x08\x03"),), id="another key"),
    ],
)
def test_details_that_cannot_be_read_leave_the_status(
    registry: FakeRegistry, client: Client, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    def fail(_: object, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata(metadata)
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")

    registry.on("GetPolicy", fail)
    with pytest.raises(NotFound, match="gone") as caught:
        client.get_policy()
    assert caught.value.reason == ""


def test_an_error_tells_the_registrys_id_of_the_call(
    registry: FakeRegistry, client: Client
) -> None:
    def fail(_: object, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("x-request-id", "c1"),))
        context.abort(grpc.StatusCode.INTERNAL, "")

    registry.on("GetPolicy", fail)
    with pytest.raises(ConsentRegistryError) as caught:
        client.get_policy()
    assert caught.value.call_id == "c1"


def test_a_bare_rpc_error_is_an_error_of_unknown_status() -> None:
    error = error_from(grpc.RpcError())
    assert error.code is grpc.StatusCode.UNKNOWN


def test_an_error_survives_pickling() -> None:
    error = NotFound("gone", code=grpc.StatusCode.NOT_FOUND, reason="UNKNOWN_ENTRY")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - Our own bytes.
    assert (type(copy), str(copy), copy.reason) == (NotFound, "gone", "UNKNOWN_ENTRY")
