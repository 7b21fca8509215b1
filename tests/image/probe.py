"""Asks a health service what the kubelet would: probe.py PORT SERVICE TIMEOUT_S.

Exit code 0 is yes. A program of its own, because its network is that of the thread that starts it.
"""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub


def main() -> int:
    """Returns 0 when the service serves, 1 when it does not say so in time."""
    port, service, timeout_s = sys.argv[1:]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = HealthStub(channel).Check(
                HealthCheckRequest(service=service), timeout=float(timeout_s)
            )
        except grpc.RpcError:
            return 1
    return 0 if answer.status == HealthCheckResponse.SERVING else 1


sys.exit(main())
