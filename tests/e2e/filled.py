"""Valid requests with every field filled, and everything in them that identifies a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from consent_registry.v1.attempt_service_pb2 import (
    ReportAttemptOutcomeRequest,
    ReserveContactAttemptRequest,
)
from consent_registry.v1.contact_pb2 import (
    Channel,
    ContactPoint,
    CustomerContext,
    MessagingHandle,
    PhoneNumber,
    PostalAddress,
    RecipientType,
    Subject,
)
from consent_registry.v1.decision_pb2 import VIEW_FULL, Consistency
from consent_registry.v1.decision_service_pb2 import (
    AudienceChunk,
    AudienceMember,
    AudienceRows,
    AudienceScope,
    BatchCheckContactRequest,
    CallDirection,
    CallLine,
    CheckCallRecordingRequest,
    CheckContactRequest,
    FilterAudienceRequest,
)
from consent_registry.v1.entry_pb2 import (
    AttemptOutcome,
    Evidence,
    Expression,
    Precision,
    RegisterStatus,
    Source,
)
from consent_registry.v1.history_service_pb2 import GetEntryRequest, ListEntriesRequest
from consent_registry.v1.policy_service_pb2 import GetPolicyRequest, GetReceiptKeysRequest
from consent_registry.v1.registry_service_pb2 import (
    AddDoNotContactRequest,
    LiftCallRecordingObjectionRequest,
    LiftDoNotContactRequest,
    ListPartnersRequest,
    ObjectToCallRecordingRequest,
    Partner,
    PartnerKind,
    PartnerLead,
    RecordConsentRequest,
    RecordPartnerLeadsRequest,
    RecordRegisterResultsRequest,
    RegisterPartnerRequest,
    RegisterResult,
    WithdrawConsentRequest,
)
from consent_registry.v1.subject_service_pb2 import (
    AccessReason,
    AnnounceDelayRequest,
    CloseRightsRequestRequest,
    ContactPointCorrection,
    EraseSubjectRequest,
    ExplainDecisionRequest,
    ExportSubjectRequest,
    FindSubjectRequest,
    GetRightsRequestRequest,
    LiftRestrictionRequest,
    ListAccessesRequest,
    ListRightsRequestsRequest,
    OpenRightsRequestRequest,
    RectifySubjectRequest,
    RestrictionGround,
    RestrictProcessingRequest,
    RightsRequestKind,
    RightsRequestOutcome,
    RightsRequestState,
    SetRetentionRequest,
)
from consent_registry.v1.unsubscribe_service_pb2 import (
    CreateUnsubscribeLinksRequest,
    DescribeUnsubscribeRequest,
    UndoUnsubscribeRequest,
    UnsubscribeChoice,
    UnsubscribeMethod,
    UnsubscribeRequest,
)
from tests.e2e.people import FRANCE, MARKETING, PARIS, timestamp

EMAIL: Final = "Zéphyrine.Quiquampoix+alarme@Boîte-Secrète.example.org"
PHONE: Final = "+33 6 39 98 71 93"
NATIONAL_PHONE: Final = "01 99 00 58 27"
PLATFORM: Final = "messenger"
HANDLE: Final = "zephyrine.q.1974"
STREET: Final = "217 bis rue des Hirondelles Bavardes"
UNIT: Final = "Appartement 9731"
LOCALITY: Final = "Saint-Quentin-la-Fictive"
POSTAL_CODE: Final = "02199"
NAME: Final = "Zéphyrine Quiquampoix-Désirée"
CUSTOMER_NUMBER: Final = "KD-7719-3305-X"
REQUEST_ID: Final = "crm/quiquampoix/7719"
LEAD_ID: Final = "lead-of-quiquampoix-5512"
NOTICE: Final = "notice-quiquampoix-v7"
TEXT: Final = "Oui, écrivez-moi à la boîte secrète\nZéphyrine Q."
FORM: Final = "formulaire-quiquampoix-31"
AGENT: Final = "agent.barnabé.tourniquet"
IP: Final = "203.0.113.197"
USER_AGENT: Final = "Netzwerkläufer/7.31 (Quiquampoix OS)"
ARTEFACT: Final = "s3://enregistrements.example.net/quiquampoix-7719.wav"
NOTE: Final = "Rappeler sa voisine Cunégonde, code portail 4417B"
THIRD_PARTY: Final = "Comparateur Tourniquet SARL"
OFFICER: Final = "Ondine Tourniquet-Barnabé"
WHY: Final = "Courrier de Zéphyrine Quiquampoix du 3 mars"
TOKEN: Final = "quiquampoix7zephyrine" * 5
UNDO_TOKEN: Final = b"\x00Quiquampoix\xff" * 7
CAMPAIGN: Final = "spring-2026"

IDENTITY: Final = {
    "email": EMAIL,
    "phone": PHONE,
    "national phone": NATIONAL_PHONE,
    "handle": HANDLE,
    "street": STREET,
    "unit": UNIT,
    "locality": LOCALITY,
    "name": NAME,
    "customer number": CUSTOMER_NUMBER,
    "request id": REQUEST_ID,
    "lead id": LEAD_ID,
    "notice": NOTICE,
    "text": TEXT,
    "form": FORM,
    "agent": AGENT,
    "ip": IP,
    "user agent": USER_AGENT,
    "artefact": ARTEFACT,
    "note": NOTE,
    "third party": THIRD_PARTY,
    "officer": OFFICER,
    "why": WHY,
    "token": TOKEN,
}
"""What must never be found outside the vault. A postal code alone is nobody's."""

