"""Appends entries: one round trip for their contact points, one for all the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, PoolProxiedConnection

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Identity, NewEntry
from consent_registry_server.domain.identity_expiry import WITHOUT_IDENTITY
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import ContactDigests, PreparedEntry
from consent_registry_server.storage.contact_points import ContactPoints
from consent_registry_server.storage.digests import DigestRange
from consent_registry_server.storage.identities import read_identities, to_content
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.projection import PROJECT
from consent_registry_server.storage.register_projection import (
    ADVANCE_REGISTERS,
    LOCK_REGISTERS,
    PROJECT_REGISTERS,
)
from consent_registry_server.storage.times import to_timestamp
from consent_registry_server.storage.unsubscribe_links import points_of_link
from consent_registry_server.storage.vault import Vault

_ENTRY_COLUMNS: Final = (
    "entry_id, kind, controller, channels, purposes, source, precision, expressed_at, time_zone,"
    " recorded_at, counts_at, expires_at, proven, lifts_opt_outs, partner_id, lifts_entry_id,"
    " attempt_id, attempt_outcome, register, register_status, listed_at, concerns_entry_id,"
    " keep_until, unsubscribe_link_id"
)
_VAULT_COLUMNS: Final = "entry_id, key_id, wrapped_key, nonce, ciphertext, expires_on"

_APPEND: Final = Prepared(
    "append_entries",
    "jsonb, jsonb",
    f"""
    WITH given AS MATERIALIZED (
        SELECT {_ENTRY_COLUMNS}, key_id, wrapped_key, nonce, ciphertext, expires_on
        FROM jsonb_to_recordset($1) AS given (
            entry_id uuid, kind smallint, controller text, channels integer, purposes text[],
            source smallint, precision smallint, expressed_at timestamptz, time_zone text,
            recorded_at timestamptz, counts_at timestamptz, expires_at timestamptz,
            proven boolean, lifts_opt_outs boolean, partner_id text, lifts_entry_id uuid,
            attempt_id uuid, attempt_outcome smallint, register text, register_status smallint,
            listed_at timestamptz, concerns_entry_id uuid, keep_until date,
            unsubscribe_link_id uuid,
            key_id text, wrapped_key bytea, nonce bytea, ciphertext bytea, expires_on date
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

    def __init__(self, vault: Vault, contact_points: ContactPoints) -> None:
        self._vault = vault
        self._contact_points = contact_points

    def append(
        self,
        connection: PoolProxiedConnection,
        entries: Sequence[PreparedEntry],
        versions: DigestRange,
    ) -> None:
        """Stores entries, within the connection's transaction and its range of digests."""
        rows = json.dumps([self._row(connection, prepared) for prepared in entries])
        names = json.dumps(self._names(connection, entries, versions))
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
        identity = read_identities(connection, self._vault, [entry_id]).get(entry_id)
        return None if identity is None else identity.subject

    def refs(
        self,
        connection: PoolProxiedConnection,
        people: Sequence[Sequence[ContactDigests]],
        versions: DigestRange,
    ) -> list[frozenset[str]]:
        """Returns the refs of each person's contact points, all locked until the end."""
        points = [point for person in people for point in person]
        refs = self._contact_points.refs(connection, points, versions)
        return [frozenset(refs[point.exact] for point in person) for person in people]

    def _names(
        self,
        connection: PoolProxiedConnection,
        entries: Sequence[PreparedEntry],
        versions: DigestRange,
    ) -> list[dict[str, Any]]:
        """Which entry names which contact points, all of them locked until the end."""
        points = [point for prepared in entries for point in prepared.contact_points]
        refs = self._contact_points.refs(connection, points, versions)
        # An entry may name one contact point twice, in two spellings.
        kinds: dict[tuple[EntryId, str], int] = {}
        for prepared in entries:
            for point in prepared.contact_points:
                kinds[prepared.entry_id, refs[point.exact]] = point.kind
            if prepared.names_as is not None:
                for named in self._contact_points.named_by(connection, prepared.names_as):
                    kinds[prepared.entry_id, named.ref] = named.kind
            link_id = prepared.new.unsubscribe_link_id
            if link_id is not None:
                for ref, kind in points_of_link(connection, link_id).items():
                    kinds[prepared.entry_id, ref] = kind
        return [
            {"entry_id": str(entry_id), "contact_point_ref": ref, "kind": kind}
            for (entry_id, ref), kind in kinds.items()
        ]

    def _row(self, connection: PoolProxiedConnection, prepared: PreparedEntry) -> dict[str, Any]:
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
            "lifts_entry_id": _text(new.lifts_entry_id),
            "attempt_id": None if attempt is None else str(attempt.attempt_id),
            "attempt_outcome": None if attempt is None else attempt.outcome,
            "register": None if result is None else result.register,
            "register_status": None if result is None else result.status,
            "listed_at": None if result is None else _timestamp(result.listed_at_us),
            "concerns_entry_id": _text(new.concerns_entry_id),
            "keep_until": None if new.keep_until is None else new.keep_until.isoformat(),
            "unsubscribe_link_id": _text(new.unsubscribe_link_id),
            **self._sealed(connection, prepared),
        }

    def _sealed(self, connection: PoolProxiedConnection, prepared: PreparedEntry) -> dict[str, str]:
        """The entry's row of the vault; nothing of it where there is no identity to keep."""
        expires_on = prepared.identity_expires_on
        if expires_on is None or prepared.new.kind in WITHOUT_IDENTITY:
            return {}
        content = to_content(Identity.of(prepared.new))
        sealed = self._vault.seal(connection, prepared.entry_id, content, expires_on)
        return {
            "key_id": sealed.key_id,
            "wrapped_key": _hexadecimal(sealed.wrapped_key),
            "nonce": _hexadecimal(sealed.nonce),
            "ciphertext": _hexadecimal(sealed.ciphertext),
            "expires_on": expires_on.isoformat(),
        }


def _register_lock(new: NewEntry) -> str:
    register = "" if new.register_result is None else new.register_result.register
    return f"{new.controller}\n{register}"


def _uuid_array(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(str(each) for each in ids) + "}"


def _hexadecimal(content: bytes) -> str:
    return "\\x" + content.hex()


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)


def _timestamp(instant_us: int | None) -> str | None:
    return None if instant_us is None else to_timestamp(instant_us).isoformat()
