"""Asks the consent registry, and tells it what people said.

    from consent_registry_client import Channel, Client, phone

    with Client("127.0.0.1:50051") as client:
        answer = client.may_contact(
            controller="alarm-fr",
            target=phone("+33 6 39 98 00 01"),
            channel=Channel.CHANNEL_SMS,
            purpose="direct_marketing",
        )
        if answer:
            ...

`Client.may_contact` fails closed: without an answer, contact is not allowed. `AsyncClient` has the
same methods for asyncio. The messages are the contract's, in `consent_registry.v1`.
"""

from typing import Unpack

from consent_registry.v1.contact_pb2 import Channel, CustomerContext, RecipientType
from consent_registry.v1.decision_pb2 import Reason, Verdict, View
from consent_registry.v1.decision_service_pb2 import (
    AudienceMember,
    CallDirection,
    CallLine,
    CheckContactRequest,
)
from consent_registry.v1.entry_pb2 import (
    AttemptOutcome,
    Evidence,
    Precision,
    RegisterStatus,
    Source,
)
from consent_registry.v1.registry_service_pb2 import RegisterResult
from consent_registry.v1.subject_service_pb2 import (
    AccessOperation,
    ErasureOutcome,
    HoldChange,
    IdentityState,
    ReplayedDecision,
    RestrictionGround,
    RightsRequestKind,
    RightsRequestOutcome,
    RightsRequestState,
)
from consent_registry.v1.unsubscribe_service_pb2 import UnsubscribeChoice, UnsubscribeMethod
from consent_registry_client._aio import AsyncClient
from consent_registry_client._aio_audience import AsyncAudienceAnswers
from consent_registry_client._answer import Answer, RecordingAnswer, allows
from consent_registry_client._arguments import ContactQuestion, GivenDecision
from consent_registry_client._attempt import AttemptAnswer
from consent_registry_client._channel import TlsFiles
from consent_registry_client._errors import (
    ConsentRegistryError,
    DeadlineExceeded,
    FieldViolation,
    IncompleteStream,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    RequestIdReused,
    Unauthenticated,
    Unavailable,
    UnusableAnswer,
)
from consent_registry_client._messages import (
    access_reason,
    address,
    build,
    email,
    expressed_at,
    expressed_on,
    expressed_sometime,
    handle,
    listed,
    not_listed,
    number_correction,
    phone,
    point_correction,
    subject,
    timestamp,
)
from consent_registry_client._retry import Effects, RetryPolicy
from consent_registry_client._sync import Client
from consent_registry_client._sync_audience import AudienceAnswers

__all__ = [
    "AccessOperation",
    "Answer",
    "AsyncAudienceAnswers",
    "AsyncClient",
    "AttemptAnswer",
    "AttemptOutcome",
    "AudienceAnswers",
    "AudienceMember",
    "CallDirection",
    "CallLine",
    "Channel",
    "Client",
    "ConsentRegistryError",
    "CustomerContext",
    "DeadlineExceeded",
    "Effects",
    "ErasureOutcome",
    "Evidence",
    "FieldViolation",
    "HoldChange",
    "IdentityState",
    "IncompleteStream",
    "InvalidRequest",
    "LimitExceeded",
    "NotFound",
    "PermissionDenied",
    "Precision",
    "PreconditionFailed",
    "Reason",
    "RecipientType",
    "RecordingAnswer",
    "RegisterResult",
    "RegisterStatus",
    "RequestIdReused",
    "RestrictionGround",
    "RetryPolicy",
    "RightsRequestKind",
    "RightsRequestOutcome",
    "RightsRequestState",
    "Source",
    "TlsFiles",
    "Unauthenticated",
    "Unavailable",
    "UnsubscribeChoice",
    "UnsubscribeMethod",
    "UnusableAnswer",
    "Verdict",
    "View",
    "access_reason",
    "address",
    "allows",
    "contact_question",
    "email",
    "expressed_at",
    "expressed_on",
    "expressed_sometime",
    "given_decision",
    "handle",
    "listed",
    "not_listed",
    "number_correction",
    "phone",
    "point_correction",
    "subject",
    "timestamp",
]


def contact_question(**question: Unpack[ContactQuestion]) -> CheckContactRequest:
    """Returns one question of `Client.batch_check_contact` or `Client.explain_decision`."""
    return build(CheckContactRequest, question)


def given_decision(**decision: Unpack[GivenDecision]) -> ReplayedDecision:
    """Returns a decision of which the replay token was kept, for `Client.explain_decision`."""
    return build(ReplayedDecision, decision)
