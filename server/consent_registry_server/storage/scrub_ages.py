"""When anything was last scrubbed against each national register."""

from __future__ import annotations

from typing import Final

from sqlalchemy import func, select

from consent_registry_server.domain.vocabulary import ControllerId
from consent_registry_server.service.ports import Deadline, ScrubAge
from consent_registry_server.storage.schema import entry
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.times import to_microseconds

_newest: Final = (
    select(entry.c.controller, entry.c.register, func.max(entry.c.counts_at).label("checked_at"))
    .where(entry.c.register.is_not(None))
    .group_by(entry.c.controller, entry.c.register)
    .order_by(entry.c.controller, entry.c.register)
)


def read_scrub_ages(database: Database, deadline: Deadline) -> list[ScrubAge]:
    """Returns the newest scrub of each controller and register."""
    with database.transaction(deadline) as connection:
        rows = connection.execute(_newest).all()
    return [
        ScrubAge(ControllerId(row.controller), row.register, to_microseconds(row.checked_at))
        for row in rows
    ]
