"""Unsubscribe links: random ids for a person's contact points, which stay as long as they do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import PoolProxiedConnection

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    EntryId,
    EntryKind,
    LinkId,
    Source,
)
from consent_registry_server.service.ports import Deadline
from consent_registry_server.service.unsubscribe_ports import Said, UnsubscribeLink
from consent_registry_server.storage.life import is_life, other_life
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.standing import microseconds
from consent_registry_server.storage.times import to_timestamp

# A look-up by key, however few links there are when the query is planned.
NEVER_FORGOTTEN: Final = """
    EXISTS (
        SELECT FROM unsubscribe_link_contact_point AS linked
        WHERE linked.contact_point_ref = contact_point.contact_point_ref
        OFFSET 0
    )
"""
"""A condition on `contact_point`: a link needs it, for ever."""

_PERMITTING: Final = ", ".join(
    f"{kind:d}"
    for kind in (
        EntryKind.CONSENT,
        EntryKind.PARTNER_CONSENT,
        EntryKind.RECORDING_OBJECTION_LIFT,
    )
)

_KNOWN: Final = """
    SELECT link.link_id FROM unsubscribe_link AS link
    WHERE link.controller = $1 AND link.contact_point_refs = given.contact_point_refs
    ORDER BY link.link_id LIMIT 1
"""
_KEEP: Final = Prepared(
    "keep_unsubscribe_links",
    "text, timestamptz, jsonb",
    f"""
    WITH given AS MATERIALIZED (
        SELECT number, contact_point_refs, contact_kinds, link_id AS new_id,
            ({_KNOWN}) AS known_id
        FROM jsonb_to_recordset($3) AS given (
            number integer, link_id uuid, contact_point_refs uuid[], contact_kinds smallint[]
        )
    ), added AS (
        INSERT INTO unsubscribe_link
            (link_id, controller, contact_point_refs, contact_kinds, created_at)
        SELECT new_id, $1, contact_point_refs, contact_kinds, $2
        FROM given WHERE known_id IS NULL
    ), named AS (
        INSERT INTO unsubscribe_link_contact_point (contact_point_ref, link_id)
        SELECT unnest(contact_point_refs), new_id FROM given WHERE known_id IS NULL
    )
    SELECT coalesce(known_id, new_id)::text FROM given ORDER BY number
    """,  # noqa: S608 - only constants are put in
)
_FIND: Final = Prepared(
    "find_unsubscribe_link",
    "uuid, uuid",
    f"""
    SELECT link.controller, link.contact_kinds
    FROM registry LEFT JOIN unsubscribe_link AS link ON link.link_id = $1
    WHERE {is_life("$2")}
    """,  # noqa: S608 - only constants are put in
)
_NAMED: Final = Prepared(
    "contact_points_of_link",
    "uuid",
    """
    SELECT DISTINCT point.contact_point_ref::text, point.kind
    FROM unsubscribe_link AS link
    JOIN contact_point AS point ON point.contact_point_ref = ANY (link.contact_point_refs)
    WHERE link.link_id = $1
    """,
)
# By the wide digest, as opt-outs count, which all have at one version unless keys are being
# rotated: then nothing passes for a repetition.
_PERMITTED: Final = f"""
    FROM unsubscribe_link AS link
    JOIN contact_point AS point ON point.contact_point_ref = ANY (link.contact_point_refs)
    JOIN contact_point AS like_it ON like_it.wide_digest = point.wide_digest
    JOIN standing AS permitted ON permitted.contact_point_ref = like_it.contact_point_ref
    WHERE link.link_id = $1 AND permitted.kind IN ({_PERMITTING})
