"""The one place where the driver's errors become the registry's.

The driver's own text is never kept: its DETAIL line and its statement quote the values at fault,
and those are digests and sealed identity. Hence `from None` wherever an error is raised anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg2
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from consent_registry_server.domain.errors import DeadlineExceeded, Unavailable
from consent_registry_server.service.ports import Deadline

_CONTENTION: Final = frozenset({"40001", "40P01", "55P03"})
"""Serialization failure, deadlock, lock timeout."""

_ENDED_MEANWHILE: Final = ("23505", "entry_identity_end_key")
"""An identity that this transaction was about to end was ended by another, say by its expiry."""

_KEY_RETIRED: Final = frozenset({("23503", "vault_key_id_fk"), ("23503", "sealed_note_key_id_fk")})
"""A key that sealed is none that may seal: it was retired, or its row never committed."""

_CANCELLED: Final = "57014"

_UNAVAILABLE: Final = ("08", "28", "53", "57P", "58", "25006", "25P03", "3D000")
"""Connection, login, resources (a full disk, too many connections), shutdown, I/O, read-only."""


class Contention(Exception):
    """Concurrent writes collided and this one was rolled back; it may simply be repeated."""


class KeyRetired(Contention):
    """A vault key of this transaction was retired meanwhile; another one is to be chosen."""


class DatabaseFault(Exception):
    """The database refused a statement that should never be wrong: a defect of this program."""

    def __init__(self, sqlstate: str | None, constraint: str | None) -> None:
        super().__init__(f"database error {sqlstate or 'without code'} ({constraint or 'none'})")
        self.sqlstate = sqlstate
        self.constraint = constraint


class NoDeadline:
    """For callers that wait as long as it takes: programs, not requests."""

    def remaining_s(self) -> float | None:
        """Returns None: no deadline."""
        return None


def seconds_left(deadline: Deadline, at_most_s: float) -> float:
    """The caller's time left, at most the given number of seconds.

    Raises:
        DeadlineExceeded: none is left.
    """
    remaining_s = deadline.remaining_s()
    if remaining_s is None:
        return at_most_s
    if remaining_s <= 0:
        raise deadline_exceeded()
    return min(remaining_s, at_most_s)


def deadline_exceeded() -> DeadlineExceeded:
    """The error for a deadline that passed."""
    return DeadlineExceeded("DEADLINE", "the deadline passed before the database answered")


def unavailable(message: str = "the database cannot be reached or refuses to work") -> Unavailable:
    """The error for a database that does not answer; nothing was written, or may be repeated."""
    return Unavailable("DATABASE_UNAVAILABLE", message)


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection itself is gone, so that a new one may well work."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    if not isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return False
    return error.pgcode is None or error.pgcode.startswith(("08", "57P"))


@contextmanager
def translated(deadline: Deadline) -> Iterator[None]:
    """Turns the driver's errors inside the block into the registry's.

    Raises:
        Contention: the transaction was rolled back and may be repeated.
        DatabaseFault: whatever is not the fault of circumstances.
    """
    try:
        yield
    except (psycopg2.Error, SQLAlchemyError) as error:
        # The frames tell where it happened; only the driver's words are left out.
        raise _registry_error(error, deadline).with_traceback(error.__traceback__) from None


def _registry_error(error: Exception, deadline: Deadline) -> Exception:  # noqa: PLR0911 - a table
    if isinstance(error, (PoolTimeoutError, PendingRollbackError)):
        return unavailable()
    original = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(original, psycopg2.Error):
        return DatabaseFault(None, type(error).__name__)
    sqlstate = original.pgcode
    constraint = original.diag.constraint_name
    if sqlstate in _CONTENTION or (sqlstate, constraint) == _ENDED_MEANWHILE:
        return Contention()
    if (sqlstate, constraint) in _KEY_RETIRED:
        return KeyRetired()
    if sqlstate == _CANCELLED:
        remaining_s = deadline.remaining_s()
        is_past = remaining_s is not None and remaining_s <= 0
        return deadline_exceeded() if is_past else unavailable("the database took too long")
    if is_connection_lost(original) or (sqlstate or "").startswith(_UNAVAILABLE):
        return unavailable()
    return DatabaseFault(sqlstate, constraint)
