"""Whether the database answers: asked all the time, on a connection of its own (ADR 0018)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Final, Protocol

import psycopg2
import structlog
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class

from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.schema import APP_ROLE

INTERVAL_S: Final = 1.0
PATIENCE_S: Final = 3.0
"""So old may the last good answer be: one lost answer, or a second of silence, is no outage."""

_GLANCE_S: Final = 0.25

# A network that swallows packets is noticed by the kernel, for nobody cancels a read.
_CONNECTING: Final[dict[str, Any]] = {
    "application_name": "consent-registry-heartbeat",
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3_000,
}
_PREPARE: Final = f"SET statement_timeout = '2s'; SET role = '{APP_ROLE}'"
_ASK: Final = """
    SELECT NOT pg_is_in_recovery()
        AND EXISTS (SELECT FROM supported_program WHERE schema_revision = %s)
"""

_log = structlog.get_logger(__name__)


class Tell(Protocol):
    """Takes the news."""

    def __call__(self, *, serving: bool) -> None:
        """Whether the database answers from now on."""


class DatabaseQuestion:
    """Asks whether the database can be worked with; for one thread."""

    def __init__(self, access: DatabaseAccess, *, schema: str) -> None:
        """Takes the newest schema that the program knows; connects when first asked."""
        self._access = access
        self._schema = schema
        self._connection: Psycopg2Connection | None = None

    def __call__(self) -> bool:
        """Whether it takes writes and its schema supports the program; waits for the answer.

        A refused connection, and one that was lost, is a no.
        """
        try:
            if self._connection is None:
                self._connection = self._connect()
            with self._connection.cursor() as cursor:
                cursor.execute(_ASK, (self._schema,))
                row = cursor.fetchone()
        except psycopg2.Error:
            self.close()
            return False
        return bool(row and row[0])

    def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    def _connect(self) -> Psycopg2Connection:
        connection: Psycopg2Connection = psycopg2.connect(
            **self._access.connect_arguments() | _CONNECTING
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_PREPARE)
        return connection


class Heartbeat:
    """Tells whenever the database stops or begins to answer, until it is closed.

    Two threads: one asks, and may hang as long as the database does; the other looks at how long
    ago the last good answer came, so that silence counts like a refusal.
    """

    def __init__(
        self,
        ask: Callable[[], bool],
        *,
        tell: Tell,
        interval_s: float = INTERVAL_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Begins; it takes the database to be answering at this moment, and tells nothing yet."""
        self._ask = ask
        self._tell = tell
        self._interval_s = interval_s
        self._patience_s = patience_s
        self._answered_at_s = monotonic()
        self._is_closed = threading.Event()
        self._telling = threading.Lock()
        self._news = threading.Event()
        for work, name in ((self._keep_asking, "heartbeat"), (self._judge, "heartbeat-judge")):
            # Daemons: a database that hangs must not hold the end of the process.
            threading.Thread(target=work, name=name, daemon=True).start()

    def close(self) -> None:
        """Tells nothing any more; waits for what is being told."""
        with self._telling:
            self._is_closed.set()
        self._news.set()

    def _keep_asking(self) -> None:
        while not self._is_closed.is_set():
            if self._ask():
                self._answered_at_s = monotonic()
                self._news.set()
            self._is_closed.wait(self._interval_s)

    def _judge(self) -> None:
        was_ready = True
        while not self._is_closed.is_set():
            is_ready = monotonic() - self._answered_at_s <= self._patience_s
            if is_ready != was_ready:
                was_ready = is_ready
                self._say(serving=is_ready)
            # What is good news is told at once, what is bad when it has lasted.
            self._news.wait(_GLANCE_S)
            self._news.clear()

    def _say(self, *, serving: bool) -> None:
        with self._telling:
            if not self._is_closed.is_set():
                _log.warning("database_answers" if serving else "database_silent")
                self._tell(serving=serving)
