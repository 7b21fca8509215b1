"""The audience stream: scope, chunks, one result for each, and the summary that makes it complete.

One read of the database a chunk, the next chunk prepared meanwhile, and nothing kept between chunks
but the counts, so a stream may be of any length. All members are judged by the policy in force when
the stream began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from consent_registry.v1 import decision_service_pb2
from consent_registry_server.rpc.call import Call
from consent_registry_server.rpc.convert_decision import (
    Answer,
    fill_chunk_result,
    fill_summary,
    is_allowed,
    to_asked_of_member,
    to_revision,
    to_scope,
)
from consent_registry_server.rpc.convert_errors import fault_in, out_of_order
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.read_ahead import ReadAhead
from consent_registry_server.service.checks import Answers, Checks, PreparedQuestions
from consent_registry_server.service.questions import Scope

_Requests = Iterator[decision_service_pb2.FilterAudienceRequest]
_Responses = Iterator[decision_service_pb2.FilterAudienceResponse]


class AudienceFilter:
    """Answers audience streams."""

    def __init__(self, checks: Checks, *, metrics: Metrics) -> None:
        self._checks = checks
        self._metrics = metrics

    def answers(self, requests: _Requests, call: Call) -> _Responses:
        """Yields a result for each chunk, in order, and at last the summary.

        Raises:
            InvalidRequest: STREAM_OUT_OF_ORDER, and whatever is wrong with the scope.
            PermissionDenied: the caller may not ask for the controller or the purpose.
            Unavailable, DeadlineExceeded: the stream ends without its summary.
        """
        message = _scope(requests)
        policy = self._checks.policy()
        with fault_in("scope"):
            scope = to_scope(message)
            call.caller.require_controller(scope.controller)
            self._checks.require_known(scope, policy)
            if not self._checks.is_marketing(scope.purpose):
                call.caller.require_service_purpose()
            at_least_as_fresh = to_revision(message.consistency)

        def prepare(chunk: decision_service_pb2.AudienceChunk) -> PreparedQuestions:
            members = chunk.rows.members
            return self._checks.prepare(
                [to_asked_of_member(scope, each) for each in members], policy
            )

        tally = _Tally(policy.version)
        with ReadAhead(map(prepare, _chunks(requests))) as chunks:
            for sequence, prepared in enumerate(chunks, start=1):
                response = decision_service_pb2.FilterAudienceResponse()
                response.chunk_result.sequence = sequence
                if prepared.number:
                    call.deadline.renew()
                    answers = self._checks.answer(
                        prepared, deadline=call.deadline, at_least_as_fresh=at_least_as_fresh
                    )
                    self._count(scope, tally.add(answers))
                    fill_chunk_result(response.chunk_result, answers.decisions)
                yield response
        yield tally.summary()

    def _count(self, scope: Scope, counts: Counter[Answer]) -> None:
        for (verdict, reason), times in counts.items():
            self._metrics.decided(scope.channel, verdict, reason=reason, times=times)
        self._metrics.audience_answered(counts.total())


class _Tally:
    """What the summary tells."""

    def __init__(self, policy_version: str) -> None:
        self._policy_version = policy_version
        self._counts: Counter[Answer] = Counter()
        self._valid_until_us: int | None = None
        self._revision = ""

    def add(self, answers: Answers) -> Counter[Answer]:
        """Counts the answers of a chunk, and returns those counts."""
        self._revision = self._revision or answers.revision
        # Members without an entry share one decision, so there are few to look at.
        times = Counter(map(id, answers.decisions))
        counts: Counter[Answer] = Counter()
        for decision in {id(each): each for each in answers.decisions}.values():
            counts[decision.verdict, decision.reason] += times[id(decision)]
            ends_us = decision.valid_until_us if is_allowed(decision) else None
            if ends_us is not None and ends_us < (self._valid_until_us or ends_us + 1):
                self._valid_until_us = ends_us
        self._counts.update(counts)
        return counts

    def summary(self) -> decision_service_pb2.FilterAudienceResponse:
        """The last message of a complete stream."""
        response = decision_service_pb2.FilterAudienceResponse()
        fill_summary(
            response.summary,
            self._counts,
            valid_until_us=self._valid_until_us,
            revision=self._revision,
            policy_version=self._policy_version,
        )
        return response


def _chunks(requests: _Requests) -> Iterator[decision_service_pb2.AudienceChunk]:
    for sequence, request in enumerate(requests, start=1):
        if request.WhichOneof("message") != "chunk" or request.chunk.sequence != sequence:
            raise out_of_order(f"chunk {sequence} was expected")
        yield request.chunk


def _scope(requests: _Requests) -> decision_service_pb2.AudienceScope:
    first = next(requests, None)
    if first is None or first.WhichOneof("message") != "scope":
        raise out_of_order("the first message must be the scope")
    return first.scope
