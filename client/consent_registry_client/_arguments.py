"""The arguments of the clients' methods, which both clients share.

Each set mirrors one request of the contract, field by field; what a field means, its limits and
what an omitted one stands for are told there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Required, TypedDict

from consent_registry.v1.contact_pb2 import (
    Channel,
    ContactPoint,
    CustomerContext,
    RecipientType,
    Subject,
)
from consent_registry.v1.decision_pb2 import Consistency, View
from consent_registry.v1.decision_service_pb2 import CallDirection, CallLine, CheckContactRequest
from consent_registry.v1.entry_pb2 import AttemptOutcome, Evidence, Expression
from consent_registry.v1.registry_service_pb2 import (
    Partner,
    PartnerLead,
    RegisterResult,
)
from consent_registry.v1.subject_service_pb2 import (
    AccessReason,
    ContactPointCorrection,
    CustomerNumberCorrection,
    HoldChange,
    ReplayedDecision,
    RestrictionGround,
    RightsRequestKind,
    RightsRequestOutcome,
    RightsRequestState,
)
from consent_registry.v1.unsubscribe_service_pb2 import UnsubscribeChoice, UnsubscribeMethod

Metadata = Sequence[tuple[str, str | bytes]]


class ContactQuestion(TypedDict, total=False):
    """May this controller contact this person here? See `CheckContactRequest`."""

    controller: Required[str]
    target: Required[ContactPoint]
    channel: Required[Channel.ValueType]
    purpose: Required[str]
    subject: Subject
    customer: CustomerContext
    recipient_type: RecipientType.ValueType
    recipient_country: str
    at: datetime
    view: View.ValueType
    consistency: Consistency
    issue_replay_token: bool


class AttemptQuestion(TypedDict, total=False):
    """May this attempt be made now? See `ReserveContactAttemptRequest`."""

    controller: Required[str]
    target: Required[ContactPoint]
    channel: Required[Channel.ValueType]
    purpose: Required[str]
    subject: Subject
    customer: CustomerContext
    recipient_type: RecipientType.ValueType
    recipient_country: str
    view: View.ValueType
    request_id: str


class AttemptReport(TypedDict, total=False):
    """What became of an attempt. See `ReportAttemptOutcomeRequest`."""

    controller: Required[str]
    attempt_id: Required[str]
    outcome: Required[AttemptOutcome.ValueType]
    request_id: str


class Audience(TypedDict, total=False):
    """What is asked of every member of an audience. See `AudienceScope`."""

    controller: Required[str]
    channel: Required[Channel.ValueType]
    purpose: Required[str]
    customer: CustomerContext
    recipient_type: RecipientType.ValueType
    recipient_country: str
    at: datetime
    consistency: Consistency


class RecordingQuestion(TypedDict, total=False):
    """May this call be recorded? See `CheckCallRecordingRequest`."""

    controller: Required[str]
    line: Required[CallLine.ValueType]
    direction: Required[CallDirection.ValueType]
    subject: Subject
    view: View.ValueType
    consistency: Consistency


class Consent(TypedDict, total=False):
    """A consent. See `RecordConsentRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    channels: Required[Sequence[Channel.ValueType]]
    purposes: Required[Sequence[str]]
    expression: Required[Expression]
    evidence: Evidence
    expires_at: datetime
    issue_receipt: bool
    request_id: str


class OptOut(TypedDict, total=False):
    """A withdrawal or do-not-contact request. See `AddDoNotContactRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    expression: Required[Expression]
    channels: Sequence[Channel.ValueType]
    purposes: Sequence[str]
    evidence: Evidence
    request_id: str


class Lift(TypedDict, total=False):
    """The lift of one do-not-contact entry. See `LiftDoNotContactRequest`."""

    controller: Required[str]
    entry_id: Required[str]
    expression: Required[Expression]
    evidence: Required[Evidence]
    request_id: str


