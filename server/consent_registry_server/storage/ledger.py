"""Writes: one transaction each, once for each request id, repeated when it collides."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection, select, text

from consent_registry_server.domain.errors import AlreadyExists, Unavailable
from consent_registry_server.service.ports import (
    Deadline,
    Recorded,
    RequestKey,
)
from consent_registry_server.storage.append import Appender
from consent_registry_server.storage.contact_points import ContactPoints
from consent_registry_server.storage.digests import DIGESTS_LOCK, DigestRange, StoredDigests
from consent_registry_server.storage.errors import Contention, KeyRetired, seconds_left
from consent_registry_server.storage.life import is_life, other_life
from consent_registry_server.storage.prepared import Prepared, digest_array, run
from consent_registry_server.storage.revision import Revision
from consent_registry_server.storage.schema import registry, write_answer, write_request
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.subjects import PostgresSubjectTransaction
from consent_registry_server.storage.times import to_microseconds, to_timestamp
from consent_registry_server.storage.vault import Vault

T = TypeVar("T")

FIRST_PAUSE_S: Final = 0.01
LONGEST_PAUSE_S: Final = 0.5

# First of all in a write: from here to its end no rotation of the digest keys begins.
_ENTER: Final = Prepared("enter_write", "bigint", "SELECT pg_advisory_xact_lock_shared($1)")
# Then, as a statement of its own, which sees the rotation that it may have waited for: a concurrent
# repetition waits here until the first one is decided. The digests come at every version that the
# keyring can compute, in their order. A request from before a rotation is known by an older one.
_CLAIM: Final = Prepared(
    "claim_request",
    "bytea[], bytea[], timestamptz, uuid",
    f"""
    WITH claimed AS (
        INSERT INTO write_request (id_digest, content_digest, recorded_at, key_version)
        SELECT $1[digest_newest], $2[digest_newest], $3, digest_newest FROM registry
        WHERE {is_life("$4")} AND digest_newest <= cardinality($1) AND NOT EXISTS (
            SELECT 1 FROM write_request AS known
            WHERE known.id_digest = ANY ($1[digest_oldest : digest_newest - 1])
        )
        ON CONFLICT (id_digest) DO NOTHING
        RETURNING pg_current_xact_id()::text AS xid
    )
    SELECT digest_oldest, digest_newest, (SELECT xid FROM claimed)
    FROM registry WHERE {is_life("$4")}
    """,  # noqa: S608 - only constants are put in
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
_range = select(registry.c.digest_oldest, registry.c.digest_newest).where(
    text(is_life("CAST(:incarnation AS uuid)"))
)
_answered = select(
    write_request.c.content_digest,
    write_request.c.key_version,
    write_request.c.recorded_at,
    write_answer.c.revision,
    write_answer.c.details,
).join_from(write_request, write_answer)


class PostgresLedger:
    """Writes to PostgreSQL; see `Ledger`."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        incarnation: UUID,
        digests: StoredDigests,
        new_ref: Callable[[], UUID] = uuid4,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._database = database
        self._incarnation = incarnation
        self._digests = digests
        self._vault = vault
        self._appender = Appender(vault, ContactPoints(digests, new_ref))
        self._sleep = sleep
        self._uniform = uniform

    @property
    def appender(self) -> Appender:
        """What stores its entries; for those that the registry itself makes."""
        return self._appender

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[PostgresSubjectTransaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Runs `work` in one transaction, once for this request id, and returns its answer.

        When the connection breaks, the write may or may not have happened: it raises Unavailable,
        and the same request repeated gets the answer either way.
        """
        return self._repeated(
            lambda: self._write_once(request, recorded_at_us, work, deadline), deadline
        )

    def transact(self, work: Callable[[PostgresSubjectTransaction], T], *, deadline: Deadline) -> T:
        """Runs `work` in one transaction and returns its result after the commit.

        For what needs no request id: it may be repeated, or it only reads and leaves a trace.
        """
        return self._repeated(lambda: self._transact_once(work, deadline), deadline)

    def _transact_once(
        self, work: Callable[[PostgresSubjectTransaction], T], deadline: Deadline
    ) -> T:
        with self._database.transaction(deadline) as connection:
            run(connection.connection, (_ENTER, [DIGESTS_LOCK]))
            row = connection.execute(_range, {"incarnation": self._incarnation}).one_or_none()
            if row is None:
                raise other_life()
            versions = DigestRange(*row)
            self._digests.require(versions, connection)
            return work(self._transaction(connection, versions))

    def _repeated(self, attempt: Callable[[], T], deadline: Deadline) -> T:
        """Runs a transaction again while it collides with others."""
        pause_s = FIRST_PAUSE_S
        for _ in range(self._database.limits.write_attempts):
            try:
                return attempt()
            except Contention as collision:
                if isinstance(collision, KeyRetired):
                    self._vault.keys.forget()
                self._sleep(seconds_left(deadline, self._uniform(0, pause_s)))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        raise Unavailable("CONTENTION", "concurrent writes kept colliding with this one")

    def _write_once(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[PostgresSubjectTransaction], dict[str, Any]],
        deadline: Deadline,
    ) -> Recorded:
        with self._database.transaction(deadline) as connection:
            versions, xid = self._claim(connection, request, recorded_at_us)
            if xid is None:
                return self._first_answer(connection, request, versions)
            revision = Revision(self._incarnation, xid=xid).token()
            details = work(self._transaction(connection, versions))
            id_digest = self._digests.at(request.id_digest, versions.newest)
            answer = [id_digest, revision, json.dumps(details)]
            [(details,)] = run(connection.connection, (_ANSWER, answer))
        return Recorded(recorded_at_us, revision, details)

    def _claim(
        self, connection: Connection, request: RequestKey, recorded_at_us: int
    ) -> tuple[DigestRange, str | None]:
        """The range of digests of this write, and its id; None for a request that was known."""
        at_each = self._digests.at_each
        claim = [
            digest_array(at_each(request.id_digest)),
            digest_array(at_each(request.content_digest)),
            to_timestamp(recorded_at_us),
            str(self._incarnation),
        ]
        rows = run(connection.connection, (_ENTER, [DIGESTS_LOCK]), (_CLAIM, claim))
        if not rows:
            raise other_life()
        [(oldest, newest, xid)] = rows
        versions = DigestRange(oldest, newest)
        self._digests.require(versions, connection)
        return versions, xid

    def _first_answer(
        self, connection: Connection, request: RequestKey, versions: DigestRange
    ) -> Recorded:
        ids = list(self._digests.between(request.id_digest, versions))
        row = connection.execute(_answered.where(write_request.c.id_digest.in_(ids))).one()
        # The program of before digest ranges left the version at its default.
        version = max(row.key_version, versions.oldest)
        content_digest = self._digests.at(request.content_digest, version)
        if bytes(row.content_digest) != content_digest:
            raise AlreadyExists(
                "REQUEST_ID_REUSED",
                "this request id was used before, with other content",
                field="request_id",
            )
        return Recorded(to_microseconds(row.recorded_at), row.revision, row.details)

    def _transaction(
        self, connection: Connection, versions: DigestRange
    ) -> PostgresSubjectTransaction:
        return PostgresSubjectTransaction(
            connection,
            vault=self._vault,
            appender=self._appender,
            digests=self._digests,
            versions=versions,
            incarnation=self._incarnation,
            standing_rows=self._database.limits.standing_rows,
        )
