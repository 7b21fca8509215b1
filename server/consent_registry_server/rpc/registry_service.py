"""RegistryService: intake. Every answer is given after the commit."""

from __future__ import annotations

from typing import Protocol

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from consent_registry.v1 import (
    contact_pb2,
    registry_service_pb2,
    registry_service_pb2_grpc,
)
from consent_registry_server.rpc.call import Call, current_call
from consent_registry_server.rpc.convert_contact import (
    missing,
    set_timestamp,
    to_controller,
    to_entry_id,
)
from consent_registry_server.rpc.convert_entry import (
    fill_partner,
    to_consent,
    to_lead,
    to_lift,
    to_opt_out,
    to_partner,
    to_partner_id,
    to_recording_entry,
    to_write,
)
from consent_registry_server.rpc.convert_register import fill_recorded_results, to_scrub
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.service.history import Records
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import LeadOutcome, LeadRefusal, Partners
from consent_registry_server.service.ports import Recorded
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.receipts import Receipts
from consent_registry_server.service.registers import Registers


class RegistryServicer(registry_service_pb2_grpc.RegistryServiceServicer):
    """Writes what people said."""

    def __init__(
        self,
        intake: Intake,
        partners: Partners,
        *,
        registers: Registers,
        records: Records,
        receipts: Receipts,
        page_tokens: PageTokens,
        metrics: Metrics,
    ) -> None:
        self._intake = intake
        self._partners = partners
        self._registers = registers
        self._records = records
        self._receipts = receipts
        self._page_tokens = page_tokens
        self._metrics = metrics

    def RecordConsent(
        self, request: registry_service_pb2.RecordConsentRequest, context: grpc.ServicerContext
    ) -> registry_service_pb2.RecordConsentResponse:
        """Records a consent."""
        del context
        call = current_call()
        write = _write(request, call)
        if request.issue_receipt:
            self._receipts.require()
        new = to_consent(request)
        recorded = self._intake.record_consent(write, new, deadline=call.deadline)
        response = registry_service_pb2.RecordConsentResponse(proven=recorded.details["proven"])
        _fill(response, recorded)
        if request.issue_receipt:
            # From the first answer, so that a repeated request gets the very same receipt.
            entry_id = to_entry_id(response.entry_id)
            response.receipt = self._receipts.issue(new, entry_id, recorded.recorded_at_us)
        return response

    def WithdrawConsent(
        self, request: registry_service_pb2.WithdrawConsentRequest, context: grpc.ServicerContext
    ) -> registry_service_pb2.WithdrawConsentResponse:
        """Withdraws consents."""
        del context
        call = current_call()
        write = _write(request, call)
        recorded = self._intake.add_opt_out(write, to_opt_out(request), deadline=call.deadline)
        response = registry_service_pb2.WithdrawConsentResponse()
        _fill(response, recorded)
        _fill_reach(response, recorded)
        return response

    def AddDoNotContact(
        self, request: registry_service_pb2.AddDoNotContactRequest, context: grpc.ServicerContext
    ) -> registry_service_pb2.AddDoNotContactResponse:
        """Records a do-not-contact request."""
        del context
        call = current_call()
        write = _write(request, call)
        recorded = self._intake.add_opt_out(write, to_opt_out(request), deadline=call.deadline)
        response = registry_service_pb2.AddDoNotContactResponse()
        _fill(response, recorded)
        _fill_reach(response, recorded)
        return response

    def LiftDoNotContact(
        self, request: registry_service_pb2.LiftDoNotContactRequest, context: grpc.ServicerContext
    ) -> registry_service_pb2.LiftDoNotContactResponse:
        """Lifts one do-not-contact entry."""
        del context
        call = current_call()
        write = _write(request, call)
        lifted = to_entry_id(request.entry_id)
        recorded = self._intake.lift_do_not_contact(
            write, to_lift(request), lifted, deadline=call.deadline
        )
        response = registry_service_pb2.LiftDoNotContactResponse()
        _fill(response, recorded)
        return response

    def ObjectToCallRecording(
        self,
        request: registry_service_pb2.ObjectToCallRecordingRequest,
        context: grpc.ServicerContext,
    ) -> registry_service_pb2.ObjectToCallRecordingResponse:
        """Records an objection to call recording."""
        del context
        call = current_call()
        write = _write(request, call)
        new = to_recording_entry(request)
        recorded = self._intake.object_to_recording(write, new, deadline=call.deadline)
        response = registry_service_pb2.ObjectToCallRecordingResponse(
            kept_by_digits=recorded.details["kept_by_digits"]
        )
        _fill(response, recorded)
        return response

    def LiftCallRecordingObjection(
        self,
        request: registry_service_pb2.LiftCallRecordingObjectionRequest,
        context: grpc.ServicerContext,
    ) -> registry_service_pb2.LiftCallRecordingObjectionResponse:
        """Lifts recording objections on some contact points."""
        del context
        call = current_call()
        write = _write(request, call)
        new = to_recording_entry(request)
        recorded = self._intake.lift_recording_objection(write, new, deadline=call.deadline)
        response = registry_service_pb2.LiftCallRecordingObjectionResponse()
        _fill(response, recorded)
        return response

    def RecordPartnerLeads(
        self,
        request: registry_service_pb2.RecordPartnerLeadsRequest,
        context: grpc.ServicerContext,
    ) -> registry_service_pb2.RecordPartnerLeadsResponse:
        """Records leads, each for itself."""
        del context
        call = current_call()
        write = _write(request, call)
        if not request.leads:
            raise missing("leads")
        recorded = self._partners.record_leads(
            write,
            to_controller(request.controller),
            to_partner_id(request.partner_id),
            [to_lead(lead) for lead in request.leads],
            deadline=call.deadline,
        )
        response = registry_service_pb2.RecordPartnerLeadsResponse(revision=recorded.revision)
        set_timestamp(response.recorded_at, recorded.recorded_at_us)
        for lead, result in zip(request.leads, recorded.details["results"], strict=True):
            response.results.add(
                lead_id=lead.lead_id,
                outcome=result["outcome"],
                entry_id=result.get("entry_id", ""),
                refusal=result.get("refusal", 0),
                field=result.get("field", ""),
            )
            self._metrics.lead_answered(
                LeadOutcome(result["outcome"]),
                LeadRefusal(result["refusal"]) if "refusal" in result else None,
            )
        return response

    def RecordRegisterResults(
        self,
        request: registry_service_pb2.RecordRegisterResultsRequest,
        context: grpc.ServicerContext,
    ) -> registry_service_pb2.RecordRegisterResultsResponse:
        """Records what a national register said."""
        del context
        call = current_call()
        write = _write(request, call)
        scrub = to_scrub(request)
        recorded = self._registers.record(write, scrub, deadline=call.deadline)
        # The policy has a register of this name, or it would have been refused.
        self._metrics.register_answered(
            scrub.register,
            listed=recorded.details["listed"],
            clear=recorded.details["clear"],
            invalid=len(recorded.details["invalid"]),
        )
        response = registry_service_pb2.RecordRegisterResultsResponse()
        fill_recorded_results(response, recorded)
        return response

    def RegisterPartner(
        self, request: registry_service_pb2.RegisterPartnerRequest, context: grpc.ServicerContext
    ) -> registry_service_pb2.RegisterPartnerResponse:
        """Registers a partner, or changes what it is permitted."""
        del context
        call = current_call()
        write = _write(request, call)
        partner = to_partner(request.controller, request.partner)
        recorded = self._partners.register(write, partner, deadline=call.deadline)
        response = registry_service_pb2.RegisterPartnerResponse(revision=recorded.revision)
        set_timestamp(response.recorded_at, recorded.recorded_at_us)
        fill_partner(response.partner, partner)
        return response

    def ListPartners(
        self, request: registry_service_pb2.ListPartnersRequest, context: grpc.ServicerContext
    ) -> registry_service_pb2.ListPartnersResponse:
        """Lists partners by id."""
        del context
        call = current_call()
        controller = to_controller(request.controller)
        call.caller.require_controller(controller)
        call.caller.require_partner()
        page = self._page_tokens.page(request)
        partners = self._records.partners(controller, page.and_one_more(), deadline=call.deadline)
        response = registry_service_pb2.ListPartnersResponse()
        for partner in partners[: page.size]:
            fill_partner(response.partners.add(), partner)
        if len(partners) > page.size:
            last = partners[page.size - 1]
            response.next_page_token = self._page_tokens.token(request, (last.partner_id,))
        return response


class _Receipt(Protocol):
    entry_id: str
    revision: str

    @property
    def recorded_at(self) -> Timestamp: ...


def _write(request: Message, call: Call) -> Write:
    write = to_write(request, call.caller.id)
    call.caller.require_controller(write.controller)
    # Only leads name their partner here: the key of one opens no other write.
    call.caller.require_partner(getattr(request, "partner_id", ""))
    return write


def _fill(response: _Receipt, recorded: Recorded) -> None:
    response.entry_id = recorded.details["entry_id"]
    response.revision = recorded.revision
    set_timestamp(response.recorded_at, recorded.recorded_at_us)


def _fill_reach(
    response: registry_service_pb2.AddDoNotContactResponse
    | registry_service_pb2.WithdrawConsentResponse,
    recorded: Recorded,
) -> None:
    details = recorded.details
    response.unenforceable_channels.extend(
        contact_pb2.Channel.ValueType(each) for each in details["unenforceable_channels"]
    )
    response.indirect_channels.extend(
        contact_pb2.Channel.ValueType(each) for each in details["indirect_channels"]
    )
    response.kept_by_digits.extend(details["kept_by_digits"])
