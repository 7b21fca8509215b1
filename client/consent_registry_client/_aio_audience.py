"""The asyncio audience stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Self, TypeAlias

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
from consent_registry_client._errors import IncompleteStream
from consent_registry_client._status import error_from

_Requests = asyncio.Queue[FilterAudienceRequest | None]
_Method: TypeAlias = (
    "grpc.aio.StreamStreamMultiCallable[FilterAudienceRequest, FilterAudienceResponse]"
)
_Call: TypeAlias = "grpc.aio.StreamStreamCall[FilterAudienceRequest, FilterAudienceResponse]"


class AsyncAudienceAnswers(AsyncIterator[AudienceMemberResult]):
    """The answers to an audience, as `AudienceAnswers`, for asyncio."""

    def __init__(
        self,
        method: _Method,
        scope: AudienceScope,
        *,
        members: Iterable[AudienceMember] | AsyncIterable[AudienceMember],
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

    async def finish(self) -> AudienceSummary:
        """Reads the end of the stream; returns its summary.

        Raises:
            IncompleteStream: The registry has not answered everything, or not all was read.
        """
        if self._summary is None and await anext(self._results, None) is not None:
            await self.close()
        if self._summary is None:
            raise unread()
        return self._summary

    async def close(self) -> None:
        """Gives up the stream, unless it has ended."""
        await self._results.aclose()

    async def __anext__(self) -> AudienceMemberResult:
        return await anext(self._results)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self) -> AsyncGenerator[AudienceMemberResult, None]:
        ledger = AudienceLedger()
        requests = _Requests()
        requests.put_nowait(ledger.scope(self._scope))
        call = self._method(
            _until_none(requests), timeout=self._limits.timeout_s, metadata=self._headers
        )
        try:
            while True:
                await self._send(requests, ledger)
                response = await self._receive(call)
                if response is None:
                    break
                for result in ledger.accept(response):
                    yield result
            self._summary = ledger.finish()
        finally:
            requests.put_nowait(None)
            call.cancel()

    async def _send(self, requests: _Requests, ledger: AudienceLedger) -> None:
        while ledger.has_room:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                ledger.sent_all()
                requests.put_nowait(None)
            else:
                requests.put_nowait(ledger.chunk(chunk))

    async def _receive(self, call: _Call) -> FilterAudienceResponse | None:
        try:
            response = await asyncio.wait_for(call.read(), self._limits.idle_timeout_s)
        except TimeoutError:
            raise silence(self._limits.idle_timeout_s) from None
        except grpc.aio.AioRpcError as failure:
            if _hides_the_status(failure):
                raise IncompleteStream("the registry ended the stream midway") from failure
            raise error_from(failure) from failure
        return response if isinstance(response, FilterAudienceResponse) else None


def _hides_the_status(failure: grpc.aio.AioRpcError) -> bool:
    # A write that meets the end of the stream overwrites the status that the registry sent:
    # https://github.com/grpc/grpc/issues/36066
    lost_write = "execute_batch" in (failure.debug_error_string() or "")
    return lost_write and failure.code() is grpc.StatusCode.INTERNAL


async def _until_none(requests: _Requests) -> AsyncIterator[FilterAudienceRequest]:
    while (request := await requests.get()) is not None:
        yield request


async def _chunked(
    members: Iterable[AudienceMember] | AsyncIterable[AudienceMember], chunks: Chunks
) -> AsyncIterator[list[AudienceMember]]:
    if isinstance(members, AsyncIterable):
        async for member in members:
            if chunk := chunks.add(member):
                yield chunk
    else:
        for member in members:
            if chunk := chunks.add(member):
                yield chunk
    if rest := chunks.rest():
        yield rest
