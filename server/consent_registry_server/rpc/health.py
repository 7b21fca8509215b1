"""`grpc.health.v1`: what the library of that name does, without holding a lock while it sends.

A send waits for the one thread by which a gRPC server works through its events, and in that thread
the ends of calls are told. The library takes one lock for both, so that a watcher that leaves while
another one is being told would hold up the whole server for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Final = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

Send = Callable[[health_pb2.HealthCheckResponse], None]


class Context(Protocol):
    """The part of `grpc.ServicerContext` that is used."""

    def set_code(self, code: grpc.StatusCode) -> None:
        """Chooses the code of a call."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has something called when the call is over; False when it is over already."""


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # the library is not typed
    """Tells of services whether they serve; none does before `show` says so."""

    def __init__(self, names: Iterable[str]) -> None:
        """Takes the names of the services."""
        # Held for moments, and never while something is sent.
        self._lock = threading.Lock()
        self._statuses = dict.fromkeys(names, _NOT_SERVING)
        self._watchers: set[_Watcher] = set()
        self._is_over = False

    def show(self, name: str, *, serving: bool) -> None:
        """Tells everybody who watches a service; nothing after the end."""
        with self._lock:
            if self._is_over:
                return
            self._statuses[name] = _SERVING if serving else _NOT_SERVING
            watchers = [each for each in self._watchers if each.name == name]
        for watcher in watchers:
            watcher.tell()

    def end(self) -> None:
        """No service serves any more, whatever is shown from now on."""
        for name in tuple(self._statuses):
            self.show(name, serving=False)
        with self._lock:
            self._is_over = True

    def status(self, name: str) -> int | None:
        """The status of a service as it is now; None for one that is not known."""
        with self._lock:
            return self._statuses.get(name)

    def Check(  # noqa: N802 - the contract names the methods
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """The status of a service; NOT_FOUND for one that is not known."""
        status = self.status(request.service)
        if status is None:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            return health_pb2.HealthCheckResponse()
        return health_pb2.HealthCheckResponse(status=status)

    def Watch(  # noqa: N802 - as above
        self, request: health_pb2.HealthCheckRequest, context: Context, send: Send
    ) -> None:
        """The status of a service, and again whenever it changes, until the caller leaves."""
        watcher = _Watcher(self, request.service, send)
        with self._lock:
            self._watchers.add(watcher)

        def leave() -> None:
            with self._lock:
                self._watchers.discard(watcher)

        if not context.add_callback(leave):
            leave()
        watcher.tell()

    # Returns at once and sends later, so that watchers take no threads.
    Watch.experimental_non_blocking = True  # type: ignore[attr-defined]
    Watch.experimental_thread_pool = None  # type: ignore[attr-defined]


class _Watcher:
    """Somebody who is told of a service's status, each time that it is another one."""

    def __init__(self, health: Health, name: str, send: Send) -> None:
        self.name = name
        self._health = health
        self._send = send
        self._turn = threading.Lock()
        self._told: Any = None

    def tell(self) -> None:
        """Sends the status as it is now, unless it was sent last; of several at once in turn."""
        with self._turn:
            status = self._health.status(self.name)
            status = _UNKNOWN if status is None else status
            if status != self._told:
                self._told = status
                self._send(health_pb2.HealthCheckResponse(status=status))