PARTNER: Final = "assureur-1"
REGISTER: Final = "RPO"

_YESTERDAY: Final = datetime.now(UTC) - timedelta(days=1)


def points() -> list[ContactPoint]:
    """One of each kind, and a number as it is dialled at home."""
    return [
        ContactPoint(email=EMAIL),
        ContactPoint(phone=PhoneNumber(number=PHONE)),
        ContactPoint(phone=PhoneNumber(number=NATIONAL_PHONE, region="FR")),
        ContactPoint(handle=MessagingHandle(platform=PLATFORM, handle=HANDLE)),
        ContactPoint(
            address=PostalAddress(
                country="FR",
                postal_code=POSTAL_CODE,
                locality=LOCALITY,
                street=STREET,
                unit=UNIT,
            )
        ),
    ]


def person() -> Subject:
    return Subject(name=NAME, customer_number=CUSTOMER_NUMBER, contact_points=points())


def customer() -> CustomerContext:
    return CustomerContext(
        relationship=CustomerContext.RELATIONSHIP_CUSTOMER,
        contract=CustomerContext.CONTRACT_ENDED,
        contract_ended_at=timestamp(_YESTERDAY),
        last_sale_at=timestamp(_YESTERDAY),
        informed_at_collection=True,
        offer=CustomerContext.OFFER_SIMILAR_OWN,
    )


def expression(source: Source.ValueType = Source.SOURCE_THIRD_PARTY_FORM) -> Expression:
    return Expression(
        expressed_at=timestamp(_YESTERDAY),
        precision=Precision.PRECISION_INSTANT,
        time_zone=PARIS,
        source=source,
    )


def evidence() -> Evidence:
    return Evidence(
        notice_version=NOTICE,
        text=TEXT,
        text_digest=bytes(range(32)),
        form_id=FORM,
        agent=AGENT,
        ip=IP,
        user_agent=USER_AGENT,
        artefact_uri=ARTEFACT,
        artefact_digest=bytes(range(32, 64)),
        note=NOTE,
        third_party=THIRD_PARTY,
    )


def _staleness() -> Consistency:
    return Consistency(bounded_staleness=Duration(seconds=1, nanos=5))


def check_contact() -> CheckContactRequest:
    return CheckContactRequest(
        controller=FRANCE,
        target=ContactPoint(phone=PhoneNumber(number=NATIONAL_PHONE, region="FR")),
        subject=person(),
        channel=Channel.CHANNEL_SMS,
        purpose=MARKETING,
        customer=customer(),
        recipient_type=RecipientType.RECIPIENT_TYPE_CONSUMER,
        recipient_country="FR",
        at=timestamp(_YESTERDAY),
        view=VIEW_FULL,
        consistency=_staleness(),
    )


def batch_question() -> CheckContactRequest:
    """As CheckContact, without the consistency that is the batch's."""
    question = check_contact()
    question.ClearField("consistency")
    return question


def explain_decision() -> ExplainDecisionRequest:
    question = check_contact()
    for name in ("at", "view", "consistency"):
        question.ClearField(name)
    return ExplainDecisionRequest(question=question, at=timestamp(_YESTERDAY))


def batch_check_contact() -> BatchCheckContactRequest:
    return BatchCheckContactRequest(requests=[batch_question()], consistency=_staleness())


