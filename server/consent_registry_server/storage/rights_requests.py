"""Rights requests: what people asked for, by when it is due, and what became of it.

A request and its two possible events, a delay that was announced and its end, are rows that never
change; whose request it is, and what was said, is sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    insert,
    select,
    tuple_,
)

from consent_registry_server.domain.entry import Evidence, Identity
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import (
    RightsNote,
    RightsRequest,
    RightsRequestCount,
    RightsRequestState,
    TakenDown,
)
from consent_registry_server.storage.identities import from_content, to_content
from consent_registry_server.storage.officer_schema import rights_request, rights_request_event
from consent_registry_server.storage.sealed_notes import put_note, read_notes
from consent_registry_server.storage.times import to_microseconds, to_timestamp
from consent_registry_server.storage.vault import Vault

_SUBJECT: Final = "subject"
_ACTOR: Final = "actor"
_TEXT: Final = "text"

_DELAYED: Final = 1
_CLOSED: Final = 2

_delay = rights_request_event.alias("delay")
_close = rights_request_event.alias("close")
_joined = rights_request.outerjoin(
    _delay,
    and_(
        _delay.c.rights_request_id == rights_request.c.rights_request_id,
        _delay.c.kind == _DELAYED,
    ),
).outerjoin(
    _close,
    and_(
        _close.c.rights_request_id == rights_request.c.rights_request_id,
        _close.c.kind == _CLOSED,
    ),
)
_due_on = func.coalesce(_delay.c.due_on, rights_request.c.due_on)
_is_open = _close.c.kind.is_(None)
_select: Select[Any] = select(
    rights_request.c.rights_request_id,
    rights_request.c.controller,
    rights_request.c.kind,
    rights_request.c.received_on,
    rights_request.c.due_on.label("first_due_on"),
    _due_on.label("due_on"),
    rights_request.c.opened_at,
    rights_request.c.expires_on,
    _delay.c.happened_at.label("delayed_at"),
    _close.c.happened_at.label("closed_at"),
    _close.c.outcome,
).select_from(_joined)
_position = tuple_(rights_request.c.due_on, rights_request.c.rights_request_id)

_notes_at_opening: Select[Any] = select(
    rights_request.c.opened_at.label("taken_down_at"), rights_request.c.note_id
)
_notes_of_events: Select[Any] = select(
    rights_request_event.c.happened_at.label("taken_down_at"), rights_request_event.c.note_id
).order_by(rights_request_event.c.kind)


class RightsRequests:
    """The rights requests as one transaction sees and changes them."""

    def __init__(self, connection: Connection, vault: Vault, *, new_id: Callable[[], UUID]) -> None:
        self._connection = connection
        self._vault = vault
        self._new_id = new_id

    def add(self, request: RightsRequest, note: RightsNote) -> None:
        """Stores a new request."""
        row = {
            "rights_request_id": request.rights_request_id,
            "controller": request.controller,
            "kind": request.kind,
            "received_on": request.received_on,
            "due_on": request.first_due_on,
            "opened_at": to_timestamp(request.opened_at_us),
            "note_id": self._put(note, request.expires_on),
            "expires_on": request.expires_on,
        }
        self._connection.execute(insert(rights_request).values(row))

    def find(self, controller: ControllerId, rights_request_id: UUID) -> RightsRequest | None:
        """Returns a request as it now is, or None."""
        query = _select.where(
            rights_request.c.rights_request_id == rights_request_id,
            rights_request.c.controller == controller,
        )
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _request(row)

    def notes(self, rights_request_id: UUID) -> list[TakenDown]:
        """Opens what was said of a request; what is gone is left out."""
        rows = [
            row
            for query, table in (
                (_notes_at_opening, rights_request),
                (_notes_of_events, rights_request_event),
            )
            for row in self._connection.execute(
                query.where(table.c.rights_request_id == rights_request_id)
            )
        ]
        notes = read_notes(self._connection, self._vault, [row.note_id for row in rows])
        return [
            TakenDown(to_microseconds(row.taken_down_at), _note(notes[row.note_id]))
            for row in rows
            if row.note_id in notes
        ]

    def delay(
        self, rights_request_id: UUID, *, delayed_at_us: int, due_on: date, note: RightsNote
    ) -> None:
        """Stores that a delay was announced."""
        self._add_event(rights_request_id, _DELAYED, delayed_at_us, note, due_on=due_on)

    def close(
        self,
        rights_request_id: UUID,
        outcome: RightsRequestOutcome,
        *,
        closed_at_us: int,
        note: RightsNote,
    ) -> None:
        """Stores how a request ended."""
        self._add_event(rights_request_id, _CLOSED, closed_at_us, note, outcome=outcome)

    def _add_event(
        self,
        rights_request_id: UUID,
        kind: int,
        happened_at_us: int,
        note: RightsNote,
        **what: date | int,
    ) -> None:
        # It goes together with its request, and so does what is sealed of it.
        query = select(rights_request.c.expires_on).where(
            rights_request.c.rights_request_id == rights_request_id
        )
        row = {
            "rights_request_id": rights_request_id,
            "kind": kind,
            "happened_at": to_timestamp(happened_at_us),
            "note_id": self._put(note, self._connection.execute(query).scalar_one()),
            **what,
        }
        self._connection.execute(insert(rights_request_event).values(row))

    def _put(self, note: RightsNote, expires_on: date) -> UUID:
        note_id = self._new_id()
        # The subject in the very form the vault has for one.
        subject = to_content(Identity(note.subject, Evidence())).decode()
        content = {_SUBJECT: subject, _ACTOR: note.actor, _TEXT: note.text}
        put_note(self._connection, self._vault, note_id, content, expires_on)
        return note_id


def list_rights_requests(
    connection: Connection,
    controller: ControllerId,
    page: Page,
    *,
    today: date,
    which: RightsRequestState,
) -> list[RightsRequest]:
    """Returns a page of a controller's requests, by their first due day; on a tie by id."""
    query = _select.where(rights_request.c.controller == controller)
    if which is not RightsRequestState.ALL:
        query = query.where(_is_open)
    if which is RightsRequestState.OVERDUE:
        query = query.where(_is_overdue(today))
    if page.after is not None:
        query = query.where(_position > tuple_(*page.after))
    query = query.order_by(rights_request.c.due_on, rights_request.c.rights_request_id)
    return [_request(row) for row in connection.execute(query.limit(page.size))]


