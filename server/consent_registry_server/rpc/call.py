"""One call: what is known of it while it runs, for the interceptors and for the servicers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import grpc

from consent_registry_server.rpc.authentication import ANONYMOUS, Caller
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.errors import CallStatus

Metadata = Sequence[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the contract; without a handler, one that a caller made up.

    `name` is bounded, fit for a metric's label: `consent_registry.v1.DecisionService/CheckContact`.
    `holds_thread`: a call may keep its thread for as long as its client likes. `pushes`: its
    stream needs no thread, its servicer sends through a callback whenever there is news.
    """

    name: str
    service: str
    handler: grpc.RpcMethodHandler[Any, Any] | None
    holds_thread: bool
    pushes: bool

    @classmethod
    def served(cls, path: str, handler: grpc.RpcMethodHandler[Any, Any]) -> Method:
        """The method at a path, `/package.Service/Method`."""
        name = path.removeprefix("/")
        pushes = bool(getattr(handler.unary_stream, "experimental_non_blocking", False))
        return cls(
            name=name,
            service=name.partition("/")[0],
            handler=handler,
            holds_thread=(handler.request_streaming or handler.response_streaming) and not pushes,
            pushes=pushes,
        )


MADE_UP: Final = Method(name="unknown", service="", handler=None, holds_thread=False, pushes=False)
"""Every method that does not exist."""


@dataclass(slots=True)
class Call:
    """One call on its way through the layers.

    `caller` is known from authentication on, `deadline` from when a thread has taken the call.
    """

    method: Method
    metadata: Metadata = field(repr=False)
    request_id: str = ""
    caller: Caller = ANONYMOUS
    deadline: CallDeadline = field(init=False)
    started_s: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended; `duration_s` counts from its arrival, the wait for a thread included."""

    status: CallStatus
    error: Exception | None
    duration_s: float


_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """The call that this thread answers.

    Raises:
        LookupError: outside a call.
    """
    return _current.get()


def call_under_way() -> Call | None:
    """The call that this thread answers, if it answers one."""
    return _current.get(None)


def enter_call(call: Call) -> None:
    """Makes a call the current one: gRPC runs each call in a context of its own."""
    _current.set(call)