def check_call_recording() -> CheckCallRecordingRequest:
    return CheckCallRecordingRequest(
        controller=FRANCE,
        subject=person(),
        line=CallLine.CALL_LINE_CUSTOMER_SERVICE,
        direction=CallDirection.CALL_DIRECTION_INBOUND,
        view=VIEW_FULL,
        consistency=_staleness(),
    )


def reserve_contact_attempt() -> ReserveContactAttemptRequest:
    *_, home = points()
    return ReserveContactAttemptRequest(
        controller=FRANCE,
        request_id=_request_id(),
        target=home,
        subject=person(),
        channel=Channel.CHANNEL_DOOR_TO_DOOR,
        purpose=MARKETING,
        customer=customer(),
        recipient_type=RecipientType.RECIPIENT_TYPE_CONSUMER,
        recipient_country="FR",
        view=VIEW_FULL,
    )


def report_attempt_outcome() -> ReportAttemptOutcomeRequest:
    return ReportAttemptOutcomeRequest(
        controller=FRANCE,
        request_id=_request_id(),
        attempt_id=str(uuid4()),
        outcome=AttemptOutcome.ATTEMPT_OUTCOME_REFUSED,
    )


def scope() -> AudienceScope:
    return AudienceScope(
        controller=FRANCE,
        channel=Channel.CHANNEL_SMS,
        purpose=MARKETING,
        customer=customer(),
        recipient_type=RecipientType.RECIPIENT_TYPE_CONSUMER,
        recipient_country="FR",
        at=timestamp(_YESTERDAY),
        consistency=_staleness(),
    )


def member() -> AudienceMember:
    return AudienceMember(
        target=ContactPoint(phone=PhoneNumber(number=NATIONAL_PHONE, region="FR")),
        subject=person(),
        recipient_country="FR",
        customer=customer(),
    )


def chunk(sequence: int, *members: AudienceMember) -> FilterAudienceRequest:
    rows = AudienceRows(members=members)
    return FilterAudienceRequest(chunk=AudienceChunk(sequence=sequence, rows=rows))


def record_consent() -> RecordConsentRequest:
    return RecordConsentRequest(
        controller=FRANCE,
        request_id=_request_id(),
        subject=person(),
        channels=[Channel.CHANNEL_EMAIL, Channel.CHANNEL_SMS],
        purposes=[MARKETING, "profiling"],
        expression=expression(),
        evidence=evidence(),
        expires_at=timestamp(_YESTERDAY + timedelta(days=700)),
    )


def withdraw_consent() -> WithdrawConsentRequest:
    return WithdrawConsentRequest(
        controller=FRANCE,
        request_id=_request_id(),
        subject=person(),
        channels=[Channel.CHANNEL_EMAIL],
        purposes=[MARKETING],
        expression=expression(Source.SOURCE_LETTER),
        evidence=evidence(),
    )


def add_do_not_contact() -> AddDoNotContactRequest:
    return AddDoNotContactRequest(
        controller=FRANCE,
        request_id=_request_id(),
        subject=person(),
        channels=[Channel.CHANNEL_VOICE_CALL],
        purposes=[MARKETING],
        expression=expression(Source.SOURCE_CALL_CENTRE),
        evidence=evidence(),
    )


def lift_do_not_contact() -> LiftDoNotContactRequest:
    return LiftDoNotContactRequest(
        controller=FRANCE,
        request_id=_request_id(),
        entry_id=str(uuid4()),
        expression=expression(Source.SOURCE_LETTER),
        evidence=evidence(),
    )


def object_to_call_recording() -> ObjectToCallRecordingRequest:
    return ObjectToCallRecordingRequest(
        controller=FRANCE,
        request_id=_request_id(),
        subject=person(),
        expression=expression(Source.SOURCE_CALL_CENTRE),
        evidence=evidence(),
    )


def lift_call_recording_objection() -> LiftCallRecordingObjectionRequest:
    return LiftCallRecordingObjectionRequest(
        controller=FRANCE,
        request_id=_request_id(),
        subject=person(),
        expression=expression(Source.SOURCE_CHAT),
        evidence=evidence(),
    )


def lead() -> PartnerLead:
    return PartnerLead(
        lead_id=LEAD_ID,
        subject=person(),
        channels=[Channel.CHANNEL_EMAIL],
        purposes=[MARKETING],
        captured_at=timestamp(_YESTERDAY),
        named_controller=FRANCE,
        evidence=evidence(),
    )


