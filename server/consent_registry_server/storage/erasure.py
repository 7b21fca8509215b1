"""The end of identities: out of the vault, and their contact points found by nobody any more.

What denies contact is found for ever, by the keyed digests of the contact points it names, and so
is whoever has an unsubscribe link, which works for ever. A contact point that only consents and
attempts name has no need of its digests once the last of their identities has ended: random bytes
take their place, and nobody can tell any longer, not even with the digest keys, whose it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from consent_registry_server.domain.vocabulary import EntryId, EntryKind
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.unsubscribe_links import NEVER_FORGOTTEN

COUNTED_DAYS: Final = 400
"""An attempt younger than this is found whatever became of its identity: caps are counted over at
most a year (`policy/values.py`), and a cap that forgets would permit."""

STILL_COUNTED: Final = (
    f"(entry.kind = {EntryKind.CONTACT_ATTEMPT:d}"
    f" AND entry.recorded_at > now() - interval '{COUNTED_DAYS} days')"
)
"""A condition on `entry`: it is such an attempt."""

_RELEASABLE: Final = ", ".join(
    f"{kind:d}"
    for kind in (EntryKind.CONSENT, EntryKind.PARTNER_CONSENT, EntryKind.CONTACT_ATTEMPT)
)

# An entry keeps the digests of the contact points it names when it is none of those that may let
# go of them, when its identity is still there, or when it is an attempt that still counts.
_KEEPS: Final = """
    SELECT FROM entry_contact_point AS naming JOIN entry ON entry.entry_id = naming.entry_id
    WHERE naming.contact_point_ref = contact_point.contact_point_ref
"""

_TAKE_OUT: Final = Prepared(
    "end_identities", "uuid[]", "DELETE FROM vault WHERE entry_id = ANY ($1) RETURNING entry_id"
)
# What denies contact is not even locked: it names its contact points for ever. A writer that is
# about to name one of the others holds a key share of it until its commit, and this waits.
_LOCK_POINTS: Final = Prepared(
    "lock_released_points",
    "uuid[]",
    f"""
    SELECT DISTINCT locked.contact_point_ref FROM (
        SELECT contact_point.contact_point_ref FROM contact_point
        WHERE contact_point.contact_point_ref IN (
            SELECT named.contact_point_ref FROM entry_contact_point AS named
            WHERE named.entry_id = ANY ($1)
        ) AND NOT EXISTS ({_KEEPS} AND entry.kind NOT IN ({_RELEASABLE})) AND NOT {NEVER_FORGOTTEN}
        ORDER BY contact_point.exact_digest
        FOR UPDATE
    ) AS locked
    """,  # noqa: S608 - only constants are put in
)
# A statement of its own: it sees what was committed while the one before waited for the locks.
_UNLINK: Final = Prepared(
    "unlink_points",
    "uuid[]",
    f"""
    UPDATE contact_point SET
        exact_digest = substring(sha256(
            uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
        ) FROM 1 FOR 16),
        wide_digest = substring(sha256(
            uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
        ) FROM 1 FOR 16)
    WHERE contact_point_ref = ANY ($1) AND NOT EXISTS (
        {_KEEPS} AND (
            entry.kind NOT IN ({_RELEASABLE})
            OR EXISTS (SELECT FROM vault WHERE vault.entry_id = entry.entry_id)
            OR {STILL_COUNTED}
        )
    ) AND NOT {NEVER_FORGOTTEN}
    """,  # noqa: S608 - only constants are put in
)


def end_identities(connection: Connection, entry_ids: Sequence[EntryId]) -> list[EntryId]:
    """Takes identities out of the vault and unlinks the contact points that nothing else names.

    Within the connection's transaction, in which their IDENTITY_… entries are appended as well.
    Ending what has ended changes nothing. Returns the entries that still had one.
    """
    if not entry_ids:
        return []
    raw = connection.connection
    ended = run(raw, (_TAKE_OUT, [_uuid_array(entry_ids)]))
    refs = [ref for (ref,) in run(raw, (_LOCK_POINTS, [_uuid_array(entry_ids)]))]
    if refs:
        run(raw, (_UNLINK, [_uuid_array(refs)]))
    return [EntryId(UUID(str(entry_id))) for (entry_id,) in ended]


def _uuid_array(ids: Iterable[UUID | str]) -> str:
    return "{" + ",".join(map(str, ids)) + "}"
