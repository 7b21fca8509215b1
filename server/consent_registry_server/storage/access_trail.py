"""The access trail: who saw or changed which clear identity, sealed who it was and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Row, Select, insert, select, tuple_

from consent_registry_server.domain.vocabulary import AccessOperation, ControllerId, EntryId
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import Access, NewAccess
from consent_registry_server.storage.officer_schema import access
from consent_registry_server.storage.sealed_notes import put_note, read_notes
from consent_registry_server.storage.times import to_microseconds, to_timestamp
from consent_registry_server.storage.vault import Vault

_ACTOR: Final = "actor"
_REASON: Final = "reason"
_DETAILS: Final = "details"

_select: Select[Any] = select(
    access.c.access_id,
    access.c.accessed_at,
    access.c.controller,
    access.c.caller_id,
    access.c.operation,
    access.c.entry_id,
    access.c.note_id,
)
_position = tuple_(access.c.accessed_at, access.c.access_id)


def record_access(
    connection: Connection, vault: Vault, new: NewAccess, *, new_id: Callable[[], UUID]
) -> None:
    """Appends a row for each entry, or the one row of an access that found none.

    All of them share one sealed note.
    """
    note_id = new_id()
    note = {_ACTOR: new.actor, _REASON: new.reason, _DETAILS: new.details}
    put_note(connection, vault, note_id, note, new.expires_on)
    shared = {
        "accessed_at": to_timestamp(new.accessed_at_us),
        "controller": new.controller,
        "caller_id": new.caller_id,
        "operation": new.operation,
        "note_id": note_id,
        "expires_on": new.expires_on,
    }
    entry_ids: tuple[EntryId | None, ...] = new.entry_ids or (None,)
    rows = [{**shared, "access_id": new_id(), "entry_id": each} for each in entry_ids]
    connection.execute(insert(access), rows)


def list_accesses(
    connection: Connection,
    vault: Vault,
    controller: ControllerId,
    page: Page,
    *,
    entry_id: EntryId | None,
) -> list[Access]:
    """Returns a page of a controller's trail, the newest first; on a tie the greatest id."""
    query = _select.where(access.c.controller == controller)
    if entry_id is not None:
        query = query.where(access.c.entry_id == entry_id)
    if page.after is not None:
        accessed_at_us, access_id = page.after
        query = query.where(_position < tuple_(to_timestamp(accessed_at_us), access_id))
    query = query.order_by(access.c.accessed_at.desc(), access.c.access_id.desc())
    rows = connection.execute(query.limit(page.size)).all()
    notes = read_notes(connection, vault, {row.note_id for row in rows})
    # A note that is gone had expired, and its row is about to follow it.
    return [_access(row, notes.get(row.note_id, {})) for row in rows]


def _access(row: Row[Any], note: dict[str, Any]) -> Access:
    return Access(
        access_id=row.access_id,
        accessed_at_us=to_microseconds(row.accessed_at),
        controller=ControllerId(row.controller),
        caller_id=row.caller_id,
        operation=AccessOperation(row.operation),
        entry_id=None if row.entry_id is None else EntryId(row.entry_id),
        actor=note.get(_ACTOR, ""),
        reason=note.get(_REASON, ""),
    )
