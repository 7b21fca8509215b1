"""Carries all digests over to the newest digest keys of the keyring, under live traffic.

Digests nest (`digests`), so every row can be carried over, those of expired identities included.
A rotation begins in one short transaction: it waits until no write is under way, and from then on
every write stores its digests under all keys. Reads look up what was and what is not yet carried
over, and find each row once, because it changes its version in one step. What was stored before
follows in batches, each a transaction of its own, and again until none is left; a rotation that
was stopped at any point is ended by the next run. A server without the new key answers UNAVAILABLE
from the beginning on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, func, select, text, update

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.storage.digests import DIGESTS_LOCK, DigestRange
from consent_registry_server.storage.errors import Contention, NoDeadline, translated
from consent_registry_server.storage.key_check import start_digest_keys, verify_keys
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.prepared import digest_array
from consent_registry_server.storage.schema import registry

T = TypeVar("T")

BATCH_ROWS: Final = 500
"""Rows that one transaction carries over, and writers of the same contact points may wait for."""

LOCK_WAIT_S: Final = 0.5
"""How long the beginning waits for writers at a time: all other writers wait behind it."""

PAUSE_S: Final = 0.25
"""How long it lets the writers go on between two times."""

TRIES: Final = 240
"""How often it waits for writers before it gives up."""


class RotationReport(NamedTuple):
    """How many rows a run carried over, and how many keys all digests have now gone through."""

    contact_points: int
    requests: int
    versions: int


class Progress(NamedTuple):
    """What a batch did: how many of a table's rows it looked at, and how many it carried over."""

    table: str
    seen: int
    carried_over: int


class _Window(NamedTuple):
    """Some rows in the order of their keys: the last key, and what became of those behind."""

    last: tuple[Any, ...]
    seen: int
    behind: int
    carried_over: int


