"""Puts rows of the log back into the tables beside the ledger: what is there already stays.

Rows with a day on which they expire are put back until that day. What is sealed is put back while
there is the key to read it; of two states of it the newer one stays.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, TextClause, text

from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.storage import officer_schema, schema
from consent_registry_server.storage.log.reading import Row
from consent_registry_server.storage.log.tables import columns_of

_NOT_EXPIRED: Final = "given.expires_on >= CURRENT_DATE"
_HAS_KEY: Final = "EXISTS (SELECT FROM vault_key WHERE vault_key.key_id = given.key_id)"
_HAS_IDENTITY: Final = f"""
    EXISTS (SELECT FROM entry WHERE entry.entry_id = given.entry_id) AND NOT EXISTS (
        SELECT FROM entry AS ending WHERE ending.concerns_entry_id = given.entry_id
            AND ending.kind IN ({EntryKind.IDENTITY_EXPIRED:d}, {EntryKind.IDENTITY_ERASED:d})
    )
"""  # noqa: S608 - only constants are put in
_HAS_REQUEST: Final = """
    EXISTS (
        SELECT FROM rights_request
        WHERE rights_request.rights_request_id = given.rights_request_id
    )
"""


def _add(table: Table, which: str, *, then: str = "ON CONFLICT DO NOTHING") -> TextClause:
    columns = ", ".join(columns_of(table))
    return text(f"""
        INSERT INTO {table.name} ({columns}) OVERRIDING SYSTEM VALUE
        SELECT {columns}
        FROM jsonb_populate_recordset(NULL::{table.name}, CAST(:rows AS jsonb)) AS given
        WHERE {which}
        {then}
    """)  # noqa: S608 - only constants are put in


def _add_sealed(table: Table, key: str, which: str) -> TextClause:
    values = ", ".join(
        f"{column} = excluded.{column}" for column in columns_of(table) if column != key
    )
    return _add(
        table,
        f"{which} AND {_HAS_KEY}",
        then=f"ON CONFLICT ({key}) DO UPDATE SET {values}"
        f" WHERE {table.name}.times_sealed < excluded.times_sealed",
    )


class _Numbered:
    """How to add to a table with numbered rows, where a number may have been given away again."""

    def __init__(self, table: Table, number: str) -> None:
        content = [column for column in columns_of(table) if column != number]
        given = ", ".join(f"given.{column}" for column in content)
        stored = ", ".join(f"stored.{column}" for column in content)
        is_new = f"NOT EXISTS (SELECT FROM {table.name} AS stored WHERE ({stored}) = ({given}))"
        self._with_number = _add(table, is_new)
        columns = ", ".join(content)
        self._with_another = text(f"""
            INSERT INTO {table.name} ({columns}) SELECT {columns}
            FROM jsonb_populate_recordset(NULL::{table.name}, CAST(:rows AS jsonb)) AS given
            WHERE {is_new} ORDER BY given.{number}
        """)  # noqa: S608
        self._advance = advance_numbers(table, number)

    def put_back(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Adds the rows whose content is not there, under another number where theirs is taken."""
        parameters = {"rows": json.dumps(rows)}
        added = connection.execute(self._with_number, parameters).rowcount
        connection.execute(self._advance)
        return added + connection.execute(self._with_another, parameters).rowcount


def advance_numbers(table: Table, number: str) -> TextClause:
    """The query after which new rows of a table get numbers beyond those that are there."""
    sequence = f"pg_get_serial_sequence('{table.name}', '{number}')"
    return text(f"""
        SELECT setval({sequence}, last.number)
        FROM (SELECT max({number}) AS number FROM {table.name}) AS last
        WHERE last.number > coalesce(pg_sequence_last_value({sequence}), 0)
    """)  # noqa: S608 - only constants are put in


