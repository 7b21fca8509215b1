"""The order of the layers."""

from __future__ import annotations

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from consent_registry_server.request_ids import new_request_id
from consent_registry_server.rpc.authentication import Authenticator
from consent_registry_server.rpc.interceptors.admission import (
    Answering,
    Authentication,
    Limits,
    Validation,
)
from consent_registry_server.rpc.interceptors.layers import Layer
from consent_registry_server.rpc.interceptors.observation import CallLog, CallMetrics, RequestId
from consent_registry_server.rpc.metrics import Metrics


def layers_in_order(
    *,
    logger: FilteringBoundLogger,
    slow_call_s: float,
    metrics: Metrics,
    authenticator: Authenticator,
    answering: Answering,
    running: Callable[[], int],
    calls: int,
    streams: int,
) -> tuple[Layer, ...]:
    """The layers of every call, the outermost first.

    What observes comes before what refuses, so that refused calls are logged and counted too; who
    calls is known before they learn whether they are answered and before a limit is spent on them,
    and all that before their request is read.
    """
    return (
        RequestId(new_request_id),
        CallLog(logger, slow_call_s=slow_call_s),
        CallMetrics(metrics),
        Authentication(authenticator),
        answering,
        Limits(running, calls=calls, streams=streams),
        Validation(),
    )
