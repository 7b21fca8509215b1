"""The asyncio client's explanations: why an answer was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from consent_registry.v1.subject_service_pb2 import (
    ExplainDecisionRequest,
    ExplainDecisionResponse,
)
from consent_registry_client._aio_calls import AsyncCalls
from consent_registry_client._arguments import Explanation, Metadata
from consent_registry_client._deadlines import READ_TIMEOUT_S
from consent_registry_client._messages import build

if TYPE_CHECKING:
    # At run time one class serves both kinds of channel.
    from consent_registry.v1.subject_service_pb2_grpc import SubjectServiceAsyncStub


class AsyncExplanations:
    """Asks the SubjectService."""

    _calls: AsyncCalls
    _subjects: SubjectServiceAsyncStub

    async def explain_decision(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **explanation: Unpack[Explanation],
    ) -> ExplainDecisionResponse:
        """Returns what the answer was, or would have been, and everything that was considered.

        Make the question with `contact_question`, or the decision with `given_decision`.
        """
        return await self._calls.read(
            self._subjects.ExplainDecision,
            build(ExplainDecisionRequest, explanation),
            timeout_s=timeout_s,
            default_s=READ_TIMEOUT_S,
            metadata=metadata,
        )
