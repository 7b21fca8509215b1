"""DecisionService: questions in, decisions out. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import grpc

from consent_registry.v1 import decision_pb2, decision_service_pb2, decision_service_pb2_grpc
from consent_registry_server.rpc.audience import AudienceFilter
from consent_registry_server.rpc.authentication import Caller
from consent_registry_server.rpc.call import current_call
from consent_registry_server.rpc.convert_decision import (
    fill_decision,
    to_asked_contact,
    to_asked_recording,
    to_revision,
)
from consent_registry_server.rpc.convert_errors import (
    RegistryError,
    fill_item_error,
    refuse_single_consistency,
)
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.validation import validate
from consent_registry_server.service.checks import Answers, Checks
from consent_registry_server.service.questions import AskedContact
from consent_registry_server.service.replay import ReplayTokens

DecisionIds = Callable[[], UUID]
"""Returns a new random id."""


class DecisionServicer(decision_service_pb2_grpc.DecisionServiceServicer):
    """Answers whether contact, or a recording, is permitted."""

    def __init__(
        self,
        checks: Checks,
        audiences: AudienceFilter,
        *,
        metrics: Metrics,
        decision_ids: DecisionIds,
        replay_tokens: ReplayTokens,
    ) -> None:
        self._checks = checks
        self._audiences = audiences
        self._metrics = metrics
        self._decision_ids = decision_ids
        self._replay_tokens = replay_tokens

    def CheckContact(
        self, request: decision_service_pb2.CheckContactRequest, context: grpc.ServicerContext
    ) -> decision_service_pb2.CheckContactResponse:
        """Answers one question."""
        del context
        call = current_call()
        asked = self._permitted(request, call.caller)
        answers = self._checks.check(
            [asked], deadline=call.deadline, at_least_as_fresh=to_revision(request.consistency)
        )
        response = decision_service_pb2.CheckContactResponse()
        decision_id = self._fill(response.decision, answers, 0, asked=asked, view=request.view)
        if request.issue_replay_token:
            response.decision.replay_token = self._replay_tokens.issue(
                asked, answers, 0, decision_id=decision_id
            )
        return response

    def BatchCheckContact(
        self, request: decision_service_pb2.BatchCheckContactRequest, context: grpc.ServicerContext
    ) -> decision_service_pb2.BatchCheckContactResponse:
        """Answers several questions with one read for each controller among them."""
        del context
        call = current_call()
        at_least_as_fresh = to_revision(request.consistency)
        response = decision_service_pb2.BatchCheckContactResponse()
        by_controller: dict[str, list[tuple[int, AskedContact]]] = {}
        for index, item in enumerate(request.requests):
            result = response.results.add()
            try:
                validate(item)
                refuse_single_consistency(item)
                asked = self._permitted(item, call.caller)
                self._checks.require_known(asked.scope)
            except RegistryError as error:
                fill_item_error(result.error, error)
            else:
                by_controller.setdefault(asked.scope.controller, []).append((index, asked))
        for group in by_controller.values():
            answers = self._checks.check(
                [asked for _, asked in group],
                deadline=call.deadline,
                at_least_as_fresh=at_least_as_fresh,
            )
            for position, (index, asked) in enumerate(group):
                message = response.results[index].decision
                item = request.requests[index]
                decision_id = self._fill(message, answers, position, asked=asked, view=item.view)
                if item.issue_replay_token:
                    message.replay_token = self._replay_tokens.issue(
                        asked, answers, position, decision_id=decision_id
                    )
        return response

    def FilterAudience(
        self,
        request_iterator: Iterator[decision_service_pb2.FilterAudienceRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[decision_service_pb2.FilterAudienceResponse]:
        """Filters an audience, chunk by chunk."""
        del context
        return self._audiences.answers(request_iterator, current_call())

    def CheckCallRecording(
        self,
        request: decision_service_pb2.CheckCallRecordingRequest,
        context: grpc.ServicerContext,
    ) -> decision_service_pb2.CheckCallRecordingResponse:
        """Answers whether a call may be recorded."""
        del context
        call = current_call()
        asked = to_asked_recording(request)
        _require_granted(call.caller, asked.controller, request.view)
        answers = self._checks.check_recording(
            asked, deadline=call.deadline, at_least_as_fresh=to_revision(request.consistency)
        )
        response = decision_service_pb2.CheckCallRecordingResponse()
        self._fill(response.decision, answers, 0, asked=None, view=request.view)
        response.retention_months = answers.decisions[0].retention_months
        return response

    def _permitted(
        self, request: decision_service_pb2.CheckContactRequest, caller: Caller
    ) -> AskedContact:
        """The question of a request that the caller may ask."""
        asked = to_asked_contact(request)
        _require_granted(caller, asked.scope.controller, request.view)
        if not self._checks.is_marketing(asked.scope.purpose):
            caller.require_service_purpose()
        return asked

    def _fill(
        self,
        message: decision_pb2.Decision,
        answers: Answers,
        position: int,
        *,
        asked: AskedContact | None,
        view: decision_pb2.View.ValueType,
    ) -> UUID:
        """Writes a decision into a message and counts it; returns its id."""
        decision = answers.decisions[position]
        decision_id = self._decision_ids()
        fill_decision(message, decision, answers, decision_id=str(decision_id), view=view)
        channel = None if asked is None else asked.scope.channel
        self._metrics.decided(channel, decision.verdict, reason=decision.reason)
        return decision_id


def _require_granted(caller: Caller, controller: str, view: decision_pb2.View.ValueType) -> None:
    caller.require_controller(controller)
    if view == decision_pb2.VIEW_FULL:
        caller.require_full_view()
