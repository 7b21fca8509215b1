"""A registry with the links that the messages of these tests name."""

from __future__ import annotations

from consent_registry.v1 import unsubscribe_service_pb2 as pb
from consent_registry_server.domain import errors
from tests.fakes.unsubscribe_service import LINK, UNSUBSCRIBE, FakeUnsubscribeService


class LinkRegistry(FakeUnsubscribeService):
    """Fails for single tokens too: for those in `unavailable`."""

    def __init__(self, *tokens: str) -> None:
        super().__init__()
        self.unavailable: set[str] = set()
        link = pb.DescribeUnsubscribeResponse(choices=[LINK])
        self._links.update(dict.fromkeys(tokens, link))

    @property
    def asked(self) -> list[str]:
        """The tokens that arrived, in order."""
        return [request.token for request in self.requests[UNSUBSCRIBE]]

    @property
    def stored(self) -> list[str]:
        """The tokens through which something was stopped, in order."""
        return [entry.token for entry in self.entries]

    def unsubscribe(self, request: pb.UnsubscribeRequest) -> pb.UnsubscribeResponse:
        """Stores what a link says."""
        if request.token in self.unavailable:
            raise errors.Unavailable("STORAGE_UNAVAILABLE", "told to fail")
        return super().unsubscribe(request)
