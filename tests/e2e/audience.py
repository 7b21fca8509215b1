"""An audience stream that a test sends message by message."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

from consent_registry.v1.decision_service_pb2 import FilterAudienceRequest, FilterAudienceResponse
from tests.e2e.connection import Connection


class OpenStream:
    """A stream whose next message is sent when the test says so."""

    def __init__(self, connection: Connection) -> None:
        self._requests: SimpleQueue[FilterAudienceRequest | None] = SimpleQueue()
        requests = iter(self._requests.get, None)
        self.call: Any = connection.decisions.FilterAudience(requests)

    def send(self, *requests: FilterAudienceRequest | None) -> None:
        """Sends messages; None is the end."""
        for each in requests:
            self._requests.put(each)

    def receive(self) -> FilterAudienceResponse:
        response: FilterAudienceResponse = next(self.call)
        return response

    def cancel(self) -> None:
        self.call.cancel()
        self.send(None)
