"""Rights requests and the access trail: protobuf to domain and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, Final
from uuid import UUID

from consent_registry.v1 import subject_service_pb2
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import (
    EntryId,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.rpc.convert_contact import (
    fill_subject,
    missing,
    set_timestamp,
    to_entry_id,
    to_subject,
)
from consent_registry_server.service.subject_ports import (
    Access,
    Accessor,
    RightsNote,
    RightsRequest,
    RightsRequestState,
    TakenDown,
)

_KINDS: Final = {int(each): each for each in RightsRequestKind}
_OUTCOMES: Final = {int(each): each for each in RightsRequestOutcome}
_STATES: Final = {
    subject_service_pb2.RIGHTS_REQUEST_STATE_UNSPECIFIED: RightsRequestState.ALL,
    subject_service_pb2.RIGHTS_REQUEST_STATE_OPEN: RightsRequestState.OPEN,
    subject_service_pb2.RIGHTS_REQUEST_STATE_OVERDUE: RightsRequestState.OVERDUE,
}
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def to_accessor(access: subject_service_pb2.AccessReason, caller_id: str) -> Accessor:
    """Who sees or changes clear identities, and why; nobody does without saying so."""
    return Accessor(
        caller_id,
        to_stated(access.actor, "access.actor"),
        to_stated(access.reason, "access.reason"),
    )


def to_stated(text: str, field: str) -> str:
    """A text that must say something: spaces alone do not."""
    if not text.strip():
        raise missing(field)
    return text


def to_day(text: str, field: str) -> date:
    """A calendar day, `2026-01-31`.

    Python reads further forms of ISO 8601, such as week dates; one is enough for a contract.
    """
    if not text:
        raise missing(field)
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise InvalidRequest("INVALID_DAY", "must be a day as YYYY-MM-DD", field=field)
    return day


def to_rights_request_id(
    request: subject_service_pb2.AnnounceDelayRequest
    | subject_service_pb2.CloseRightsRequestRequest
    | subject_service_pb2.GetRightsRequestRequest,
) -> UUID:
    """The rights request that a request names."""
    return to_entry_id(request.rights_request_id, "rights_request_id")


def to_kind(request: subject_service_pb2.OpenRightsRequestRequest) -> RightsRequestKind:
    """What a person asks for."""
    kind = _KINDS.get(request.kind)
    if kind is None:
        raise missing("kind")
    return kind


def to_outcome(request: subject_service_pb2.CloseRightsRequestRequest) -> RightsRequestOutcome:
    """How a rights request ended."""
    outcome = _OUTCOMES.get(request.outcome)
    if outcome is None:
        raise missing("outcome")
    return outcome


def to_opening_note(request: subject_service_pb2.OpenRightsRequestRequest) -> RightsNote:
    """Who asks, and what was said."""
    return RightsNote(to_subject(request.subject), to_stated(request.actor, "actor"), request.note)


def to_explanation(
    request: subject_service_pb2.AnnounceDelayRequest
    | subject_service_pb2.CloseRightsRequestRequest,
) -> RightsNote:
    """What the person was told; when a request is closed, that may be nothing."""
    if isinstance(request, subject_service_pb2.AnnounceDelayRequest):
        to_stated(request.explanation, "explanation")
    return RightsNote(Subject(), to_stated(request.actor, "actor"), request.explanation)


def to_state(request: subject_service_pb2.ListRightsRequestsRequest) -> RightsRequestState:
    """Which rights requests to list."""
    state = _STATES.get(request.state)
    if state is None:
        raise InvalidRequest("UNKNOWN_ENUM_VALUE", "not known", field="state")
    return state


def to_rights_position(position: tuple[Any, ...]) -> tuple[date, UUID]:
    """The rights request after which a list goes on, by what its token holds."""
    due_on, rights_request_id = position
    return date.fromisoformat(due_on), UUID(rights_request_id)


def to_recorded_position(position: tuple[Any, ...]) -> tuple[int, EntryId]:
    """The entry or access after which a list goes on, by what its token holds."""
    instant_us, row_id = position
    return instant_us, EntryId(UUID(row_id))


def fill_rights_request(
    message: subject_service_pb2.RightsRequest, request: RightsRequest, *, overdue: bool
) -> None:
    """Writes a rights request into a message."""
    message.rights_request_id = str(request.rights_request_id)
    message.controller = request.controller
    message.kind = subject_service_pb2.RightsRequestKind.ValueType(request.kind)
    message.received_on = request.received_on.isoformat()
    message.due_on = request.due_on.isoformat()
    set_timestamp(message.opened_at, request.opened_at_us)
    if request.delayed_at_us is not None:
        set_timestamp(message.delayed_at, request.delayed_at_us)
    if request.closed_at_us is not None:
        set_timestamp(message.closed_at, request.closed_at_us)
    if request.outcome is not None:
        message.outcome = subject_service_pb2.RightsRequestOutcome.ValueType(request.outcome)
    message.overdue = overdue


def fill_whose(
    message: subject_service_pb2.GetRightsRequestResponse,
    subject: Subject,
    notes: Iterable[TakenDown],
) -> None:
    """Writes whom a rights request is of, and what was said of it, into a message."""
    if subject != Subject():
        fill_subject(message.subject, subject)
    for taken_down_at_us, note in notes:
        taken_down = message.notes.add(actor=note.actor, text=note.text)
        set_timestamp(taken_down.taken_down_at, taken_down_at_us)


def fill_access(message: subject_service_pb2.Access, access: Access) -> None:
    """Writes a row of the access trail into a message."""
    message.access_id = str(access.access_id)
    set_timestamp(message.accessed_at, access.accessed_at_us)
    message.caller_id = access.caller_id
    message.actor = access.actor
    message.reason = access.reason
    message.operation = subject_service_pb2.AccessOperation.ValueType(access.operation)
    message.entry_id = str(access.entry_id or "")
