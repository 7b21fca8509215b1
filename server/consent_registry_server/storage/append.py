"""Appends entries: one round trip for their contact points, one for all the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, PoolProxiedConnection, select

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.vocabulary import EntryId, EntryKind
from consent_registry_server.service.ports import ContactDigests, PreparedEntry
from consent_registry_server.storage.prepared import Prepared, digest_array, run
from consent_registry_server.storage.projection import PROJECT
from consent_registry_server.storage.register_projection import (
    ADVANCE_REGISTERS,
    LOCK_REGISTERS,
    PROJECT_REGISTERS,
)
from consent_registry_server.storage.schema import vault
from consent_registry_server.storage.times import to_timestamp
from consent_registry_server.storage.vault import Identity, Sealed, Vault

_WITHOUT_IDENTITY: Final = frozenset({EntryKind.ATTEMPT_OUTCOME, EntryKind.REGISTER_RESULT})
"""They name nobody whom an entry before them did not, or nobody at all."""

_CONTACT_POINT_COLUMNS: Final = (
    "contact_point_ref, normaliser_version, kind, unit_state, key_version, exact_digest,"
    " wide_digest"
)

# One ref a contact point, for ever. The digests are inserted in one order by all writers, so that
# two with the same new contact points do not wait for each other.
_ADD_CONTACT_POINTS: Final = Prepared(
    "add_contact_points",
    "jsonb",
    f"""
    INSERT INTO contact_point ({_CONTACT_POINT_COLUMNS})
    SELECT {_CONTACT_POINT_COLUMNS}
    FROM jsonb_to_recordset($1) AS given (
        contact_point_ref uuid, normaliser_version smallint, kind smallint, unit_state smallint,
        key_version smallint, exact_digest bytea, wide_digest bytea
    )
    ORDER BY exact_digest
    ON CONFLICT (exact_digest) DO NOTHING
    RETURNING exact_digest, contact_point_ref
    """,  # noqa: S608 - only constants are put in
)
_FIND_CONTACT_POINTS: Final = Prepared(
    "find_contact_points",
    "bytea[]",
    "SELECT exact_digest, contact_point_ref FROM contact_point WHERE exact_digest = ANY ($1)",
)

_ENTRY_COLUMNS: Final = (
    "entry_id, kind, controller, channels, purposes, source, precision, expressed_at, time_zone,"
    " recorded_at, counts_at, expires_at, proven, lifts_opt_outs, partner_id, lifts_entry_id,"
    " attempt_id, attempt_outcome, register, register_status, listed_at"
)
_VAULT_COLUMNS: Final = "entry_id, key_id, wrapped_key, nonce, ciphertext"

_APPEND: Final = Prepared(
    "append_entries",
    "jsonb, jsonb",
    f"""
    WITH given AS MATERIALIZED (
        SELECT {_ENTRY_COLUMNS}, key_id, wrapped_key, nonce, ciphertext
        FROM jsonb_to_recordset($1) AS given (
            entry_id uuid, kind smallint, controller text, channels integer, purposes text[],
            source smallint, precision smallint, expressed_at timestamptz, time_zone text,
            recorded_at timestamptz, counts_at timestamptz, expires_at timestamptz,
            proven boolean, lifts_opt_outs boolean, partner_id text, lifts_entry_id uuid,
            attempt_id uuid, attempt_outcome smallint, register text, register_status smallint,
            listed_at timestamptz,
            key_id text, wrapped_key bytea, nonce bytea, ciphertext bytea
        )
    ), appended AS (
        INSERT INTO entry ({_ENTRY_COLUMNS}) SELECT {_ENTRY_COLUMNS} FROM given
    ), sealed AS (
        INSERT INTO vault ({_VAULT_COLUMNS}) SELECT {_VAULT_COLUMNS} FROM given
        WHERE key_id IS NOT NULL
    )
    INSERT INTO entry_contact_point (entry_id, contact_point_ref, kind)
    SELECT entry_id, contact_point_ref, kind
    FROM jsonb_to_recordset($2) AS named (
        entry_id uuid, contact_point_ref uuid, kind smallint
    )
    """,  # noqa: S608 - only constants are put in
)


class Appender:
    """Writes entries to the ledger and the vault, and what follows from them to standing."""

    def __init__(self, vault: Vault, new_ref: Callable[[], UUID], *, key_version: int) -> None:
        self._vault = vault
        self._new_ref = new_ref
        self._key_version = key_version

    def append(self, connection: PoolProxiedConnection, entries: Sequence[PreparedEntry]) -> None:
        """Stores entries, within the connection's transaction."""
        named = [point for prepared in entries for point in prepared.contact_points]
        refs = self._refs(connection, named)
        rows = json.dumps([self._row(prepared) for prepared in entries])
        names = json.dumps(_names(entries, refs))
        affected = [prepared.entry_id for prepared in entries]
        affected += filter(None, {prepared.new.lifts_entry_id for prepared in entries})
        run(connection, (_APPEND, [rows, names]), (PROJECT, [_uuid_array(affected)]))
        results = [each for each in entries if each.new.register_result is not None]
        if results:
            new = _uuid_array(each.entry_id for each in results)
            locks = [_register_lock(each.new) for each in results]
            run(connection, (LOCK_REGISTERS, [locks]))
            # A statement of its own: it sees what was committed while this one waited.
            run(connection, (ADVANCE_REGISTERS, [new]), (PROJECT_REGISTERS, [new]))

    def subject(self, connection: Connection, entry_id: EntryId) -> Subject | None:
        """Returns whom an entry names; None when its identity was erased or never kept."""
        row = connection.execute(select(vault).where(vault.c.entry_id == entry_id)).one_or_none()
        if row is None:
            return None
        sealed = Sealed(
            entry_id,
            row.key_id,
            wrapped_key=bytes(row.wrapped_key),
            nonce=bytes(row.nonce),
            ciphertext=bytes(row.ciphertext),
        )
        return self._vault.open(sealed).subject

    def _refs(
        self, connection: PoolProxiedConnection, contact_points: Iterable[ContactDigests]
    ) -> dict[bytes, str]:
        by_digest = {point.exact: point for point in contact_points}
        if not by_digest:
            return {}
        rows = [self._contact_point_row(point) for point in by_digest.values()]
        refs = _refs_by_digest(run(connection, (_ADD_CONTACT_POINTS, [json.dumps(rows)])))
        missing = by_digest.keys() - refs.keys()
        if missing:
            # Known before, or a concurrent writer was first: the insert waited for its commit.
            refs |= _refs_by_digest(
                run(connection, (_FIND_CONTACT_POINTS, [digest_array(list(missing))]))
            )
        return refs

    def _contact_point_row(self, point: ContactDigests) -> dict[str, Any]:
        return {
            "contact_point_ref": str(self._new_ref()),
            "normaliser_version": point.normaliser_version,
            "kind": point.kind,
            "unit_state": point.unit_state,
            "key_version": self._key_version,
            "exact_digest": _hexadecimal(point.exact),
            "wide_digest": _hexadecimal(point.wide),
        }

    def _row(self, prepared: PreparedEntry) -> dict[str, Any]:
        new, expression = prepared.new, prepared.new.expression
        attempt, result = new.attempt, new.register_result
        return {
            "entry_id": str(prepared.entry_id),
            "kind": new.kind,
            "controller": new.controller,
            "channels": new.channels,
            "purposes": None if new.purposes is None else sorted(new.purposes),
            "source": expression.source,
            "precision": expression.precision,
            "expressed_at": _timestamp(expression.expressed_at_us),
            "time_zone": expression.time_zone,
            "recorded_at": _timestamp(prepared.recorded_at_us),
            "counts_at": _timestamp(prepared.counts_at_us),
            "expires_at": _timestamp(new.expires_at_us),
            "proven": new.proven,
            "lifts_opt_outs": new.lifts_opt_outs,
            "partner_id": new.partner_id,
            "lifts_entry_id": None if new.lifts_entry_id is None else str(new.lifts_entry_id),
            "attempt_id": None if attempt is None else str(attempt.attempt_id),
            "attempt_outcome": None if attempt is None else attempt.outcome,
            "register": None if result is None else result.register,
            "register_status": None if result is None else result.status,
            "listed_at": None if result is None else _timestamp(result.listed_at_us),
            **self._sealed(prepared),
        }

    def _sealed(self, prepared: PreparedEntry) -> dict[str, str]:
        """The entry's row of the vault; nothing of it where there is no identity to keep."""
        if prepared.new.kind in _WITHOUT_IDENTITY:
            return {}
        sealed = self._vault.seal(prepared.entry_id, Identity.of(prepared.new))
        return {
            "key_id": sealed.key_id,
            "wrapped_key": _hexadecimal(sealed.wrapped_key),
            "nonce": _hexadecimal(sealed.nonce),
            "ciphertext": _hexadecimal(sealed.ciphertext),
        }


def _register_lock(new: NewEntry) -> str:
    register = "" if new.register_result is None else new.register_result.register
    return f"{new.controller}\n{register}"


def _names(entries: Sequence[PreparedEntry], refs: Mapping[bytes, str]) -> list[dict[str, Any]]:
    # An entry may name one contact point twice, in two spellings.
    kinds = {
        (str(prepared.entry_id), refs[point.exact]): point.kind
        for prepared in entries
        for point in prepared.contact_points
    }
    return [
        {"entry_id": entry_id, "contact_point_ref": ref, "kind": kind}
        for (entry_id, ref), kind in kinds.items()
    ]


def _refs_by_digest(rows: Iterable[tuple[Any, ...]]) -> dict[bytes, str]:
    return {bytes(digest): str(ref) for digest, ref in rows}


def _uuid_array(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(str(each) for each in ids) + "}"


def _hexadecimal(content: bytes) -> str:
    return "\\x" + content.hex()


def _timestamp(instant_us: int | None) -> str | None:
    return None if instant_us is None else to_timestamp(instant_us).isoformat()
