"""SubjectService: what is held about people, what was decided about them, and their rights.

Whoever is granted it sees all grounds: without them an explanation would explain nothing.
"""

from __future__ import annotations

import grpc
from google.protobuf.message import Message

from consent_registry.v1 import subject_service_pb2 as pb
from consent_registry.v1 import subject_service_pb2_grpc
from consent_registry_server.rpc.call import Call, current_call
from consent_registry_server.rpc.convert_contact import missing, to_controller, to_entry_id
from consent_registry_server.rpc.convert_entry import to_write
from consent_registry_server.rpc.convert_errors import fault_in
from consent_registry_server.rpc.convert_explanation import (
    fill_explanation,
    to_past_question,
    to_replayed,
    to_times,
)
from consent_registry_server.rpc.convert_rights import (
    fill_access,
    fill_rights_request,
    fill_whose,
    to_accessor,
    to_day,
    to_explanation,
    to_kind,
    to_opening_note,
    to_outcome,
    to_recorded_position,
    to_rights_position,
    to_rights_request_id,
    to_state,
)
from consent_registry_server.rpc.convert_subject import (
    fill_erased,
    fill_found_entry,
    fill_rectified,
    fill_stated,
    to_correction,
    to_ground,
    to_informed_at_us,
    to_person,
    to_restriction,
    to_retention,
)
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.service.explain import Explained, Explanations, Times
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.rights_requests import RightsRequests
from consent_registry_server.service.subject_ports import RightsRequest
from consent_registry_server.service.subject_reading import SubjectReading
from consent_registry_server.service.subjects import Subjects


