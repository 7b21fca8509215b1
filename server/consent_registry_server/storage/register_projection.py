"""The last result of each national register as a function of the ledger.

One query, for writing it, for rebuilding it and for reading it as it stood. A listing counts from
the day the register told; where no result since the last CLEAR tells it, from the first of them.
"""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.vocabulary import EntryKind, RegisterStatus
from consent_registry_server.storage.prepared import Prepared

KEY: Final = ("contact_point_ref", "controller", "register")
VALUES: Final = ("entry_id", "is_listed", "checked_at", "listed_at")
COLUMNS: Final = ", ".join(KEY + VALUES)
_KEY: Final = ", ".join(KEY)

_LONGEST_DAY: Final = "interval '25 hours'"
"""A scrub counts from the start of its day; who was listed on it may have been at its end."""

_RESULT: Final = f"""
    SELECT named.contact_point_ref, entry.controller, entry.register, entry.entry_id,
        entry.register_status = {RegisterStatus.LISTED:d} AS is_listed,
        entry.counts_at AS checked_at, entry.listed_at
"""
_IS_RESULT: Final = f"entry.kind = {EntryKind.REGISTER_RESULT:d}"

_RESULTS: Final = f"""
    {_RESULT}
    FROM entry JOIN entry_contact_point AS named ON named.entry_id = entry.entry_id
    WHERE {_IS_RESULT}
"""


def results_named(which: str, named: str = "named") -> str:
    """The query for such results of the contact points and entries of a table.

    `which` is a condition on `entry`. Looks each of them up by its key, however it is planned.
    """
    return f"""
        SELECT result.* FROM {named} AS named
        CROSS JOIN LATERAL (
            {_RESULT} FROM entry
            WHERE entry.entry_id = named.entry_id AND {_IS_RESULT} AND {which}
            OFFSET 0
        ) AS result
    """  # noqa: S608 - only constants are put in


def last_of(results: str) -> str:
    """The query for the last of some results, with its columns in the order of COLUMNS."""
    return f"""
        SELECT DISTINCT ON ({_KEY}) {_KEY}, entry_id, is_listed, checked_at,
            CASE WHEN is_listed THEN coalesce(
                listed_at,
                max(listed_at) FILTER (WHERE is_listed AND checked_at >= cleared_at) OVER each,
                min(checked_at) FILTER (WHERE is_listed AND checked_at >= cleared_at) OVER each
                    + {_LONGEST_DAY}
            ) END AS listed_at
        FROM (
            SELECT result.*, coalesce(
                max(checked_at) FILTER (WHERE NOT is_listed) OVER (PARTITION BY {_KEY}),
                '-infinity'
            ) AS cleared_at
            FROM ({results}) AS result
        ) AS result
        WINDOW each AS (PARTITION BY {_KEY})
        ORDER BY {_KEY}, checked_at DESC, is_listed DESC, result.listed_at DESC NULLS LAST,
            entry_id
    """  # noqa: S608 - only constants are put in


LAST_RESULTS: Final = last_of(_RESULTS)
"""The rows that `register_standing` should have."""

# Who records results of a register for a controller waits for whoever does so already: the last
# result is found by looking at all of them, those of the other one included.
LOCK_REGISTERS: Final = Prepared(
    "lock_registers",
    "text[]",
    """
    SELECT pg_advisory_xact_lock(hashtextextended(name, 11))
    FROM (SELECT DISTINCT name FROM unnest($1) AS name ORDER BY name) AS names
    """,
)

_NAMED_NOW: Final = """(
    SELECT contact_point_ref, entry_id FROM entry_contact_point WHERE entry_id = ANY ($1)
)"""
_STORE: Final = f"""
    ON CONFLICT ({_KEY})
        DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in VALUES)}
"""
_SAME_KEY: Final = " AND ".join(f"stored.{column} = new.{column}" for column in KEY)

# Takes the ids of new results. Most of them come after all others of their contact point, and then
# the last one before tells enough: numbers that are scrubbed every day would else take longer each
# time. Where it told a day of listing itself, an earlier one may count again.
ADVANCE_REGISTERS: Final = Prepared(
    "advance_registers",
    "uuid[]",
    f"""
    INSERT INTO register_standing ({COLUMNS})
    SELECT {", ".join(f"new.{column}" for column in KEY)}, new.entry_id, new.is_listed,
        new.checked_at, CASE WHEN new.is_listed THEN
            coalesce(new.listed_at, last.listed_at, new.checked_at + {_LONGEST_DAY})
        END
    FROM (
        SELECT new.*, count(*) OVER (PARTITION BY {_KEY}) AS results
        FROM ({results_named("true", _NAMED_NOW)}) AS new
    ) AS new
    LEFT JOIN LATERAL (
        SELECT stored.checked_at, stored.listed_at, (
            SELECT entry.listed_at FROM entry WHERE entry.entry_id = stored.entry_id
        ) AS told_at
        FROM register_standing AS stored WHERE {_SAME_KEY} OFFSET 0
    ) AS last ON true
    WHERE new.results = 1 AND (
        last.checked_at IS NULL
        OR last.checked_at < new.checked_at
            AND (last.told_at IS NULL OR new.listed_at IS NOT NULL OR NOT new.is_listed)
    )
    {_STORE}
    """,  # noqa: S608 - only constants are put in
)

_OF_SAME_REGISTER: Final = "entry.controller = named.controller AND entry.register = named.register"

# Takes the same; looks at all results of the contact points that are left. The common tables and
# OFFSET 0 make it start at them and go on by key: planned while the tables are empty, it would
# else read every result of the register that there ever was.
PROJECT_REGISTERS: Final = Prepared(
    "project_registers",
    "uuid[]",
    f"""
    WITH left_over AS MATERIALIZED (
        SELECT DISTINCT {_KEY} FROM ({results_named("true", _NAMED_NOW)}) AS new
        WHERE NOT EXISTS (
            SELECT FROM register_standing AS stored
            WHERE {_SAME_KEY} AND stored.entry_id = ANY ($1)
        )
    ), named AS MATERIALIZED (
        SELECT {_KEY}, each.entry_id FROM left_over
        CROSS JOIN LATERAL (
            SELECT entry_id FROM entry_contact_point AS stored
            WHERE stored.contact_point_ref = left_over.contact_point_ref
            OFFSET 0
        ) AS each
    )
    INSERT INTO register_standing ({COLUMNS})
    {last_of(results_named(_OF_SAME_REGISTER))}
    {_STORE}
    """,  # noqa: S608 - only constants are put in
)
