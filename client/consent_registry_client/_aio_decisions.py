"""The asyncio client's questions."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from consent_registry.v1.decision_pb2 import Consistency, Decision
from consent_registry.v1.decision_service_pb2 import (
    AudienceMember,
    AudienceScope,
    BatchCheckContactRequest,
    BatchCheckContactResult,
    CheckCallRecordingRequest,
    CheckCallRecordingResponse,
    CheckContactRequest,
)
from consent_registry_client._aio_audience import AsyncAudienceAnswers
from consent_registry_client._aio_calls import AsyncCalls
from consent_registry_client._answer import (
    Answer,
    RecordingAnswer,
    contact_answer,
    contact_unanswered,
    recording_answer,
    recording_unanswered,
)
from consent_registry_client._arguments import (
    Audience,
    ContactQuestion,
    Metadata,
    RecordingQuestion,
)
from consent_registry_client._audience import DEFAULT_CHUNK_MEMBERS
from consent_registry_client._calls import StreamLimits
from consent_registry_client._deadlines import (
    CHECK_TIMEOUT_S,
    READ_TIMEOUT_S,
    STREAM_IDLE_TIMEOUT_S,
)
from consent_registry_client._errors import UnusableAnswer
from consent_registry_client._messages import build

if TYPE_CHECKING:
    # At run time one class serves both kinds of channel.
    from consent_registry.v1.decision_service_pb2_grpc import DecisionServiceAsyncStub


class AsyncDecisions:
    """Asks the DecisionService."""

    _calls: AsyncCalls
    _decisions: DecisionServiceAsyncStub

    async def may_contact(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **question: Unpack[ContactQuestion],
    ) -> Answer:
        """Returns whether contact is allowed; without a usable answer, for any reason: it is not.

        Never raises an Exception. The one case in which contact is allowed without an answer: the
        purpose is `service` itself and the registry could not be asked, which is every failure but
        a refusal (INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION,
        UNAUTHENTICATED, PERMISSION_DENIED), an unreadable verdict or a wrong use of this method.
        """
        try:
            decision = await self.check_contact(timeout_s=timeout_s, metadata=metadata, **question)
            return contact_answer(decision)
        except Exception as cause:  # noqa: BLE001 - The safe answer holds whatever the reason.
            return contact_unanswered(cause, purpose=question.get("purpose"))

    async def may_record(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **question: Unpack[RecordingQuestion],
    ) -> RecordingAnswer:
        """Returns whether a call may be recorded; without a usable answer: it may not.

        As `may_contact`; here the calls of the monitoring centre are what is allowed without an
        answer.
        """
        try:
            response = await self.check_call_recording(
                timeout_s=timeout_s, metadata=metadata, **question
            )
            return recording_answer(response)
        except Exception as cause:  # noqa: BLE001 - The safe answer holds whatever the reason.
            return recording_unanswered(cause, line=question.get("line"))

    async def check_contact(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **question: Unpack[ContactQuestion],
    ) -> Decision:
        """Returns the decision on one contact; `may_contact` is the safe way to act on it.

        A verdict that this client does not know means DENY.
        """
        return (
            await self._calls.read(
                self._decisions.CheckContact,
                build(CheckContactRequest, question),
                timeout_s=timeout_s,
                default_s=CHECK_TIMEOUT_S,
                metadata=metadata,
            )
        ).decision

    async def batch_check_contact(
        self,
        questions: Sequence[CheckContactRequest],
        *,
        consistency: Consistency | None = None,
        timeout_s: float | None = None,
        metadata: Metadata = (),
    ) -> Sequence[BatchCheckContactResult]:
        """Returns one result for each of up to 1,000 questions, in their order.

        Make the questions with `contact_question`.
        """
        results = (
            await self._calls.read(
                self._decisions.BatchCheckContact,
                build(
                    BatchCheckContactRequest, {"requests": questions, "consistency": consistency}
                ),
                timeout_s=timeout_s,
                default_s=READ_TIMEOUT_S,
                metadata=metadata,
            )
        ).results
        if len(results) != len(questions):
            raise UnusableAnswer("the batch was not answered one for one")
        return results

    def filter_audience(
        self,
        members: Iterable[AudienceMember] | AsyncIterable[AudienceMember],
        *,
        chunk_members: int = DEFAULT_CHUNK_MEMBERS,
        idle_timeout_s: float = STREAM_IDLE_TIMEOUT_S,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **audience: Unpack[Audience],
    ) -> AsyncAudienceAnswers:
        """Returns the answers to an audience of any size, to be iterated.

        Args:
            members: Taken a few chunks ahead of the answers that were read.
            chunk_members: How many members travel together, at most 5,000.
            idle_timeout_s: The seconds without an answer after which the stream fails.
            timeout_s: For the whole stream; by default without limit.
            metadata: Further headers.
            audience: What is asked of every member.
        """
        return AsyncAudienceAnswers(
            self._decisions.FilterAudience,
            build(AudienceScope, audience),
            members=members,
            limits=StreamLimits(
                chunk_members=chunk_members, timeout_s=timeout_s, idle_timeout_s=idle_timeout_s
            ),
            headers=self._calls.headers(metadata),
        )

    async def check_call_recording(
        self,
        *,
        timeout_s: float | None = None,
        metadata: Metadata = (),
        **question: Unpack[RecordingQuestion],
    ) -> CheckCallRecordingResponse:
        """Returns the decision on recording one call; `may_record` is the safe way to act on it."""
        return await self._calls.read(
            self._decisions.CheckCallRecording,
            build(CheckCallRecordingRequest, question),
            timeout_s=timeout_s,
            default_s=CHECK_TIMEOUT_S,
            metadata=metadata,
        )