"""
_LAST_PERMISSION: Final = Prepared(
    "last_permission",
    "uuid",
    f"SELECT {microseconds('max(permitted.counts_at)')} {_PERMITTED}",
)
_SAID: Final = Prepared(
    "said_before",
    "uuid, smallint, integer, text[], smallint, timestamptz",
    f"""
    SELECT entry.entry_id::text, {microseconds("entry.recorded_at")}
    FROM registry JOIN entry ON entry.unsubscribe_link_id = $1
    WHERE registry.digest_oldest = registry.digest_newest
        AND entry.kind = $2 AND entry.channels = $3 AND entry.purposes IS NOT DISTINCT FROM $4
        AND entry.source = $5 AND entry.recorded_at >= $6
        AND NOT EXISTS (SELECT FROM entry AS lift WHERE lift.lifts_entry_id = entry.entry_id)
        AND NOT EXISTS (SELECT {_PERMITTED} AND permitted.counts_at > entry.counts_at)
    ORDER BY entry.recorded_at DESC, entry.entry_id LIMIT 1
    """,  # noqa: S608 - only constants are put in
)


def random_id() -> UUID:
    """Returns 128 random bits, all of them: not a UUID of version 4, which has fewer."""
    return UUID(bytes=os.urandom(16))


class PostgresUnsubscribeLinks:
    """Reads links from PostgreSQL; see `UnsubscribeLinks`."""

    def __init__(self, database: Database, incarnation: UUID) -> None:
        self._database = database
        self._incarnation = incarnation

    def find(self, link_id: LinkId, *, deadline: Deadline) -> UnsubscribeLink | None:
        """Returns a link, or None."""
        asked = [str(link_id), str(self._incarnation)]
        rows = self._database.rows(_FIND, asked, deadline=deadline)
        if not rows:
            raise other_life()
        [(controller, kinds)] = rows
        if controller is None:
            return None
        kinds = frozenset(ContactKind(kind) for kind in kinds)
        return UnsubscribeLink(link_id, ControllerId(controller), kinds)


def keep_links(
    connection: PoolProxiedConnection,
    controller: ControllerId,
    people: Sequence[tuple[frozenset[str], frozenset[ContactKind]]],
    *,
    created_at_us: int,
    new_id: Callable[[], UUID] = random_id,
) -> list[LinkId]:
    """Returns the link of each person by the refs and kinds of their contact points.

    The caller holds a lock against others who do the same for the controller.
    """
    kinds_by_refs = dict(people)
    numbers = {refs: number for number, refs in enumerate(kinds_by_refs)}
    given = [
        {
            "number": number,
            "link_id": str(new_id()),
            "contact_point_refs": sorted(refs),
            "contact_kinds": sorted(kinds_by_refs[refs]),
        }
        for refs, number in numbers.items()
    ]
    kept = run(connection, (_KEEP, [controller, to_timestamp(created_at_us), json.dumps(given)]))
    ids = [LinkId(UUID(link_id)) for (link_id,) in kept]
    return [ids[numbers[refs]] for refs, _ in people]


def points_of_link(connection: PoolProxiedConnection, link_id: LinkId) -> dict[str, int]:
    """Returns the kinds of a link's contact points by their refs."""
    return dict(run(connection, (_NAMED, [str(link_id)])))


def said_before(
    connection: PoolProxiedConnection,
    link_id: LinkId,
    opt_out: OptOut,
    *,
    source: Source,
    since_us: int,
) -> Said | None:
    """Returns the last entry by which a link says just this, if it says it still."""
    purposes = None if opt_out.purposes is None else sorted(opt_out.purposes)
    words = [int(opt_out.kind), opt_out.channels, purposes, int(source)]
    asked = [str(link_id), *words, to_timestamp(since_us)]
    rows = run(connection, (_SAID, asked))
    return Said(EntryId(UUID(rows[0][0])), rows[0][1]) if rows else None


def last_permission_us(connection: PoolProxiedConnection, link_id: LinkId) -> int | None:
    """Returns the latest instant at which anything permits on a link's contact points."""
    [(instant_us,)] = run(connection, (_LAST_PERMISSION, [str(link_id)]))
    return None if instant_us is None else int(instant_us)
