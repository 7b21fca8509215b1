"""The one table from the registry's errors to gRPC statuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from consent_registry_server.domain import errors

ERROR_DOMAIN: Final = "consent-registry"
DETAILS_KEY: Final = "grpc-status-details-bin"

CODES: Final[dict[type[errors.RegistryError], grpc.StatusCode]] = {
    errors.InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    errors.InvalidContactPoint: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.PreconditionFailed: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}

NEVER_SENT: Final = frozenset({errors.ConfigurationError, errors.NotPrepared})
"""Raised before there is a caller; should one ever reach a call, it is an internal error."""

_RETRY_AFTER_S: Final = 1


class BareStatus(Exception):
    """A refusal that gRPC itself defines, sent without details."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class CallStatus(NamedTuple):
    """How a call ends: `details` are the octets of a `google.rpc.Status`, empty for none."""

    code: grpc.StatusCode
    message: str
    details: bytes


OK: Final = CallStatus(grpc.StatusCode.OK, "", b"")
INTERNAL: Final = CallStatus(grpc.StatusCode.INTERNAL, "internal error", b"")


def status_of(error: Exception) -> CallStatus:
    """How a call ends with an error: `INTERNAL`, which tells nothing, for one without a place."""
    if isinstance(error, BareStatus):
        return CallStatus(error.code, error.message, b"")
    if not isinstance(error, errors.RegistryError):
        return INTERNAL
    code = code_of(error)
    if code is grpc.StatusCode.INTERNAL:
        return INTERNAL
    # Many a tool shows its user the message and nothing else.
    message = f"{error.field}: {error.message}" if error.field else error.message
    status = Status(code=number_of(code), message=message)
    for detail in _details(error):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return CallStatus(code, message, status.SerializeToString())


def code_of(error: errors.RegistryError) -> grpc.StatusCode:
    """The status code of an error; INTERNAL when it has none of its own."""
    return next(
        (CODES[each] for each in type(error).__mro__ if each in CODES), grpc.StatusCode.INTERNAL
    )


def number_of(code: grpc.StatusCode) -> int:
    """The number of a status code, as in `ItemError.code`."""
    number: int = code.value[0]
    return number


def _details(error: errors.RegistryError) -> Iterator[ErrorInfo | BadRequest | RetryInfo]:
    yield ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN)
    if error.field:
        violation = BadRequest.FieldViolation(
            field=error.field, description=error.message, reason=error.reason
        )
        yield BadRequest(field_violations=[violation])
    if isinstance(error, errors.Unavailable):
        yield RetryInfo(retry_delay=Duration(seconds=_RETRY_AFTER_S))
