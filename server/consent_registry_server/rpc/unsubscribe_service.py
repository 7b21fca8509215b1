"""UnsubscribeService: links, and what people say through them. Every answer is after the commit."""

from __future__ import annotations

import grpc

from consent_registry.v1 import unsubscribe_service_pb2, unsubscribe_service_pb2_grpc
from consent_registry_server.rpc.call import Call, current_call
from consent_registry_server.rpc.convert_contact import missing
from consent_registry_server.rpc.convert_entry import to_write
from consent_registry_server.rpc.convert_errors import unsubscribe_not_configured
from consent_registry_server.rpc.convert_unsubscribe import (
    fill_description,
    fill_links,
    fill_undone,
    fill_unsubscribed,
    to_campaign,
    to_linked,
    to_token,
    to_wish,
)
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import UnsubscribeAddresses
from consent_registry_server.service.unsubscribe import OpenedLink, Unsubscribing


class UnsubscribeServicer(unsubscribe_service_pb2_grpc.UnsubscribeServiceServicer):
    """Makes links and takes what people say through them."""

    def __init__(
        self,
        unsubscribing: Unsubscribing,
        *,
        addresses: UnsubscribeAddresses | None,
        metrics: Metrics,
    ) -> None:
        self._unsubscribing = unsubscribing
        self._addresses = addresses
        self._metrics = metrics

    def CreateUnsubscribeLinks(
        self,
        request: unsubscribe_service_pb2.CreateUnsubscribeLinksRequest,
        context: grpc.ServicerContext,
    ) -> unsubscribe_service_pb2.CreateUnsubscribeLinksResponse:
        """Makes links, or finds those that there are."""
        del context
        call = current_call()
        campaign = to_campaign(request)
        call.caller.require_controller(campaign.controller)
        if self._addresses is None:
            raise unsubscribe_not_configured()
        subjects = [to_linked(subject) for subject in request.subjects]
        tokens = self._unsubscribing.create(campaign, subjects, deadline=call.deadline)
        response = unsubscribe_service_pb2.CreateUnsubscribeLinksResponse()
        fill_links(response, tokens, self._addresses)
        return response

    def DescribeUnsubscribe(
        self,
        request: unsubscribe_service_pb2.DescribeUnsubscribeRequest,
        context: grpc.ServicerContext,
    ) -> unsubscribe_service_pb2.DescribeUnsubscribeResponse:
        """Tells what a link is for."""
        del context
        opened = self._opened(request.token, current_call())
        response = unsubscribe_service_pb2.DescribeUnsubscribeResponse()
        fill_description(response, opened)
        return response

    def Unsubscribe(
        self, request: unsubscribe_service_pb2.UnsubscribeRequest, context: grpc.ServicerContext
    ) -> unsubscribe_service_pb2.UnsubscribeResponse:
        """Records what a person wants to stop."""
        del context
        call = current_call()
        wish = to_wish(request)
        opened = self._opened(request.token, call)
        write = to_write(request, call.caller.id, controller=opened.link.controller)
        unsubscribed = self._unsubscribing.unsubscribe(write, opened, wish, deadline=call.deadline)
        response = unsubscribe_service_pb2.UnsubscribeResponse()
        fill_unsubscribed(response, unsubscribed)
        self._metrics.unsubscribed(wish.method)
        return response

    def UndoUnsubscribe(
        self,
        request: unsubscribe_service_pb2.UndoUnsubscribeRequest,
        context: grpc.ServicerContext,
    ) -> unsubscribe_service_pb2.UndoUnsubscribeResponse:
        """Takes an answer back."""
        del context
        call = current_call()
        if not request.undo_token:
            raise missing("undo_token")
        opened = self._opened(request.token, call)
        write = to_write(request, call.caller.id, controller=opened.link.controller)
        recorded = self._unsubscribing.undo(
            write, opened, request.undo_token, deadline=call.deadline
        )
        response = unsubscribe_service_pb2.UndoUnsubscribeResponse()
        fill_undone(response, recorded)
        return response

    def _opened(self, token: str, call: Call) -> OpenedLink:
        """The link of a token; of a controller that the caller's key grants."""
        opened = self._unsubscribing.open(to_token(token), deadline=call.deadline)
        call.caller.require_controller(opened.link.controller)
        return opened
