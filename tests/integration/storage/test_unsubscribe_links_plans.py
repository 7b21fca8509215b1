"""What PostgreSQL reads for a link among many: a few rows by key, whenever it was planned."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import md5
from typing import Any, Final, NamedTuple

import pytest
from sqlalchemy import Connection

from consent_registry_server.storage import contact_points, erasure, unsubscribe_links
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Sql
from tests.integration.storage.plans import explained, rows_read
from tests.integration.storage.samples import FRANCE, NO_DEADLINE

LINKS: Final = 20_000
PEOPLE: Final = 50
MOST_ROWS: Final = 20 * PEOPLE
"""Far fewer than there are of any table, and more than anything has to look at."""
FILL: Final = f"""
    INSERT INTO contact_point
        SELECT md5('ref ' || number)::uuid, 1, 1, 0, 1, decode(md5('exact ' || number), 'hex'),
            decode(md5('wide ' || number), 'hex')
        FROM generate_series(1, {LINKS}) AS number;
    INSERT INTO unsubscribe_link (link_id, controller, contact_point_refs, contact_kinds,
            created_at)
        SELECT md5('link ' || number)::uuid, 'alarm-fr', ARRAY[md5('ref ' || number)::uuid],
            '{{1}}', now()
        FROM generate_series(1, {LINKS}) AS number;
    INSERT INTO unsubscribe_link_contact_point
        SELECT md5('ref ' || number)::uuid, md5('link ' || number)::uuid
        FROM generate_series(1, {LINKS}) AS number;
    INSERT INTO entry (entry_id, kind, controller, channels, source, precision, expressed_at,
            time_zone, recorded_at, counts_at, proven, lifts_opt_outs, unsubscribe_link_id)
        SELECT md5('entry ' || number)::uuid, CASE WHEN number % 2 = 0 THEN 1 ELSE 4 END,
            'alarm-fr', 2, 5, 1, now(), '', now(), now(), number % 2 = 0, false,
            CASE WHEN number % 2 = 1 THEN md5('link ' || number)::uuid END
        FROM generate_series(1, {LINKS}) AS number;
    INSERT INTO entry_contact_point
        SELECT md5('entry ' || number)::uuid, md5('ref ' || number)::uuid, 1
        FROM generate_series(1, {LINKS}) AS number;
    INSERT INTO standing
        SELECT contact_point_ref, entry_id, entry.kind, controller, channels, purposes, source,
            counts_at, expressed_at, expires_at, NULL, proven, lifts_opt_outs, partner_id
        FROM entry JOIN entry_contact_point USING (entry_id);
    INSERT INTO entry (entry_id, kind, controller, channels, source, precision, expressed_at,
            time_zone, recorded_at, counts_at, proven, lifts_opt_outs, concerns_entry_id)
        SELECT md5('end ' || number)::uuid, 12, 'alarm-fr', -1, 12, 1, now(), '', now(), now(),
            false, false, md5('entry ' || number)::uuid
        FROM generate_series(2, 2 * {PEOPLE}, 2) AS number;
"""  # noqa: S608 - a number
"""Each contact point with a link; every other one was used, the rest consented to something, and of
some of these the identity has ended."""


def uuid_of(kind: str, number: int) -> str:
    """The id that the database was filled with."""
    return md5(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest()


def many(kind: str) -> str:
    """Some ids, as the text of an array."""
    ids = (uuid_of(kind, 2 * number) for number in range(1, PEOPLE + 1))
    return "{" + ",".join(ids) + "}"


def _people(_: str) -> list[Any]:
    given = [
        {
            "number": number,
            "link_id": uuid_of("new", number),
            # Every other person has none yet.
            "contact_point_refs": [uuid_of("ref", number), uuid_of("ref", number + 1)][
                : 1 + number % 2
            ],
            "contact_kinds": [1],
        }
        for number in range(1, PEOPLE + 1)
    ]
    return [FRANCE, "2026-09-21T12:00:00Z", json.dumps(given)]


class Asked(NamedTuple):
    """A statement, and what it is given; the registry's incarnation may be part of it."""

    prepared: Prepared
    values: Callable[[str], Sequence[Any]]


STATEMENTS: Final = {
    "keep": Asked(unsubscribe_links._KEEP, _people),  # noqa: SLF001 - what it reads is its promise
    "find": Asked(
        unsubscribe_links._FIND,  # noqa: SLF001
        lambda incarnation: [uuid_of("link", 7), incarnation],
    ),
    "named": Asked(
        unsubscribe_links._NAMED,  # noqa: SLF001
        lambda _: [uuid_of("link", 7)],
    ),
    "said before": Asked(
        unsubscribe_links._SAID,  # noqa: SLF001
        lambda _: [uuid_of("link", 7), 4, 2, None, 5, "2020-01-01T00:00:00Z"],
    ),
    "last permission": Asked(
        unsubscribe_links._LAST_PERMISSION,  # noqa: SLF001
        lambda _: [uuid_of("link", 8)],
    ),
    "whose digests are locked": Asked(
        erasure._LOCK_POINTS,  # noqa: SLF001
        lambda _: [many("entry")],
    ),
    "whose digests are forgotten": Asked(
        erasure._UNLINK,  # noqa: SLF001
        lambda _: [many("ref")],
    ),
    "what an entry names": Asked(
        contact_points._NAMED,  # noqa: SLF001
        lambda _: [uuid_of("entry", 8)],
    ),
}


@pytest.mark.parametrize("asked", STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_about_links_reads_few_rows_however_many_there_are(
    store: Store, sql: Sql, asked: Asked
) -> None:
    """Planned while the tables are empty, and again when they are full."""
    [(incarnation,)] = sql("SELECT incarnation::text FROM registry")
    values = asked.values(incarnation)

    def read_rows(connection: Connection) -> dict[str, int]:
        plan = explained(connection, asked.prepared.call, *values, options=", ANALYZE")
        return {table: rows for table, rows in rows_read(plan).items() if rows > MOST_ROWS}

    with store.database.transaction(NO_DEADLINE) as connection:
        # Six times: a statement is planned for its values at first, and then once for all.
        for _ in range(6):
            run(connection.connection, (asked.prepared, values))
        sql(FILL)
        planned_while_empty = read_rows(connection)
        sql("ANALYZE")
        planned_again = read_rows(connection)

    assert (planned_while_empty, planned_again) == ({}, {})