def rotate_digests(
    engine: Engine,
    keyring: Keyring,
    *,
    say: Callable[[Progress], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> RotationReport:
    """Carries every digest over to all digest keys of the keyring; does nothing when they are.

    `say` is called after every batch. May be repeated, and run twice at the same time.

    Raises:
        ConfigurationError: the keyring is not the database's.
        Unavailable: the database cannot be reached, or its writers left no moment to begin in.
    """
    versions = verify_keys(engine, keyring)
    newest = len(keyring.digest_keys)
    if versions.newest < newest:
        _repeated(partial(_begin, engine, keyring), sleep)
    carrier = _Carrier(engine, keyring, DigestRange(versions.oldest, newest), say, sleep)
    if versions.oldest < newest:
        contact_points = carrier.carry_all("contact_point", carrier.contact_points)
        requests = carrier.carry_all("write_request", carrier.requests)
        _end(engine, newest)
    else:
        contact_points = requests = 0
    return RotationReport(contact_points, requests, newest)


def _begin(engine: Engine, keyring: Keyring) -> None:
    with translated(NoDeadline()), engine.begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{1000 * LOCK_WAIT_S:.0f}ms'"))
        connection.execute(select(func.pg_advisory_xact_lock(DIGESTS_LOCK)))
        start_digest_keys(connection, keyring)


def _end(engine: Engine, newest: int) -> None:
    with translated(NoDeadline()), engine.begin() as connection:
        oldest = func.greatest(registry.c.digest_oldest, newest)
        connection.execute(update(registry).values(digest_oldest=oldest))


def _repeated(work: Callable[[], T], sleep: Callable[[float], None]) -> T:
    for _ in range(TRIES):
        try:
            return work()
        except Contention:
            sleep(PAUSE_S)
    raise Unavailable("CONTENTION", "the database's writers left no moment to rotate in")


_WINDOW_OF_CONTACT_POINTS: Final = text("""
    SELECT contact_point_ref, normaliser_version, key_version FROM contact_point
    WHERE (contact_point_ref, normaliser_version) > (CAST(:ref AS uuid), :normaliser_version)
    ORDER BY contact_point_ref, normaliser_version
    LIMIT :rows
""")

_LOCK_CONTACT_POINTS: Final = """
    SELECT contact_point_ref, normaliser_version, key_version, exact_digest, wide_digest
    FROM contact_point
    WHERE contact_point_ref = ANY (CAST(:refs AS uuid[])) AND key_version < :newest
    FOR UPDATE
"""
# Whoever holds many rows and waits for one more may wait in a circle with writers. So a batch takes
# only what nobody holds, and what it left is waited for one by one.
_LOCK_FREE_CONTACT_POINTS: Final = text(f"{_LOCK_CONTACT_POINTS} SKIP LOCKED")
_LOCK_ONE_CONTACT_POINT: Final = text(_LOCK_CONTACT_POINTS)

_CARRY_CONTACT_POINTS: Final = text("""
    UPDATE contact_point SET
        exact_digest = given.exact_digest, wide_digest = given.wide_digest, key_version = :newest
    FROM unnest(
        CAST(:refs AS uuid[]), CAST(:normaliser_versions AS smallint[]),
        CAST(:exact AS bytea[]), CAST(:wide AS bytea[])
    ) AS given (ref, normaliser_version, exact_digest, wide_digest)
    WHERE contact_point.contact_point_ref = given.ref
        AND contact_point.normaliser_version = given.normaliser_version
""")

# Those carried over get another key, and may come up again under it; then they are not behind.
_WINDOW_OF_REQUESTS: Final = text("""
    SELECT id_digest, content_digest, key_version FROM write_request
    WHERE id_digest > :id_digest
    ORDER BY id_digest
    LIMIT :rows
""")

# Nobody else locks or changes a request that is stored, but for a second rotation.
_CARRY_REQUESTS: Final = text("""
    UPDATE write_request SET
        id_digest = given.id_digest, content_digest = given.content_digest, key_version = :newest
    FROM unnest(CAST(:stored AS bytea[]), CAST(:ids AS bytea[]), CAST(:contents AS bytea[]))
        AS given (stored, id_digest, content_digest)
    WHERE write_request.id_digest = given.stored AND key_version < :newest
""")

_Step = Callable[[tuple[Any, ...] | None], _Window]


@dataclass(frozen=True, slots=True)
class _Carrier:
    """Carries rows over from any version of a range to its newest one."""

    engine: Engine
    keyring: Keyring
    versions: DigestRange
    say: Callable[[Progress], None]
    sleep: Callable[[float], None]

    def carry_all(self, table: str, step: _Step) -> int:
        """Carries a table over; returns how many rows.

        Ends with a look at all rows that finds none behind: one that was forgotten here would be
        an opt-out that no reader finds any more.
        """
        carried_over = 0
        while True:
            behind = 0
            last: tuple[Any, ...] | None = None
            while True:
                window = _repeated(partial(step, last), self.sleep)
                if not window.seen:
                    break
                self.say(Progress(table, window.seen, window.carried_over))
                last = window.last
                behind += window.behind
                carried_over += window.carried_over
            if not behind:
                return carried_over

    def contact_points(self, after: tuple[Any, ...] | None) -> _Window:
        """Carries the next contact points over."""
        ref, normaliser_version = after or (UUID(int=0), -1)
        with translated(NoDeadline()), self.engine.begin() as connection:
            key = {"ref": str(ref), "normaliser_version": normaliser_version, "rows": BATCH_ROWS}
            rows = connection.execute(_WINDOW_OF_CONTACT_POINTS, key).all()
            behind = [str(row[0]) for row in rows if row.key_version < self.versions.newest]
            done = set()
            if behind:
                locked = self._lock(connection, behind, _LOCK_FREE_CONTACT_POINTS)
                self._carry_contact_points(connection, locked)
                done = {str(row.contact_point_ref) for row in locked}
        # One at a time, each when its holder is through with it.
        for held in set(behind) - done:
            _repeated(partial(self._carry_held, held), self.sleep)
        last = tuple(rows[-1][:2]) if rows else ()
        return _Window(last, len(rows), len(behind), len(behind))

    def _carry_held(self, ref: str) -> None:
        with translated(NoDeadline()), self.engine.begin() as connection:
            locked = self._lock(connection, [ref], _LOCK_ONE_CONTACT_POINT)
            self._carry_contact_points(connection, locked)

    def _lock(self, connection: Connection, refs: list[str], query: Any) -> Sequence[Row[Any]]:  # noqa: ANN401
        wanted = {"refs": "{" + ",".join(refs) + "}", "newest": self.versions.newest}
        return connection.execute(query, wanted).all()

    def _carry_contact_points(self, connection: Connection, rows: Sequence[Row[Any]]) -> None:
        if not rows:
            return
        numbers = ",".join(str(row.normaliser_version) for row in rows)
        connection.execute(
            _CARRY_CONTACT_POINTS,
            {
                "refs": "{" + ",".join(str(row.contact_point_ref) for row in rows) + "}",
                "normaliser_versions": "{" + numbers + "}",
                "exact": self._advanced((row.exact_digest, row.key_version) for row in rows),
                "wide": self._advanced((row.wide_digest, row.key_version) for row in rows),
                "newest": self.versions.newest,
            },
        )

    def requests(self, after: tuple[Any, ...] | None) -> _Window:
        """Carries the next requests over."""
        [last] = after or (b"",)
        with translated(NoDeadline()), self.engine.begin() as connection:
            key = {"id_digest": last, "rows": BATCH_ROWS}
            rows = connection.execute(_WINDOW_OF_REQUESTS, key).all()
            behind = [row for row in rows if row.key_version < self.versions.newest]
            if behind:
                connection.execute(
                    _CARRY_REQUESTS,
                    {
                        "stored": digest_array([bytes(row.id_digest) for row in behind]),
                        "ids": self._advanced((row.id_digest, row.key_version) for row in behind),
                        "contents": self._advanced(
                            (row.content_digest, row.key_version) for row in behind
                        ),
                        "newest": self.versions.newest,
                    },
                )
        following = (bytes(rows[-1].id_digest),) if rows else ()
        return _Window(following, len(rows), len(behind), len(behind))

    def _advanced(self, digests: Iterable[tuple[Any, int]]) -> str:
        """Stored digests and their versions, at the newest version; as the text of an array."""
        oldest, newest = self.versions
        # The program of before digest ranges left the version of a request at its default.
        advance = self.keyring.advance
        return digest_array(
            [advance(bytes(digest), max(version, oldest), newest) for digest, version in digests]
        )
