"""The asyncio client's attempts: calls and door visits, granted before they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from consent_registry.v1.attempt_service_pb2 import (
    ReportAttemptOutcomeRequest,
    ReportAttemptOutcomeResponse,
    ReserveContactAttemptRequest,
    ReserveContactAttemptResponse,
)
from consent_registry_client._aio_calls import AsyncCalls
from consent_registry_client._arguments import AttemptQuestion, AttemptReport, Metadata
from consent_registry_client._attempt import AttemptAnswer, attempt_answer, attempt_unanswered
from consent_registry_client._calls import CallSettings
from consent_registry_client._messages import build

if TYPE_CHECKING:
    # At run time one class serves both kinds of channel.
    from consent_registry.v1.attempt_service_pb2_grpc import AttemptServiceAsyncStub


class AsyncReservedAttempts:
    """Asks and tells the AttemptService."""

    _settings: CallSettings
    _calls: AsyncCalls
    _attempts: AttemptServiceAsyncStub

    async def may_attempt(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **question: Unpack[AttemptQuestion],
    ) -> AttemptAnswer:
        """Returns whether the attempt may be made, now and before its `expires_at`.

        Without a usable answer, for any reason, it may not; nor if the answer came when the
        reservation had expired. Never raises an Exception. An attempt that was granted but is not
        made should be reported as released, for it counts until then.
        """
        try:
            response = await self.reserve_attempt(
                timeout_s=timeout_s, metadata=metadata, **question
            )
            return attempt_answer(response, now_s=self._settings.effects.now())
        except Exception as cause:  # noqa: BLE001 - The safe answer holds whatever the reason.
            return attempt_unanswered(cause)

    async def reserve_attempt(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **question: Unpack[AttemptQuestion],
    ) -> ReserveContactAttemptResponse:
        """Returns the decision on one attempt, which counts if it is ALLOW.

        `may_attempt` is the safe way to act on it. A verdict that this client does not know means
        DENY.
        """
        return await self._calls.write(
            self._attempts.ReserveContactAttempt,
            build(ReserveContactAttemptRequest, question),
            timeout_s=timeout_s,
            metadata=metadata,
        )

    async def report_outcome(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **report: Unpack[AttemptReport],
    ) -> ReportAttemptOutcomeResponse:
        """Tells what became of an attempt; a refusal is recorded as an opt-out."""
        return await self._calls.write(
            self._attempts.ReportAttemptOutcome,
            build(ReportAttemptOutcomeRequest, report),
            timeout_s=timeout_s,
            metadata=metadata,
        )
