"""The synchronous client's part for the data-protection officer: people and their rights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from consent_registry.v1.subject_service_pb2 import (
    Access,
    AnnounceDelayRequest,
    AnnounceDelayResponse,
    CloseRightsRequestRequest,
    CloseRightsRequestResponse,
    EraseSubjectRequest,
    EraseSubjectResponse,
    ExportSubjectRequest,
    ExportSubjectResponse,
    FindSubjectRequest,
    FoundEntry,
    GetRightsRequestRequest,
    GetRightsRequestResponse,
    LiftRestrictionRequest,
    LiftRestrictionResponse,
    ListAccessesRequest,
    ListRightsRequestsRequest,
    OpenRightsRequestRequest,
    OpenRightsRequestResponse,
    RectifySubjectRequest,
    RectifySubjectResponse,
    RestrictProcessingRequest,
    RestrictProcessingResponse,
    RightsRequest,
    SetRetentionRequest,
    SetRetentionResponse,
)
from consent_registry.v1.subject_service_pb2_grpc import SubjectServiceStub
from consent_registry_client._arguments import (
    AccessList,
    DelayAnnouncement,
    Erasure,
    Metadata,
    NewRightsRequest,
    PersonCopied,
    PersonSought,
    Rectification,
    Restriction,
    RestrictionLift,
    RetentionChange,
    RightsRequestClosing,
    RightsRequestList,
    RightsRequestShown,
)
from consent_registry_client._calls import turn
from consent_registry_client._deadlines import READ_TIMEOUT_S
from consent_registry_client._messages import build
from consent_registry_client._sync_calls import Calls


class Subjects:
    """Asks and tells the SubjectService about people and their rights."""

    _calls: Calls
    _subjects: SubjectServiceStub

    def find_subject(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **person: Unpack[PersonSought],
    ) -> Iterator[FoundEntry]:
        """Yields a person's entries with their clear identities, the newest recorded first.

        Each page is a call of its own, and written to the access trail.
        """
        request = build(FindSubjectRequest, person)
        has_more = True
        while has_more:
            page = self._calls.read(
                self._subjects.FindSubject,
                request,
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
            yield from page.entries
            has_more = turn(request, page)

    def export_subject(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **person: Unpack[PersonCopied],
    ) -> ExportSubjectResponse:
        """Returns a copy of everything held about a person, for the person."""
        return self._calls.read(
            self._subjects.ExportSubject,
            build(ExportSubjectRequest, person),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        )

    def rectify_subject(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **correction: Unpack[Rectification],
    ) -> RectifySubjectResponse:
        """Corrects a contact point or customer number in every entry that names it."""
        return self._calls.write(
            self._subjects.RectifySubject,
            build(RectifySubjectRequest, correction),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def erase_subject(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **erasure: Unpack[Erasure],
    ) -> EraseSubjectResponse:
        """Erases a person; the answer tells what is kept, and by which law."""
        return self._calls.write(
            self._subjects.EraseSubject,
            build(EraseSubjectRequest, erasure),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def restrict_processing(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **restriction: Unpack[Restriction],
    ) -> RestrictProcessingResponse:
        """Restricts the processing of a person's data, until the restriction is lifted."""
        return self._calls.write(
            self._subjects.RestrictProcessing,
            build(RestrictProcessingRequest, restriction),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def lift_restriction(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **lift: Unpack[RestrictionLift],
    ) -> LiftRestrictionResponse:
        """Lifts one restriction, of which the person was informed before."""
        return self._calls.write(
            self._subjects.LiftRestriction,
            build(LiftRestrictionRequest, lift),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def set_retention(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **change: Unpack[RetentionChange],
    ) -> SetRetentionResponse:
        """Changes until when one identity is kept, or places or lifts a hold on it."""
        return self._calls.write(
            self._subjects.SetRetention,
            build(SetRetentionRequest, change),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def open_rights_request(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **request: Unpack[NewRightsRequest],
    ) -> OpenRightsRequestResponse:
        """Takes down what a person asks for; it is due 30 days after it was received."""
        return self._calls.write(
            self._subjects.OpenRightsRequest,
            build(OpenRightsRequestRequest, request),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def announce_delay(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **announcement: Unpack[DelayAnnouncement],
    ) -> AnnounceDelayResponse:
        """Takes down that the person was told of a delay and its reason."""
        return self._calls.write(
            self._subjects.AnnounceDelay,
            build(AnnounceDelayRequest, announcement),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def close_rights_request(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **closing: Unpack[RightsRequestClosing],
    ) -> CloseRightsRequestResponse:
        """Takes down how a rights request ended."""
        return self._calls.write(
            self._subjects.CloseRightsRequest,
            build(CloseRightsRequestRequest, closing),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    def get_rights_request(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **which: Unpack[RightsRequestShown],
    ) -> GetRightsRequestResponse:
        """Returns one rights request with whom it is of, and what was said."""
        return self._calls.read(
            self._subjects.GetRightsRequest,
            build(GetRightsRequestRequest, which),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        )

    def list_rights_requests(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **which: Unpack[RightsRequestList],
    ) -> Iterator[RightsRequest]:
        """Yields rights requests, those due first; each page is a call of its own."""
        request = build(ListRightsRequestsRequest, which)
        has_more = True
        while has_more:
            page = self._calls.read(
                self._subjects.ListRightsRequests,
                request,
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
            yield from page.rights_requests
            has_more = turn(request, page)

    def list_accesses(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **which: Unpack[AccessList],
    ) -> Iterator[Access]:
        """Yields who saw or changed clear identities, the newest first; each page is a call."""
        request = build(ListAccessesRequest, which)
        has_more = True
        while has_more:
            page = self._calls.read(
                self._subjects.ListAccesses,
                request,
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
            yield from page.accesses
            has_more = turn(request, page)
