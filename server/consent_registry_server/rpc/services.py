"""The services of the contract, ready to be served."""

from __future__ import annotations

from typing import Final

from consent_registry.v1 import (
    attempt_service_pb2_grpc,
    decision_service_pb2_grpc,
    history_service_pb2_grpc,
    policy_service_pb2_grpc,
    registry_service_pb2_grpc,
    subject_service_pb2_grpc,
    unsubscribe_service_pb2_grpc,
)
from consent_registry_server.rpc.attempt_service import AttemptServicer
from consent_registry_server.rpc.audience import AudienceFilter
from consent_registry_server.rpc.decision_service import DecisionIds, DecisionServicer
from consent_registry_server.rpc.history_service import HistoryServicer
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import UnsubscribeAddresses
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.rpc.policy_service import PolicyServicer
from consent_registry_server.rpc.registry_service import RegistryServicer
from consent_registry_server.rpc.server import Service
from consent_registry_server.rpc.subject_service import SubjectServicer
from consent_registry_server.rpc.unsubscribe_service import UnsubscribeServicer
from consent_registry_server.service.attempts import Attempts
from consent_registry_server.service.checks import Checks
from consent_registry_server.service.explain import Explanations
from consent_registry_server.service.history import Records
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import Partners
from consent_registry_server.service.ports import Digester, PolicySource
from consent_registry_server.service.receipts import Receipts
from consent_registry_server.service.registers import Registers
from consent_registry_server.service.replay import ReplayTokens
from consent_registry_server.service.rights_requests import RightsRequests
from consent_registry_server.service.subject_reading import SubjectReading
from consent_registry_server.service.subjects import Subjects
from consent_registry_server.service.unsubscribe import Unsubscribing

_PACKAGE: Final = "consent_registry.v1"


def decision_service(
    checks: Checks,
    *,
    metrics: Metrics,
    decision_ids: DecisionIds,
    replay_tokens: ReplayTokens,
) -> Service:
    """DecisionService: questions, for dialers and campaign tools."""
    audiences = AudienceFilter(checks, metrics=metrics)
    return Service(
        f"{_PACKAGE}.DecisionService",
        DecisionServicer(
            checks,
            audiences,
            metrics=metrics,
            decision_ids=decision_ids,
            replay_tokens=replay_tokens,
        ),
        decision_service_pb2_grpc.add_DecisionServiceServicer_to_server,
    )


def attempt_service(attempts: Attempts, *, metrics: Metrics) -> Service:
    """AttemptService: attempts to be counted, for dialers and those who go from door to door."""
    return Service(
        f"{_PACKAGE}.AttemptService",
        AttemptServicer(attempts, metrics=metrics),
        attempt_service_pb2_grpc.add_AttemptServiceServicer_to_server,
    )


def registry_service(
    intake: Intake,
    partners: Partners,
    *,
    registers: Registers,
    records: Records,
    receipts: Receipts,
    digester: Digester,
    metrics: Metrics,
) -> Service:
    """RegistryService: intake, for whoever hears what people say."""
    return Service(
        f"{_PACKAGE}.RegistryService",
        RegistryServicer(
            intake,
            partners,
            registers=registers,
            records=records,
            receipts=receipts,
            page_tokens=PageTokens(digester),
            metrics=metrics,
        ),
        registry_service_pb2_grpc.add_RegistryServiceServicer_to_server,
    )


def history_service(records: Records, *, digester: Digester) -> Service:
    """HistoryService: what was written, for customer service."""
    return Service(
        f"{_PACKAGE}.HistoryService",
        HistoryServicer(records, page_tokens=PageTokens(digester)),
        history_service_pb2_grpc.add_HistoryServiceServicer_to_server,
    )


def subject_service(
    explanations: Explanations,
    subjects: Subjects,
    *,
    reading: SubjectReading,
    rights_requests: RightsRequests,
    digester: Digester,
) -> Service:
    """SubjectService: people, their rights and explanations, for the data-protection officer."""
    return Service(
        f"{_PACKAGE}.SubjectService",
        SubjectServicer(
            explanations,
            subjects,
            reading=reading,
            rights_requests=rights_requests,
            page_tokens=PageTokens(digester),
        ),
        subject_service_pb2_grpc.add_SubjectServiceServicer_to_server,
    )


def unsubscribe_service(
    unsubscribing: Unsubscribing, *, addresses: UnsubscribeAddresses | None, metrics: Metrics
) -> Service:
    """UnsubscribeService: links for campaign tools, and for the handlers that take them back."""
    return Service(
        f"{_PACKAGE}.UnsubscribeService",
        UnsubscribeServicer(unsubscribing, addresses=addresses, metrics=metrics),
        unsubscribe_service_pb2_grpc.add_UnsubscribeServiceServicer_to_server,
    )


def policy_service(policy: PolicySource, receipts: Receipts) -> Service:
    """PolicyService: the rules in force and the keys of receipts, for everyone."""
    return Service(
        f"{_PACKAGE}.PolicyService",
        PolicyServicer(policy, receipts),
        policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
    )
