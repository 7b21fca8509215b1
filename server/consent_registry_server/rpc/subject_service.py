"""SubjectService: why a decision was made. Reads only.

Whoever is granted it sees all grounds: without them an explanation would explain nothing.
"""

from __future__ import annotations

import grpc

from consent_registry.v1 import subject_service_pb2, subject_service_pb2_grpc
from consent_registry_server.rpc.call import Call, current_call
from consent_registry_server.rpc.convert_contact import missing
from consent_registry_server.rpc.convert_errors import fault_in
from consent_registry_server.rpc.convert_explanation import (
    fill_explanation,
    to_past_question,
    to_replayed,
    to_times,
)
from consent_registry_server.service.explain import Explained, Explanations, Times


class SubjectServicer(subject_service_pb2_grpc.SubjectServiceServicer):
    """Explains decisions."""

    def __init__(self, explanations: Explanations) -> None:
        self._explanations = explanations

    def ExplainDecision(
        self,
        request: subject_service_pb2.ExplainDecisionRequest,
        context: grpc.ServicerContext,
    ) -> subject_service_pb2.ExplainDecisionResponse:
        """Explains a decision that was given, or what it would have been."""
        del context
        call = current_call()
        asked = request.WhichOneof("asked")
        if asked is None:
            raise missing("question")
        times = to_times(request)
        self._explanations.require_past(times)
        with fault_in(asked):
            explained = self._explained(request, times, call)
        response = subject_service_pb2.ExplainDecisionResponse()
        fill_explanation(response, explained)
        return response

    def _explained(
        self, request: subject_service_pb2.ExplainDecisionRequest, times: Times, call: Call
    ) -> Explained:
        if request.HasField("decision"):
            replayed = to_replayed(request.decision)
            call.caller.require_controller(replayed.controller)
            return self._explanations.replay(replayed, times, deadline=call.deadline)
        asked = to_past_question(request.question)
        call.caller.require_controller(asked.scope.controller)
        return self._explanations.explain(asked, times, deadline=call.deadline)