class RecordingObjection(TypedDict, total=False):
    """An objection to call recording. See `ObjectToCallRecordingRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    expression: Required[Expression]
    evidence: Evidence
    request_id: str


class RecordingObjectionLift(TypedDict, total=False):
    """The lift of recording objections. See `LiftCallRecordingObjectionRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    expression: Required[Expression]
    evidence: Required[Evidence]
    request_id: str


class PartnerLeads(TypedDict, total=False):
    """Leads of one partner. See `RecordPartnerLeadsRequest`."""

    controller: Required[str]
    partner_id: Required[str]
    leads: Required[Sequence[PartnerLead]]
    request_id: str


class Scrub(TypedDict, total=False):
    """What a national register said on one day. See `RecordRegisterResultsRequest`."""

    controller: Required[str]
    register: Required[str]
    checked_on: Required[date | str]
    results: Required[Sequence[RegisterResult]]
    request_id: str


class PartnerRegistration(TypedDict, total=False):
    """A partner and what it is permitted. See `RegisterPartnerRequest`."""

    controller: Required[str]
    partner: Required[Partner]
    request_id: str


class GivenDecision(TypedDict, total=False):
    """A decision that was given, by its token. See `ReplayedDecision`."""

    replay_token: Required[bytes]
    controller: Required[str]
    target: Required[ContactPoint]
    subject: Subject


class Explanation(TypedDict, total=False):
    """What to explain: a question or a decision. See `ExplainDecisionRequest`."""

    question: CheckContactRequest
    decision: ReplayedDecision
    at: datetime
    known_at: datetime


class History(TypedDict, total=False):
    """Whose entries to list: of a contact point or a customer number. See `ListEntriesRequest`."""

    controller: Required[str]
    contact_point: ContactPoint
    customer_number: str
    page_size: int


class PersonSought(TypedDict, total=False):
    """Whose entries to show, to whom and why. See `FindSubjectRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    access: Required[AccessReason]
    page_size: int


class PersonCopied(TypedDict, total=False):
    """Of whose data to make a copy, who makes it and why. See `ExportSubjectRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    access: Required[AccessReason]


class Rectification(TypedDict, total=False):
    """What is wrong, and what is right instead: one of the two. See `RectifySubjectRequest`."""

    controller: Required[str]
    contact_point: ContactPointCorrection
    customer_number: CustomerNumberCorrection
    access: Required[AccessReason]
    request_id: str


class Erasure(TypedDict, total=False):
    """Whom to erase. See `EraseSubjectRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    access: Required[AccessReason]
    request_id: str


class Restriction(TypedDict, total=False):
    """Whose data not to process, and why. See `RestrictProcessingRequest`."""

    controller: Required[str]
    subject: Required[Subject]
    ground: Required[RestrictionGround.ValueType]
    expression: Required[Expression]
    access: Required[AccessReason]
    request_id: str


class RestrictionLift(TypedDict, total=False):
    """The lift of one restriction. See `LiftRestrictionRequest`."""

    controller: Required[str]
    entry_id: Required[str]
    subject_informed_at: Required[datetime]
    access: Required[AccessReason]
    request_id: str


class RetentionChange(TypedDict, total=False):
    """For how long to keep one identity: a last day, or a hold. See `SetRetentionRequest`."""

    controller: Required[str]
    entry_id: Required[str]
    keep_until: date | str
    hold: HoldChange.ValueType
    access: Required[AccessReason]
    request_id: str


class NewRightsRequest(TypedDict, total=False):
    """What a person asks for. See `OpenRightsRequestRequest`."""

    controller: Required[str]
    kind: Required[RightsRequestKind.ValueType]
    received_on: Required[date | str]
    actor: Required[str]
    subject: Subject
    note: str
    request_id: str


class DelayAnnouncement(TypedDict, total=False):
    """That a person was told of a delay. See `AnnounceDelayRequest`."""

    controller: Required[str]
    rights_request_id: Required[str]
    due_on: Required[date | str]
    explanation: Required[str]
    actor: Required[str]
    request_id: str


class RightsRequestClosing(TypedDict, total=False):
    """How a rights request ended. See `CloseRightsRequestRequest`."""

    controller: Required[str]
    rights_request_id: Required[str]
    outcome: Required[RightsRequestOutcome.ValueType]
    actor: Required[str]
    identity_confirmed: bool
    explanation: str
    request_id: str


class RightsRequestShown(TypedDict, total=False):
    """Which rights request to show, and to whom. See `GetRightsRequestRequest`."""

    controller: Required[str]
    rights_request_id: Required[str]
    access: Required[AccessReason]


class RightsRequestList(TypedDict, total=False):
    """Which rights requests to list. See `ListRightsRequestsRequest`."""

    controller: Required[str]
    state: RightsRequestState.ValueType
    page_size: int


class AccessList(TypedDict, total=False):
    """Which accesses to list. See `ListAccessesRequest`."""

    controller: Required[str]
    entry_id: str
    page_size: int


class UnsubscribeLinks(TypedDict, total=False):
    """Links of one campaign. See `CreateUnsubscribeLinksRequest`."""

    controller: Required[str]
    channel: Required[Channel.ValueType]
    purpose: Required[str]
    subjects: Required[Sequence[Subject]]
    campaign: str


class Unsubscription(TypedDict, total=False):
    """What a person stops through a link. See `UnsubscribeRequest`."""

    token: Required[str]
    method: Required[UnsubscribeMethod.ValueType]
    choices: Sequence[UnsubscribeChoice.ValueType]
    form_id: str
    request_id: str


class Undo(TypedDict, total=False):
    """An answer that is taken back. See `UndoUnsubscribeRequest`."""

    token: Required[str]
    undo_token: Required[bytes]
    request_id: str
