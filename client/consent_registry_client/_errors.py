"""What can go wrong, as exceptions: one root, few leaves, their data as attributes.

No message and no attribute holds contact data, so that an error may be logged whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that cannot be as it is."""

    field: str
    """Its path, e.g. `subject.contact_points[1].email`."""
    description: str
    """What is wrong with it, for a human."""


class ConsentRegistryError(Exception):
    """The root: the registry gave no answer, or none that can be used."""

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        field_violations: tuple[FieldViolation, ...] = (),
        request_id: str = "",
        call_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        """The canonical status; for errors that never left this process, the closest one."""
        self.reason = reason
        """The name of the contract's `ErrorReason`, e.g. `UNKNOWN_PURPOSE`. Empty when the status
        came from elsewhere, such as a proxy."""
        self.field_violations = field_violations
        """The fields at fault, if the registry named any."""
        self.request_id = request_id
        """For a write, the request id it carried: repeat it with the same one. Empty otherwise."""
        self.call_id = call_id
        """By which the operator finds the call in the registry's log. Empty if it never arrived."""


class InvalidRequest(ConsentRegistryError):
    """The request can never succeed as it stands."""


class NotFound(ConsentRegistryError):
    """The request names a controller, partner, entry, link, person or country that is not there."""


class RequestIdReused(ConsentRegistryError):
    """The request id belongs to an earlier write with other content."""


class PreconditionFailed(ConsentRegistryError):
    """The request is well-formed, yet the registry's state or rules forbid it."""


class Unauthenticated(ConsentRegistryError):
    """The registry was shown no API key, or one that it does not know."""


class PermissionDenied(ConsentRegistryError):
    """The API key does not grant what was asked."""


class LimitExceeded(ConsentRegistryError):
    """A limit of the registry was reached; trying later may succeed."""


class Unavailable(ConsentRegistryError):
    """The registry could not be reached, or cannot answer now."""


class DeadlineExceeded(ConsentRegistryError):
    """There was no answer in time; a write may have been stored all the same."""


class IncompleteStream(ConsentRegistryError):
    """The answers to an audience are not complete, and none of them may be used."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.DATA_LOSS)


class UnusableAnswer(ConsentRegistryError):
    """The registry answered what this client cannot read, such as a verdict of a later version."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=grpc.StatusCode.DATA_LOSS)
