"""The synchronous audience stream."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self, TypeAlias

import grpc

from consent_registry.v1.decision_service_pb2 import (
    AudienceMember,
    AudienceMemberResult,
    AudienceScope,
    AudienceSummary,
    FilterAudienceRequest,
    FilterAudienceResponse,
)
from consent_registry_client._audience import AudienceLedger, Chunks, silence, unread
from consent_registry_client._calls import StreamLimits
from consent_registry_client._status import error_from

_Requests = SimpleQueue[FilterAudienceRequest | None]
_Method: TypeAlias = "grpc.StreamStreamMultiCallable[FilterAudienceRequest, FilterAudienceResponse]"


class _Call(Protocol):
    def __iter__(self) -> Iterator[FilterAudienceResponse]: ...

    def __next__(self) -> FilterAudienceResponse: ...

    def cancel(self) -> bool: ...


class AudienceAnswers(Iterator[AudienceMemberResult]):
    """The answers to an audience, one for each member, in its order.

    None of them may be used before `finish` has returned, or the iteration has ended: an audience
    that was not answered whole ends in an error. Members are taken from the audience while answers
    are read, on the reader's thread, a few chunks ahead. Close it, or use it as a context manager,
    to give up early.
    """

    def __init__(
        self,
        method: _Method,
        scope: AudienceScope,
        *,
        members: Iterable[AudienceMember],
        limits: StreamLimits,
        headers: tuple[tuple[str, str | bytes], ...],
    ) -> None:
        self._method = method
        self._scope = scope
        self._chunks = _chunked(members, Chunks(limits.chunk_members))
        self._limits = limits
        self._headers = headers
        self._summary: AudienceSummary | None = None
        self._results = self._run()

    def finish(self) -> AudienceSummary:
        """Reads the end of the stream; returns its summary.

        Raises:
            IncompleteStream: The registry has not answered everything, or not all was read.
        """
        if self._summary is None and next(self._results, None) is not None:
            self.close()
        if self._summary is None:
            raise unread()
        return self._summary

    def close(self) -> None:
        """Gives up the stream, unless it has ended."""
        self._results.close()

    def __next__(self) -> AudienceMemberResult:
        return next(self._results)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> Generator[AudienceMemberResult, None, None]:
        ledger = AudienceLedger()
        requests = _Requests()
        requests.put(ledger.scope(self._scope))
        call = self._method(
            iter(requests.get, None), timeout=self._limits.timeout_s, metadata=self._headers
        )
        try:
            while True:
                self._send(requests, ledger)
                response = self._receive(call)
                if response is None:
                    break
                yield from ledger.accept(response)
            self._summary = ledger.finish()
        finally:
            # Ends the thread of the channel that waits for the next request.
            requests.put(None)
            call.cancel()

    def _send(self, requests: _Requests, ledger: AudienceLedger) -> None:
        while ledger.has_room:
            chunk = next(self._chunks, None)
            if chunk is None:
                ledger.sent_all()
                requests.put(None)
            else:
                requests.put(ledger.chunk(chunk))

    def _receive(self, call: _Call) -> FilterAudienceResponse | None:
        is_silent = threading.Event()

        def give_up() -> None:
            is_silent.set()
            call.cancel()

        timer = threading.Timer(self._limits.idle_timeout_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            return next(call, None)
        except grpc.RpcError as failure:
            if is_silent.is_set():
                raise silence(self._limits.idle_timeout_s) from failure
            raise error_from(failure) from failure
        finally:
            timer.cancel()


def _chunked(members: Iterable[AudienceMember], chunks: Chunks) -> Iterator[list[AudienceMember]]:
    for member in members:
        if chunk := chunks.add(member):
            yield chunk
    if rest := chunks.rest():
        yield rest
