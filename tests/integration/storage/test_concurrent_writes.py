from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from consent_registry_server.service.ports import PreparedEntry, Recorded, Transaction
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.rebuild import compare_standing, rebuild_standing
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    SECOND_US,
    Samples,
)
from tests.integration.storage.threads import at_once, wait_until_one_waits_for_a_lock

WRITERS = 16


def test_the_same_requests_at_once_are_written_once_and_answered_alike(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    def write_all(_: int) -> list[Recorded]:
        return [
            append(samples.entry(samples.point("a")), request=samples.request(f"r{index}"))
            for index in range(10)
        ]

    answers = at_once(write_all, WRITERS)

    assert all(answer == answers[0] for answer in answers)
    assert rows("SELECT count(*) FROM entry") == [(10,)]
    stored = {str(entry_id) for (entry_id,) in rows("SELECT entry_id FROM entry")}
    assert {answer.details["entry_ids"][0] for answer in answers[0]} == stored
    assert compare_standing(store.database.engine) == 0


def test_different_requests_at_once_on_one_contact_point_are_all_kept(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    def write_all(_: int) -> list[Recorded]:
        return [append(samples.entry(samples.point("a"), samples.point("b"))) for _ in range(5)]

    at_once(write_all, WRITERS)

    assert rows("SELECT count(*) FROM contact_point") == [(2,)]
    standing = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE)
    assert len(standing.rows) == 5 * WRITERS
    assert compare_standing(store.database.engine) == 0


def test_new_contact_points_named_in_opposite_orders_do_not_deadlock(
    postgres_url: str, keyring: Keyring, key_store: KeyStore, samples: Samples
) -> None:
    once = open_store(
        postgres_url, keyring, key_store, StorageLimits(pool_size=WRITERS, write_attempts=1)
    )
    points = [samples.point(f"p{index}") for index in range(50)]

    def write(number: int) -> Recorded:
        entry = samples.entry(*(points if number % 2 else reversed(points)))

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([entry])
            return {}

        return once.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    try:
        assert len(at_once(write, WRITERS)) == WRITERS
    finally:
        once.close()


def test_of_lifts_at_once_the_earliest_counts(
    store: Store, append: Append, samples: Samples
) -> None:
    entry = samples.entry(samples.point("a"))
    append(entry)

    at_once(
        lambda number: append(samples.lift(entry, at_us=NOON_US + (number + 1) * SECOND_US)),
        WRITERS,
    )

    standing = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE)
    assert [row.lifted_at_us for row in standing.rows] == [NOON_US + SECOND_US]
    assert compare_standing(store.database.engine) == 0


def test_writers_and_rebuilds_at_once_end_in_the_right_standing(
    store: Store, append: Append, samples: Samples
) -> None:
    def work(number: int) -> None:
        for index in range(5):
            if number % 8 == 0:
                rebuild_standing(store.database.engine)
                continue
            entry = samples.entry(samples.point(f"p{index}"))
            append(entry)
            append(samples.lift(entry, at_us=NOON_US + SECOND_US))

    at_once(work, WRITERS)

    assert compare_standing(store.database.engine) == 0


def test_writes_that_deadlock_are_repeated_until_both_succeed(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    # The first write of a month makes its key, and others of that month wait for it.
    append(samples.entry(samples.point("first of the month")))
    both_hold_one = threading.Barrier(2)
    attempts: list[int] = []

    def write(number: int) -> None:
        points = [samples.point("a"), samples.point("b")]
        entries: list[PreparedEntry] = [samples.entry(point) for point in points]
        first, second = entries if number else reversed(entries)

        def work(transaction: Transaction) -> dict[str, Any]:
            attempts.append(number)
            transaction.append([first])
            if attempts.count(number) == 1:
                both_hold_one.wait()
            transaction.append([second])
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    at_once(write, 2)

    assert len(attempts) == 3
    assert rows("SELECT count(*) FROM entry") == [(5,)]
    assert compare_standing(store.database.engine) == 0


def test_of_two_lifts_the_later_one_does_not_undo_the_earlier_that_it_waited_for(
    postgres_url: str, store: Store, append: Append, samples: Samples
) -> None:
    entry = samples.entry(samples.point("a"))
    append(entry)
    early = samples.lift(entry, at_us=NOON_US + SECOND_US)
    late = samples.lift(entry, at_us=NOON_US + 2 * SECOND_US)

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([early])
            executor.submit(append, late)
            wait_until_one_waits_for_a_lock(postgres_url)
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert run_sql(postgres_url, "SELECT count(*) FROM entry") == [(3,)]
    assert compare_standing(store.database.engine) == 0


def test_a_rebuild_does_not_undo_a_lift_that_is_being_written(
    postgres_url: str, store: Store, append: Append, samples: Samples
) -> None:
    entry = samples.entry(samples.point("a"))
    append(entry)
    run_sql(postgres_url, "UPDATE standing SET channels = 2")

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([samples.lift(entry, at_us=NOON_US + SECOND_US)])
            executor.submit(rebuild_standing, store.database.engine)
            wait_until_one_waits_for_a_lock(postgres_url)
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert compare_standing(store.database.engine) == 0


def test_rows_are_written_in_one_order_by_all_so_that_none_wait_for_each_other(
    append: Append, samples: Samples, rows: Sql
) -> None:
    points = sorted(
        (samples.point(f"p{index}") for index in range(20)),
        key=lambda point: point.exact,
        reverse=True,
    )

    append(samples.entry(*points))

    digests = [
        bytes(digest) for (digest,) in rows("SELECT exact_digest FROM contact_point ORDER BY ctid")
    ]
    refs = [ref for (ref,) in rows("SELECT contact_point_ref FROM standing ORDER BY ctid")]
    assert digests == sorted(digests)
    assert refs == sorted(refs)
