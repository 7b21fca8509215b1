"""Reads what stood at a past instant, from the ledger itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from consent_registry_server.domain.errors import LimitExceeded
from consent_registry_server.domain.vocabulary import GROUP, ControllerId, EntryId, EntryKind
from consent_registry_server.service.ports import Deadline, Digested, Past
from consent_registry_server.storage.digests import DigestRange, Lookup, StoredDigests
from consent_registry_server.storage.prepared import digest_array
from consent_registry_server.storage.projection import WITHOUT_ROW, lifted_at
from consent_registry_server.storage.register_projection import last_of, results_named
from consent_registry_server.storage.revision import parse_revision
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.standing import (
    ATTEMPTS_FOR,
    REGISTER_ROW,
    microseconds,
    standing_row,
)
from consent_registry_server.storage.times import to_timestamp


def _was_known(row: str) -> str:
    """Whether a row of history was known then.

    A revision names the transactions that were visible; a time of recording alone would let in
    what committed a moment later. Rows of an earlier life of the database, and those from before
    it was noted who wrote them, have only that time.
    """
    return f"""coalesce(
        CASE WHEN {row}.recorded_at >= (SELECT began_at FROM registry)
            THEN pg_visible_in_snapshot(
                ({row}.written_in::text)::xid8, CAST(:snapshot AS pg_snapshot)
            )
        END,
        CAST(:known_at AS timestamptz) IS NULL OR {row}.recorded_at <= :known_at
    )"""  # noqa: S608 - only constants are put in


def _was_there(entry: str) -> str:
    """Whether an entry was known then, and recorded or counted by the instant asked about."""
    return f"""{_was_known(entry)} AND (
        CAST(:at AS timestamptz) IS NULL OR {entry}.counts_at <= :at OR {entry}.recorded_at <= :at
    )"""


_COLUMNS: Final = (
    "entry_id, kind, controller, channels, purposes, source, counts_at, expressed_at, expires_at,"
    " proven, lifts_opt_outs, partner_id, recorded_at"
)

_ENTRIES_THEN: Final = f"""
    SELECT wide_digest, exact_digest, unit_state, entry.*,
        max(entry.counts_at) FILTER (WHERE entry.kind = {EntryKind.CONTACT_ATTEMPT:d})
            OVER (PARTITION BY named.contact_point_ref) AS last_attempt_at
    FROM named
    CROSS JOIN LATERAL (
        SELECT {_COLUMNS} FROM entry
        WHERE entry.entry_id = named.entry_id
            AND entry.controller IN (:controller, '{GROUP}')
            AND entry.kind NOT IN ({WITHOUT_ROW})
            AND {_was_there("entry")}
        OFFSET 0
    ) AS entry
"""  # noqa: S608 - only constants are put in

_TERMS_THEN: Final = f"""
    SELECT permitted_channels, permitted_purposes, maximum_lead_age_days
    FROM partner_change AS change
    WHERE entry.kind = {EntryKind.PARTNER_CONSENT:d}
        AND change.controller = entry.controller
        AND change.partner_id = entry.partner_id
        AND {_was_known("change")}
    ORDER BY change_number DESC LIMIT 1
"""  # noqa: S608 - only constants are put in

_RESULTS_THEN: Final = results_named(
    f"entry.controller IN (:controller, '{GROUP}') AND {_was_there('entry')}"
)

# Starts at the contact points and goes on by key: the ledger is too large to be read whole, and
# how large it is the planner knows only some time after a load.
_READ: Final = text(f"""
    WITH point AS MATERIALIZED (
        SELECT contact_point_ref, wide_digest, exact_digest, unit_state
        FROM contact_point WHERE wide_digest = ANY (CAST(:digests AS bytea[]))
    ),
    named AS MATERIALIZED (
        SELECT contact_point_ref, wide_digest, exact_digest, unit_state, stored.entry_id
        FROM point
        CROSS JOIN LATERAL (
            SELECT entry_id FROM entry_contact_point
            WHERE entry_contact_point.contact_point_ref = point.contact_point_ref
            OFFSET 0
        ) AS stored
    )
    SELECT registry.digest_oldest, registry.digest_newest, found.*
    FROM (SELECT * FROM registry WHERE only_row) AS registry LEFT JOIN (
        SELECT entry.wide_digest, entry.exact_digest, entry.unit_state,
            entry.kind, entry.entry_id::text, entry.channels, entry.purposes,
            {microseconds("entry.counts_at")}, {microseconds("entry.expressed_at")},
            {microseconds("entry.expires_at")}, {microseconds(lifted_at(_was_there("lift")))},
            entry.source, entry.proven, entry.lifts_opt_outs,
            terms.permitted_channels, terms.permitted_purposes, terms.maximum_lead_age_days,
            '' AS register, false AS is_listed, NULL::bigint AS listed_at,
            {microseconds("entry.recorded_at")} AS recorded_at
        FROM ({_ENTRIES_THEN}) AS entry LEFT JOIN LATERAL ({_TERMS_THEN}) AS terms ON true
        WHERE entry.kind <> {EntryKind.CONTACT_ATTEMPT:d} OR entry.counts_at
            > least(coalesce(:known_at, now()), entry.last_attempt_at) - {ATTEMPTS_FOR}
        UNION ALL
        SELECT point.wide_digest, point.exact_digest, point.unit_state, {REGISTER_ROW},
            {microseconds("entry.recorded_at")}
        FROM ({last_of(_RESULTS_THEN)}) AS result
        JOIN point ON point.contact_point_ref = result.contact_point_ref
        JOIN entry ON entry.entry_id = result.entry_id
        LIMIT :rows
    ) AS found ON true
""")  # noqa: S608 - only constants are put in


class PostgresPast:
    """Reads the past from PostgreSQL; see `PastReader`."""

    def __init__(self, database: Database, incarnation: UUID, digests: StoredDigests) -> None:
        self._database = database
        self._incarnation = incarnation
        self._digests = digests

    def read_past(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        *,
        at_us: int | None,
        known_at_us: int | None,
        revision: str = "",
        deadline: Deadline,
    ) -> Past:
        """Returns the rows as they were, and when their entries were recorded."""
        limit = self._database.limits.standing_rows
        parameters = {
            "controller": controller,
            "at": to_timestamp(at_us),
            "known_at": to_timestamp(known_at_us),
            "snapshot": self._snapshot(revision),
            "rows": limit + 1,
        }

        def rows_then(lookup: Lookup) -> tuple[DigestRange, Sequence[Any]]:
            digests = {"digests": digest_array(lookup.wides)}
            with self._database.transaction(deadline) as connection:
                rows: Sequence[Any] = connection.execute(_READ, parameters | digests).all()
            return DigestRange(*rows[0][:2]), rows

        found, lookup = self._digests.find(points, rows_then)
        return _past(found, lookup, limit)

    def _snapshot(self, revision: str) -> str | None:
        """The snapshot of a revision; None where this database cannot know it."""
        if not revision:
            return None
        state = parse_revision(revision)
        return (state.snapshot or None) if state.incarnation == self._incarnation else None


def _past(found: Sequence[Any], lookup: Lookup, limit: int) -> Past:
    if found[0][2] is None:
        return Past([], {})
    if len(found) > limit:
        raise LimitExceeded(
            "TOO_MANY_ENTRIES", f"the contact points have more than {limit} entries"
        )
    rows = [standing_row(row[2:-1], lookup) for row in found]
    recorded_at_us: dict[EntryId, int] = {
        row.entry_id: whole[-1] for row, whole in zip(rows, found, strict=True)
    }
    return Past(rows, recorded_at_us)
