"""Turns the status of a failed call into an error of this package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from consent_registry_client._errors import (
    ConsentRegistryError,
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RequestIdReused,
    Unauthenticated,
    Unavailable,
)

DETAILS_KEY = "grpc-status-details-bin"
CALL_ID_KEY = "x-request-id"
REASON_DOMAIN = "consent-registry"

_LEAVES: dict[grpc.StatusCode, type[ConsentRegistryError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.OUT_OF_RANGE: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: RequestIdReused,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionFailed,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    # How a server that stops ends what comes too late for it.
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def error_from(failure: grpc.RpcError, *, request_id: str = "") -> ConsentRegistryError:
    """Returns the error for a failed call, synchronous or asyncio."""
    code = _code_of(failure)
    reason = ""
    violations: list[FieldViolation] = []
    metadata = _metadata_of(failure)
    for detail in _details_of(metadata):
        if isinstance(detail, error_details_pb2.ErrorInfo):
            reason = reason or detail.reason
        else:
            violations.extend(
                FieldViolation(v.field, v.description) for v in detail.field_violations
            )
    return _LEAVES.get(code, ConsentRegistryError)(
        _message_of(failure) or code.name,
        code=code,
        reason=reason,
        field_violations=tuple(violations),
        request_id=request_id,
        call_id=_call_id_of(metadata),
    )


def _code_of(failure: grpc.RpcError) -> grpc.StatusCode:
    # An interceptor may raise a bare RpcError, which has none of these methods.
    code = failure.code() if hasattr(failure, "code") else None
    return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def _message_of(failure: grpc.RpcError) -> str:
    return (failure.details() or "") if hasattr(failure, "details") else ""


def _metadata_of(failure: grpc.RpcError) -> Sequence[tuple[str, str | bytes]]:
    metadata = failure.trailing_metadata() if hasattr(failure, "trailing_metadata") else None
    return tuple(cast("Iterable[tuple[str, str | bytes]]", metadata or ()))


def _call_id_of(metadata: Sequence[tuple[str, str | bytes]]) -> str:
    found = (value for key, value in metadata if key == CALL_ID_KEY and isinstance(value, str))
    return next(found, "")


def _details_of(
    metadata: Sequence[tuple[str, str | bytes]],
) -> Iterable[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest]:
    for key, value in metadata:
        if key == DETAILS_KEY and isinstance(value, bytes):
            yield from _decoded(value)


def _decoded(
    details: bytes,
) -> Iterable[error_details_pb2.ErrorInfo | error_details_pb2.BadRequest]:
    try:
        status = status_pb2.Status.FromString(details)
        for packed in status.details:
            information, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if packed.Unpack(information) and information.domain == REASON_DOMAIN:
                yield information
            elif packed.Unpack(request):
                yield request
    except DecodeError:
        # The status code alone is enough to act on.
        return
