"""The inner layers: who is let in, how many at once, and with what requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import grpc
from google.protobuf.message import Message

from consent_registry_server.domain.errors import (
    DeadlineExceeded,
    LimitExceeded,
    PermissionDenied,
    Unavailable,
)
from consent_registry_server.rpc.authentication import Authenticator
from consent_registry_server.rpc.call import Call, Ending
from consent_registry_server.rpc.errors import BareStatus
from consent_registry_server.rpc.interceptors.layers import Layer
from consent_registry_server.rpc.validation import validate

OPEN_SERVICES: Final = frozenset({"grpc.health.v1.Health"})
"""Services that need no key, for the probes of whatever runs the server."""

UNGRANTED_SERVICES: Final = frozenset({"grpc.reflection.v1alpha.ServerReflection"})
"""Services that any key may call."""

_AUTHORIZATION: Final = "authorization"


class Authentication(Layer):
    """Finds out who calls, and whether they may call this service."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def admit(self, call: Call) -> None:
        """Refuses callers without a key, and without the service in it.

        Before the call has a thread: those who are not let in must not be able to hold one.
        """
        service = call.method.service
        if service in OPEN_SERVICES:
            return
        authorizations = [value for key, value in call.metadata if key == _AUTHORIZATION]
        call.caller = self._authenticator.caller(authorizations)
        if call.method.handler is None or service in UNGRANTED_SERVICES:
            return
        if not call.caller.grants_service(service):
            raise PermissionDenied("SERVICE_NOT_GRANTED", "the key does not grant this service")


class Answering(Layer):
    """Refuses calls while the database does not answer, or does not support this program.

    A client that has its connection already hears nothing of readiness: to it a program that reads
    a schema it does not know would go on to answer ALLOW.
    """

    def __init__(self) -> None:
        self.answers = True

    def admit(self, call: Call) -> None:
        """Refuses a new call; whoever asks for health, or what there is, is answered."""
        if not self.answers and call.method.service not in OPEN_SERVICES | UNGRANTED_SERVICES:
            raise _no_database()

    def message(self, call: Call, message: Message) -> None:  # noqa: ARG002
        """Refuses what a call under way asks next."""
        self._require_answering(call)

    def response(self, call: Call) -> None:
        """Keeps back what a stream was answered just before."""
        self._require_answering(call)

    def _require_answering(self, call: Call) -> None:
        if not self.answers:
            self.admit(call)


def _no_database() -> Unavailable:
    message = "the database does not answer, or cannot be worked with: the server's log says why"
    return Unavailable("DATABASE_UNAVAILABLE", message)


class Limits(Layer):
    """Bounds how many calls wait and how many streams hold a thread; drops those out of time."""

    def __init__(self, running: Callable[[], int], *, calls: int, streams: int) -> None:
        self._running = running
        self._calls = calls
        self._streams = threading.BoundedSemaphore(streams)

    def admit(self, call: Call) -> None:
        """Refuses a call beyond those that run or wait, in gRPC's own words for it."""
        if self._running() >= self._calls and call.method.service not in OPEN_SERVICES:
            raise BareStatus(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many concurrent calls")

    def begin(self, call: Call) -> None:
        """Refuses a stream when all slots are taken, and a call that waited past its deadline."""
        if call.deadline.remaining_s() <= 0:
            raise DeadlineExceeded("DEADLINE", "the deadline passed before the call had a thread")
        if call.method.holds_thread and not self._streams.acquire(blocking=False):
            raise LimitExceeded("TOO_MANY_STREAMS", "as many streams as the server takes at once")

    def end(self, call: Call, ending: Ending) -> None:  # noqa: ARG002
        """Gives the slot back."""
        if call.method.holds_thread:
            self._streams.release()


class Validation(Layer):
    """Refuses requests that are structurally wrong."""

    def message(self, call: Call, message: Message) -> None:  # noqa: ARG002
        """Checks one request."""
        validate(message)
