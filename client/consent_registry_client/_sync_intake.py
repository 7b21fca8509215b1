"""The synchronous client's writes, and the partners that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from consent_registry.v1.registry_service_pb2 import (
    AddDoNotContactRequest,
    AddDoNotContactResponse,
    LiftCallRecordingObjectionRequest,
    LiftCallRecordingObjectionResponse,
    LiftDoNotContactRequest,
    LiftDoNotContactResponse,
    ListPartnersRequest,
    ObjectToCallRecordingRequest,
    ObjectToCallRecordingResponse,
    Partner,
    RecordConsentRequest,
    RecordConsentResponse,
    RecordPartnerLeadsRequest,
    RecordPartnerLeadsResponse,
    RecordRegisterResultsRequest,
    RecordRegisterResultsResponse,
    RegisterPartnerRequest,
    RegisterPartnerResponse,
    WithdrawConsentRequest,
    WithdrawConsentResponse,
)
from consent_registry.v1.registry_service_pb2_grpc import RegistryServiceStub
from consent_registry_client._arguments import (
    Consent,
    Lift,
    Metadata,
    OptOut,
    PartnerLeads,
    PartnerRegistration,
    RecordingObjection,
    RecordingObjectionLift,
    Scrub,
)
from consent_registry_client._calls import turn
from consent_registry_client._deadlines import (
    READ_TIMEOUT_S,
)
from consent_registry_client._messages import build
from consent_registry_client._sync_calls import Calls


class Intake:
    """Tells the RegistryService."""

    _calls: Calls
    _registry: RegistryServiceStub

    def record_consent(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **consent: Unpack[Consent],
    ) -> RecordConsentResponse:
        """Records a consent; the answer tells whether its proof is complete.

        With `issue_receipt` it holds a signed consent receipt, for the person to keep.
        """
        return self._calls.write(
            self._registry.RecordConsent,
            build(RecordConsentRequest, consent),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def withdraw_consent(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **withdrawal: Unpack[OptOut],
    ) -> WithdrawConsentResponse:
        """Withdraws consents; without channels or purposes: all of them."""
        return self._calls.write(
            self._registry.WithdrawConsent,
            build(WithdrawConsentRequest, withdrawal),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def add_do_not_contact(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **opt_out: Unpack[OptOut],
    ) -> AddDoNotContactResponse:
        """Records a do-not-contact request; without channels or purposes: all of them."""
        return self._calls.write(
            self._registry.AddDoNotContact,
            build(AddDoNotContactRequest, opt_out),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def lift_do_not_contact(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **lift: Unpack[Lift],
    ) -> LiftDoNotContactResponse:
        """Lifts one do-not-contact entry."""
        return self._calls.write(
            self._registry.LiftDoNotContact,
            build(LiftDoNotContactRequest, lift),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def object_to_call_recording(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **objection: Unpack[RecordingObjection],
    ) -> ObjectToCallRecordingResponse:
        """Records an objection to the recording of calls."""
        return self._calls.write(
            self._registry.ObjectToCallRecording,
            build(ObjectToCallRecordingRequest, objection),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def lift_call_recording_objection(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **lift: Unpack[RecordingObjectionLift],
    ) -> LiftCallRecordingObjectionResponse:
        """Lifts recording objections, for the named contact points only."""
        return self._calls.write(
            self._registry.LiftCallRecordingObjection,
            build(LiftCallRecordingObjectionRequest, lift),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def record_partner_leads(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **leads: Unpack[PartnerLeads],
    ) -> RecordPartnerLeadsResponse:
        """Records up to 1,000 leads of one partner; each has a result of its own."""
        return self._calls.write(
            self._registry.RecordPartnerLeads,
            build(RecordPartnerLeadsRequest, leads),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def record_register_results(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **scrub: Unpack[Scrub],
    ) -> RecordRegisterResultsResponse:
        """Records what a national register said of up to 5,000 contact points on one day."""
        return self._calls.write(
            self._registry.RecordRegisterResults,
            build(RecordRegisterResultsRequest, scrub),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def register_partner(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **registration: Unpack[PartnerRegistration],
    ) -> RegisterPartnerResponse:
        """Registers a partner, or changes what it is permitted."""
        return self._calls.write(
            self._registry.RegisterPartner,
            build(RegisterPartnerRequest, registration),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def list_partners(
        self,
        *,
        controller: str,
        page_size: int = 0,
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> Iterator[Partner]:
        """Yields the controller's partners by id; each page is a call of its own."""
        request = build(ListPartnersRequest, {"controller": controller, "page_size": page_size})
        has_more = True
        while has_more:
            page = self._calls.read(
                self._registry.ListPartners,
                request,
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
            yield from page.partners
            has_more = turn(request, page)
