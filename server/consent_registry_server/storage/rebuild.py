"""Rebuilds what is derived from the ledger, and says how far it was off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine

from consent_registry_server.storage.database import PLANS_FOR_MANY_ROWS
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.projection import KEY, STANDING_OF_LEDGER, VALUES
from consent_registry_server.storage.register_projection import KEY as REGISTER_KEY
from consent_registry_server.storage.register_projection import LAST_RESULTS
from consent_registry_server.storage.register_projection import VALUES as REGISTER_VALUES

_WITHOUT_LIMITS: Final = "; ".join(
    [
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL lock_timeout = 0",
        *(f"SET LOCAL {plan} = on" for plan in PLANS_FOR_MANY_ROWS),
    ]
)


class _Derived:
    """A table that follows from the ledger: what it should hold, and how to make it so."""

    def __init__(
        self, table: str, of_ledger: str, *, key: Sequence[str], values: Sequence[str]
    ) -> None:
        columns, own_key = (*key, *values), ", ".join(key)
        derived = ", ".join(f"derived.{column}" for column in columns)
        stored = ", ".join(f"stored.{column}" for column in columns)
        same_key = " AND ".join(f"derived.{column} = stored.{column}" for column in key)
        is_same = f"({derived}) IS NOT DISTINCT FROM ({stored})"
        # Writers wait; readers go on, on the rows of before until the commit.
        self.lock = f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"
        self.count = f"SELECT count(*) FROM {table}"  # noqa: S608 - only constants are put in
        self.count_differing = f"""
            SELECT count(*)
            FROM ({of_ledger}) AS derived FULL JOIN {table} AS stored USING ({own_key})
            WHERE NOT ({is_same})
        """  # noqa: S608
        self.delete_surplus = f"""
            DELETE FROM {table} AS stored
            WHERE NOT EXISTS (SELECT FROM ({of_ledger}) AS derived WHERE {same_key})
        """  # noqa: S608
        self.write_differing = f"""
            INSERT INTO {table} ({", ".join(columns)})
            SELECT {derived}
            FROM ({of_ledger}) AS derived LEFT JOIN {table} AS stored USING ({own_key})
            WHERE NOT ({is_same})
            ON CONFLICT ({own_key})
                DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in values)}
        """  # noqa: S608


_DERIVED: Final = (
    _Derived("standing", STANDING_OF_LEDGER, key=KEY, values=VALUES),
    _Derived("register_standing", LAST_RESULTS, key=REGISTER_KEY, values=REGISTER_VALUES),
)


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
    rows = 0
    with translated(NoDeadline()), engine.begin() as connection:
        connection.exec_driver_sql(_WITHOUT_LIMITS)
        if differing:
            for table in _DERIVED:
                connection.exec_driver_sql(table.lock)
            differing = _count_differing(connection)
            for table in _DERIVED:
                connection.exec_driver_sql(table.delete_surplus)
                connection.exec_driver_sql(table.write_differing)
        for table in _DERIVED:
            rows += connection.exec_driver_sql(table.count).scalar_one()
    return RebuildReport(rows=rows, differing=differing)


def compare_standing(engine: Engine) -> int:
    """How many rows of standing are not what the ledger says, missing ones included."""
    with translated(NoDeadline()), engine.begin() as connection:
        connection.exec_driver_sql(_WITHOUT_LIMITS)
        return _count_differing(connection)


def _count_differing(connection: Connection) -> int:
    return sum(
        int(connection.exec_driver_sql(table.count_differing).scalar_one()) for table in _DERIVED
    )
