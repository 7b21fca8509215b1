"""Puts entries of the log back into the ledger, and repeats the ends of identities."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import EntryId, EntryKind
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.log.reading import Row
from consent_registry_server.storage.log.tables import columns_of
from consent_registry_server.storage.prepared import digest_array
from consent_registry_server.storage.schema import contact_point, entry, unsubscribe_link

_ENDS: Final = frozenset({EntryKind.IDENTITY_EXPIRED, EntryKind.IDENTITY_ERASED})
_REFERENCES: Final = ("lifts_entry_id", "attempt_id", "concerns_entry_id")

_ENTRY_COLUMNS: Final = ", ".join(columns_of(entry))
_POINT_COLUMNS: Final = ", ".join(columns_of(contact_point))

# Of links made twice, before and after a restore, each goes on working.
_ADD_LINKS: Final = text(f"""
    WITH added AS (
        INSERT INTO unsubscribe_link ({", ".join(columns_of(unsubscribe_link))})
        SELECT {", ".join(columns_of(unsubscribe_link))}
        FROM jsonb_populate_recordset(NULL::unsubscribe_link, CAST(:rows AS jsonb))
        ON CONFLICT DO NOTHING
        RETURNING link_id, contact_point_refs
    ), named AS (
        INSERT INTO unsubscribe_link_contact_point (contact_point_ref, link_id)
        SELECT unnest(contact_point_refs), link_id FROM added
    )
    SELECT count(*) FROM added
""")  # noqa: S608 - only constants are put in
_KNOWN: Final = text("SELECT entry_id FROM entry WHERE entry_id = ANY (CAST(:ids AS uuid[]))")
# An opt-out that came through a link which the log does not have comes back without it.
_ENTRY_VALUES: Final = ", ".join(
    "(SELECT link_id FROM unsubscribe_link AS link WHERE link.link_id = unsubscribe_link_id)"
    if column == "unsubscribe_link_id"
    else column
    for column in columns_of(entry)
)
# An identity that ended in the database already does not end again.
_ADD: Final = text(f"""
    INSERT INTO entry ({_ENTRY_COLUMNS})
    SELECT {_ENTRY_VALUES}
    FROM jsonb_populate_recordset(NULL::entry, CAST(:rows AS jsonb)) AS given
    ON CONFLICT DO NOTHING
    RETURNING entry_id
""")  # noqa: S608 - only constants are put in
_NAME: Final = text("""
    INSERT INTO entry_contact_point (entry_id, contact_point_ref, kind)
    SELECT entry_id, contact_point_ref, kind
    FROM jsonb_populate_recordset(NULL::entry_contact_point, CAST(:rows AS jsonb))
""")
_FIND_POINTS: Final = text("""
    SELECT exact_digest, contact_point_ref FROM contact_point
    WHERE exact_digest = ANY (CAST(:digests AS bytea[]))
""")
_FIND_REFS: Final = text("""
    SELECT DISTINCT contact_point_ref FROM contact_point
    WHERE contact_point_ref = ANY (CAST(:refs AS uuid[]))
""")
_ADD_POINTS: Final = text(f"""
    INSERT INTO contact_point ({_POINT_COLUMNS})
    SELECT {_POINT_COLUMNS}
    FROM jsonb_populate_recordset(NULL::contact_point, CAST(:rows AS jsonb))
