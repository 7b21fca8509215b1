"""Reads what stands for some contact points: the query behind every decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import PoolProxiedConnection

from consent_registry_server.domain.errors import LimitExceeded
from consent_registry_server.domain.vocabulary import GROUP, ControllerId, EntryId, EntryKind
from consent_registry_server.service.ports import Deadline, Standing, StandingRow
from consent_registry_server.storage.prepared import Prepared, digest_array, run
from consent_registry_server.storage.projection import COLUMNS
from consent_registry_server.storage.revision import Revision, parse_revision
from consent_registry_server.storage.session import Database


def _microseconds(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


# One statement, hence one snapshot, for the rows and for the revision that names it; the outer
# join keeps the revision when there are no rows. OFFSET 0 makes it start at the contact points:
# planned while the tables are empty, it would else read all of standing for ever after.
READ_STANDING: Final = Prepared(
    "read_standing",
    "bytea[], text, integer",
    f"""
    WITH state AS MATERIALIZED (SELECT pg_current_snapshot()::text AS snapshot)
    SELECT state.snapshot, found.*
    FROM state LEFT JOIN (
        SELECT contact_point.wide_digest, contact_point.exact_digest, contact_point.unit_state,
            standing.kind, standing.entry_id::text, standing.channels, standing.purposes,
            {_microseconds("standing.counts_at")},
            {_microseconds("standing.expressed_at")},
            {_microseconds("standing.expires_at")},
            {_microseconds("standing.lifted_at")},
            standing.source, standing.proven, standing.lifts_opt_outs,
            partner.permitted_channels, partner.permitted_purposes,
            partner.maximum_lead_age_days
        FROM contact_point
        CROSS JOIN LATERAL (
            SELECT {COLUMNS} FROM standing AS stored
            WHERE stored.contact_point_ref = contact_point.contact_point_ref
                AND stored.controller IN ($2, '{GROUP}')
            OFFSET 0
        ) AS standing
        LEFT JOIN partner ON standing.kind = {EntryKind.PARTNER_CONSENT:d}
            AND partner.controller = standing.controller
            AND partner.partner_id = standing.partner_id
        WHERE contact_point.wide_digest = ANY ($1)
        LIMIT $3
    ) AS found ON true
    """,  # noqa: S608 - only constants are put in
)


class PostgresStanding:
    """Reads standing from PostgreSQL, always its primary: no answer is older than any revision."""

    def __init__(self, database: Database, incarnation: UUID) -> None:
        self._database = database
        self._incarnation = incarnation

    def read(
        self,
        controller: ControllerId,
        wide_digests: Sequence[bytes],
        *,
        deadline: Deadline,
        at_least_as_fresh: str = "",
    ) -> Standing:
        """See `StandingReader`."""
        if at_least_as_fresh:
            parse_revision(at_least_as_fresh)
        limit = self._database.limits.standing_rows
        parameters = _parameters(controller, wide_digests, limit)
        rows = self._database.rows(READ_STANDING, parameters, deadline=deadline)
        return _standing(rows, self._incarnation, limit)


def read_within(
    connection: PoolProxiedConnection,
    controller: ControllerId,
    wide_digests: Sequence[bytes],
    *,
    incarnation: UUID,
    limit: int,
) -> Standing:
    """Reads standing inside a transaction, its own writes included."""
    parameters = _parameters(controller, wide_digests, limit)
    rows = run(connection, (READ_STANDING, parameters))
    return _standing(rows, incarnation, limit)


def _parameters(controller: ControllerId, wide_digests: Sequence[bytes], limit: int) -> list[Any]:
    # One row more than allowed tells that there are too many.
    return [digest_array(wide_digests), controller, limit + 1]


def _standing(rows: list[tuple[Any, ...]], incarnation: UUID, limit: int) -> Standing:
    revision = Revision(incarnation, snapshot=rows[0][0]).token()
    if rows[0][1] is None:
        return Standing(revision, [])
    if len(rows) > limit:
        raise LimitExceeded(
            "TOO_MANY_ENTRIES", f"the contact points have more than {limit} entries"
        )
    return Standing(revision, [_row(row) for row in rows])


def _row(row: tuple[Any, ...]) -> StandingRow:
    _, wide, exact, unit_state, kind, entry_id = row[:6]
    return StandingRow(
        bytes(wide), bytes(exact), unit_state, kind, EntryId(UUID(entry_id)), *row[6:]
    )
