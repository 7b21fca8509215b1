"""A real server in this process, with a fake servicer, and everything it logs and counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import grpc
import pytest
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry, generate_latest

from consent_registry.v1 import decision_service_pb2 as decisions_pb2
from consent_registry.v1 import decision_service_pb2_grpc as decisions_grpc
from consent_registry.v1 import registry_service_pb2 as registry_pb2
from consent_registry.v1 import registry_service_pb2_grpc as registry_grpc
from consent_registry_server.rpc.authentication import Authenticator, LocalAuthenticator
from consent_registry_server.rpc.call import Call, current_call
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import ServerOptions
from consent_registry_server.rpc.server import RunningServer, Service, start_server

DECISIONS = "consent_registry.v1.DecisionService"
REGISTRY = "consent_registry.v1.RegistryService"
CHECK = f"{DECISIONS}/CheckContact"
FILTER = f"{DECISIONS}/FilterAudience"
ADD = f"{REGISTRY}/AddDoNotContact"
TIMEOUT_S = 10

Request = decisions_pb2.CheckContactRequest
Response = decisions_pb2.CheckContactResponse
Chunk = decisions_pb2.FilterAudienceRequest
Result = decisions_pb2.FilterAudienceResponse
Event = MutableMapping[str, Any]


def echo(request: Request) -> Response:
    """Answers with the purpose for a decision id."""
    response = Response()
    response.decision.decision_id = request.purpose
    return response


def answer_each(requests: Iterator[Chunk]) -> Iterator[Result]:
    """Answers each message of a stream with nothing."""
    for _ in requests:
        yield Result()


class FakeServicer:
    """Answers every request of a service with nothing."""

    def __init__(self, service: ServiceDescriptor) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Callable[[object, object], Message]:
        if name.startswith("_") or name not in self._service.methods_by_name:
            raise AttributeError(name)
        response = GetMessageClass(self._service.methods_by_name[name].output_type)
        return lambda _request, _context: response()


class FakeDecisions(FakeServicer):
    """Answers as told, and remembers the calls it was told of."""

    def __init__(
        self,
        answer: Callable[[Request], Response] = echo,
        stream: Callable[[Iterator[Chunk]], Iterable[Result]] = answer_each,
    ) -> None:
        super().__init__(decisions_pb2.DESCRIPTOR.services_by_name["DecisionService"])
        self.answer = answer
        self.stream = stream
        self.calls: list[Call] = []

    def CheckContact(self, request: Request, context: object) -> Response:  # noqa: N802, ARG002
        self.calls.append(current_call())
        return self.answer(request)

    def FilterAudience(self, requests: Iterator[Chunk], _: object) -> Iterator[Result]:  # noqa: N802
        self.calls.append(current_call())
        yield from self.stream(requests)


class EventLog:
    """A structlog processor that keeps events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, _: object, __: str, event: Event) -> NoReturn:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()
        raise structlog.DropEvent

    def one_of(self, method: str) -> Event:
        """The one event of the one call of a method, which may still be on its way."""

        def found() -> list[Event]:
            return [event for event in self.events if event["method"] == method]

        with self._changed:
            assert self._changed.wait_for(found, TIMEOUT_S)
            (event,) = found()
        return event


@dataclass
class Harness:
    """A running server, a channel to it, and what it logged and counted."""

    server: RunningServer
    channel: grpc.Channel
    log: EventLog
    metrics: Metrics
    servicer: FakeDecisions

    @property
    def decisions(self) -> decisions_grpc.DecisionServiceStub:
        return decisions_grpc.DecisionServiceStub(self.channel)

    @property
    def registry(self) -> registry_grpc.RegistryServiceStub:
        return registry_grpc.RegistryServiceStub(self.channel)

    def check(self, purpose: str = "p", **call_options: Any) -> Response:  # noqa: ANN401
        return self.decisions.CheckContact(
            Request(purpose=purpose), timeout=TIMEOUT_S, **call_options
        )

    def refused(self, **call_options: Any) -> RpcFailure:  # noqa: ANN401
        """How a check fails that must fail."""
        with pytest.raises(grpc.RpcError) as failure:
            self.check(**call_options)
        return RpcFailure.of(failure.value)

    def count(self, method: str, code: str) -> float:
        labels = {"method": method, "code": code}
        value = self.metrics.registry.get_sample_value("consent_registry_rpcs_total", labels)
        return value or 0.0

    def exposition(self) -> str:
        return generate_latest(self.metrics.registry).decode()

    def close(self) -> None:
        self.channel.close()
        self.server.stop()


@dataclass
class RpcFailure:
    """What a client learns from a failed call."""

    code: grpc.StatusCode
    message: str
    reason: str
    domain: str
    fields: list[str]
    retry_s: int | None
    metadata: dict[str, str | bytes]

    @classmethod
    def of(cls, error: grpc.RpcError) -> RpcFailure:
        call = cast("grpc.Call", error)
        metadata = dict(call.trailing_metadata() or ())
        status = Status.FromString(cast("bytes", metadata.get("grpc-status-details-bin", b"")))
        info, bad, retry = ErrorInfo(), BadRequest(), RetryInfo()
        found = [detail.Unpack(each) for detail in status.details for each in (info, bad, retry)]
        assert sum(found) == len(status.details)
        return cls(
            code=call.code(),
            message=call.details() or "",
            reason=info.reason,
            domain=info.domain,
            fields=[violation.field for violation in bad.field_violations],
            retry_s=retry.retry_delay.seconds or None,
            metadata=metadata,
        )


def launch(
    servicer: FakeDecisions | None = None,
    *,
    options: ServerOptions | None = None,
    authenticator: Authenticator | None = None,
    credentials: grpc.ChannelCredentials | None = None,
) -> Harness:
    """Starts a server on a free port."""
    log = EventLog()
    metrics = Metrics(CollectorRegistry())
    servicer = servicer or FakeDecisions()
    registry = FakeServicer(registry_pb2.DESCRIPTOR.services_by_name["RegistryService"])
    server = start_server(
        options or local_options(),
        [
            Service(DECISIONS, servicer, decisions_grpc.add_DecisionServiceServicer_to_server),
            Service(REGISTRY, registry, registry_grpc.add_RegistryServiceServicer_to_server),
        ],
        authenticator=authenticator or LocalAuthenticator(),
        metrics=metrics,
        logger=structlog.wrap_logger(
            structlog.testing.ReturnLogger(),
            processors=[structlog.processors.add_log_level, log],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        ),
    )
    target = f"localhost:{server.port}"
    channel = (
        grpc.insecure_channel(target)
        if credentials is None
        else grpc.secure_channel(target, credentials)
    )
    return Harness(server, channel, log, metrics, servicer)


def local_options(**changes: Any) -> ServerOptions:  # noqa: ANN401 - of any field
    return ServerOptions(**{"address": "127.0.0.1:0", "shutdown_grace_s": 5.0, **changes})
