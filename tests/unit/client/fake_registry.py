"""A registry that says what a test tells it to, over real gRPC on this machine."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2_grpc

from consent_registry.v1 import (
    attempt_service_pb2_grpc,
    decision_service_pb2,
    decision_service_pb2_grpc,
    history_service_pb2_grpc,
    policy_service_pb2_grpc,
    registry_service_pb2_grpc,
    subject_service_pb2_grpc,
    unsubscribe_service_pb2_grpc,
)
from consent_registry.v1.decision_pb2 import Decision, Reason, Verdict
from consent_registry.v1.decision_service_pb2 import (
    AudienceChunkResult,
    AudienceCount,
    AudienceMember,
    AudienceMemberResult,
    AudienceSummary,
    FilterAudienceRequest,
    FilterAudienceResponse,
)
from consent_registry_server.rpc.health import Health

Behaviour = Callable[[Any, grpc.ServicerContext], Any]
Judge = Callable[[AudienceMember], AudienceMemberResult]

_METHODS = {
    "AttemptService": ["ReserveContactAttempt", "ReportAttemptOutcome"],
    "DecisionService": [
        "CheckContact",
        "BatchCheckContact",
        "FilterAudience",
        "CheckCallRecording",
    ],
    "RegistryService": [
        "RecordConsent",
        "WithdrawConsent",
        "AddDoNotContact",
        "LiftDoNotContact",
        "ObjectToCallRecording",
        "LiftCallRecordingObjection",
        "RecordPartnerLeads",
        "RecordRegisterResults",
        "RegisterPartner",
        "ListPartners",
    ],
    "HistoryService": ["GetEntry", "ListEntries"],
    "PolicyService": ["GetPolicy", "GetReceiptKeys"],
    "SubjectService": [
        "FindSubject",
        "ExportSubject",
        "RectifySubject",
        "EraseSubject",
        "RestrictProcessing",
        "LiftRestriction",
        "SetRetention",
        "OpenRightsRequest",
        "AnnounceDelay",
        "ListRightsRequests",
        "GetRightsRequest",
        "CloseRightsRequest",
        "ListAccesses",
        "ExplainDecision",
    ],
    "UnsubscribeService": [
        "CreateUnsubscribeLinks",
        "DescribeUnsubscribe",
        "Unsubscribe",
        "UndoUnsubscribe",
    ],
}
_ADDERS: dict[str, Callable[[Any, grpc.Server], None]] = {
    "AttemptService": attempt_service_pb2_grpc.add_AttemptServiceServicer_to_server,
    "DecisionService": decision_service_pb2_grpc.add_DecisionServiceServicer_to_server,
    "RegistryService": registry_service_pb2_grpc.add_RegistryServiceServicer_to_server,
    "HistoryService": history_service_pb2_grpc.add_HistoryServiceServicer_to_server,
    "PolicyService": policy_service_pb2_grpc.add_PolicyServiceServicer_to_server,
    "SubjectService": subject_service_pb2_grpc.add_SubjectServiceServicer_to_server,
    "UnsubscribeService": unsubscribe_service_pb2_grpc.add_UnsubscribeServiceServicer_to_server,
}


@dataclass
class Call:
    """One call that arrived."""

    request: Any
    metadata: dict[str, str | bytes]


@dataclass
class FakeRegistry:
    """Behaves as scripted, method by method; what is not scripted is UNIMPLEMENTED."""

    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    calls: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))
    address: str = "127.0.0.1:0"
    credentials: grpc.ServerCredentials | None = None
    tells_health: bool = True

    def __enter__(self) -> Self:
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        for service, methods in _METHODS.items():
            servicer = type(service, (), {name: self._handler(name) for name in methods})()
            _ADDERS[service](servicer, self._server)
        if self.tells_health:
            # The registry's own: clients watch it all the time, and it takes no threads from calls.
            health = Health(("",))
            health.show("", serving=True)
            health_pb2_grpc.add_HealthServicer_to_server(health, self._server)
        if self.credentials is None:
            port = self._server.add_insecure_port(self.address)
        else:
            port = self._server.add_secure_port(self.address, self.credentials)
        self.address = f"127.0.0.1:{port}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=None).wait()

    def on(self, method: str, *behaviours: Behaviour | Message) -> None:
        """Scripts a method: the first call meets the first behaviour, the last one stays."""
        remaining = list(behaviours)

        def behave(request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401
            current = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            return current if isinstance(current, Message) else current(request, context)

        self.behaviours[method] = behave

    def requests(self, method: str) -> list[Any]:
        """Returns the requests that a method received."""
        return [call.request for call in self.calls[method]]

    def _handler(self, method: str) -> Callable[..., Any]:
        def handle(_: object, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ANN401
            metadata = dict(context.invocation_metadata())
            self.calls[method].append(Call(request, metadata))
            behaviour = self.behaviours.get(method) or failing(grpc.StatusCode.UNIMPLEMENTED)
            return behaviour(request, context)

        return handle


def failing(
    code: grpc.StatusCode, message: str = "", *, reason: str = "", fields: Iterable[str] = ()
) -> Behaviour:
    """Returns a behaviour that ends with this status, in the contract's form."""

    def fail(_: object, context: grpc.ServicerContext) -> None:
        details: list[Message] = []
        if reason:
            details.append(error_details_pb2.ErrorInfo(reason=reason, domain="consent-registry"))
        if fields:
            violations = [
                error_details_pb2.BadRequest.FieldViolation(field=name, description="is wrong")
                for name in fields
            ]
            details.append(error_details_pb2.BadRequest(field_violations=violations))
        packed = [AnyMessage() for _ in details]
        for target, detail in zip(packed, details, strict=True):
            target.Pack(detail)
        status = status_pb2.Status(code=code.value[0], message=message, details=packed)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, message)

    return fail


