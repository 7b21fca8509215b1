"""The gRPC server: what it serves, its life and its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection
from structlog.typing import FilteringBoundLogger

from consent_registry_server.rpc.authentication import Authenticator
from consent_registry_server.rpc.health import Health
from consent_registry_server.rpc.interceptors.admission import OPEN_SERVICES, Answering
from consent_registry_server.rpc.interceptors.chain import CallChain
from consent_registry_server.rpc.interceptors.order import layers_in_order
from consent_registry_server.rpc.listener import bind, channel_arguments
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import ServerOptions
from consent_registry_server.rpc.pool import CallPool
from consent_registry_server.rpc.server_certificate import ServerCertificate

_RESERVE_THREADS: Final = 2
_REFUSALS_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Service:
    """A service by its full name, its servicer, and the generated function that adds it."""

    name: str
    servicer: object
    add: Callable[[Any, grpc.Server], None]


class RunningServer:
    """A server that answers until it is stopped."""

    def __init__(
        self,
        server: grpc.Server,
        *,
        port: int,
        chain: CallChain,
        answering: Answering,
        health: Health,
        names: Sequence[str],
        pools: Sequence[ThreadPoolExecutor],
        grace_s: float,
        certificate: ServerCertificate | None,
    ) -> None:
        self.port = port
        self._server = server
        self._chain = chain
        self._answering = answering
        self._health = health
        self._names = names
        self._pools = pools
        self._grace_s = grace_s
        self._certificate = certificate

    def reload_certificate(self) -> None:
        """Takes the files of TLS if they changed and can be used; never raises."""
        if self._certificate is not None:
            self._certificate.reload()

    def answer(self, *, serving: bool) -> None:
        """Answers calls from now on, or refuses them as UNAVAILABLE; its health says which."""
        self._answering.answers = serving
        for name in self._names:
            self._health.show(name, serving=serving)

    def stop(self) -> None:
        """Says NOT_SERVING, takes no more calls and lets those that run finish within the grace."""
        self._health.end()
        self._chain.stop_pushing()
        self._server.stop(self._grace_s).wait()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)


def start_server(
    options: ServerOptions,
    services: Sequence[Service],
    *,
    authenticator: Authenticator,
    metrics: Metrics,
    logger: FilteringBoundLogger,
) -> RunningServer:
    """Binds, starts to answer, and says SERVING.

    Raises:
        ConfigurationError: the port cannot be bound, or the certificate cannot be used.
    """
    pool = CallPool(options.threads)
    reserve = ThreadPoolExecutor(_RESERVE_THREADS, thread_name_prefix="rpc-reserve")
    answering = Answering()
    layers = layers_in_order(
        logger=logger,
        slow_call_s=options.slow_call_s,
        metrics=metrics,
        authenticator=authenticator,
        answering=answering,
        running=lambda: pool.calls,
        calls=options.calls,
        streams=options.streams,
    )
    chain = CallChain(
        layers,
        default_deadline_s=options.default_deadline_s,
        reserve=reserve,
        reserved=OPEN_SERVICES,
    )
    server = grpc.server(
        pool,
        interceptors=[chain],
        options=channel_arguments(options),
        # gRPC's own limit would refuse probes too, and uncounted; it only stops floods.
        maximum_concurrent_rpcs=options.calls + _REFUSALS_AT_ONCE,
    )
    for service in services:
        service.add(service.servicer, server)
    served_health = _add_health_and_reflection(server, [each.name for each in services])
    certificate = _certificate(options, metrics, logger)
    port = bind(server, options, certificate)
    metrics.watch_calls(lambda: pool.calls)
    server.start()
    running = RunningServer(
        server,
        port=port,
        chain=chain,
        answering=answering,
        health=served_health,
        names=("", *(each.name for each in services)),
        pools=(pool, reserve),
        grace_s=options.shutdown_grace_s,
        certificate=certificate,
    )
    running.answer(serving=True)
    return running


def _certificate(
    options: ServerOptions, metrics: Metrics, logger: FilteringBoundLogger
) -> ServerCertificate | None:
    if options.tls is None:
        return None
    counted = metrics.certificate_reloaded
    certificate = ServerCertificate(options.tls, logger=logger, counted=counted)
    metrics.watch_certificate(lambda: certificate.expires_at_s)
    return certificate


def _add_health_and_reflection(server: grpc.Server, names: list[str]) -> Health:
    health = Health(("", *names))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    reflection.enable_server_reflection((*names, HEALTH, reflection.SERVICE_NAME), server)
    return health