def count_rights_requests(connection: Connection, today: date) -> list[RightsRequestCount]:
    """Returns how many requests of each controller are open, and overdue; by controller."""
    query = (
        select(
            rights_request.c.controller,
            func.count().label("open"),
            func.count().filter(_is_overdue(today)).label("overdue"),
        )
        .select_from(_joined)
        .where(_is_open)
        .group_by(rights_request.c.controller)
        .order_by(rights_request.c.controller)
    )
    return [
        RightsRequestCount(ControllerId(row.controller), row.open, row.overdue)
        for row in connection.execute(query)
    ]


def _is_overdue(today: date) -> ColumnElement[bool]:
    return _due_on < today


def _note(content: dict[str, Any]) -> RightsNote:
    identity = from_content(content[_SUBJECT].encode())
    return RightsNote(identity.subject, content[_ACTOR], content[_TEXT])


def _request(row: Row[Any]) -> RightsRequest:
    return RightsRequest(
        rights_request_id=row.rights_request_id,
        controller=ControllerId(row.controller),
        kind=RightsRequestKind(row.kind),
        received_on=row.received_on,
        first_due_on=row.first_due_on,
        due_on=row.due_on,
        opened_at_us=to_microseconds(row.opened_at),
        expires_on=row.expires_on,
        delayed_at_us=to_microseconds(row.delayed_at),
        closed_at_us=to_microseconds(row.closed_at),
        outcome=None if row.outcome is None else RightsRequestOutcome(row.outcome),
    )
