"""A connection to a server through the generated stubs, and what is learnt from its refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2_grpc

from consent_registry.v1.attempt_service_pb2_grpc import AttemptServiceStub
from consent_registry.v1.decision_service_pb2_grpc import DecisionServiceStub
from consent_registry.v1.history_service_pb2_grpc import HistoryServiceStub
from consent_registry.v1.policy_service_pb2_grpc import PolicyServiceStub
from consent_registry.v1.registry_service_pb2_grpc import RegistryServiceStub
from consent_registry.v1.subject_service_pb2_grpc import SubjectServiceStub
from consent_registry.v1.unsubscribe_service_pb2_grpc import UnsubscribeServiceStub

_OPTIONS: Final = [
    ("grpc.max_receive_message_length", -1),
    # What a test sends once must arrive once.
    ("grpc.enable_retries", 0),
]
_DETAILS: Final = "grpc-status-details-bin"


class Connection:
    """A channel and the stubs on it."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None) -> None:
        self.channel = (
            grpc.insecure_channel(address, _OPTIONS)
            if credentials is None
            else grpc.secure_channel(address, credentials, _OPTIONS)
        )
        self.decisions = DecisionServiceStub(self.channel)
        self.attempts = AttemptServiceStub(self.channel)
        self.registry = RegistryServiceStub(self.channel)
        self.history = HistoryServiceStub(self.channel)
        self.policy = PolicyServiceStub(self.channel)
        self.subjects = SubjectServiceStub(self.channel)
        self.unsubscribing = UnsubscribeServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def write(self, request: Message) -> Any:  # noqa: ANN401 - the response of the request
        """Writes with the method of the RegistryService that takes this request."""
        method = request.DESCRIPTOR.name.removesuffix("Request")
        return getattr(self.registry, method)(request)

    def method(self, name: str) -> Any:  # noqa: ANN401 - the stub's method
        """A method by `Service/Method`."""
        service, _, method = name.partition("/")
        stubs = {
            "AttemptService": self.attempts,
            "DecisionService": self.decisions,
            "RegistryService": self.registry,
            "HistoryService": self.history,
            "PolicyService": self.policy,
            "SubjectService": self.subjects,
            "UnsubscribeService": self.unsubscribing,
        }
        return getattr(stubs[service], method)

    def octets(self, method: str) -> Callable[[bytes], bytes]:
        """Calls a method by `Service/Method` with whatever octets."""
        path = f"/consent_registry.v1.{method}"
        return cast("Callable[[bytes], bytes]", self.channel.unary_unary(path, None, None))


@dataclass(frozen=True)
class Refusal:
    """What a client learns from a call that failed."""

    code: grpc.StatusCode
    reason: str
    field: str
    is_retryable: bool
    everything: str
    """All of it as text: what must not hold anything about a person."""


def refusal(call: Callable[[], object]) -> Refusal:
    """How a call fails that must fail."""
    with pytest.raises(grpc.RpcError) as failure:
        call()
    return refusal_of(failure.value)


def refusal_of(error: grpc.RpcError) -> Refusal:
    """What an error tells."""
    failed = cast("grpc.Call", error)
    metadata = dict(failed.trailing_metadata() or ())
    status = Status.FromString(cast("bytes", metadata.get(_DETAILS, b"")))
    info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
    for detail in status.details:
        assert any(detail.Unpack(each) for each in (info, bad, retry)), detail.type_url
    assert info.domain == ("consent-registry" if info.reason else "")
    assert len(bad.field_violations) <= 1
    return Refusal(
        code=failed.code(),
        reason=info.reason,
        field="".join(violation.field for violation in bad.field_violations),
        is_retryable=retry.HasField("retry_delay"),
        everything=f"{failed.details()} {status} {info} {bad} {metadata}",
    )
