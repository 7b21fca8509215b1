"""The services of the contract, ready to be served."""

from __future__ import annotations

from typing import Final

from consent_registry.v1 import (
    decision_service_pb2_grpc,
    history_service_pb2_grpc,
    policy_service_pb2_grpc,
    registry_service_pb2_grpc,
)
from consent_registry_server.rpc.audience import AudienceFilter
from consent_registry_server.rpc.decision_service import DecisionIds, DecisionServicer
from consent_registry_server.rpc.history_service import HistoryServicer
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.rpc.policy_service import PolicyServicer
from consent_registry_server.rpc.registry_service import RegistryServicer
from consent_registry_server.rpc.server import Service
from consent_registry_server.service.checks import Checks
from consent_registry_server.service.history import Records
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import Partners
from consent_registry_server.service.ports import Clock, Digester, PolicySource

_PACKAGE: Final = "consent_registry.v1"


def decision_service(
    checks: Checks, *, metrics: Metrics, clock: Clock, decision_ids: DecisionIds
) -> Service:
    """DecisionService: questions, for dialers and campaign tools."""
    audiences = AudienceFilter(checks, metrics=metrics, clock=clock)
    return Service(
        f"{_PACKAGE}.DecisionService",
        DecisionServicer(checks, audiences, metrics=metrics, decision_ids=decision_ids),
        decision_service_pb2_grpc.add_DecisionServiceServicer_to_server,
    )


def registry_service(
    intake: Intake, partners: Partners, *, records: Records, digester: Digester
) -> Service:
    """RegistryService: intake, for whoever hears what people say."""
    return Service(
        f"{_PACKAGE}.RegistryService",
        RegistryServicer(intake, partners, records=records, page_tokens=PageTokens(digester)),
        registry_service_pb2_grpc.add_RegistryServiceServicer_to_server,
    )


def history_service(records: Records, *, digester: Digester) -> Service:
    """HistoryService: what was written, for customer service."""
    return Service(
        f"{_PACKAGE}.HistoryService",
        HistoryServicer(records, page_tokens=PageTokens(digester)),
        history_service_pb2_grpc.add_HistoryServiceServicer_to_server,
    )


def policy_service(policy: PolicySource) -> Service:
    """PolicyService: the rules in force, for everyone."""
    return Service(
        f"{_PACKAGE}.PolicyService",
        PolicyServicer(policy),
        policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
    )
