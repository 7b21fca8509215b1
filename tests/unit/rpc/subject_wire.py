"""The servicer of the data-protection officer on a desk in memory."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

import grpc
from google.protobuf.message import Message

from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.rpc.authentication import LOCAL, Caller
from consent_registry_server.rpc.call import Call, Method, enter_call
from consent_registry_server.rpc.deadline import CallDeadline
from consent_registry_server.rpc.page_token import PageTokens
from consent_registry_server.rpc.subject_service import SubjectServicer
from consent_registry_server.rpc.validation import validate
from consent_registry_server.service.rights_requests import RightsRequests
from consent_registry_server.service.subject_reading import SubjectReading
from consent_registry_server.service.subjects import Subjects
from tests.fakes.ambience import HashDigester
from tests.past_desk import MemoryDesk


class _NoDeadline:
    def time_remaining(self) -> float | None:
        """See `TimedContext`."""
        return None


def subject_servicer(desk: MemoryDesk) -> SubjectServicer:
    """The servicer, on the desk's store and by its clock and policy."""
    digester = HashDigester()
    ambience: dict[str, Any] = {"policy": lambda: desk.policies.in_force, "clock": desk.clock}
    store = desk.store
    return SubjectServicer(
        desk.explanations,
        Subjects(store, digester, **ambience, entry_ids=lambda: EntryId(uuid4())),
        reading=SubjectReading(store, store.subject_history, digester, **ambience),
        rights_requests=RightsRequests(
            store, store.subject_history, digester, **ambience, ids=uuid4
        ),
        page_tokens=PageTokens(digester),
    )


class OfficerWire:
    """Requests as they come over the wire, and a desk where people say things."""

    def __init__(self) -> None:
        self.desk = MemoryDesk()
        self.servicer = subject_servicer(self.desk)

    def call(self, method: str, request: Message, caller: Caller = LOCAL) -> Any:  # noqa: ANN401 - its response
        """Answers as a server would that let this caller in."""
        call = Call(Method(method, "", None, False, False), (), caller=caller)
        call.deadline = CallDeadline(_NoDeadline(), 10.0)
        enter_call(call)
        validate(request)
        return getattr(self.servicer, method)(request, cast("grpc.ServicerContext", None))
