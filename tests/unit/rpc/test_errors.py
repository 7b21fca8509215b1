"""The table from domain errors to statuses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

import consent_registry_server
from consent_registry.v1.error_reason_pb2 import ErrorReason
from consent_registry_server.domain import errors
from consent_registry_server.rpc.errors import (
    CODES,
    INTERNAL,
    NEVER_SENT,
    BareStatus,
    code_of,
    number_of,
    status_of,
)

SOURCE = Path(consent_registry_server.__file__).parent


def leaves(error: type[errors.RegistryError]) -> Iterator[type[errors.RegistryError]]:
    """Every error that can be raised: what stands in `errors` itself is raised, too."""
    for each in error.__subclasses__():
        yield each
        yield from leaves(each)


@pytest.mark.parametrize("leaf", sorted(leaves(errors.RegistryError), key=str), ids=str)
def test_every_leaf_has_a_status(leaf: type[errors.RegistryError]) -> None:
    """A new error is mapped on purpose or known never to be sent."""
    assert (leaf in CODES) != (leaf in NEVER_SENT)


@pytest.mark.parametrize(
    "error, code",
    [
        (errors.InvalidRequest("MISSING_FIELD", "m"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.InvalidContactPoint("m"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.NotFound("UNKNOWN_ENTRY", "m"), grpc.StatusCode.NOT_FOUND),
        (errors.AlreadyExists("REQUEST_ID_REUSED", "m"), grpc.StatusCode.ALREADY_EXISTS),
        (errors.PreconditionFailed("LIFT_BEFORE_ENTRY", "m"), grpc.StatusCode.FAILED_PRECONDITION),
        (errors.Unauthenticated("UNAUTHENTICATED", "m"), grpc.StatusCode.UNAUTHENTICATED),
        (errors.PermissionDenied("SERVICE_NOT_GRANTED", "m"), grpc.StatusCode.PERMISSION_DENIED),
        (errors.LimitExceeded("TOO_MANY_ENTRIES", "m"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.Unavailable("CONTENTION", "m"), grpc.StatusCode.UNAVAILABLE),
        (errors.DeadlineExceeded("DEADLINE", "m"), grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_a_status_names_the_reason(error: errors.RegistryError, code: grpc.StatusCode) -> None:
    """In the details that programs read; the code is the one outside."""
    status = status_of(error)
    assert status.code is code
    details = Status.FromString(status.details)
    assert (details.code, details.message) == (code.value[0], "m")
    info = ErrorInfo()
    assert details.details[0].Unpack(info)
    assert (info.reason, info.domain) == (error.reason, "consent-registry")


def test_a_field_at_fault_is_named() -> None:
    """As a violation of the request, with its reason."""
    error = errors.InvalidRequest("TOO_LONG", "longer than 64 characters", field="target.phone")
    status = status_of(error)
    assert status.message == "target.phone: longer than 64 characters"
    details = Status.FromString(status.details)
    bad = BadRequest()
    assert details.details[1].Unpack(bad)
    (violation,) = bad.field_violations
    assert violation.field == "target.phone"
    assert (violation.reason, violation.description) == ("TOO_LONG", "longer than 64 characters")


def test_what_may_succeed_later_says_when() -> None:
    """A client that repeats at once would only add to the load."""
    details = Status.FromString(status_of(errors.Unavailable("CONTENTION", "m")).details)
    retry = RetryInfo()
    assert details.details[1].Unpack(retry)
    assert retry.retry_delay.seconds == 1


@pytest.mark.parametrize(
    "error",
    [
        ValueError("anna@example.com"),
        errors.ConfigurationError("m"),
        errors.RegistryError("X", "m"),
    ],
    ids=["foreign", "configuration", "root"],
)
def test_what_has_no_place_is_internal(error: Exception) -> None:
    """Without message or details."""
    assert status_of(error) == INTERNAL
    assert (INTERNAL.message, INTERNAL.details) == ("internal error", b"")


def test_a_status_of_grpc_itself_has_no_details() -> None:
    """Clients know it from every other server."""
    status = status_of(BareStatus(grpc.StatusCode.UNIMPLEMENTED, "no such method"))
    assert (status.code, status.details) == (grpc.StatusCode.UNIMPLEMENTED, b"")


def test_an_error_derived_from_a_leaf_has_the_leafs_code() -> None:
    """A part of the server may tell its own errors apart."""

    class Colliding(errors.Unavailable):
        """Derived here, and gone with this test."""

    code = code_of(Colliding("CONTENTION", "m"))
    del Colliding
    assert number_of(code) == 14


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.relative_to(SOURCE).as_posix()
)
def test_every_reason_is_in_the_contract(path: Path) -> None:
    """What is raised anywhere in the server, a client finds documented."""
    named = {leaf.__name__ for leaf in leaves(errors.RegistryError) if leaf not in NEVER_SENT} - {
        "InvalidContactPoint"
    }
    documented = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        callee = node.func
        name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
        reason = node.args[0]
        if name in {*named, "_Violation"} and isinstance(reason, ast.Constant):
            assert reason.value in documented
