"""A server in a process of its own, for a test of how it ends.

Prints its port, then `answering` when the first call is being answered; that call is answered when
a line comes in on standard input, all others at once.
"""

from __future__ import annotations

import sys
import threading

from prometheus_client import CollectorRegistry

from consent_registry.v1 import decision_service_pb2_grpc as decisions_grpc
from consent_registry_server.logs import LogFormat, configure_logging
from consent_registry_server.rpc.authentication import LocalAuthenticator
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.server import Service, start_server
from consent_registry_server.rpc.stop_signals import stop_signals
from tests.unit.rpc.harness import DECISIONS, FakeDecisions, Request, Response, local_options


class AnswerWhenTold:
    """Waits for a line, once."""

    def __init__(self) -> None:
        self._first = threading.Lock()

    def __call__(self, _: Request) -> Response:
        if self._first.acquire(blocking=False):
            say("answering")
            sys.stdin.readline()
        return Response()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    logger = configure_logging("info", LogFormat.JSON)
    with stop_signals() as signals:
        server = start_server(
            local_options(shutdown_grace_s=float(sys.argv[1])),
            [
                Service(
                    DECISIONS,
                    FakeDecisions(answer=AnswerWhenTold()),
                    decisions_grpc.add_DecisionServiceServicer_to_server,
                )
            ],
            authenticator=LocalAuthenticator(),
            metrics=Metrics(CollectorRegistry()),
            logger=logger,
        )
        say(str(server.port))
        signals.wait()
        say("stopping")
        server.stop()
    say(f"stopped, {threading.active_count()} threads")


if __name__ == "__main__":
    main()
