"""Admits or refuses every call, and hands it to a thread.

One gRPC interceptor for all layers: nested interceptors would wrap the handler once each, on every
call. Requests are decoded in the chain and not by gRPC, which would answer octets that are no
message with INTERNAL, and would decode those of callers who are not let in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn, TypeAlias, cast

import grpc

from consent_registry_server.rpc.call import MADE_UP, Call, Method
from consent_registry_server.rpc.errors import BareStatus
from consent_registry_server.rpc.interceptors.layers import Layer
from consent_registry_server.rpc.interceptors.running import Context, Hooks, RunningCall

PUSHES_AT_ONCE: Final = 1_000
"""They hold no thread, but memory, and need no key."""

_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class CallChain(grpc.ServerInterceptor):
    """The interceptor of the server.

    `reserve` is a pool of threads apart from that of the calls: for refusals, for methods that
    push, and for the unary ones of the services in `reserved`, which are answered however busy the
    others are.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        default_deadline_s: float,
        reserve: ThreadPoolExecutor,
        reserved: frozenset[str],
    ) -> None:
        self._hooks = Hooks.of(layers)
        self._default_deadline_s = default_deadline_s
        self._reserve = reserve
        self._reserved = reserved
        self._methods: dict[str, Method] = {}
        self._pushes: set[_Push] = set()
        self._pushes_no_more = False

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _Handler | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        """Returns what answers one call, be it with a refusal.

        Runs on the one thread that takes all calls.
        """
        name = handler_call_details.method
        method = self._methods.get(name) or self._resolve(continuation, handler_call_details)
        call = Call(method, handler_call_details.invocation_metadata or ())
        for position, admit in self._hooks.admit:
            try:
                admit(call)
            except Exception as error:  # noqa: BLE001 - whatever it is, it refuses the call
                return self._refusal(call, error, position=position)
        if method.handler is None:
            unimplemented = BareStatus(grpc.StatusCode.UNIMPLEMENTED, "no such method")
            return self._refusal(call, unimplemented, position=self._hooks.depth)
        running = self._run(call)
        if method.pushes:
            if len(self._pushes) >= PUSHES_AT_ONCE:
                # Clients that balance take this code for a healthy server, and any other for one to
                # leave out: whoever fills the watches must not keep the others from asking.
                unwatched = BareStatus(grpc.StatusCode.UNIMPLEMENTED, "too many watchers")
                return self._refusal(call, unwatched, position=self._hooks.depth)
            behaviour = _ApartPushing(self._pushing(running), self._reserve)
            return grpc.unary_stream_rpc_method_handler(behaviour)
        if method.service in self._reserved:
            return grpc.unary_unary_rpc_method_handler(_Apart(running.unary_unary, self._reserve))
        return cast("_Handler", running)

    def stop_pushing(self) -> None:
        """Ends all calls that push, those to come too: a server that stops waits for its calls.

        Their clients would not end them, and begin another one at once.
        """
        self._pushes_no_more = True
        for push in list(self._pushes):
            push.stop()

    def _resolve(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], _Handler | None],
        details: grpc.HandlerCallDetails,
    ) -> Method:
        handler = continuation(details)
        if handler is None:
            # Not kept: a caller can make up as many as it likes.
            return MADE_UP
        method = Method.served(details.method, handler)
        self._methods[details.method] = method
        return method

    def _run(self, call: Call) -> RunningCall:
        return RunningCall(call, self._hooks, default_deadline_s=self._default_deadline_s)

    def _pushing(self, running: RunningCall) -> Callable[..., None]:
        def push(request: bytes, context: Context, send: Callable[[bytes | None], None]) -> None:
            running.push(request, context, send)
            opened = _Push(context, send)

            def close() -> None:
                self._pushes.discard(opened)
                running.pushed(context)

            self._pushes.add(opened)
            if not context.add_callback(close):
                close()
            elif self._pushes_no_more:
                opened.stop()

        return push

    def _refusal(self, call: Call, error: Exception, *, position: int) -> _Handler:
        """Answers apart and in the shape of a stream, which does not wait for the request.

        So whoever is refused never holds a thread of those who are not.
        """
        running = self._run(call)

        def refuse(_: object, context: Context) -> NoReturn:
            running.refuse(context, error, position=position)

        return grpc.stream_stream_rpc_method_handler(_Apart(refuse, self._reserve))


class _Push:
    """An open call that pushes."""

    def __init__(self, context: Context, send: Callable[[bytes | None], None]) -> None:
        self._context = context
        self._send = send

    def stop(self) -> None:
        """Ends it with UNAVAILABLE, so that its client turns to another server."""
        self._context.set_code(grpc.StatusCode.UNAVAILABLE)
        self._context.set_details("the server is stopping")
        self._send(None)


class _Apart:
    """A behaviour that gRPC runs on a pool of its own."""

    def __init__(self, behaviour: Callable[..., Any], pool: ThreadPoolExecutor) -> None:
        self._behaviour = behaviour
        self.experimental_thread_pool = pool

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - any method's response
        return self._behaviour(*arguments)


class _ApartPushing(_Apart):
    """One that returns at once and answers through a callback."""

    experimental_non_blocking = True
