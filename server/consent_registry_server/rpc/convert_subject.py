"""What is asked and changed about people, and identities: protobuf to domain and back."""

from __future__ import annotations

from datetime import date
from typing import Final

from consent_registry.v1 import contact_pb2, entry_pb2, subject_service_pb2
from consent_registry_server.domain.contact import (
    ContactPoint,
    CustomerNumber,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, Identity, NewEntry
from consent_registry_server.domain.vocabulary import EntryKind, HoldChange, RestrictionGround
from consent_registry_server.rpc.convert_contact import (
    fill_subject,
    missing,
    set_timestamp,
    to_contact_point,
    to_controller,
    to_subject,
    to_us,
)
from consent_registry_server.rpc.convert_entry import fill_entry, to_expression
from consent_registry_server.rpc.convert_rights import to_day, to_stated
from consent_registry_server.service.ports import Recorded
from consent_registry_server.service.subject_points import AnyPoint
from consent_registry_server.service.subject_reading import ShownEntry

_GROUNDS: Final = {int(each): each for each in RestrictionGround}
_HOLD_CHANGES: Final = {int(each): each for each in HoldChange}


def to_person(
    request: subject_service_pb2.FindSubjectRequest
    | subject_service_pb2.ExportSubjectRequest
    | subject_service_pb2.EraseSubjectRequest,
) -> Subject:
    """Whom a request is about: a name alone finds nobody."""
    subject = to_subject(request.subject)
    if not (subject.contact_points or subject.customer_number.strip()):
        raise missing("subject")
    return subject


def to_correction(
    request: subject_service_pb2.RectifySubjectRequest,
) -> tuple[AnyPoint, AnyPoint]:
    """What is wrong, and as it should be."""
    chosen = request.WhichOneof("correction")
    if chosen is None:
        raise missing("contact_point")
    if chosen == "customer_number":
        numbers = request.customer_number
        return (
            CustomerNumber(to_stated(numbers.wrong, "customer_number.wrong")),
            CustomerNumber(to_stated(numbers.corrected, "customer_number.corrected")),
        )
    points = request.contact_point
    return (
        _to_point(points.wrong, "contact_point.wrong"),
        _to_point(points.corrected, "contact_point.corrected"),
    )


def to_restriction(request: subject_service_pb2.RestrictProcessingRequest) -> NewEntry:
    """The restriction of a request: of everything, on every channel."""
    return NewEntry(
        kind=EntryKind.RESTRICTION,
        controller=to_controller(request.controller),
        expression=to_expression(request.expression),
        subject=to_subject(request.subject),
        evidence=Evidence(),
    )


def to_ground(request: subject_service_pb2.RestrictProcessingRequest) -> RestrictionGround:
    """Why processing is restricted."""
    ground = _GROUNDS.get(request.ground)
    if ground is None:
        raise missing("ground")
    return ground


def to_informed_at_us(request: subject_service_pb2.LiftRestrictionRequest) -> int:
    """When the person was told that the restriction would be lifted."""
    if not request.HasField("subject_informed_at"):
        raise missing("subject_informed_at")
    return to_us(request.subject_informed_at)


def to_retention(request: subject_service_pb2.SetRetentionRequest) -> date | HoldChange:
    """The last day on which an identity is kept, or what becomes of a hold on it."""
    if request.WhichOneof("change") != "hold":
        return to_day(request.keep_until, "keep_until")
    change = _HOLD_CHANGES.get(request.hold)
    if change is None:
        raise missing("hold")
    return change


def fill_found_entry(message: subject_service_pb2.FoundEntry, shown: ShownEntry) -> None:
    """Writes an entry about a person, with the clear identity that is left, into a message."""
    found = shown.found
    fill_entry(message.entry, found.entry)
    message.identity_state = subject_service_pb2.IdentityState.ValueType(found.identity_state)
    if shown.identity is not None:
        fill_identity(message.identity, shown.identity)
    if found.expires_on is not None:
        message.identity_expires_on = found.expires_on.isoformat()
    message.held = found.is_held
    message.matched_contact_points.extend(shown.matched_points)
    message.matched_customer_number = shown.matched_customer_number


def fill_identity(message: subject_service_pb2.Identity, identity: Identity) -> None:
    """Writes a clear identity into a message."""
    fill_subject(message.subject, identity.subject)
    _fill_evidence(message.evidence, identity.evidence)
    message.lead_id = identity.lead_id


def fill_erased(message: subject_service_pb2.EraseSubjectResponse, recorded: Recorded) -> None:
    """Writes what became of a person's entries into a message."""
    for entry in recorded.details["entries"]:
        message.entries.add(
            entry_id=entry["entry_id"],
            kind=entry["kind"],
            outcome=entry["outcome"],
            citation=entry["citation"],
        )
    message.revision = recorded.revision
    set_timestamp(message.recorded_at, recorded.recorded_at_us)


def fill_rectified(message: subject_service_pb2.RectifySubjectResponse, recorded: Recorded) -> None:
    """Writes which entries were restated into a message."""
    for entry in recorded.details["entries"]:
        message.entries.add(
            entry_id=entry["entry_id"], restated_entry_id=entry["restated_entry_id"]
        )
    message.revision = recorded.revision
    set_timestamp(message.recorded_at, recorded.recorded_at_us)


def fill_stated(
    message: subject_service_pb2.RestrictProcessingResponse
    | subject_service_pb2.LiftRestrictionResponse
    | subject_service_pb2.SetRetentionResponse,
    recorded: Recorded,
) -> None:
    """Writes the one entry that a request led to into a message."""
    message.entry_id = recorded.details["entry_id"]
    message.revision = recorded.revision
    set_timestamp(message.recorded_at, recorded.recorded_at_us)


def _to_point(message: contact_pb2.ContactPoint, field: str) -> ContactPoint:
    point = to_contact_point(message)
    if point is None:
        raise missing(field)
    return point


def _fill_evidence(message: entry_pb2.Evidence, evidence: Evidence) -> None:
    message.SetInParent()
    message.notice_version = evidence.notice_version
    message.text = evidence.text
    message.text_digest = evidence.text_digest
    message.form_id = evidence.form_id
    message.agent = evidence.agent
    message.ip = evidence.ip
    message.user_agent = evidence.user_agent
    message.artefact_uri = evidence.artefact_uri
    message.artefact_digest = evidence.artefact_digest
    message.note = evidence.note
    message.third_party = evidence.third_party
