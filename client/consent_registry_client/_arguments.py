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
from consent_registry.v1.subject_service_pb2 import ReplayedDecision

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
