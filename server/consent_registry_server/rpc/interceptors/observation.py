"""The outer layers: every call has an id, is logged and is counted, the refused ones too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import grpc
from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.request_ids import REQUEST_ID_KEY
from consent_registry_server.rpc.call import Call, Ending
from consent_registry_server.rpc.frames import frames_of
from consent_registry_server.rpc.interceptors.layers import Layer
from consent_registry_server.rpc.metrics import Metrics

READING_SERVICES: Final = frozenset(
    {
        "consent_registry.v1.DecisionService",
        "consent_registry.v1.HistoryService",
        "consent_registry.v1.PolicyService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
)
"""Services whose successful calls are too many and too dull for the log."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_FAULTS: Final = frozenset(
    {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}
)
_TROUBLES: Final = frozenset(
    {
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
    }
)


class RequestId(Layer):
    """Gives the call the id its caller chose, or a new one."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id

    def admit(self, call: Call) -> None:
        """Takes a short token only: the id is written to the log."""
        for key, value in call.metadata:
            if key == REQUEST_ID_KEY and isinstance(value, str) and _TOKEN.fullmatch(value):
                call.request_id = value
                return
        call.request_id = self._new_id()


class CallLog(Layer):
    """Logs writes, failures and slow calls; successful reads only for debugging."""

    def __init__(self, logger: FilteringBoundLogger, *, slow_call_s: float) -> None:
        self._logger = logger
        self._slow_call_s = slow_call_s

    def end(self, call: Call, ending: Ending) -> None:
        """Writes one event."""
        code = ending.status.code
        if code is grpc.StatusCode.OK:
            quick = ending.duration_s < self._slow_call_s
            dull = quick and call.method.service in READING_SERVICES
            write = self._logger.debug if dull else self._logger.info
        elif code in _FAULTS:
            write = self._logger.error
        else:
            write = self._logger.warning if code in _TROUBLES else self._logger.info
        write(
            "rpc_finished",
            method=call.method.name,
            code=code.name,
            duration_ms=round(ending.duration_s * 1000, 3),
            caller=call.caller.id,
            request_id=call.request_id,
            **_cause(ending),
        )


def _cause(ending: Ending) -> dict[str, Any]:
    error = ending.error
    if isinstance(error, RegistryError):
        cause: dict[str, Any] = {"reason": error.reason}
        if error.field:
            cause["field"] = error.field
    else:
        cause = {}
    if error is not None and ending.status.code in _FAULTS:
        cause["frames"] = frames_of(error)
    return cause


class CallMetrics(Layer):
    """Counts calls and measures how long they took."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def end(self, call: Call, ending: Ending) -> None:
        """Counts one call."""
        self._metrics.rpc_ended(call.method.name, ending.status.code.name, ending.duration_s)
