"""Who calls, and what they may do."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from consent_registry_server.domain.errors import PermissionDenied, Unauthenticated

ANY: Final = "*"
"""Among the controllers of a caller: every one, `group` included."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls and what they may do.

    `services` holds full names; both it and `controllers` may hold `ANY`. With `partners` it is
    one that brings leads: it records those of these partners, and nothing else.
    """

    id: str
    services: frozenset[str]
    controllers: frozenset[str]
    full_view: bool
    service_purpose: bool
    partners: frozenset[str] | None = None

    def grants_service(self, service: str) -> bool:
        """Whether the service of this full name may be called."""
        return service in self.services or ANY in self.services

    def require_controller(self, controller: str) -> None:
        """Refuses a caller that may not ask or write for a controller.

        Raises:
            PermissionDenied: CONTROLLER_NOT_GRANTED.
        """
        if controller not in self.controllers and ANY not in self.controllers:
            raise PermissionDenied(
                "CONTROLLER_NOT_GRANTED",
                "the key does not grant this controller",
                field="controller",
            )

    def require_partner(self, partner_id: str = "") -> None:
        """Refuses a partner's caller everything but leads of its own; empty: what are no leads.

        Raises:
            PermissionDenied: PARTNER_NOT_GRANTED.
        """
        if self.partners is not None and partner_id not in self.partners:
            raise PermissionDenied(
                "PARTNER_NOT_GRANTED",
                "the key grants the leads of its own partners only",
                field="partner_id" if partner_id else "",
            )

    def require_full_view(self) -> None:
        """Refuses a caller that may not see grounds.

        Raises:
            PermissionDenied: FULL_VIEW_NOT_GRANTED.
        """
        if not self.full_view:
            raise PermissionDenied(
                "FULL_VIEW_NOT_GRANTED", "the key does not grant the full view", field="view"
            )

    def require_service_purpose(self) -> None:
        """Refuses a caller that may not ask for the purpose that nothing can stop.

        Raises:
            PermissionDenied: SERVICE_PURPOSE_NOT_GRANTED.
        """
        if not self.service_purpose:
            raise PermissionDenied(
                "SERVICE_PURPOSE_NOT_GRANTED",
                "the key does not grant the purpose `service`",
                field="purpose",
            )


LOCAL: Final = Caller(
    id="local",
    services=frozenset({ANY}),
    controllers=frozenset({ANY}),
    full_view=True,
    service_purpose=True,
)
"""Whoever reaches a listener that only this machine can reach."""

ANONYMOUS: Final = Caller(
    id="",
    services=frozenset(),
    controllers=frozenset(),
    full_view=False,
    service_purpose=False,
)
"""Whoever calls what is open to all; and every caller until their key is known."""


class Authenticator(Protocol):
    """Tells who calls."""

    def caller(self, authorizations: Sequence[str | bytes]) -> Caller:
        """Returns the caller, by all `authorization` metadata of the call.

        Raises:
            Unauthenticated: UNAUTHENTICATED.
        """


class LocalAuthenticator:
    """Takes everyone for `LOCAL`; for listeners on loopback only."""

    def caller(self, authorizations: Sequence[str | bytes]) -> Caller:  # noqa: ARG002
        """Returns `LOCAL`."""
        return LOCAL


class ApiKeys:
    """Knows callers by the keys of a file."""

    def __init__(self, callers: Sequence[tuple[bytes, Caller]]) -> None:
        """Takes pairs of a secret's SHA-256 and the caller it belongs to."""
        self._callers = tuple(callers)

    def caller(self, authorizations: Sequence[str | bytes]) -> Caller:
        """Returns the caller whose secret was presented.

        Raises:
            Unauthenticated: UNAUTHENTICATED, whether there is no key, not one, or an unknown one.
        """
        presented = sha256(_bearer_secret(authorizations)).digest()
        found: Caller | None = None
        # All of them, always: how long it takes must not tell which key came close.
        for digest, caller in self._callers:
            if hmac.compare_digest(digest, presented):
                found = caller
        if found is None:
            raise Unauthenticated("UNAUTHENTICATED", "unknown API key")
        return found


def _bearer_secret(authorizations: Sequence[str | bytes]) -> bytes:
    if len(authorizations) != 1:
        raise Unauthenticated("UNAUTHENTICATED", "one `authorization: Bearer <key>` is required")
    authorization = authorizations[0]
    if isinstance(authorization, bytes):
        authorization = authorization.decode("latin-1")
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise Unauthenticated("UNAUTHENTICATED", "one `authorization: Bearer <key>` is required")
    return secret.encode()
