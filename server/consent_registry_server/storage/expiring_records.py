"""The records about people that have a last day and no place in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class ExpiringRecord:
    """A table whose rows go when their day has passed."""

    table: str
    key: str
    condition: str = "true"

    def delete(self, connection: Connection, as_of: date, *, limit: int) -> int:
        """Deletes up to `limit` rows whose last day is before a day; returns how many.

        A trigger refuses to delete any before the day named by `consent_registry.as_of`.
        """
        query = f"""
            DELETE FROM {self.table} WHERE {self.key} IN (
                SELECT {self.key} FROM {self.table}
                WHERE expires_on < :as_of AND {self.condition}
                ORDER BY expires_on, {self.key} LIMIT :batch
            )
        """  # noqa: S608 - only constants are put in
        return connection.execute(text(query), {"as_of": as_of, "batch": limit}).rowcount

    def count(self, connection: Connection, as_of: date) -> int:
        """How many rows there are whose last day is before a day."""
        query = f"""
            SELECT count(*) FROM {self.table} WHERE expires_on < :as_of AND {self.condition}
        """  # noqa: S608 - only constants are put in
        return int(connection.execute(text(query), {"as_of": as_of}).scalar_one())


RECORDS: Final = (
    # One that nobody closed stays, with what was noted of it, until somebody does.
    ExpiringRecord(
        "rights_request",
        "rights_request_id",
        "EXISTS (SELECT FROM rights_request_event AS closed WHERE closed.kind = 2"
        " AND closed.rights_request_id = rights_request.rights_request_id)",
    ),
    ExpiringRecord("access", "access_id"),
    ExpiringRecord(
        "sealed_note",
        "note_id",
        "NOT EXISTS (SELECT FROM rights_request WHERE rights_request.note_id = sealed_note.note_id)"
        " AND NOT EXISTS (SELECT FROM rights_request_event AS event"
        " WHERE event.note_id = sealed_note.note_id)",
    ),
    ExpiringRecord("refused_lead", "refused_lead_number"),
)
"""In the order in which they go: what was noted of a record goes after it."""
