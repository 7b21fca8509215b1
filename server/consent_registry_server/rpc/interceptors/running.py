"""An admitted call in its thread: decode, check, answer, and say how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf.message import DecodeError, Message

from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.request_ids import REQUEST_ID_KEY
from consent_registry_server.rpc.call import Call, Ending, enter_call
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.errors import DETAILS_KEY, OK, CallStatus, status_of
from consent_registry_server.rpc.interceptors.layers import Layer


class Context(Protocol):
    """The part of `grpc.ServicerContext` that ends a call."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Ends the call with an error by raising an exception of no particular type."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has something called when the call is over; False when it is over already."""

    def code(self) -> grpc.StatusCode | None:
        """The code that the servicer has set, by aborting or otherwise."""

    def details(self) -> bytes | None:
        """The message that goes with it."""

    def is_active(self) -> bool:
        """Whether the client still waits."""

    def set_code(self, code: grpc.StatusCode) -> None:
        """Chooses the code of a call that ends without an error."""

    def set_details(self, details: str) -> None:
        """Chooses the message that goes with it."""

    def set_trailing_metadata(self, trailing_metadata: Sequence[tuple[str, str | bytes]]) -> None:
        """What is sent with the status."""

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of all layers, each with the position of its layer; `end` in reverse.

    A call that was refused before it had a thread ends only for layers before `first_begin`: those
    behind it may wait for the end of what they began.
    """

    depth: int
    first_begin: int
    admit: tuple[tuple[int, Callable[[Call], None]], ...]
    begin: tuple[tuple[int, Callable[[Call], None]], ...]
    message: tuple[Callable[[Call, Message], None], ...]
    response: tuple[Callable[[Call], None], ...]
    end: tuple[tuple[int, Callable[[Call, Ending], None]], ...]

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> Hooks:
        """The hooks that the layers override."""

        def overridden(hook: str) -> list[tuple[int, Any]]:
            return [
                (position, getattr(layer, hook))
                for position, layer in enumerate(layers)
                if getattr(type(layer), hook) is not getattr(Layer, hook)
            ]

        begin = tuple(overridden("begin"))
        return cls(
            depth=len(layers),
            first_begin=begin[0][0] if begin else len(layers),
            admit=tuple(overridden("admit")),
            begin=begin,
            message=tuple(hook for _, hook in overridden("message")),
            response=tuple(hook for _, hook in overridden("response")),
            end=tuple(reversed(overridden("end"))),
        )


