"""Whether the database can be worked with: asked all the time, apart from all calls (ADR 0018)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import psycopg2
import structlog
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class

from consent_registry_server.storage.access import DatabaseAccess, open_connection
from consent_registry_server.storage.life import is_life
from consent_registry_server.storage.schema import APP_ROLE

INTERVAL_S: Final = 1.0
PATIENCE_S: Final = 3.0
"""So old may the last good answer be: one lost answer, or a second of silence, is no outage."""

NO_ANSWER: Final = "no answer"
STANDBY: Final = "it is a standby"
UNSUPPORTED: Final = "its schema does not support this program"
RESTORED: Final = "it was restored since this server started, which must be started again"

_GLANCE_S: Final = 0.25

# A network that swallows packets is noticed by the kernel, for nobody cancels a read.
_CONNECTING: Final[dict[str, Any]] = {
    "application_name": "consent-registry-heartbeat",
    # As those of the calls: where there is a standby, it is about the primary.
    "target_session_attrs": "primary",
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3_000,
}
_PREPARE: Final = f"SET statement_timeout = '2s'; SET role = '{APP_ROLE}'"
_ASK: Final = f"""
    SELECT pg_is_in_recovery(),
        EXISTS (SELECT FROM supported_program WHERE schema_revision = %(schema)s),
        EXISTS (SELECT FROM registry WHERE {is_life("CAST(%(incarnation)s AS uuid)")})
"""  # noqa: S608 - of our own words

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The database says that it cannot be worked with: at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silence:
    """The database has not answered: one question's answer may be lost."""

    reason: str


Trouble: TypeAlias = Refusal | Silence


class Tell(Protocol):
    """Takes the news."""

    def __call__(self, *, serving: bool) -> None:
        """Whether the database can be worked with from now on."""


class DatabaseQuestion:
    """Asks whether the database can be worked with; for one thread."""

    def __init__(self, access: DatabaseAccess, *, schema: str, incarnation: UUID) -> None:
        """Takes the newest schema that the program knows and the life that it works in (`life`).

        Connects when first asked.
        """
        self._access = access
        self._expected = {"schema": schema, "incarnation": str(incarnation)}
        self._connection: Psycopg2Connection | None = None

    def __call__(self) -> Trouble | None:
        """What keeps the database from being worked with, or nothing; waits for the answer.

        After any trouble it connects anew: by now the name may lead to another server.
        """
        try:
            trouble = self._asked()
        except psycopg2.Error as error:
            # What libpq says names hosts and users, no password and no data.
            trouble = Silence(" ".join(str(error).split()) or NO_ANSWER)
        if trouble is not None:
            self.close()
        return trouble

    def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    def _asked(self) -> Trouble | None:
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.cursor() as cursor:
            cursor.execute(_ASK, self._expected)
            is_standby, is_supported, is_same_life = cursor.fetchone() or (True, True, True)
        if is_standby:
            return Refusal(STANDBY)
        if not is_supported:
            return Refusal(UNSUPPORTED)
        return None if is_same_life else Refusal(RESTORED)

    def _connect(self) -> Psycopg2Connection:
        connection = open_connection(**self._access.connect_arguments() | _CONNECTING)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(_PREPARE)
        return connection


class Heartbeat:
    """Tells whenever the database stops or begins to be workable, until it is closed.

    Two threads: one asks, and may hang as long as the database does; the other looks at how long
    ago the last good answer came, so that lasting silence counts like a refusal.
    """

    def __init__(
        self,
        ask: Callable[[], Trouble | None],
        *,
        tell: Tell,
        interval_s: float = INTERVAL_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Begins; it takes the database to be workable at this moment, and tells nothing yet."""
        self._ask = ask
        self._tell = tell
        self._interval_s = interval_s
        self._patience_s = patience_s
        self._answered_at_s = monotonic()
        self._reason = NO_ANSWER
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
            trouble = self._asked()
            self._reason = NO_ANSWER if trouble is None else trouble.reason
            if not isinstance(trouble, Silence):
                self._answered_at_s = monotonic() if trouble is None else -inf
                self._news.set()
            self._is_closed.wait(self._interval_s)

    def _asked(self) -> Trouble | None:
        try:
            return self._ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next question may be answered
            return Silence(type(error).__name__)

    def _judge(self) -> None:
        told_ready = True
        while not self._is_closed.is_set():
            is_ready = monotonic() - self._answered_at_s <= self._patience_s
            # What cannot be told now is told at the next glance, for as long as it takes.
            if is_ready != told_ready and self._say(serving=is_ready):
                told_ready = is_ready
            # What was answered is told at once, silence when it has lasted.
            self._news.wait(_GLANCE_S)
            self._news.clear()

    def _say(self, *, serving: bool) -> bool:
        """Tells and logs it; returns whether it was told."""
        with self._telling:
            if self._is_closed.is_set():
                return False
            # A log that takes nothing now leaves the server refusing, not answering.
            if serving:
                with suppress(OSError, ValueError):
                    _log.info("database_usable")
            try:
                self._tell(serving=serving)
            except Exception:  # noqa: BLE001 - whoever judges must outlive whoever listens
                return False
            if not serving:
                with suppress(OSError, ValueError):
                    _log.warning("database_unusable", reason=self._reason)
            return True
