"""The book-keeping of an audience stream: what was sent, and whether all of it was answered."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import grpc

from consent_registry.v1.decision_service_pb2 import (
    AudienceChunk,
    AudienceMember,
    AudienceMemberResult,
    AudienceRows,
    AudienceScope,
    AudienceSummary,
    FilterAudienceRequest,
    FilterAudienceResponse,
)
from consent_registry_client._errors import DeadlineExceeded, IncompleteStream, InvalidRequest

DEFAULT_CHUNK_MEMBERS = 1_000
MAX_CHUNK_MEMBERS = 5_000
# Half of the message size that any gRPC server accepts, for a chunk may end one member beyond it.
MAX_CHUNK_BYTES = 2 * 1024 * 1024
MAX_MEMBER_BYTES = 1024 * 1024
MAX_CHUNKS_IN_FLIGHT = 4


class Chunks:
    """Gathers members into chunks of bounded length and size."""

    def __init__(self, chunk_members: int) -> None:
        if not 1 <= chunk_members <= MAX_CHUNK_MEMBERS:
            raise InvalidRequest(
                f"a chunk has 1 to {MAX_CHUNK_MEMBERS} members",
                code=grpc.StatusCode.INVALID_ARGUMENT,
                reason="INVALID_FIELD",
            )
        self._limit = chunk_members
        self._members: list[AudienceMember] = []
        self._bytes = 0

    def add(self, member: AudienceMember) -> list[AudienceMember]:
        """Takes one more member; returns the chunk it completes, empty while there is none."""
        size = member.ByteSize()
        if size > MAX_MEMBER_BYTES:
            raise InvalidRequest(
                f"a member of the audience is larger than {MAX_MEMBER_BYTES} bytes",
                code=grpc.StatusCode.INVALID_ARGUMENT,
                reason="TOO_LONG",
            )
        self._members.append(member)
        self._bytes += size
        if len(self._members) < self._limit and self._bytes < MAX_CHUNK_BYTES:
            return []
        return self.rest()

    def rest(self) -> list[AudienceMember]:
        """Returns the members that completed no chunk."""
        members, self._members, self._bytes = self._members, [], 0
        return members


class AudienceLedger:
    """Compares the answers of one stream with what was asked; every difference is an error."""

    def __init__(self) -> None:
        self._summary: AudienceSummary | None = None
        self._all_sent = False
        self._sent_chunks = 0
        self._answered_chunks = 0
        self._answered_members = 0
        self._unanswered: deque[int] = deque()
        self._counts: Counter[tuple[int, int]] = Counter()

    @property
    def has_room(self) -> bool:
        """Whether one more chunk may be sent before the next answer."""
        return not self._all_sent and len(self._unanswered) < MAX_CHUNKS_IN_FLIGHT

    def scope(self, scope: AudienceScope) -> FilterAudienceRequest:
        """Returns the first message."""
        return FilterAudienceRequest(scope=scope)

    def chunk(self, members: Sequence[AudienceMember]) -> FilterAudienceRequest:
        """Returns the message for the next chunk."""
        self._sent_chunks += 1
        self._unanswered.append(len(members))
        return FilterAudienceRequest(
            chunk=AudienceChunk(sequence=self._sent_chunks, rows=AudienceRows(members=members))
        )

    def sent_all(self) -> None:
        """Notes that no further chunk comes."""
        self._all_sent = True

    def accept(self, response: FilterAudienceResponse) -> Sequence[AudienceMemberResult]:
        """Returns the answers in the message; none for the summary."""
        if self._summary is not None:
            raise IncompleteStream("the registry went on after its summary")
        kind = response.WhichOneof("message")
        if kind == "summary":
            self._accept_summary(response.summary)
            return ()
        if kind != "chunk_result" or not self._unanswered:
            raise IncompleteStream("the registry sent what was not asked for")
        self._answered_chunks += 1
        if response.chunk_result.sequence != self._answered_chunks:
            raise IncompleteStream(
                f"expected the answers to chunk {self._answered_chunks}, "
                f"got those to {response.chunk_result.sequence}"
            )
        results = response.chunk_result.results
        if len(results) != self._unanswered.popleft():
            raise IncompleteStream(f"chunk {self._answered_chunks} was not answered one for one")
        self._answered_members += len(results)
        self._counts.update((result.verdict, result.reason) for result in results)
        return results

    def finish(self) -> AudienceSummary:
        """Returns the summary of the stream that has ended well."""
        if self._summary is None:
            raise IncompleteStream("the registry ended the stream without its summary")
        return self._summary

    def _accept_summary(self, summary: AudienceSummary) -> None:
        if self._unanswered or not self._all_sent:
            raise IncompleteStream("the registry summed up before it had answered all")
        counts = Counter[tuple[int, int]]()
        for count in summary.counts:
            counts[count.verdict, count.reason] += count.members
        if summary.members != self._answered_members or counts != self._counts:
            raise IncompleteStream("the registry's summary does not agree with its answers")
        self._summary = summary


def unread() -> IncompleteStream:
    """Returns the error for a summary that is asked for before its time."""
    return IncompleteStream("there are answers that were not read")


def silence(idle_timeout_s: float) -> DeadlineExceeded:
    """Returns the error for a registry that keeps the stream open and says nothing."""
    return DeadlineExceeded(
        f"the registry has not answered for {idle_timeout_s:g} s",
        code=grpc.StatusCode.DEADLINE_EXCEEDED,
    )
