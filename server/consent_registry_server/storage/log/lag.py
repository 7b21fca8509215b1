"""How far the exported log is behind: what would be lost if the database were lost now."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from consent_registry_server.service.ports import Deadline
from consent_registry_server.storage.session import Database

# Entries in the order of their transactions, which is nearly that of their times; of a log that
# was forgotten for months the first thousand tell enough.
_READ: Final = text("""
    SELECT coalesce(greatest(extract(epoch FROM now() - oldest.recorded_at), 0), 0)::float8 AS lag_s
    FROM (SELECT snapshot::pg_snapshot FROM export_progress) AS exported LEFT JOIN LATERAL (
        SELECT min(recorded_at) AS recorded_at FROM (
            SELECT recorded_at FROM entry
            WHERE written_in >= (pg_snapshot_xmin(exported.snapshot)::text)::bigint
                AND NOT pg_visible_in_snapshot((written_in::text)::xid8, exported.snapshot)
            ORDER BY written_in LIMIT 1000
        ) AS first
    ) AS oldest ON true
""")


def read_export_lag_s(database: Database, deadline: Deadline) -> float | None:
    """Returns the age, in seconds, of the oldest entry that is in no export.

    0 when every entry is; None when this life of the database was never exported.
    """
    with database.transaction(deadline) as connection:
        lag_s: float | None = connection.scalar(_READ)
    return lag_s