class SubjectServicer(subject_service_pb2_grpc.SubjectServiceServicer):
    """Serves the data-protection officer."""

    def __init__(
        self,
        explanations: Explanations,
        subjects: Subjects,
        *,
        reading: SubjectReading,
        rights_requests: RightsRequests,
        page_tokens: PageTokens,
    ) -> None:
        self._explanations = explanations
        self._subjects = subjects
        self._reading = reading
        self._rights_requests = rights_requests
        self._page_tokens = page_tokens

    def FindSubject(
        self, request: pb.FindSubjectRequest, context: grpc.ServicerContext
    ) -> pb.FindSubjectResponse:
        """Finds a person's entries, the newest recorded first, with their identities."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        _require_granted(call, controller)
        by = to_accessor(request.access, call.caller.id)
        subject = to_person(request)
        page = self._page_tokens.page(request, to_recorded_position)
        found = self._reading.find(
            controller, subject, page.and_one_more(), by, deadline=call.deadline
        )
        response = pb.FindSubjectResponse()
        for each in found[: page.size]:
            fill_found_entry(response.entries.add(), each)
        if len(found) > page.size:
            last = found[page.size - 1].found.entry
            position = (last.recorded_at_us, str(last.entry_id))
            response.next_page_token = self._page_tokens.token(request, position)
        return response

    def ExportSubject(
        self, request: pb.ExportSubjectRequest, context: grpc.ServicerContext
    ) -> pb.ExportSubjectResponse:
        """Returns a copy of everything held about a person, for the person."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        _require_granted(call, controller)
        by = to_accessor(request.access, call.caller.id)
        exported = self._reading.export(controller, to_person(request), by, deadline=call.deadline)
        return pb.ExportSubjectResponse(
            json=exported.json, json_ld=exported.json_ld, entry_count=exported.entry_count
        )

    def RectifySubject(
        self, request: pb.RectifySubjectRequest, context: grpc.ServicerContext
    ) -> pb.RectifySubjectResponse:
        """Corrects a contact point or customer number in every entry that names it."""
        del context
        call = current_call()
        write = _write(request, call)
        controller = to_controller(request.controller)
        by = to_accessor(request.access, call.caller.id)
        wrong, corrected = to_correction(request)
        recorded = self._subjects.rectify(
            write, controller, wrong, corrected, by, deadline=call.deadline
        )
        response = pb.RectifySubjectResponse()
        fill_rectified(response, recorded)
        return response

    def EraseSubject(
        self, request: pb.EraseSubjectRequest, context: grpc.ServicerContext
    ) -> pb.EraseSubjectResponse:
        """Erases a person, and says what is kept and why."""
        del context
        call = current_call()
        write = _write(request, call)
        controller = to_controller(request.controller)
        by = to_accessor(request.access, call.caller.id)
        recorded = self._subjects.erase(
            write, controller, to_person(request), by, deadline=call.deadline
        )
        response = pb.EraseSubjectResponse()
        fill_erased(response, recorded)
        return response

    def RestrictProcessing(
        self, request: pb.RestrictProcessingRequest, context: grpc.ServicerContext
    ) -> pb.RestrictProcessingResponse:
        """Restricts the processing of a person's data."""
        del context
        call = current_call()
        write = _write(request, call)
        by = to_accessor(request.access, call.caller.id)
        ground = to_ground(request)
        recorded = self._subjects.restrict(
            write, to_restriction(request), ground, by, deadline=call.deadline
        )
        response = pb.RestrictProcessingResponse(kept_by_digits=recorded.details["kept_by_digits"])
        fill_stated(response, recorded)
        return response

    def LiftRestriction(
        self, request: pb.LiftRestrictionRequest, context: grpc.ServicerContext
    ) -> pb.LiftRestrictionResponse:
        """Lifts one restriction, of which the person was informed before."""
        del context
        call = current_call()
        write = _write(request, call)
        recorded = self._subjects.lift_restriction(
            write,
            to_controller(request.controller),
            to_entry_id(request.entry_id),
            to_accessor(request.access, call.caller.id),
            informed_at_us=to_informed_at_us(request),
            deadline=call.deadline,
        )
        response = pb.LiftRestrictionResponse()
        fill_stated(response, recorded)
        return response

    def SetRetention(
        self, request: pb.SetRetentionRequest, context: grpc.ServicerContext
    ) -> pb.SetRetentionResponse:
        """Changes until when the identity of one entry is kept, or holds it."""
        del context
        call = current_call()
        write = _write(request, call)
        recorded = self._subjects.set_retention(
            write,
            to_controller(request.controller),
            to_entry_id(request.entry_id),
            to_retention(request),
            to_accessor(request.access, call.caller.id),
            deadline=call.deadline,
        )
        response = pb.SetRetentionResponse(
            identity_expires_on=recorded.details["identity_expires_on"],
            held=recorded.details["held"],
        )
        fill_stated(response, recorded)
        return response

    def OpenRightsRequest(
        self, request: pb.OpenRightsRequestRequest, context: grpc.ServicerContext
    ) -> pb.OpenRightsRequestResponse:
        """Takes down what a person asked for."""
        del context
        call = current_call()
        write = _write(request, call)
        opened = self._rights_requests.open(
            write,
            to_controller(request.controller),
            to_kind(request),
            received_on=to_day(request.received_on, "received_on"),
            note=to_opening_note(request),
            deadline=call.deadline,
        )
        response = pb.OpenRightsRequestResponse()
        self._fill(response.rights_request, opened)
        return response

    def AnnounceDelay(
        self, request: pb.AnnounceDelayRequest, context: grpc.ServicerContext
    ) -> pb.AnnounceDelayResponse:
        """Takes down that a delay was announced."""
        del context
        call = current_call()
        write = _write(request, call)
        delayed = self._rights_requests.announce_delay(
            write,
            to_controller(request.controller),
            to_rights_request_id(request),
            due_on=to_day(request.due_on, "due_on"),
            note=to_explanation(request),
            deadline=call.deadline,
        )
        response = pb.AnnounceDelayResponse()
        self._fill(response.rights_request, delayed)
        return response

    def ListRightsRequests(
        self, request: pb.ListRightsRequestsRequest, context: grpc.ServicerContext
    ) -> pb.ListRightsRequestsResponse:
        """Lists rights requests, those due first."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        _require_granted(call, controller)
        page = self._page_tokens.page(request, to_rights_position)
        listed = self._rights_requests.list(
            controller, page.and_one_more(), to_state(request), deadline=call.deadline
        )
        response = pb.ListRightsRequestsResponse()
        for each in listed[: page.size]:
            self._fill(response.rights_requests.add(), each)
        if len(listed) > page.size:
            last = listed[page.size - 1]
            position = (last.first_due_on.isoformat(), str(last.rights_request_id))
            response.next_page_token = self._page_tokens.token(request, position)
        return response

    def GetRightsRequest(
        self, request: pb.GetRightsRequestRequest, context: grpc.ServicerContext
    ) -> pb.GetRightsRequestResponse:
        """Returns one rights request with whom it is of, and what was said."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        _require_granted(call, controller)
        shown = self._rights_requests.show(
            controller,
            to_rights_request_id(request),
            to_accessor(request.access, call.caller.id),
            deadline=call.deadline,
        )
        response = pb.GetRightsRequestResponse()
        self._fill(response.rights_request, shown.request)
        fill_whose(response, shown.subject, shown.notes)
        return response

    def CloseRightsRequest(
        self, request: pb.CloseRightsRequestRequest, context: grpc.ServicerContext
    ) -> pb.CloseRightsRequestResponse:
        """Takes down how a rights request ended."""
        del context
        call = current_call()
        write = _write(request, call)
        closed = self._rights_requests.close(
            write,
            to_controller(request.controller),
            to_rights_request_id(request),
            to_outcome(request),
            identity_confirmed=request.identity_confirmed,
            note=to_explanation(request),
            deadline=call.deadline,
        )
        response = pb.CloseRightsRequestResponse()
        self._fill(response.rights_request, closed)
        return response

    def ListAccesses(
        self, request: pb.ListAccessesRequest, context: grpc.ServicerContext
    ) -> pb.ListAccessesResponse:
        """Lists who saw or changed clear identities, the newest first."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        _require_granted(call, controller)
        entry_id = to_entry_id(request.entry_id) if request.entry_id else None
        page = self._page_tokens.page(request, to_recorded_position)
        accesses = self._reading.accesses(
            controller, page.and_one_more(), entry_id=entry_id, deadline=call.deadline
        )
        response = pb.ListAccessesResponse()
        for access in accesses[: page.size]:
            fill_access(response.accesses.add(), access)
        if len(accesses) > page.size:
            last = accesses[page.size - 1]
            position = (last.accessed_at_us, str(last.access_id))
            response.next_page_token = self._page_tokens.token(request, position)
        return response

    def ExplainDecision(
        self, request: pb.ExplainDecisionRequest, context: grpc.ServicerContext
    ) -> pb.ExplainDecisionResponse:
        """Explains a decision that was given, or what it would have been."""
        del context
        call = current_call()
        asked = request.WhichOneof("asked")
        if asked is None:
            raise missing("question")
        times = to_times(request)
        self._explanations.require_past(times)
        with fault_in(asked):
            explained = self._explained(request, times, call)
        response = pb.ExplainDecisionResponse()
        fill_explanation(response, explained)
        return response

    def _explained(self, request: pb.ExplainDecisionRequest, times: Times, call: Call) -> Explained:
        if request.HasField("decision"):
            replayed = to_replayed(request.decision)
            call.caller.require_controller(replayed.controller)
            return self._explanations.replay(replayed, times, deadline=call.deadline)
        asked = to_past_question(request.question)
        call.caller.require_controller(asked.scope.controller)
        return self._explanations.explain(asked, times, deadline=call.deadline)

    def _fill(self, message: pb.RightsRequest, request: RightsRequest) -> None:
        overdue = self._rights_requests.is_overdue(request)
        fill_rights_request(message, request, overdue=overdue)


def _write(request: Message, call: Call) -> Write:
    write = to_write(request, call.caller.id)
    _require_granted(call, write.controller)
    return write


def _require_granted(call: Call, controller: str) -> None:
    call.caller.require_controller(controller)
    call.caller.require_partner()
