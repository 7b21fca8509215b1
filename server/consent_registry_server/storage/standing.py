"""Reads what stands for some contact points: the query behind every decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import PoolProxiedConnection

from consent_registry_server.domain.errors import LimitExceeded
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    ControllerId,
    EntryId,
    EntryKind,
    Source,
)
from consent_registry_server.service.ports import Deadline, Digested, Standing, StandingRow
from consent_registry_server.storage.digests import DigestRange, Lookup, StoredDigests
from consent_registry_server.storage.life import is_life, other_life
from consent_registry_server.storage.prepared import Prepared, digest_array, run
from consent_registry_server.storage.projection import COLUMNS
from consent_registry_server.storage.register_projection import COLUMNS as REGISTER_COLUMNS
from consent_registry_server.storage.revision import Revision, parse_revision
from consent_registry_server.storage.session import Database


def microseconds(column: str) -> str:
    """The expression for an instant as the domain counts it."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


REGISTER_ROW: Final = f"""
    {EntryKind.REGISTER_RESULT:d}, result.entry_id::text, {ALL_CHANNELS}, NULL::text[],
    {microseconds("result.checked_at")}, {microseconds("result.checked_at")}, NULL::bigint,
    NULL::bigint, {Source.NATIONAL_REGISTER:d}, false, false, NULL::integer, NULL::text[],
    NULL::integer, result.register, result.is_listed, {microseconds("result.listed_at")}
"""
"""The rest of a standing row, from the entry's kind on, that is the last result of a register."""

ATTEMPTS_FOR: Final = "interval '400 days'"
"""Longer than any cap looks back. Attempts that old are left out, so that they do not pile up in
reads: as old as that now, and before the last one, so that no clock that runs ahead hides them.
"""

# One statement, hence one snapshot, for the rows, for the revision that names it and for how the
# digests in it are to be looked up; the outer join keeps these when there are no rows. The contact
# points come first and once, as a common table, and OFFSET 0 makes the rest start at them: planned
# while the tables are empty, it would else read all of standing for ever after.
READ_STANDING: Final = Prepared(
    "read_standing",
    "bytea[], text, integer, uuid",
    f"""
    WITH state AS MATERIALIZED (
        SELECT digest_oldest, digest_newest, pg_current_snapshot()::text AS snapshot
        FROM registry WHERE {is_life("$4")}
    ),
    point AS MATERIALIZED (
        SELECT contact_point_ref, wide_digest, exact_digest, unit_state
        FROM contact_point WHERE wide_digest = ANY ($1)
    )
    SELECT state.*, found.*
    FROM state LEFT JOIN (
        SELECT point.wide_digest, point.exact_digest, point.unit_state,
            standing.kind, standing.entry_id::text, standing.channels, standing.purposes,
            {microseconds("standing.counts_at")},
            {microseconds("standing.expressed_at")},
            {microseconds("standing.expires_at")},
            {microseconds("standing.lifted_at")},
            standing.source, standing.proven, standing.lifts_opt_outs,
            partner.permitted_channels, partner.permitted_purposes,
            partner.maximum_lead_age_days, '' AS register, false AS is_listed,
            NULL::bigint AS listed_at
        FROM point
        CROSS JOIN LATERAL (
            SELECT {COLUMNS} FROM standing AS stored
            WHERE stored.contact_point_ref = point.contact_point_ref
                AND stored.controller IN ($2, '{GROUP}')
                AND (stored.kind <> {EntryKind.CONTACT_ATTEMPT:d}
                    OR stored.counts_at > (
                        SELECT least(now(), max(attempt.counts_at)) - {ATTEMPTS_FOR}
                        FROM standing AS attempt
                        WHERE attempt.contact_point_ref = point.contact_point_ref
                            AND attempt.controller IN ($2, '{GROUP}')
                            AND attempt.kind = {EntryKind.CONTACT_ATTEMPT:d}
                    ))
            OFFSET 0
        ) AS standing
        LEFT JOIN partner ON standing.kind = {EntryKind.PARTNER_CONSENT:d}
            AND partner.controller = standing.controller
            AND partner.partner_id = standing.partner_id
        UNION ALL
        SELECT point.wide_digest, point.exact_digest, point.unit_state, {REGISTER_ROW}
        FROM point
        CROSS JOIN LATERAL (
            SELECT {REGISTER_COLUMNS} FROM register_standing AS stored
            WHERE stored.contact_point_ref = point.contact_point_ref
                AND stored.controller IN ($2, '{GROUP}')
            OFFSET 0
        ) AS result
        LIMIT $3
    ) AS found ON true
    """,  # noqa: S608 - only constants are put in
)


class PostgresStanding:
    """Reads standing from PostgreSQL, always its primary: no answer is older than any revision."""

    def __init__(self, database: Database, incarnation: UUID, digests: StoredDigests) -> None:
        self._database = database
        self._incarnation = incarnation
        self._digests = digests

    def read(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        *,
        deadline: Deadline,
        at_least_as_fresh: str = "",
    ) -> Standing:
        """See `StandingReader`."""
        if at_least_as_fresh:
            parse_revision(at_least_as_fresh)
        limit = self._database.limits.standing_rows

        def rows(lookup: Lookup) -> _Found:
            parameters = _parameters(controller, lookup, limit, self._incarnation)
            return _found(self._database.rows(READ_STANDING, parameters, deadline=deadline))

        found, lookup = self._digests.find(points, rows)
        return _standing(found, lookup, self._incarnation, limit)


def read_within(
    connection: PoolProxiedConnection,
    controller: ControllerId,
    points: Sequence[Digested],
    *,
    digests: StoredDigests,
    incarnation: UUID,
    limit: int,
) -> Standing:
    """Reads standing inside a transaction, its own writes included."""

    def rows(lookup: Lookup) -> _Found:
        parameters = _parameters(controller, lookup, limit, incarnation)
        return _found(run(connection, (READ_STANDING, parameters)))

    found, lookup = digests.find(points, rows)
    return _standing(found, lookup, incarnation, limit)


_Rows = list[tuple[Any, ...]]
_Found = tuple[DigestRange, _Rows]

_STATE_COLUMNS: Final = 3


def _parameters(
    controller: ControllerId, lookup: Lookup, limit: int, incarnation: UUID
) -> list[Any]:
    # One row more than allowed tells that there are too many.
    return [digest_array(lookup.wides), controller, limit + 1, str(incarnation)]


def _found(rows: _Rows) -> _Found:
    if not rows:
        raise other_life()
    return DigestRange(*rows[0][:2]), rows


def _standing(rows: _Rows, lookup: Lookup, incarnation: UUID, limit: int) -> Standing:
    revision = Revision(incarnation, snapshot=rows[0][2]).token()
    if rows[0][_STATE_COLUMNS] is None:
        return Standing(revision, [])
    if len(rows) > limit:
        raise LimitExceeded(
            "TOO_MANY_ENTRIES", f"the contact points have more than {limit} entries"
        )
    return Standing(revision, [standing_row(row[_STATE_COLUMNS:], lookup) for row in rows])


def standing_row(row: Sequence[Any], lookup: Lookup) -> StandingRow:
    """A row of the query's columns, in the order of `StandingRow`, by its base digests."""
    stored_wide, stored_exact, unit_state, kind, entry_id = row[:5]
    wide = lookup.base_wide(bytes(stored_wide))
    exact = lookup.base_exact(bytes(stored_exact))
    return StandingRow(wide, exact, unit_state, kind, EntryId(UUID(entry_id)), *row[5:])
