"""How what is sealed lies in its tables: the same columns in `vault` as in `sealed_note`."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, Row, Table

from consent_registry_server.storage.schema import sealed_note
from consent_registry_server.storage.schema import vault as vault_table
from consent_registry_server.storage.vault import Sealed

_NAMES: Final = ("key_id", "wrapped_key", "nonce", "ciphertext")


def sealed_columns(table: Table) -> tuple[Column[Any], ...]:
    """The columns of a table that `sealed_of` reads, the record's id first."""
    return (*table.primary_key.columns, *(table.c[name] for name in _NAMES))


def sealed_of(row: Row[Any]) -> Sealed:
    """What was sealed, from a row that begins with the columns of `sealed_columns`."""
    record_id, key_id, wrapped_key, nonce, ciphertext = tuple(row)[:5]
    return Sealed(
        UUID(str(record_id)),
        key_id,
        wrapped_key=bytes(wrapped_key),
        nonce=bytes(nonce),
        ciphertext=bytes(ciphertext),
    )


def sealed_values(sealed: Sealed) -> dict[str, Any]:
    """The columns of something sealed, but for the record's id."""
    return {name: getattr(sealed, name) for name in _NAMES}


SEALED_TABLES: Final = (vault_table, sealed_note)
"""All tables that hold what identifies a person."""
