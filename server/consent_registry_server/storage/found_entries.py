"""Finds the entries about a person, and what is left of each one's identity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Connection, Row, Uuid, any_, bindparam, text

from consent_registry_server.domain.entry import Entry, Identity
from consent_registry_server.domain.errors import LimitExceeded
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    EntryId,
    EntryKind,
    IdentityState,
)
from consent_registry_server.service.ports import Digested
from consent_registry_server.service.subject_ports import FoundEntry
from consent_registry_server.storage.digests import DigestRange, Lookup, StoredDigests
from consent_registry_server.storage.history import entry_of, find_entry, select_entries
from consent_registry_server.storage.identities import read_identities
from consent_registry_server.storage.prepared import digest_array
from consent_registry_server.storage.schema import entry
from consent_registry_server.storage.vault import Vault

NAMINGS_AN_ENTRY: Final = 16
"""So many times the entries allowed may be met on the way to them: an entry is met once for each
of its contact points that was asked for."""

_ENDS: Final = {
    EntryKind.IDENTITY_EXPIRED: IdentityState.EXPIRED,
    EntryKind.IDENTITY_ERASED: IdentityState.ERASED,
}
_ENDING: Final = ", ".join(f"{kind:d}" for kind in _ENDS)

_RELATES: Final = " UNION ALL ".join(
    f"(SELECT entry_id FROM entry WHERE {column} = known.entry_id AND controller = :controller)"  # noqa: S608 - constants
    for column in ("lifts_entry_id", "attempt_id", "concerns_entry_id")
)
_RELATED_TO: Final = """
    (SELECT original.entry_id
    FROM entry AS restated
    JOIN entry AS original ON original.entry_id = restated.concerns_entry_id
    WHERE restated.entry_id = known.entry_id AND original.controller = :controller)
"""

# Starts at the contact points and goes on by key, as every read of the ledger does (`past`): along
# corrections in both directions, however many there were. What reads it takes a row at a time, so
# that the limit ends it.
_ABOUT: Final = text(f"""
    WITH RECURSIVE point AS MATERIALIZED (
        SELECT contact_point_ref, wide_digest
        FROM contact_point WHERE wide_digest = ANY (CAST(:digests AS bytea[]))
    ),
    own AS MATERIALIZED (
        SELECT entry.entry_id, point.wide_digest
        FROM point
        CROSS JOIN LATERAL (
            SELECT entry_id FROM entry_contact_point
            WHERE entry_contact_point.contact_point_ref = point.contact_point_ref
            OFFSET 0
        ) AS named
        CROSS JOIN LATERAL (
            SELECT entry_id FROM entry
            WHERE entry.entry_id = named.entry_id AND controller = :controller
            OFFSET 0
        ) AS entry
        LIMIT :namings
    ),
    related (entry_id) AS (
        SELECT entry_id FROM own
        UNION
        SELECT more.entry_id
        FROM related AS known
        CROSS JOIN LATERAL ({_RELATES} UNION ALL {_RELATED_TO} OFFSET 0) AS more
    ),
    about AS MATERIALIZED (
        SELECT entry_id, wide_digest FROM own
        UNION ALL
        (SELECT entry_id, NULL FROM related LIMIT :entries)
    )
    SELECT registry.digest_oldest, registry.digest_newest, found.entry_id, found.matched,
        (SELECT count(*) FROM own) AS namings
    FROM registry LEFT JOIN (
        SELECT entry_id, array_remove(array_agg(DISTINCT wide_digest), NULL) AS matched
        FROM about GROUP BY entry_id LIMIT :entries
    ) AS found ON true
""")  # noqa: S608 - only constants are put in

_WHAT_IS_LEFT: Final = text(f"""
    SELECT given.entry_id, kept.expires_on, kept.held, ended.kind
    FROM unnest(:entry_ids) AS given (entry_id)
    LEFT JOIN LATERAL (
        SELECT expires_on, held FROM vault WHERE vault.entry_id = given.entry_id OFFSET 0
    ) AS kept ON true
    LEFT JOIN LATERAL (
        SELECT kind FROM entry
        WHERE entry.concerns_entry_id = given.entry_id AND kind IN ({_ENDING})
        OFFSET 0
    ) AS ended ON true
""").bindparams(bindparam("entry_ids", type_=ARRAY(Uuid)))  # noqa: S608 - only constants are put in

_by_id = select_entries.where(entry.c.entry_id == any_(bindparam("entry_ids", type_=ARRAY(Uuid))))


class _Left(NamedTuple):
    """What is left of an identity."""

    state: IdentityState
    expires_on: date | None
    is_held: bool


def find_entries_about(
    connection: Connection,
    controller: ControllerId,
    points: Sequence[Digested],
    *,
    digests: StoredDigests,
    limit: int,
) -> list[FoundEntry]:
    """Returns the controller's own entries about a person; see `SubjectTransaction`."""
    parameters = {
        "controller": controller,
        "namings": NAMINGS_AN_ENTRY * limit + 1,
        "entries": limit + 1,
    }

    def rows_about(lookup: Lookup) -> tuple[DigestRange, Sequence[Row[Any]]]:
        asked = {"digests": digest_array(lookup.wides)}
        rows = connection.execute(_ABOUT, parameters | asked).all()
        return DigestRange(rows[0].digest_oldest, rows[0].digest_newest), rows

    rows, lookup = digests.find(points, rows_about)
    if rows[0].entry_id is None:
        return []
    if len(rows) > limit or rows[0].namings > NAMINGS_AN_ENTRY * limit:
        raise LimitExceeded("TOO_MANY_ENTRIES", f"the person has more than {limit} entries")
    matched = {
        EntryId(row.entry_id): frozenset(lookup.base_wide(bytes(each)) for each in row.matched)
        for row in rows
    }
    found = connection.execute(_by_id, {"entry_ids": list(matched)}).all()
    return _found(connection, map(entry_of, found), matched)


def find_with_state(
    connection: Connection, controller: ControllerId, entry_id: EntryId
) -> FoundEntry | None:
    """Returns an entry of the controller with the state of its identity, or None."""
    known = find_entry(connection, entry_id)
    if known is None or known.controller != controller:
        return None
    [found] = _found(connection, [known], {})
    return found


def open_identities(
    connection: Connection, vault: Vault, entry_ids: Sequence[EntryId]
) -> dict[EntryId, Identity]:
    """Opens the vault for some entries; those without identity are left out."""
    return read_identities(connection, vault, entry_ids)


def _found(
    connection: Connection, entries: Iterable[Entry], matched: dict[EntryId, frozenset[bytes]]
) -> list[FoundEntry]:
    """The newest recorded first; on a tie by entry id."""
    ordered = sorted(entries, key=lambda each: (-each.recorded_at_us, each.entry_id))
    left = _what_is_left(connection, [each.entry_id for each in ordered])
    return [
        FoundEntry(each, matched.get(each.entry_id, frozenset()), *left[each.entry_id])
        for each in ordered
    ]


def _what_is_left(connection: Connection, entry_ids: Sequence[EntryId]) -> dict[EntryId, _Left]:
    rows = connection.execute(_WHAT_IS_LEFT, {"entry_ids": list(entry_ids)})
    return {EntryId(UUID(str(row.entry_id))): _left(row) for row in rows}


def _left(row: Row[Any]) -> _Left:
    if row.expires_on is not None:
        return _Left(IdentityState.KEPT, row.expires_on, row.held)
    state = IdentityState.NEVER_KEPT if row.kind is None else _ENDS[EntryKind(row.kind)]
    return _Left(state, None, is_held=False)
