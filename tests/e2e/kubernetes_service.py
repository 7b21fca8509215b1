"""What stands between clients and servers in a cluster: a Service, as kube-proxy does it."""

from __future__ import annotations

import itertools
import threading
from typing import Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.e2e.registry_process import NotYet, RegistryProcess, eventually
from tests.e2e.relay import Network, Relay

LIVENESS: Final = "liveness"
READINESS: Final = "readiness"
SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


class KubernetesService(Relay):
    """Leads each new connection to the next of its servers; those that are open stay."""

    def __init__(self) -> None:
        super().__init__()
        self._servers: list[RegistryProcess] = []
        self._turn = itertools.count()
        self._taking = threading.Lock()
        self.become(Network.UP)

    def add(self, server: RegistryProcess) -> None:
        """Leads to a server too, which must be ready."""
        assert health(server, READINESS) == SERVING
        with self._taking:
            self._servers.append(server)

    def remove(self, server: RegistryProcess) -> None:
        """Leads no new connection to a server any more, as before its pod is told to end."""
        with self._taking:
            self._servers.remove(server)

    def next_port(self) -> int:
        """The port of the next server."""
        with self._taking:
            if not self._servers:
                raise ConnectionRefusedError
            return self._servers[next(self._turn) % len(self._servers)].port


def health(server: RegistryProcess, service: str) -> int:
    """What a kubelet's probe is answered."""
    with grpc.insecure_channel(f"127.0.0.1:{server.health_port}") as channel:
        stub = HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=service)
        status: int = stub.Check(request, timeout=10).status
    return status


def wait_until_ready(server: RegistryProcess, *, is_ready: bool = True) -> None:
    """Returns when probes are told that a server is ready, or that it is not."""
    expected = SERVING if is_ready else NOT_SERVING

    def probe() -> None:
        if health(server, READINESS) != expected:
            raise NotYet(f"not {is_ready=}")

    eventually(probe)