def record_partner_leads() -> RecordPartnerLeadsRequest:
    return RecordPartnerLeadsRequest(
        controller=FRANCE, request_id=_request_id(), partner_id=PARTNER, leads=[lead()]
    )


def record_register_results() -> RecordRegisterResultsRequest:
    return RecordRegisterResultsRequest(
        controller=FRANCE,
        request_id=_request_id(),
        register=REGISTER,
        checked_on=_YESTERDAY.date().isoformat(),
        results=[
            RegisterResult(
                contact_point=point,
                status=RegisterStatus.REGISTER_STATUS_LISTED,
                listed_on="2025-03-09",
            )
            for point in points()
        ],
    )


def register_partner() -> RegisterPartnerRequest:
    insurer = Partner(
        partner_id=PARTNER,
        name="Assurances Exemple",
        kind=PartnerKind.PARTNER_KIND_INSURER,
        permitted_channels=[Channel.CHANNEL_EMAIL],
        permitted_purposes=[MARKETING],
        maximum_lead_age_days=365,
    )
    return RegisterPartnerRequest(controller=FRANCE, request_id=_request_id(), partner=insurer)


def list_partners() -> ListPartnersRequest:
    return ListPartnersRequest(controller=FRANCE, page_size=10)


def get_entry() -> GetEntryRequest:
    return GetEntryRequest(controller=FRANCE, entry_id=str(uuid4()))


def list_entries() -> ListEntriesRequest:
    return ListEntriesRequest(
        controller=FRANCE, contact_point=ContactPoint(email=EMAIL), page_size=10
    )


def get_policy() -> GetPolicyRequest:
    return GetPolicyRequest(country="FR")


def access() -> AccessReason:
    return AccessReason(actor=OFFICER, reason=WHY)


def find_subject() -> FindSubjectRequest:
    return FindSubjectRequest(controller=FRANCE, subject=person(), access=access(), page_size=10)


def export_subject() -> ExportSubjectRequest:
    return ExportSubjectRequest(controller=FRANCE, subject=person(), access=access())


def rectify_subject() -> RectifySubjectRequest:
    wrong, *_ = points()
    corrected = ContactPoint(email=f"corrigee.{EMAIL}")
    return RectifySubjectRequest(
        controller=FRANCE,
        request_id=_request_id(),
        contact_point=ContactPointCorrection(wrong=wrong, corrected=corrected),
        access=access(),
    )


def erase_subject() -> EraseSubjectRequest:
    return EraseSubjectRequest(
        controller=FRANCE, request_id=_request_id(), subject=person(), access=access()
    )


def restrict_processing() -> RestrictProcessingRequest:
    return RestrictProcessingRequest(
        controller=FRANCE,
        request_id=_request_id(),
        subject=person(),
        ground=RestrictionGround.RESTRICTION_GROUND_ACCURACY_CONTESTED,
        expression=expression(Source.SOURCE_LETTER),
        access=access(),
    )


def lift_restriction() -> LiftRestrictionRequest:
    return LiftRestrictionRequest(
        controller=FRANCE,
        request_id=_request_id(),
        entry_id=str(uuid4()),
        subject_informed_at=timestamp(_YESTERDAY),
        access=access(),
    )


def set_retention() -> SetRetentionRequest:
    return SetRetentionRequest(
        controller=FRANCE,
        request_id=_request_id(),
        entry_id=str(uuid4()),
        keep_until=(_YESTERDAY + timedelta(days=3650)).date().isoformat(),
        access=access(),
    )


def open_rights_request() -> OpenRightsRequestRequest:
    return OpenRightsRequestRequest(
        controller=FRANCE,
        request_id=_request_id(),
        kind=RightsRequestKind.RIGHTS_REQUEST_KIND_ACCESS,
        subject=person(),
        received_on=_YESTERDAY.date().isoformat(),
        note=NOTE,
        actor=OFFICER,
    )


def announce_delay() -> AnnounceDelayRequest:
    return AnnounceDelayRequest(
        controller=FRANCE,
        request_id=_request_id(),
        rights_request_id=str(uuid4()),
        due_on=(_YESTERDAY + timedelta(days=60)).date().isoformat(),
        explanation=TEXT,
        actor=OFFICER,
    )


def list_rights_requests() -> ListRightsRequestsRequest:
    return ListRightsRequestsRequest(
        controller=FRANCE, state=RightsRequestState.RIGHTS_REQUEST_STATE_OPEN, page_size=10
    )


