"""The contact points that entries name: one random ref each, found by its digests.

A ref is for ever, the digests by which it is found are not: they rotate with the keys, and they
are forgotten when nothing is left that needs them (`erasure`). A writer locks every contact point
that it names until its end, so that none is forgotten that it is about to name; where one was
while the writer waited for it, the writer makes it anew. So nothing ever hangs on a forgotten one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import PoolProxiedConnection

from consent_registry_server.domain.entry import PERMITTING
from consent_registry_server.domain.errors import PreconditionFailed
from consent_registry_server.domain.vocabulary import EntryId, EntryKind
from consent_registry_server.service.ports import ContactDigests
from consent_registry_server.storage.digests import DigestRange, StoredDigests
from consent_registry_server.storage.erasure import COUNTED_DAYS
from consent_registry_server.storage.errors import Contention
from consent_registry_server.storage.prepared import Prepared, digest_array, run
from consent_registry_server.storage.unsubscribe_links import NEVER_FORGOTTEN

_TRIES: Final = 3
"""How often contact points are looked for that are forgotten again and again meanwhile."""

_COLUMNS: Final = (
    "contact_point_ref, normaliser_version, kind, unit_state, key_version, exact_digest,"
    " wide_digest"
)

# The digests are inserted in one order by all writers, so that two with the same new contact
# points do not wait for each other. `older` are the digests under fewer keys, by which one may
# still be known while keys are rotated.
_ADD: Final = Prepared(
    "add_contact_points",
    "jsonb",
    f"""
    INSERT INTO contact_point ({_COLUMNS})
    SELECT {_COLUMNS}
    FROM jsonb_to_recordset($1) AS given (
        contact_point_ref uuid, normaliser_version smallint, kind smallint, unit_state smallint,
        key_version smallint, exact_digest bytea, wide_digest bytea, older bytea[]
    )
    WHERE NOT EXISTS (
        SELECT 1 FROM contact_point AS known WHERE known.exact_digest = ANY (given.older)
    )
    ORDER BY exact_digest
    ON CONFLICT (exact_digest) DO NOTHING
    RETURNING exact_digest, contact_point_ref
    """,  # noqa: S608 - only constants are put in
)
# The lock is the one that a change of the digests needs. Who waited for one sees the digests of
# after the change: carried over they are found all the same, forgotten they are not.
_FIND: Final = Prepared(
    "find_contact_points",
    "bytea[]",
    """
    SELECT exact_digest, contact_point_ref FROM contact_point
    WHERE exact_digest = ANY ($1)
    ORDER BY exact_digest
    FOR KEY SHARE
    """,
)

_FORGETTABLE: Final = ", ".join(
    f"{kind:d}" for kind in sorted(PERMITTING | {EntryKind.CONTACT_ATTEMPT})
)
_ENDS: Final = f"{EntryKind.IDENTITY_EXPIRED:d}, {EntryKind.IDENTITY_ERASED:d}"

_LOCK_NAMED: Final = Prepared(
    "lock_contact_points_of",
    "uuid",
    """
    SELECT 1 FROM entry_contact_point AS named
    JOIN contact_point ON contact_point.contact_point_ref = named.contact_point_ref
    WHERE named.entry_id = $1
    ORDER BY contact_point.exact_digest
    FOR KEY SHARE OF contact_point
    """,
)
# A statement of its own: it sees what was committed while the one before waited. Forgotten is what
# only consents and attempts name whose identities are all gone, one of them by its end (`erasure`),
# and no unsubscribe link.
_NAMED: Final = Prepared(
    "contact_points_of",
    "uuid",
    f"""
    SELECT named.contact_point_ref::text, named.kind, (
        SELECT bool_and(
                entry.kind IN ({_FORGETTABLE}) AND vault.entry_id IS NULL AND NOT (
                    entry.kind = {EntryKind.CONTACT_ATTEMPT:d}
                    AND entry.recorded_at > now() - interval '{COUNTED_DAYS} days'
                )
            )
            AND bool_or(EXISTS (
                SELECT 1 FROM entry AS ended
                WHERE ended.concerns_entry_id = entry.entry_id AND ended.kind IN ({_ENDS})
            ))
        FROM entry_contact_point AS naming
        JOIN entry ON entry.entry_id = naming.entry_id
        LEFT JOIN vault ON vault.entry_id = naming.entry_id
        WHERE naming.contact_point_ref = contact_point.contact_point_ref
    ) AND NOT {NEVER_FORGOTTEN} AS is_forgotten
    FROM entry_contact_point AS named
    JOIN contact_point ON contact_point.contact_point_ref = named.contact_point_ref
    WHERE named.entry_id = $1
    """,  # noqa: S608 - only constants are put in
)


class Named(NamedTuple):
    """A contact point that an entry names."""

    ref: str
    kind: int


class ContactPoints:
    """Finds contact points or adds them."""

    def __init__(self, digests: StoredDigests, new_ref: Callable[[], UUID]) -> None:
        self._digests = digests
        self._new_ref = new_ref

    def refs(
        self,
        connection: PoolProxiedConnection,
        contact_points: Iterable[ContactDigests],
        versions: DigestRange,
    ) -> dict[bytes, str]:
        """Returns the refs by the exact base digests, all locked until the transaction ends.

        `versions` is the range of the transaction, in which nothing is stored at a newer one.

        Raises:
            Contention: contact points were forgotten as often as they were looked for.
        """
        missing = {point.exact: point for point in contact_points}
        refs: dict[bytes, str] = {}
        for _ in range(_TRIES):
            if not missing:
                return refs
            bases = {
                stored: exact
                for exact in missing
                for stored in self._digests.between(exact, versions)
            }
            rows = [self._row(point, versions) for point in missing.values()]
            found = run(connection, (_ADD, [json.dumps(rows)]))
            if len(found) < len(missing):
                # Known before, or a concurrent writer was first: the insert waited for its commit.
                added = {bases[bytes(digest)] for digest, _ in found}
                known = [digest for digest, exact in bases.items() if exact not in added]
                found += run(connection, (_FIND, [digest_array(known)]))
            for digest, ref in found:
                exact = bases[bytes(digest)]
                refs[exact] = str(ref)
                missing.pop(exact, None)
        if missing:
            raise Contention
        return refs

    def named_by(self, connection: PoolProxiedConnection, entry_id: EntryId) -> list[Named]:
        """Returns the contact points of an entry, but for forgotten ones; locked until the end.

        Raises:
            PreconditionFailed: IDENTITY_GONE, when all of them were forgotten.
        """
        this = [str(entry_id)]
        found = run(connection, (_LOCK_NAMED, this), (_NAMED, this))
        known = [Named(ref, kind) for ref, kind, is_forgotten in found if not is_forgotten]
        if found and not known:
            raise PreconditionFailed(
                "IDENTITY_GONE",
                "the contact points of the entry were forgotten with its identity; record what"
                " is to be known of them with the contact points themselves",
            )
        return known

    def _row(self, point: ContactDigests, versions: DigestRange) -> dict[str, Any]:
        *older, exact = self._digests.between(point.exact, versions)
        return {
            "contact_point_ref": str(self._new_ref()),
            "normaliser_version": point.normaliser_version,
            "kind": point.kind,
            "unit_state": point.unit_state,
            "key_version": versions.newest,
            "exact_digest": _hexadecimal(exact),
            "wide_digest": _hexadecimal(self._digests.at(point.wide, versions.newest)),
            "older": [_hexadecimal(digest) for digest in older],
        }


def _hexadecimal(content: bytes) -> str:
    return "\\x" + content.hex()