""")  # noqa: S608 - only constants are put in


class EntryReplay:
    """Puts back what is missing of the ledger, in the order of the log."""

    def __init__(self, keyring: Keyring, new_ref: Callable[[], UUID], *, key_version: int) -> None:
        self.key_version = key_version
        """That of all digests in the database."""
        self._keyring = keyring
        self._new_ref = new_ref
        self._waiting: dict[str, Row] = {}

    def put_back(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Adds the entries that are not there; returns how many there were.

        One that names an entry which comes after it in the round waits for that.
        """
        given = self._waiting | {row["entry_id"]: row for row in rows}
        known = _ids(connection, _KNOWN, given)
        missing = {entry_id: row for entry_id, row in given.items() if entry_id not in known}
        ready = self._ready(connection, missing)
        self._waiting = {each: row for each, row in missing.items() if each not in ready}
        return self._add(connection, ready) if ready else 0

    def put_back_links(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Adds the unsubscribe links that are not there; returns how many there were."""
        refs = self._refs(connection, [row["contact_points"] for row in rows])
        links = [
            {
                **row,
                "contact_point_refs": sorted(
                    {refs[point["exact_digest"]] for point in row["contact_points"]}
                ),
            }
            for row in rows
        ]
        return int(connection.execute(_ADD_LINKS, {"rows": json.dumps(links)}).scalar_one())

    def end_round(self) -> None:
        """Makes sure that nothing waits any more: a round has all that its entries name.

        Raises:
            ConfigurationError: it has not.
        """
        if self._waiting:
            some = next(iter(self._waiting))
            raise ConfigurationError(f"the log lacks an entry that the entry {some} names")

    def _ready(self, connection: Connection, missing: dict[str, Row]) -> dict[str, Row]:
        named = {
            row[name] for row in missing.values() for name in _REFERENCES if row.get(name)
        } - missing.keys()
        there = _ids(connection, _KNOWN, named)
        ready = dict(missing)
        while True:
            blocked = [
                entry_id
                for entry_id, row in ready.items()
                if any(
                    row.get(name) and row[name] not in there and row[name] not in ready
                    for name in _REFERENCES
                )
            ]
            if not blocked:
                return ready
            for entry_id in blocked:
                del ready[entry_id]

    def _add(self, connection: Connection, entries: dict[str, Row]) -> int:
        refs = self._refs(connection, [each["contact_points"] for each in entries.values()])
        added = [
            str(entry_id)
            for (entry_id,) in connection.execute(_ADD, {"rows": json.dumps([*entries.values()])})
        ]
        names = {
            (entry_id, refs[point["exact_digest"]]): point["kind"]
            for entry_id in added
            for point in entries[entry_id]["contact_points"]
        }
        rows = [
            {"entry_id": entry_id, "contact_point_ref": ref, "kind": kind}
            for (entry_id, ref), kind in names.items()
        ]
        connection.execute(_NAME, {"rows": json.dumps(rows)})
        ended = [
            EntryId(UUID(entries[entry_id]["concerns_entry_id"]))
            for entry_id in added
            if entries[entry_id]["kind"] in _ENDS
        ]
        end_identities(connection, ended)
        return len(added)

    def _refs(self, connection: Connection, named: Iterable[list[Row]]) -> dict[str, str]:
        """The refs of contact points by their exact digests in the log, made where there is none.

        By digest, never by the ref in the log: in the database that one may be unlinked already,
        and an opt-out must not hang on it.
        """
        points = {point["exact_digest"]: self._advanced(point) for each in named for point in each}
        digests = [bytes.fromhex(point["exact_digest"][2:]) for point in points.values()]
        found = connection.execute(_FIND_POINTS, {"digests": digest_array(digests)})
        known = {"\\x" + bytes(digest).hex(): str(ref) for digest, ref in found}
        new = [point for point in points.values() if point["exact_digest"] not in known]
        refs = {point["contact_point_ref"] for point in new}
        taken = _ids(connection, _FIND_REFS, refs, "refs")
        renamed = {ref: str(self._new_ref()) if ref in taken else ref for ref in refs}
        rows = [
            {**point, "contact_point_ref": renamed[point["contact_point_ref"]]} for point in new
        ]
        connection.execute(_ADD_POINTS, {"rows": json.dumps(rows)})
        known |= {row["exact_digest"]: row["contact_point_ref"] for row in rows}
        return {exact: known[point["exact_digest"]] for exact, point in points.items()}

    def _advanced(self, point: Row) -> Row:
        """A contact point as it is stored now."""
        version = point["key_version"]
        return {
            **point,
            "key_version": self.key_version,
            "exact_digest": self.advance(point["exact_digest"], version),
            "wide_digest": self.advance(point["wide_digest"], version),
        }

    def advance(self, digest: str, version: int) -> str:
        """A digest of the log, as PostgreSQL writes it, as it is stored now."""
        content = bytes.fromhex(digest.removeprefix("\\x"))
        return "\\x" + self._keyring.advance(content, version, self.key_version).hex()


def _ids(
    connection: Connection, query: TextClause, ids: Iterable[str], name: str = "ids"
) -> set[str]:
    values: dict[str, Any] = {name: "{" + ",".join(ids) + "}"}
    return {str(found) for (found,) in connection.execute(query, values)}