def get_rights_request() -> GetRightsRequestRequest:
    return GetRightsRequestRequest(
        controller=FRANCE, rights_request_id=str(uuid4()), access=access()
    )


def close_rights_request() -> CloseRightsRequestRequest:
    return CloseRightsRequestRequest(
        controller=FRANCE,
        request_id=_request_id(),
        rights_request_id=str(uuid4()),
        outcome=RightsRequestOutcome.RIGHTS_REQUEST_OUTCOME_FULFILLED,
        identity_confirmed=True,
        explanation=TEXT,
        actor=OFFICER,
    )


def list_accesses() -> ListAccessesRequest:
    return ListAccessesRequest(controller=FRANCE, entry_id=str(uuid4()), page_size=10)


def create_unsubscribe_links() -> CreateUnsubscribeLinksRequest:
    return CreateUnsubscribeLinksRequest(
        controller=FRANCE,
        channel=Channel.CHANNEL_EMAIL,
        purpose=MARKETING,
        campaign=CAMPAIGN,
        subjects=[person()],
    )


def describe_unsubscribe() -> DescribeUnsubscribeRequest:
    return DescribeUnsubscribeRequest(token=TOKEN)


def unsubscribe() -> UnsubscribeRequest:
    return UnsubscribeRequest(
        token=TOKEN,
        request_id=_request_id(),
        method=UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE,
        choices=[
            UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK,
            UnsubscribeChoice.UNSUBSCRIBE_CHOICE_RECORDING,
        ],
        form_id=FORM,
    )


def undo_unsubscribe() -> UndoUnsubscribeRequest:
    return UndoUnsubscribeRequest(token=TOKEN, request_id=_request_id(), undo_token=UNDO_TOKEN)


UNARY: Final[dict[str, Callable[[], Message]]] = {
    "DecisionService/CheckContact": check_contact,
    "DecisionService/BatchCheckContact": batch_check_contact,
    "DecisionService/CheckCallRecording": check_call_recording,
    "AttemptService/ReserveContactAttempt": reserve_contact_attempt,
    "AttemptService/ReportAttemptOutcome": report_attempt_outcome,
    "RegistryService/RecordConsent": record_consent,
    "RegistryService/WithdrawConsent": withdraw_consent,
    "RegistryService/AddDoNotContact": add_do_not_contact,
    "RegistryService/LiftDoNotContact": lift_do_not_contact,
    "RegistryService/ObjectToCallRecording": object_to_call_recording,
    "RegistryService/LiftCallRecordingObjection": lift_call_recording_objection,
    "RegistryService/RecordPartnerLeads": record_partner_leads,
    "RegistryService/RecordRegisterResults": record_register_results,
    "RegistryService/RegisterPartner": register_partner,
    "RegistryService/ListPartners": list_partners,
    "HistoryService/GetEntry": get_entry,
    "HistoryService/ListEntries": list_entries,
    "PolicyService/GetPolicy": get_policy,
    "PolicyService/GetReceiptKeys": GetReceiptKeysRequest,
    "SubjectService/ExplainDecision": explain_decision,
    "SubjectService/FindSubject": find_subject,
    "SubjectService/ExportSubject": export_subject,
    "SubjectService/RectifySubject": rectify_subject,
    "SubjectService/SetRetention": set_retention,
    "SubjectService/RestrictProcessing": restrict_processing,
    "SubjectService/LiftRestriction": lift_restriction,
    "SubjectService/EraseSubject": erase_subject,
    "SubjectService/OpenRightsRequest": open_rights_request,
    "SubjectService/AnnounceDelay": announce_delay,
    "SubjectService/ListRightsRequests": list_rights_requests,
    "SubjectService/GetRightsRequest": get_rights_request,
    "SubjectService/CloseRightsRequest": close_rights_request,
    "SubjectService/ListAccesses": list_accesses,
    "UnsubscribeService/CreateUnsubscribeLinks": create_unsubscribe_links,
    "UnsubscribeService/DescribeUnsubscribe": describe_unsubscribe,
    "UnsubscribeService/Unsubscribe": unsubscribe,
    "UnsubscribeService/UndoUnsubscribe": undo_unsubscribe,
}
"""Every method that takes one request, and how to fill it."""


def _request_id() -> str:
    return f"{REQUEST_ID}/{uuid4()}"


ASKING: Final = [method for method, filled in UNARY.items() if filled().DESCRIPTOR.fields]
"""Those of which a request says anything at all."""
