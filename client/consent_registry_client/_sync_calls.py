"""Makes synchronous calls: with a deadline, repeated where safe, failing with our errors only."""

from __future__ import annotations

from typing import TypeVar

import grpc

from consent_registry_client._arguments import Metadata
from consent_registry_client._calls import CallSettings, Write
from consent_registry_client._channel import Endpoint
from consent_registry_client._deadlines import WRITE_TIMEOUT_S
from consent_registry_client._retry import Attempts
from consent_registry_client._status import error_from

_Request = TypeVar("_Request")
_WriteRequest = TypeVar("_WriteRequest", bound=Write)
_Response = TypeVar("_Response")


def open_channel(endpoint: Endpoint) -> grpc.Channel:
    """Returns a channel; it connects at the first call and again after every loss."""
    if endpoint.credentials is None:
        return grpc.insecure_channel(endpoint.target, options=endpoint.options)
    return grpc.secure_channel(endpoint.target, endpoint.credentials, options=endpoint.options)


class Calls:
    """Makes the calls of one client."""

    def __init__(self, settings: CallSettings) -> None:
        self._settings = settings

    def read(
        self,
        method: grpc.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        *,
        timeout_s: float | None,
        default_s: float,
        metadata: Metadata,
    ) -> _Response:
        """Asks, and asks again while the registry is unavailable."""
        attempts = self._settings.reading(timeout_s, default_s)
        return self._call(method, request, attempts=attempts, metadata=metadata, request_id="")

    def write(
        self,
        method: grpc.UnaryUnaryMultiCallable[_WriteRequest, _Response],
        request: _WriteRequest,
        *,
        timeout_s: float | None,
        metadata: Metadata,
    ) -> _Response:
        """Writes, and repeats the same write while it is not known to be stored."""
        attempts = self._settings.writing(request, timeout_s, default_s=WRITE_TIMEOUT_S)
        return self._call(
            method, request, attempts=attempts, metadata=metadata, request_id=request.request_id
        )

    def headers(self, metadata: Metadata) -> tuple[tuple[str, str | bytes], ...]:
        """Returns the metadata of a stream."""
        return self._settings.headers(metadata)

    def _call(
        self,
        method: grpc.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        *,
        attempts: Attempts,
        metadata: Metadata,
        request_id: str,
    ) -> _Response:
        while True:
            # Anew for each attempt: the client may have been closed during the last one.
            headers = self._settings.headers(metadata, request_id=request_id)
            try:
                return method(request, timeout=attempts.start(), metadata=headers)
            except grpc.RpcError as failure:
                error = error_from(failure, request_id=request_id)
                delay_s = attempts.delay_after(error.code)
                if delay_s is None:
                    raise error from failure
            self._settings.effects.sleep(delay_s)
