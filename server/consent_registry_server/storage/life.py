"""A server answers from one life of the database, and from no other.

A restore begins a new life (`log/replay`): what the database held at a backup is there before what
came after it is back, opt-outs among it. A server that went through it without noticing, because
it had no session open at the time, must not answer from that. So whatever decides or writes reads
the one row of `registry` by this condition, and takes it amiss when there is none.
"""

from __future__ import annotations

from consent_registry_server.domain.errors import Unavailable


def is_life(incarnation: str) -> str:
    """The condition on `registry` that the database leads this life, and is whole.

    `incarnation` is an SQL expression for the one that the server began with.
    """
    return f"only_row AND NOT reconciling AND incarnation = {incarnation}"


def other_life() -> Unavailable:
    """The error for a database that was restored since the server started."""
    message = "the database was restored: the server must be started again once it is whole"
    return Unavailable("DATABASE_UNAVAILABLE", message)
