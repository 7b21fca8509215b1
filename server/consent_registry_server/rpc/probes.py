"""The health listener: whether the process lives, and whether it serves, for whoever probes it.

It has a port of its own without TLS, because the kubelet has none over gRPC (ADR 0018), and tells
nothing else.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import grpc
from grpc_health.v1 import health_pb2_grpc

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.health import Health
from consent_registry_server.rpc.options import Address

LIVENESS: Final = "liveness"
"""The health service that is SERVING as long as the process answers."""
READINESS: Final = "readiness"
"""The one that is SERVING while the server serves and the database answers."""

_THREADS: Final = 2
_AT_ONCE: Final = 100
_MESSAGE_OCTETS: Final = 1_024


class Probes:
    """Answers probes until it is closed: alive from the beginning, ready when it is told so."""

    def __init__(self, address: Address) -> None:
        """Listens; port 0 takes a free one.

        Raises:
            ConfigurationError: the address cannot be listened on.
        """
        self._health = Health((LIVENESS, READINESS, ""))
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="probes")
        self._server = grpc.server(
            self._pool,
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", _MESSAGE_OCTETS),
            ],
            maximum_concurrent_rpcs=_AT_ONCE,
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._health.show(LIVENESS, serving=True)
        self.port = _bind(self._server, address)
        self._server.start()

    def show_ready(self, *, serving: bool) -> None:
        """Says whether the server serves."""
        for name in (READINESS, ""):
            self._health.show(name, serving=serving)

    def close(self) -> None:
        """Stops to answer; returns when it has."""
        self._server.stop(grace=0).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _bind(server: grpc.Server, address: Address) -> int:
    host = f"[{address.host}]" if ":" in address.host else address.host
    try:
        port: int = server.add_insecure_port(f"{host}:{address.port}")
    except RuntimeError:
        port = 0
    if port == 0:
        raise ConfigurationError(f"health cannot be served on {host}:{address.port}")
    return port
