"""The asyncio client's writes, and the partners that they are about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Unpack

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
from consent_registry_client._aio_calls import AsyncCalls
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

if TYPE_CHECKING:
    # At run time one class serves both kinds of channel.
    from consent_registry.v1.registry_service_pb2_grpc import RegistryServiceAsyncStub


class AsyncIntake:
    """Tells the RegistryService."""

    _calls: AsyncCalls
    _registry: RegistryServiceAsyncStub

    async def record_consent(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **consent: Unpack[Consent],
    ) -> RecordConsentResponse:
        """Records a consent; the answer tells whether its proof is complete.

        With `issue_receipt` it holds a signed consent receipt, for the person to keep.
        """
        return await self._calls.write(
            self._registry.RecordConsent,
            build(RecordConsentRequest, consent),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def withdraw_consent(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **withdrawal: Unpack[OptOut],
    ) -> WithdrawConsentResponse:
        """Withdraws consents; without channels or purposes: all of them."""
        return await self._calls.write(
            self._registry.WithdrawConsent,
            build(WithdrawConsentRequest, withdrawal),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def add_do_not_contact(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **opt_out: Unpack[OptOut],
    ) -> AddDoNotContactResponse:
        """Records a do-not-contact request; without channels or purposes: all of them."""
        return await self._calls.write(
            self._registry.AddDoNotContact,
            build(AddDoNotContactRequest, opt_out),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def lift_do_not_contact(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **lift: Unpack[Lift],
    ) -> LiftDoNotContactResponse:
        """Lifts one do-not-contact entry."""
        return await self._calls.write(
            self._registry.LiftDoNotContact,
            build(LiftDoNotContactRequest, lift),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def object_to_call_recording(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **objection: Unpack[RecordingObjection],
    ) -> ObjectToCallRecordingResponse:
        """Records an objection to the recording of calls."""
        return await self._calls.write(
            self._registry.ObjectToCallRecording,
            build(ObjectToCallRecordingRequest, objection),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def lift_call_recording_objection(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **lift: Unpack[RecordingObjectionLift],
    ) -> LiftCallRecordingObjectionResponse:
        """Lifts recording objections, for the named contact points only."""
        return await self._calls.write(
            self._registry.LiftCallRecordingObjection,
            build(LiftCallRecordingObjectionRequest, lift),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def record_partner_leads(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **leads: Unpack[PartnerLeads],
    ) -> RecordPartnerLeadsResponse:
        """Records up to 1,000 leads of one partner; each has a result of its own."""
        return await self._calls.write(
            self._registry.RecordPartnerLeads,
            build(RecordPartnerLeadsRequest, leads),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def record_register_results(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **scrub: Unpack[Scrub],
    ) -> RecordRegisterResultsResponse:
        """Records what a national register said of up to 5,000 contact points on one day."""
        return await self._calls.write(
            self._registry.RecordRegisterResults,
            build(RecordRegisterResultsRequest, scrub),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def register_partner(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **registration: Unpack[PartnerRegistration],
    ) -> RegisterPartnerResponse:
        """Registers a partner, or changes what it is permitted."""
        return await self._calls.write(
            self._registry.RegisterPartner,
            build(RegisterPartnerRequest, registration),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def list_partners(
        self,
        *,
        controller: str,
        page_size: int = 0,
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> AsyncIterator[Partner]:
        """Yields the controller's partners by id; each page is a call of its own."""
        request = build(ListPartnersRequest, {"controller": controller, "page_size": page_size})
        has_more = True
        while has_more:
            page = await self._calls.read(
                self._registry.ListPartners,
                request,
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
            for partner in page.partners:
                yield partner
            has_more = turn(request, page)
