"""What the exported log holds: tables, and the query for what is new in each."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Table, TextClause, text

from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.storage import officer_schema, schema

_NOT_EXPORTED: Final = frozenset({"written_in"})
"""The numbers of transactions mean nothing in another database."""

_IS_NEW: Final = """
    {table}.written_in >= :xmin
    AND NOT pg_visible_in_snapshot(({table}.written_in::text)::xid8, CAST(:since AS pg_snapshot))
"""

_CONTACT_POINTS: Final = """
    (
        SELECT coalesce(jsonb_agg(to_jsonb(contact_point)), '[]')
        FROM entry_contact_point AS named JOIN contact_point USING (contact_point_ref)
        WHERE named.entry_id = entry.entry_id
    ) AS contact_points
"""
_CONTACT_POINTS_OF_LINK: Final = """
    (
        SELECT coalesce(jsonb_agg(to_jsonb(contact_point)), '[]') FROM contact_point
        WHERE contact_point_ref = ANY (unsubscribe_link.contact_point_refs)
    ) AS contact_points
"""
_ENDS: Final = f"entry.kind IN ({EntryKind.IDENTITY_EXPIRED:d}, {EntryKind.IDENTITY_ERASED:d})"
_ANSWERED: Final = """
    write_request LEFT JOIN (SELECT id_digest, revision, details FROM write_answer) AS answer
    USING (id_digest)
"""

# The program of before key versions left that of a request at its default.
_KEYS_OF_REQUEST: Final = """
    greatest(write_request.key_version, (SELECT digest_oldest FROM registry))
"""


def columns_of(table: Table) -> list[str]:
    """The columns that the log has of a table."""
    return [column.name for column in table.c if column.name not in _NOT_EXPORTED]


class LoggedTable(NamedTuple):
    """A table of the log; its rows have the transaction that wrote them in `written_in`."""

    table: Table
    source: str = ""
    """What is read, where that is more than the table."""
    further: tuple[str, ...] = ()
    """Expressions beyond the table's own columns."""
    instead: tuple[tuple[str, str], ...] = ()
    """Columns that are exported otherwise than they are stored, and the expressions for it."""
    which: str = "true"
    """Which of its rows."""
    order: str = ""
    """In which order everything is read; what is new is always read in that of `written_in`."""

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    def everything(self) -> TextClause:
        """The query for all rows, each as JSON."""
        return self._query(self.which, self.order)

    def what_is_new(self) -> TextClause:
        """The query for the rows that the snapshot `:since` did not see.

        `:xmin` is that snapshot's: below it there is nothing new, which an index can use.
        """
        is_new = _IS_NEW.format(table=self.name)
        return self._query(f"{self.which} AND {is_new}", f"{self.name}.written_in")

    def _query(self, which: str, order: str) -> TextClause:
        columns = ", ".join(
            (
                *(self._column(column) for column in columns_of(self.table)),
                *self.further,
            )
        )
        order = f"ORDER BY {order}" if order else ""
        source = self.source or self.name
        return text(f"""
            SELECT to_jsonb(line)::text
            FROM (SELECT {columns} FROM {source} WHERE {which} {order}) AS line
        """)  # noqa: S608 - only constants are put in

    def _column(self, column: str) -> str:
        expression = dict(self.instead).get(column)
        return f"{self.name}.{column}" if expression is None else f"{expression} AS {column}"


LOGGED: Final = (
    LoggedTable(schema.key_check),
    LoggedTable(schema.policy_version),
    LoggedTable(schema.policy_activation, order="activation_number"),
    LoggedTable(schema.vault_key),
    LoggedTable(schema.retired_vault_key),
    LoggedTable(schema.partner_change, order="change_number"),
    LoggedTable(schema.unsubscribe_link, further=(_CONTACT_POINTS_OF_LINK,)),
    LoggedTable(
        schema.entry,
        further=(_CONTACT_POINTS,),
        which=f"NOT {_ENDS}",
        order="entry.recorded_at, entry.entry_id",
    ),
    LoggedTable(schema.vault),
    # An identity ends after all those are there that may need the same contact points.
    LoggedTable(
        schema.entry,
        further=(_CONTACT_POINTS,),
        which=_ENDS,
        order="entry.recorded_at, entry.entry_id",
    ),
    LoggedTable(schema.sealed_note),
    LoggedTable(officer_schema.access),
    LoggedTable(officer_schema.rights_request),
    LoggedTable(officer_schema.rights_request_event),
    LoggedTable(schema.refused_lead, order="refused_lead_number"),
    LoggedTable(
        schema.write_request,
        source=_ANSWERED,
        further=("answer.revision", "answer.details"),
        instead=(("key_version", _KEYS_OF_REQUEST),),
    ),
)
"""In the order in which a round holds them: what a row refers to comes before it."""
