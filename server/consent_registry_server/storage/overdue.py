"""Identities that should have ended by a day and are still there, and those that end soon."""

from __future__ import annotations

from datetime import date
from typing import Final

from sqlalchemy import Connection, text

from consent_registry_server.domain.retention import Overdue
from consent_registry_server.service.ports import Deadline
from consent_registry_server.storage.database import PLANS_FOR_MANY_ROWS
from consent_registry_server.storage.session import Database

COUNTED: Final = 100_000
"""As far as it is counted: an index scan of so many takes a fiftieth of a second."""

# Both from the partial index over what no hold keeps.
_OVERDUE: Final = text("""
    SELECT count(*) AS number, min(expires_on) AS oldest FROM (
        SELECT expires_on FROM vault WHERE expires_on < :as_of AND NOT held
        ORDER BY expires_on LIMIT :counted
    ) AS overdue
""")
_EXPIRING: Final = text("""
    SELECT count(*) FROM (
        SELECT FROM vault WHERE expires_on >= :first AND expires_on < :behind AND NOT held
        ORDER BY expires_on LIMIT :counted
    ) AS expiring
""")
_HELD: Final = text("SELECT count(*) FROM vault WHERE held AND expires_on < :as_of")
_READ_ALL: Final = "; ".join(
    ["SET LOCAL statement_timeout = 0", *(f"SET LOCAL {plan} = on" for plan in PLANS_FOR_MANY_ROWS)]
)


def read_overdue(connection: Connection, as_of: date) -> Overdue:
    """What should have ended before a day: COUNTED where it is that many or more."""
    row = connection.execute(_OVERDUE, {"as_of": as_of, "counted": COUNTED}).one()
    return Overdue(row.number, row.oldest)


def overdue_identities(database: Database, as_of: date, deadline: Deadline) -> Overdue:
    """What should have ended before a day, in a transaction of its own."""
    with database.transaction(deadline) as connection:
        return read_overdue(connection, as_of)


def expiring_identities(database: Database, first: date, behind: date, deadline: Deadline) -> int:
    """How many have their last day from `first` on and before `behind`; COUNTED at most."""
    parameters = {"first": first, "behind": behind, "counted": COUNTED}
    with database.transaction(deadline) as connection:
        return int(connection.execute(_EXPIRING, parameters).scalar_one())


def count_held(connection: Connection, as_of: date) -> int:
    """How many identities are past their last day and kept by a hold; reads the whole vault."""
    connection.exec_driver_sql(_READ_ALL)
    return int(connection.execute(_HELD, {"as_of": as_of}).scalar_one())