_NUMBERED: Final = {
    "policy_activation": _Numbered(schema.policy_activation, "activation_number"),
    "partner_change": _Numbered(schema.partner_change, "change_number"),
}
_PLAIN: Final = {
    "policy_version": _add(schema.policy_version, "true"),
    "vault_key": _add(schema.vault_key, "true"),
    "vault": _add_sealed(schema.vault, "entry_id", _HAS_IDENTITY),
    "sealed_note": _add_sealed(schema.sealed_note, "note_id", _NOT_EXPIRED),
    "access": _add(officer_schema.access, _NOT_EXPIRED),
    "rights_request": _add(officer_schema.rights_request, _NOT_EXPIRED),
    "rights_request_event": _add(officer_schema.rights_request_event, _HAS_REQUEST),
    "refused_lead": _add(schema.refused_lead, _NOT_EXPIRED),
}
_REFUSED_LEADS: Final = advance_numbers(schema.refused_lead, "refused_lead_number")

_ADD_REQUESTS: Final = text("""
    WITH given AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (
            id_digest bytea, content_digest bytea, recorded_at timestamptz, key_version smallint,
            revision text, details jsonb
        )
        WHERE revision IS NOT NULL
    ), added AS (
        INSERT INTO write_request (id_digest, content_digest, recorded_at, key_version)
        SELECT id_digest, content_digest, recorded_at, key_version FROM given
        ON CONFLICT DO NOTHING
        RETURNING id_digest
    )
    INSERT INTO write_answer (id_digest, revision, details)
    SELECT id_digest, revision, details FROM given JOIN added USING (id_digest)
""")

_PARTNER_VALUES: Final = [column.name for column in schema.partner.c if not column.primary_key]
_SAVE_PARTNERS: Final = text(f"""
    INSERT INTO partner (controller, partner_id, {", ".join(_PARTNER_VALUES)})
    SELECT DISTINCT ON (controller, partner_id) controller, partner_id,
        {", ".join(_PARTNER_VALUES)}
    FROM partner_change ORDER BY controller, partner_id, change_number DESC
    ON CONFLICT (controller, partner_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _PARTNER_VALUES)}
    WHERE ({", ".join(f"partner.{name}" for name in _PARTNER_VALUES)})
        IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _PARTNER_VALUES)})
""")  # noqa: S608 - only constants are put in

_IS_UNUSED: Final = """
    NOT EXISTS (SELECT FROM vault WHERE vault.key_id = given.key_id)
    AND NOT EXISTS (SELECT FROM sealed_note WHERE sealed_note.key_id = given.key_id)
"""
_RETIRE: Final = _add(schema.retired_vault_key, _IS_UNUSED)
_FORGET_RETIRED: Final = text("""
    DELETE FROM vault_key USING retired_vault_key AS retired
    WHERE retired.key_id = vault_key.key_id
""")


def put_back_rows(connection: Connection, table: str, rows: Sequence[Row]) -> int:
    """Adds the rows of a table that are not there; returns how many there were.

    `rows` are of one round, of which each row is once.
    """
    if table in _NUMBERED:
        return _NUMBERED[table].put_back(connection, rows)
    added = connection.execute(_PLAIN[table], {"rows": json.dumps(rows)}).rowcount
    if table == schema.refused_lead.name:
        connection.execute(_REFUSED_LEADS)
    return added


def put_back_requests(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Adds requests with their answers, so that a repeated one gets the answer of before."""
    return connection.execute(_ADD_REQUESTS, {"rows": json.dumps(rows)}).rowcount


def save_partners(connection: Connection) -> int:
    """Makes every partner what it was last saved as; returns how many were not."""
    return connection.execute(_SAVE_PARTNERS).rowcount


def retire_keys(connection: Connection, rows: Sequence[Row]) -> int:
    """Retires vault keys again that seal nothing any more; returns how many."""
    added = connection.execute(_RETIRE, {"rows": json.dumps(rows)}).rowcount
    connection.execute(_FORGET_RETIRED)
    return added
