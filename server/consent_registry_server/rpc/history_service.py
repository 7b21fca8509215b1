"""HistoryService: what was written, without identity. Reads only."""

from __future__ import annotations

import grpc

from consent_registry.v1 import history_service_pb2, history_service_pb2_grpc
from consent_registry_server.rpc.call import current_call
from consent_registry_server.rpc.convert_contact import to_controller, to_entry_id
from consent_registry_server.rpc.convert_entry import fill_entry, to_listed_point
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.service.history import Records


class HistoryServicer(history_service_pb2_grpc.HistoryServiceServicer):
    """Shows entries."""

    def __init__(self, records: Records, *, page_tokens: PageTokens) -> None:
        self._records = records
        self._page_tokens = page_tokens

    def GetEntry(
        self, request: history_service_pb2.GetEntryRequest, context: grpc.ServicerContext
    ) -> history_service_pb2.GetEntryResponse:
        """Returns one entry."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        call.caller.require_controller(controller)
        entry_id = to_entry_id(request.entry_id)
        entry = self._records.entry(controller, entry_id, deadline=call.deadline)
        response = history_service_pb2.GetEntryResponse()
        fill_entry(response.entry, entry)
        return response

    def ListEntries(
        self, request: history_service_pb2.ListEntriesRequest, context: grpc.ServicerContext
    ) -> history_service_pb2.ListEntriesResponse:
        """Lists the entries that concern a contact point, the newest recorded first."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        call.caller.require_controller(controller)
        point = to_listed_point(request)
        page = self._page_tokens.page(request)
        entries = self._records.entries(
            controller, point, page.and_one_more(), deadline=call.deadline
        )
        response = history_service_pb2.ListEntriesResponse()
        for entry in entries[: page.size]:
            fill_entry(response.entries.add(), entry)
        if len(entries) > page.size:
            last = entries[page.size - 1]
            position = (last.recorded_at_us, str(last.entry_id))
            response.next_page_token = self._page_tokens.token(request, position)
        return response