def decision(
    verdict: int = Verdict.VERDICT_ALLOW, reason: int = Reason.REASON_OPT_OUT_REGIME
) -> Decision:
    """Returns a decision."""
    return Decision(verdict=verdict, reason=reason)  # type: ignore[arg-type]


def check(
    verdict: int = Verdict.VERDICT_ALLOW, reason: int = Reason.REASON_OPT_OUT_REGIME
) -> decision_service_pb2.CheckContactResponse:
    """Returns the answer to one question."""
    return decision_service_pb2.CheckContactResponse(decision=decision(verdict, reason))


def result(
    verdict: int = Verdict.VERDICT_ALLOW, reason: int = Reason.REASON_OPT_OUT_REGIME
) -> AudienceMemberResult:
    """Returns the answer for one member."""
    return AudienceMemberResult(verdict=verdict, reason=reason)  # type: ignore[arg-type]


def allow_all(_: AudienceMember) -> AudienceMemberResult:
    """Allows contact with everyone."""
    return result()


def honest(judge: Judge = allow_all) -> Callable[..., Iterator[FilterAudienceResponse]]:
    """Returns the behaviour of a registry that answers every chunk and sums up at the end."""

    def stream(
        requests: Iterator[FilterAudienceRequest], _: grpc.ServicerContext
    ) -> Iterator[FilterAudienceResponse]:
        counts = Counter[tuple[int, int]]()
        for request in requests:
            if request.WhichOneof("message") == "scope":
                continue
            answers = answers_to(request, judge)
            counts.update((one.verdict, one.reason) for one in answers.chunk_result.results)
            yield answers
        yield summary(counts)

    return stream


def answers_to(request: FilterAudienceRequest, judge: Judge = allow_all) -> FilterAudienceResponse:
    """Returns the answers to one chunk."""
    results = [judge(member) for member in request.chunk.rows.members]
    return FilterAudienceResponse(
        chunk_result=AudienceChunkResult(sequence=request.chunk.sequence, results=results)
    )


def summary(counts: Counter[tuple[int, int]]) -> FilterAudienceResponse:
    """Returns the end of a stream."""
    return FilterAudienceResponse(
        summary=AudienceSummary(
            counts=[
                AudienceCount(verdict=verdict, reason=reason, members=members)  # type: ignore[arg-type]
                for (verdict, reason), members in counts.items()
            ],
            members=sum(counts.values()),
            revision="r1",
            policy_version="p1",
        )
    )
