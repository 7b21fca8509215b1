"""What the layers around a servicer cost a call, without a network and against a bare server.

Run with `python -m benchmarks.call_overhead`.
"""

from __future__ import annotations

import contextvars
import hashlib
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import process_time, thread_time
from typing import Any, Final, cast

import grpc
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from consent_registry.v1 import contact_pb2
from consent_registry.v1 import decision_service_pb2 as decisions_pb2
from consent_registry.v1 import decision_service_pb2_grpc as decisions_grpc
from consent_registry_server.logs import LogFormat, configure_logging
from consent_registry_server.rpc.authentication import ApiKeys, Authenticator, Caller
from consent_registry_server.rpc.interceptors.admission import Answering
from consent_registry_server.rpc.interceptors.chain import CallChain
from consent_registry_server.rpc.interceptors.order import layers_in_order
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import ServerOptions
from consent_registry_server.rpc.server import Service, start_server

SERVICE: Final = "consent_registry.v1.DecisionService"
METHOD: Final = f"/{SERVICE}/CheckContact"
Response = decisions_pb2.CheckContactResponse
KEYS: Final = 20
LIMIT: Final = 0.25
ROUNDS: Final = 7
CALLS: Final = 5_000
METADATA: Final = (("user-agent", "benchmark"), ("authorization", "Bearer secret-7"))


@dataclass
class Details:
    """What gRPC tells an interceptor."""

    method: str
    invocation_metadata: tuple[tuple[str, str | bytes], ...]


class Context:
    """As little of a servicer's context as a call needs."""

    def time_remaining(self) -> float:
        """A second."""
        return 1.0

    def set_trailing_metadata(self, metadata: object) -> None:
        """Takes it."""

    def code(self) -> None:
        """None."""


class Servicer:
    """Answers nothing to a question, and knows no other method."""

    def CheckContact(self, _request: object, _context: object) -> Response:  # noqa: N802
        """Answers nothing."""
        return Response()

    def __getattr__(self, name: str) -> None:
        """Nothing, for the methods that are not measured."""


def add_servicer(servicer: Servicer, server: grpc.Server) -> None:
    """Adds it as the generated function does, which is typed for whole servicers only."""
    decisions_grpc.add_DecisionServiceServicer_to_server(cast("Any", servicer), server)


def question() -> bytes:
    """A question as a dialer asks it."""
    return decisions_pb2.CheckContactRequest(
        controller="alarm-fr",
        target=contact_pb2.ContactPoint(phone=contact_pb2.PhoneNumber(number="+33639980001")),
        subject=contact_pb2.Subject(
            customer_number="C-1",
            contact_points=[contact_pb2.ContactPoint(email="anna@example.com")],
        ),
        channel=contact_pb2.CHANNEL_VOICE_CALL,
        purpose="direct_marketing",
        recipient_country="FR",
    ).SerializeToString()


def keys() -> Authenticator:
    """Some keys; the last but a few is the caller's."""
    return ApiKeys(
        [
            (
                hashlib.sha256(f"secret-{number}".encode()).digest(),
                Caller(
                    id=f"dialer-{number}",
                    services=frozenset({SERVICE}),
                    controllers=frozenset({"alarm-fr"}),
                    full_view=False,
                    service_purpose=False,
                ),
            )
            for number in range(KEYS)
        ]
    )


def microseconds(call: Callable[[], Any], clock: Callable[[], float]) -> float:
    """The best mean of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = clock()
        for _ in range(CALLS):
            call()
        best = min(best, clock() - start)
    return best / CALLS * 1e6


def chain_cost(logger: FilteringBoundLogger) -> float:
    """Admission, layers, decoding and encoding of one call."""
    layers = layers_in_order(
        logger=logger,
        slow_call_s=1.0,
        metrics=Metrics(CollectorRegistry()),
        authenticator=keys(),
        answering=Answering(),
        running=lambda: 0,
        calls=100,
        streams=4,
    )
    chain = CallChain(
        layers, default_deadline_s=1.0, reserve=ThreadPoolExecutor(1), reserved=frozenset()
    )
    handler = grpc.unary_unary_rpc_method_handler(
        Servicer().CheckContact,
        decisions_pb2.CheckContactRequest.FromString,
        decisions_pb2.CheckContactResponse.SerializeToString,
    )
    octets, context, details = question(), Context(), Details(METHOD, METADATA)

    def call() -> None:
        running: Any = chain.intercept_service(lambda _: handler, details)
        running.unary_unary(octets, context)

    return microseconds(lambda: contextvars.Context().run(call), thread_time)


def decoding_cost() -> float:
    """What of that gRPC would do without the layers."""
    octets, respond = question(), Servicer().CheckContact

    def call() -> None:
        request = decisions_pb2.CheckContactRequest.FromString(octets)
        respond(request, None).SerializeToString()

    return microseconds(lambda: contextvars.Context().run(call), thread_time)


def call_cost(port: int) -> float:
    """One call after another over a local connection, client and server together."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
        octets = question()
        return microseconds(lambda: check(octets, metadata=METADATA[1:]), process_time)


def bare_server() -> tuple[grpc.Server, int]:
    """The same servicer without anything around it."""
    server = grpc.server(ThreadPoolExecutor(8))
    add_servicer(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main() -> int:
    """Prints what the layers cost, as a share of an empty call; 1 when that is too much."""
    logger = configure_logging("info", LogFormat.JSON)
    plain, layered = decoding_cost(), chain_cost(logger)
    bare, port = bare_server()
    empty = call_cost(port)
    bare.stop(None)
    running = start_server(
        ServerOptions(address="127.0.0.1:0"),
        [Service(SERVICE, Servicer(), add_servicer)],
        authenticator=keys(),
        metrics=Metrics(CollectorRegistry()),
        logger=logger,
    )
    whole = call_cost(running.port)
    running.stop()
    share = (layered - plain) / empty
    print(
        f"call overhead: layers {layered - plain:.0f} us, {share:.2f} of an empty call on a bare"
        f" server ({empty:.0f} us; with layers {whole:.0f} us); limit {LIMIT}"
    )
    return 0 if share <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
