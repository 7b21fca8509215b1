"""AttemptService: attempts, granted before they are made. Every answer comes after the commit."""

from __future__ import annotations

import grpc

from consent_registry.v1 import attempt_service_pb2, attempt_service_pb2_grpc
from consent_registry.v1.decision_pb2 import VIEW_FULL
from consent_registry_server.rpc.call import current_call
from consent_registry_server.rpc.convert_attempt import (
    fill_report,
    fill_reservation,
    to_asked_attempt,
    to_report,
)
from consent_registry_server.rpc.convert_contact import to_controller
from consent_registry_server.rpc.convert_entry import to_write
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.service.attempts import Attempts


class AttemptServicer(attempt_service_pb2_grpc.AttemptServiceServicer):
    """Grants attempts and takes reports on them."""

    def __init__(self, attempts: Attempts, *, metrics: Metrics) -> None:
        self._attempts = attempts
        self._metrics = metrics

    def ReserveContactAttempt(
        self,
        request: attempt_service_pb2.ReserveContactAttemptRequest,
        context: grpc.ServicerContext,
    ) -> attempt_service_pb2.ReserveContactAttemptResponse:
        """Decides, and counts what it allows."""
        del context
        call = current_call()
        write = to_write(request, call.caller.id)
        call.caller.require_controller(write.controller)
        if request.view == VIEW_FULL:
            call.caller.require_full_view()
        asked = to_asked_attempt(request)
        reserved = self._attempts.reserve(write, asked, deadline=call.deadline)
        response = attempt_service_pb2.ReserveContactAttemptResponse()
        fill_reservation(response, reserved, request.view)
        decision = reserved.reservation.decision
        self._metrics.decided(asked.scope.channel, decision.verdict, reason=decision.reason)
        return response

    def ReportAttemptOutcome(
        self,
        request: attempt_service_pb2.ReportAttemptOutcomeRequest,
        context: grpc.ServicerContext,
    ) -> attempt_service_pb2.ReportAttemptOutcomeResponse:
        """Records what became of an attempt."""
        del context
        call = current_call()
        write = to_write(request, call.caller.id)
        call.caller.require_controller(write.controller)
        report = to_report(request)
        controller = to_controller(request.controller)
        recorded = self._attempts.report(write, controller, report, deadline=call.deadline)
        response = attempt_service_pb2.ReportAttemptOutcomeResponse()
        fill_report(response, recorded)
        self._metrics.attempt_reported(report.outcome)
        return response