class RunningCall:
    """One call, and the handler that gRPC asks to answer it: it has what gRPC looks for in one.

    It takes and returns octets; gRPC decodes and encodes nothing.
    """

    __slots__ = (
        "_call",
        "_default_deadline_s",
        "_entered",
        "_handler",
        "_hooks",
        "request_streaming",
        "response_streaming",
    )

    request_deserializer = None
    response_serializer = None

    def __init__(self, call: Call, hooks: Hooks, *, default_deadline_s: float) -> None:
        self._call = call
        self._hooks = hooks
        self._default_deadline_s = default_deadline_s
        self._entered = hooks.depth
        self._handler: Any = call.method.handler
        if self._handler is not None:
            self.request_streaming = self._handler.request_streaming
            self.response_streaming = self._handler.response_streaming

    def unary_unary(self, request: bytes, context: Context) -> bytes:
        """Answers one request with one response."""
        return self._answer(self._handler.unary_unary, self._read, request, context=context)

    def stream_unary(self, requests: Iterator[bytes], context: Context) -> bytes:
        """Answers a stream with one response."""
        return self._answer(self._handler.stream_unary, self._read_each, requests, context=context)

    def unary_stream(self, request: bytes, context: Context) -> Iterator[bytes]:
        """Answers one request with a stream."""
        return self._stream(self._handler.unary_stream, self._read, request, context=context)

    def stream_stream(self, requests: Iterator[bytes], context: Context) -> Iterator[bytes]:
        """Answers a stream with a stream."""
        return self._stream(self._handler.stream_stream, self._read_each, requests, context=context)

    def push(self, request: bytes, context: Context, send: Callable[[bytes | None], None]) -> None:
        """Hands the servicer a way to send, for as long as the client stays."""
        serialize = self._handler.response_serializer

        def send_response(response: object) -> None:
            # None is how the servicer ends a call. It does so when the call is over anyway.
            if response is not None:
                send(serialize(response))

        try:
            self._begin(context)
            self._handler.unary_stream(self._read(request), context, send_response)
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            self._fail(context, error)

    def pushed(self, context: Context) -> None:
        """Notes that a call that pushed is over."""
        code = context.code()
        self._end(self._abandoned() if code is None else _status_set(context, code), None)

    def refuse(self, context: Context, error: Exception, *, position: int) -> NoReturn:
        """Ends the call with the error that the layer at `position` refused it with."""
        self._entered = min(position, self._hooks.first_begin)
        self._fail(context, error)

    def _answer(
        self,
        respond: Callable[..., Any],
        read: Callable[[Any], Any],
        received: object,
        *,
        context: Context,
    ) -> bytes:
        try:
            self._begin(context)
            reply: bytes = self._handler.response_serializer(respond(read(received), context))
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            self._fail(context, error)
        self._finish(context)
        return reply

    def _stream(
        self,
        respond: Callable[..., Any],
        read: Callable[[Any], Any],
        received: object,
        *,
        context: Context,
    ) -> Iterator[bytes]:
        responses: Any = None
        try:
            self._begin(context)
            responses = respond(read(received), context)
            for response in responses:
                for look in self._hooks.response:
                    look(self._call)
                yield self._handler.response_serializer(response)
        except GeneratorExit:
            # gRPC drops the stream of a client that is gone.
            _close(responses)
            self._left()
            raise
        except Exception as error:  # noqa: BLE001 - every error becomes a status
            _close(responses)
            self._fail(context, error)
        if context.is_active():
            self._finish(context)
        else:
            # To a servicer, a client that is gone may look like one that has sent all it had.
            self._left()

    def _begin(self, context: Context) -> None:
        call = self._call
        call.deadline = CallDeadline(context, self._default_deadline_s)
        enter_call(call)
        context.set_trailing_metadata(((REQUEST_ID_KEY, call.request_id),))
        for position, begin in self._hooks.begin:
            # Should it refuse, neither it nor the layers behind it see the end.
            self._entered = position
            begin(call)
        self._entered = self._hooks.depth

    def _read(self, octets: bytes) -> Message:
        try:
            message: Message = self._handler.request_deserializer(octets)
        except DecodeError:
            raise InvalidRequest(
                "MALFORMED_MESSAGE", "the octets are no request of this method"
            ) from None
        for check in self._hooks.message:
            check(self._call, message)
        return message

    def _read_each(self, requests: Iterator[bytes]) -> Iterator[Message]:
        return map(self._read, requests)

    def _finish(self, context: Context) -> None:
        code = context.code()
        self._end(OK if code is None else _status_set(context, code), None)

    def _fail(self, context: Context, error: Exception) -> NoReturn:
        if isinstance(error, grpc.RpcError):
            # How the request iterator tells that the client is gone. gRPC knows this very object.
            self._end(self._abandoned(), error)
            raise error
        code = context.code()
        if code is not None and type(error) is Exception and not error.args:
            # The servicer has aborted; what it raised only unwinds its stack.
            self._end(_status_set(context, code), None)
            raise error
        status = status_of(error)
        self._end(status, error)
        metadata: list[tuple[str, str | bytes]] = [(REQUEST_ID_KEY, self._call.request_id)]
        if status.details:
            metadata.append((DETAILS_KEY, status.details))
        context.set_trailing_metadata(metadata)
        context.abort(status.code, status.message)

    def _left(self) -> None:
        self._end(self._abandoned(), None)

    def _abandoned(self) -> CallStatus:
        if self._call.deadline.remaining_s() <= 0:
            return CallStatus(grpc.StatusCode.DEADLINE_EXCEEDED, "", b"")
        return CallStatus(grpc.StatusCode.CANCELLED, "", b"")

    def _end(self, status: CallStatus, error: Exception | None) -> None:
        call = self._call
        ending = Ending(status, error, perf_counter() - call.started_s)
        for position, end in self._hooks.end:
            if position < self._entered:
                try:
                    end(call, ending)
                except Exception:  # noqa: BLE001, S112
                    # A log that cannot be written must not undo an answer whose entry is stored.
                    continue


def _close(responses: object) -> None:
    """Has the servicer of a stream give back what it holds before the layers do."""
    if hasattr(responses, "close"):
        responses.close()


def _status_set(context: Context, code: grpc.StatusCode) -> CallStatus:
    return CallStatus(code, (context.details() or b"").decode(errors="replace"), b"")
