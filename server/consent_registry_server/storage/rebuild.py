"""Rebuilds what is derived from the ledger, and says how far it was off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from consent_registry_server.storage.database import PLANS_FOR_MANY_ROWS
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.projection import COLUMNS, KEY, STANDING_OF_LEDGER, VALUES

# Writers wait; readers go on, on the rows of before until the commit.
_LOCK: Final = "LOCK TABLE standing IN SHARE ROW EXCLUSIVE MODE"
_WITHOUT_LIMITS: Final = "; ".join(
    [
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL lock_timeout = 0",
        *(f"SET LOCAL {plan} = on" for plan in PLANS_FOR_MANY_ROWS),
    ]
)


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{column}" for column in (*KEY, *VALUES))


_IS_SAME: Final = f"({_columns('derived')}) IS NOT DISTINCT FROM ({_columns('stored')})"
_COUNT_DIFFERING: Final = f"""
    SELECT count(*)
    FROM ({STANDING_OF_LEDGER}) AS derived
    FULL JOIN standing AS stored USING (contact_point_ref, entry_id)
    WHERE NOT ({_IS_SAME})
"""  # noqa: S608 - only constants are put in
_DELETE_SURPLUS: Final = f"""
    DELETE FROM standing AS stored
    WHERE NOT EXISTS (
        SELECT FROM ({STANDING_OF_LEDGER}) AS derived
        WHERE derived.contact_point_ref = stored.contact_point_ref
            AND derived.entry_id = stored.entry_id
    )
"""  # noqa: S608 - only constants are put in
_WRITE_DIFFERING: Final = f"""
    INSERT INTO standing ({COLUMNS})
    SELECT {_columns("derived")}
    FROM ({STANDING_OF_LEDGER}) AS derived
    LEFT JOIN standing AS stored USING (contact_point_ref, entry_id)
    WHERE NOT ({_IS_SAME})
    ON CONFLICT (contact_point_ref, entry_id)
        DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in VALUES)}
"""  # noqa: S608 - only constants are put in


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """How many rows standing has after the rebuild, and how many differed from the ledger.

    Rows that were missing, and rows that should not have been there, count as differing.
    """

    rows: int
    differing: int


def rebuild_standing(engine: Engine) -> RebuildReport:
    """Makes standing what the ledger says; writes only the rows that differ, all at once.

    Writers wait only when there are any.
    """
    differing = compare_standing(engine)
    with translated(NoDeadline()), engine.begin() as connection:
        connection.exec_driver_sql(_WITHOUT_LIMITS)
        if differing:
            connection.exec_driver_sql(_LOCK)
            differing = connection.exec_driver_sql(_COUNT_DIFFERING).scalar_one()
            connection.exec_driver_sql(_DELETE_SURPLUS)
            connection.exec_driver_sql(_WRITE_DIFFERING)
        rows = connection.exec_driver_sql("SELECT count(*) FROM standing").scalar_one()
    return RebuildReport(rows=rows, differing=differing)


def compare_standing(engine: Engine) -> int:
    """How many rows of standing are not what the ledger says, missing ones included."""
    with translated(NoDeadline()), engine.begin() as connection:
        connection.exec_driver_sql(_WITHOUT_LIMITS)
        return int(connection.exec_driver_sql(_COUNT_DIFFERING).scalar_one())
