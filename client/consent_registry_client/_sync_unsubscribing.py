"""The synchronous client's unsubscribe links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from consent_registry.v1.unsubscribe_service_pb2 import (
    CreateUnsubscribeLinksRequest,
    DescribeUnsubscribeRequest,
    DescribeUnsubscribeResponse,
    UndoUnsubscribeRequest,
    UndoUnsubscribeResponse,
    UnsubscribeLinkResult,
    UnsubscribeRequest,
    UnsubscribeResponse,
)
from consent_registry.v1.unsubscribe_service_pb2_grpc import UnsubscribeServiceStub
from consent_registry_client._arguments import Metadata, Undo, UnsubscribeLinks, Unsubscription
from consent_registry_client._deadlines import READ_TIMEOUT_S, WRITE_TIMEOUT_S
from consent_registry_client._errors import UnusableAnswer
from consent_registry_client._messages import build
from consent_registry_client._sync_calls import Calls


class Unsubscribing:
    """Asks and tells the UnsubscribeService."""

    _calls: Calls
    _unsubscribing: UnsubscribeServiceStub

    def create_unsubscribe_links(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **links: Unpack[UnsubscribeLinks],
    ) -> Sequence[UnsubscribeLinkResult]:
        """Returns the link of each subject, in order; up to 1,000.

        The same person gets the same link again, so that the call may be repeated.
        """
        request = build(CreateUnsubscribeLinksRequest, links)
        response = self._calls.read(
            self._unsubscribing.CreateUnsubscribeLinks,
            request,
            timeout_s=timeout_s,
            default_s=WRITE_TIMEOUT_S,
            metadata=metadata,
        )
        if len(response.results) != len(request.subjects):
            # Counted off against the wrong person, a link would stop contact with somebody else.
            raise UnusableAnswer("the subjects were not answered one for one")
        return response.results

    def describe_unsubscribe(
        self, *, token: str, timeout_s: float | None = None, metadata: Metadata = ()
    ) -> DescribeUnsubscribeResponse:
        """Returns what a link is for, and what else can be stopped through it."""
        return self._calls.read(
            self._unsubscribing.DescribeUnsubscribe,
            build(DescribeUnsubscribeRequest, {"token": token}),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        )

    def unsubscribe(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **unsubscription: Unpack[Unsubscription],
    ) -> UnsubscribeResponse:
        """Stops contact through a link; returned only when that is stored."""
        return self._calls.write(
            self._unsubscribing.Unsubscribe,
            build(UnsubscribeRequest, unsubscription),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def undo_unsubscribe(
        self, *, timeout_s: float | None = None, metadata: Metadata = (), **undo: Unpack[Undo]
    ) -> UndoUnsubscribeResponse:
        """Takes one answer of `unsubscribe` back, within 15 minutes."""
        return self._calls.write(
            self._unsubscribing.UndoUnsubscribe,
            build(UndoUnsubscribeRequest, undo),
            timeout_s=timeout_s,
            metadata=metadata,
        )
