"""The registry's errors: one root, few leaves, their data as attributes, never contact data.

A leaf is what a caller can act on; `reason` is the name of the contract's `ErrorReason`, and
`field` the path of the request field at fault, e.g. `subject.contact_points[1].email`. Each
leaf maps to one gRPC status in `rpc/errors.py`.
"""

from __future__ import annotations


class RegistryError(Exception):
    """The root. The message is safe to show to any caller."""

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


class InvalidRequest(RegistryError):
    """The request can never succeed as it stands."""


class NotFound(RegistryError):
    """The request names something the registry does not have."""


class AlreadyExists(RegistryError):
    """The identifier is taken by other content."""


class PreconditionFailed(RegistryError):
    """The request is well-formed, but the state of the registry forbids it."""


class Unauthenticated(RegistryError):
    """The caller presented no key, or an unknown one."""


class PermissionDenied(RegistryError):
    """The caller's key does not grant what was asked."""


class LimitExceeded(RegistryError):
    """A named limit was reached; trying later may succeed."""


class Unavailable(RegistryError):
    """The registry cannot answer now; the safe reading is "do not contact"."""


class DeadlineExceeded(RegistryError):
    """The caller's deadline passed before there was an answer."""


class InvalidContactPoint(InvalidRequest):
    """A contact point has no normal form."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__("INVALID_CONTACT_POINT", message, field=field)


class ConfigurationError(RegistryError):
    """The server cannot start as configured: settings, policy or keys."""

    def __init__(self, message: str) -> None:
        super().__init__("CONFIGURATION", message)


class NotPrepared(ConfigurationError):
    """What is configured is not there yet, and somebody else makes it: a schema, a role, a table.

    A server waits for it; other programs end.
    """
