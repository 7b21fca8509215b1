"""Writes: one transaction each, once for each request id, repeated when it collides."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, select

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import AlreadyExists, Unavailable
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    ControllerId,
    EntryId,
    PartnerId,
)
from consent_registry_server.service.ports import (
    ContactDigests,
    Deadline,
    Partner,
    PreparedEntry,
    Recorded,
    RequestKey,
    Standing,
    Transaction,
)
from consent_registry_server.storage.append import Appender
from consent_registry_server.storage.errors import Contention, seconds_left
from consent_registry_server.storage.history import (
    find_contact_points,
    find_entry,
    find_outcomes,
)
from consent_registry_server.storage.partners import find_partner, save_partner
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.revision import Revision
from consent_registry_server.storage.schema import write_answer, write_request
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.standing import read_within
from consent_registry_server.storage.times import to_microseconds, to_timestamp
from consent_registry_server.storage.vault import Vault

FIRST_PAUSE_S: Final = 0.01
LONGEST_PAUSE_S: Final = 0.5

# First of all in a write: a concurrent repetition waits here until the first one is decided.
_CLAIM: Final = Prepared(
    "claim_request",
    "bytea, bytea, timestamptz",
    """
    INSERT INTO write_request (id_digest, content_digest, recorded_at) VALUES ($1, $2, $3)
    ON CONFLICT (id_digest) DO NOTHING
    RETURNING pg_current_xact_id()::text
    """,
)
# What it returns is what a repetition will read: JSON has no tuples, for one.
_ANSWER: Final = Prepared(
    "answer_request",
    "bytea, text, jsonb",
    """
    INSERT INTO write_answer (id_digest, revision, details) VALUES ($1, $2, $3)
    RETURNING details
    """,
)
_LOCK: Final = Prepared(
    "lock_name",
    "bytea",
    "SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 9))",
)
_answered = select(
    write_request.c.content_digest,
    write_request.c.recorded_at,
    write_answer.c.revision,
    write_answer.c.details,
).join_from(write_request, write_answer)


class PostgresTransaction:
    """What one write may do; see `Transaction`."""

    def __init__(
        self,
        connection: Connection,
        *,
        appender: Appender,
        incarnation: UUID,
        standing_rows: int,
    ) -> None:
        self._connection = connection
        self._appender = appender
        self._incarnation = incarnation
        self._standing_rows = standing_rows

    def append(self, entries: Sequence[PreparedEntry]) -> None:
        """Stores entries: ledger, contact points, vault and standing."""
        if entries:
            self._appender.append(self._connection.connection, entries)

    def entry(self, entry_id: EntryId) -> Entry | None:
        """Returns a ledger entry, or None."""
        return find_entry(self._connection, entry_id)

    def subject(self, entry_id: EntryId) -> Subject | None:
        """Returns whom an entry names; None when its identity was erased or never kept."""
        return self._appender.subject(self._connection, entry_id)

    def contact_points(self, entry_id: EntryId) -> tuple[ContactDigests, ...]:
        """Returns the stored contact points of an entry, those of an erased identity too."""
        return find_contact_points(self._connection, entry_id)

    def outcomes(self, attempt_id: EntryId) -> frozenset[AttemptOutcome]:
        """Returns what was reported of an attempt."""
        return find_outcomes(self._connection, attempt_id)

    def lock(self, name: bytes) -> None:
        """Waits until no other transaction holds the lock of this name; held until the end."""
        run(self._connection.connection, (_LOCK, [name]))

    def standing(self, controller: ControllerId, wide_digests: Sequence[bytes]) -> Standing:
        """Returns what stands, this transaction's own writes included."""
        return read_within(
            self._connection.connection,
            controller,
            wide_digests,
            incarnation=self._incarnation,
            limit=self._standing_rows,
        )

    def partner(self, controller: ControllerId, partner_id: PartnerId) -> Partner | None:
        """Returns a partner, or None."""
        return find_partner(self._connection, controller, partner_id)

    def save_partner(self, partner: Partner, *, recorded_at_us: int) -> None:
        """Stores a partner as it now is, and keeps what it was."""
        save_partner(self._connection, partner, recorded_at_us=recorded_at_us)


class PostgresLedger:
    """Writes to PostgreSQL; see `Ledger`."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        incarnation: UUID,
        key_version: int,
        new_ref: Callable[[], UUID] = uuid4,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._database = database
        self._incarnation = incarnation
        self._appender = Appender(vault, new_ref, key_version=key_version)
        self._sleep = sleep
        self._uniform = uniform

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[Transaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Runs `work` in one transaction, once for this request id, and returns its answer.

        When the connection breaks, the write may or may not have happened: it raises Unavailable,
        and the same request repeated gets the answer either way.
        """
        pause_s = FIRST_PAUSE_S
        for _ in range(self._database.limits.write_attempts):
            try:
                return self._write_once(request, recorded_at_us, work, deadline)
            except Contention:
                self._sleep(seconds_left(deadline, self._uniform(0, pause_s)))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise Unavailable("CONTENTION", "concurrent writes kept colliding with this one")

    def _write_once(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[Transaction], dict[str, Any]],
        deadline: Deadline,
    ) -> Recorded:
        with self._database.transaction(deadline) as connection:
            claim = [request.id_digest, request.content_digest, to_timestamp(recorded_at_us)]
            claimed = run(connection.connection, (_CLAIM, claim))
            if not claimed:
                return _first_answer(connection, request)
            revision = Revision(self._incarnation, xid=claimed[0][0]).token()
            details = work(self._transaction(connection))
            answer = [request.id_digest, revision, json.dumps(details)]
            [(details,)] = run(connection.connection, (_ANSWER, answer))
        return Recorded(recorded_at_us, revision, details)

    def _transaction(self, connection: Connection) -> PostgresTransaction:
        return PostgresTransaction(
            connection,
            appender=self._appender,
            incarnation=self._incarnation,
            standing_rows=self._database.limits.standing_rows,
        )


def _first_answer(connection: Connection, request: RequestKey) -> Recorded:
    query = _answered.where(write_request.c.id_digest == request.id_digest)
    row = connection.execute(query).one()
    if bytes(row.content_digest) != request.content_digest:
        raise AlreadyExists(
            "REQUEST_ID_REUSED",
            "this request id was used before, with other content",
            field="request_id",
        )
    return Recorded(to_microseconds(row.recorded_at), row.revision, row.details)
