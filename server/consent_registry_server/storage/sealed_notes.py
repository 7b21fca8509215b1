"""Notes about people beside the ledger, who did what and why, sealed as identities are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Connection, Uuid, any_, bindparam, insert, select

from consent_registry_server.storage.schema import sealed_note
from consent_registry_server.storage.sealed_rows import sealed_columns, sealed_of, sealed_values
from consent_registry_server.storage.vault import Vault

_select = select(*sealed_columns(sealed_note)).where(
    sealed_note.c.note_id == any_(bindparam("note_ids", type_=ARRAY(Uuid)))
)


def put_note(
    connection: Connection, vault: Vault, note_id: UUID, text: dict[str, Any], expires_on: date
) -> None:
    """Stores a note, a JSON object, under the key of its last day's month.

    Raises:
        Unavailable: the key store does not answer.
    """
    content = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
    sealed = vault.seal(connection.connection, note_id, content, expires_on)
    values = {"note_id": note_id, "expires_on": expires_on, **sealed_values(sealed)}
    connection.execute(insert(sealed_note).values(values))


def read_notes(
    connection: Connection, vault: Vault, note_ids: Iterable[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Opens notes; those that are gone are left out.

    Raises:
        VaultError: one does not open.
        Unavailable: the key store does not answer.
    """
    rows = connection.execute(_select, {"note_ids": list(note_ids)})
    sealed = [sealed_of(row) for row in rows]
    return {each.record_id: json.loads(vault.open(each)) for each in sealed}
