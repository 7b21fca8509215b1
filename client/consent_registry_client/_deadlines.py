"""How long a call may take, unless its caller says otherwise."""

from __future__ import annotations

import math

import grpc

from consent_registry_client._errors import InvalidRequest

CHECK_TIMEOUT_S = 1.0
# Batches, lists and the policy: more work than one check, and nobody waits on the line.
READ_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 5.0
# Streams have no overall deadline by default, for an audience may have any size; but an open
# stream in which nothing is answered for this long has failed.
STREAM_IDLE_TIMEOUT_S = 60.0


def positive(timeout_s: float) -> float:
    """Returns the timeout; raises InvalidRequest unless it is a positive, finite number."""
    if not (math.isfinite(timeout_s) and timeout_s > 0):
        raise InvalidRequest(
            "a timeout is a positive number of seconds",
            code=grpc.StatusCode.INVALID_ARGUMENT,
            reason="INVALID_FIELD",
        )
    return timeout_s
