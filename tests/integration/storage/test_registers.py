from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import LONGEST_DAY_US
from consent_registry_server.domain.vocabulary import RegisterStatus
from consent_registry_server.service.ports import PreparedEntry, Transaction
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.rebuild import (
    RebuildReport,
    compare_standing,
    rebuild_standing,
)
from consent_registry_server.storage.register_projection import (
    ADVANCE_REGISTERS,
    PROJECT_REGISTERS,
)
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.plans import explained, require_look_ups_by_key
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    NORWAY,
    Samples,
)
from tests.integration.storage.threads import at_once, wait_until_one_waits_for_a_lock

WRITERS = 8
DAY_US = 86_400_000_000
NAMES = "abcde"

STORED = """
    SELECT exact_digest, controller, register, entry_id, is_listed,
        (extract(epoch FROM checked_at) * 1000000)::bigint,
        (extract(epoch FROM listed_at) * 1000000)::bigint
    FROM register_standing JOIN contact_point USING (contact_point_ref)
"""
PLACES = """
    SELECT contact_point_ref, controller, register, ctid::text, xmin::text FROM register_standing
"""


class Key(NamedTuple):
    """Of whom, for whom and by whom something was said."""

    exact: bytes
    controller: str
    register: str


class Last(NamedTuple):
    """The last that was said."""

    entry_id: UUID
    is_listed: bool
    checked_at_us: int
    listed_at_us: int | None


def drawn(samples: Samples, dice: Random) -> PreparedEntry:
    """Any result of a few days, contact points, registers and controllers."""
    names = dice.sample(NAMES, dice.randint(1, 3))
    status = dice.choice(tuple(RegisterStatus))
    told = status is RegisterStatus.LISTED and dice.random() < 0.5
    return samples.result(
        *(samples.point(name) for name in names),
        status=status,
        register=dice.choice(("RPO", "NIX")),
        controller=dice.choice((FRANCE, NORWAY)),
        at_us=NOON_US + dice.randrange(5) * DAY_US,
        listed_at_us=NOON_US - dice.randrange(5) * DAY_US if told else None,
    )


def last_results(written: Iterable[PreparedEntry]) -> dict[Key, Last]:
    """What the last results are, worked out one by one."""
    said: dict[Key, list[Last]] = {}
    for each in written:
        result = each.new.register_result
        assert result is not None
        is_listed = result.status is RegisterStatus.LISTED
        last = Last(each.entry_id, is_listed, each.counts_at_us, result.listed_at_us)
        for point in each.contact_points:
            key = Key(point.exact, each.new.controller, result.register)
            said.setdefault(key, []).append(last)
    return {key: last_of(results) for key, results in said.items()}


def last_of(results: list[Last]) -> Last:
    newest_us = max(each.checked_at_us for each in results)
    of_that_day = [each for each in results if each.checked_at_us == newest_us]
    listed = [each for each in of_that_day if each.is_listed]
    if not listed:
        return min(of_that_day)
    told = [each for each in listed if each.listed_at_us is not None]
    latest_us = max((each.listed_at_us or 0 for each in told), default=None)
    last = min(each for each in listed if each.listed_at_us == latest_us)
    if latest_us is not None:
        return last
    cleared_us = max((each.checked_at_us for each in results if not each.is_listed), default=0)
    since = [each for each in results if each.is_listed and each.checked_at_us >= cleared_us]
    told_us = [each.listed_at_us for each in since if each.listed_at_us is not None]
    first_seen_us = min(each.checked_at_us for each in since) + LONGEST_DAY_US
    return last._replace(listed_at_us=max(told_us, default=first_seen_us))


def stored(rows: Sql) -> dict[Key, Last]:
    """What the table holds."""
    return {
        Key(bytes(exact), controller, register): Last(*rest)
        for exact, controller, register, *rest in rows(STORED)
    }


def test_results_written_at_once_leave_the_last_of_each(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    def write_all(number: int) -> list[PreparedEntry]:
        dice = Random(number)  # noqa: S311 - the same results in every run
        written: list[PreparedEntry] = []
        for _ in range(12):
            results = [drawn(samples, dice) for _ in range(dice.randint(1, 3))]
            append(*results)
            written += results
        return written

    written = [each for some in at_once(write_all, WRITERS) for each in some]

    assert len(written) > 12 * WRITERS
    assert stored(rows) == last_results(written)
    assert compare_standing(store.database.engine) == 0


STATEMENTS = [
    (day, status, told)
    for day in range(3)
    for status, told in (
        (RegisterStatus.CLEAR, None),
        (RegisterStatus.LISTED, None),
        (RegisterStatus.LISTED, -2),
        (RegisterStatus.LISTED, -1),
    )
]


def test_whatever_three_scrubs_say_in_whatever_order_the_last_is_kept(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    # All of them, each of a contact point of its own: most follow from the result before alone,
    # and must not differ from what all the results amount to.
    histories = {
        samples.point(f"p{number}"): history
        for number, history in enumerate(product(STATEMENTS, repeat=3))
    }
    written: list[PreparedEntry] = []
    for scrub in range(3):
        results = [
            samples.result(
                *(point for point, history in histories.items() if history[scrub] == statement),
                status=status,
                at_us=NOON_US + day * DAY_US,
                listed_at_us=None if told is None else NOON_US + told * DAY_US,
            )
            for statement in STATEMENTS
            for day, status, told in [statement]
        ]
        append(*results)
        written += results
        assert stored(rows) == last_results(written)

    assert len(stored(rows)) == len(STATEMENTS) ** 3
    assert compare_standing(store.database.engine) == 0


def test_a_result_that_waited_for_a_later_one_does_not_replace_it(
    postgres_url: str, store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    append(samples.result(samples.point("a"), status=RegisterStatus.CLEAR))
    late = samples.result(samples.point("a"), at_us=NOON_US + 2 * DAY_US)
    early = samples.result(samples.point("a"), status=RegisterStatus.CLEAR, at_us=NOON_US + DAY_US)

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([late])
            executor.submit(append, early)
            wait_until_one_waits_for_a_lock(postgres_url)
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert rows("SELECT count(*) FROM entry") == [(3,)]
    assert [last.entry_id for last in stored(rows).values()] == [late.entry_id]
    assert compare_standing(store.database.engine) == 0


def test_results_of_different_registers_do_not_wait_for_each_other(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    append(samples.entry(samples.point("a")))

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([samples.result(samples.point("a"), register="RPO")])
            other = samples.result(samples.point("a"), register="NIX")
            executor.submit(append, other).result()
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert {key.register for key in stored(rows)} == {"RPO", "NIX"}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("DELETE FROM register_standing WHERE {one}", id="missing"),
        pytest.param("UPDATE register_standing SET is_listed = false WHERE {one}", id="clear"),
        pytest.param("UPDATE register_standing SET listed_at = NULL WHERE {one}", id="undated"),
        pytest.param(
            "UPDATE register_standing SET checked_at = now() WHERE {one}", id="checked-later"
        ),
        pytest.param(
            "INSERT INTO register_standing SELECT (jsonb_populate_record("
            'register_standing, \'{{"register": "made up"}}\')).* FROM register_standing'
            " WHERE {one}",
            id="surplus",
        ),
    ],
)
def test_a_damaged_row_is_reported_and_repaired_and_no_other_is_touched(
    store: Store, append: Append, samples: Samples, sql: Sql, rows: Sql, *, damage: str
) -> None:
    append(samples.entry(samples.point("a")))
    results = [samples.result(samples.point(name), listed_at_us=NOON_US) for name in NAMES]
    append(*results)
    one = f"entry_id = '{results[0].entry_id}'"
    before, places = stored(rows), set(rows(PLACES))
    sql(damage.format(one=one))

    report = rebuild_standing(store.database.engine)

    assert report == RebuildReport(rows=1 + len(NAMES), differing=1)
    assert stored(rows) == before == last_results(results)
    assert len(places & set(rows(PLACES))) >= len(NAMES) - 1
    assert compare_standing(store.database.engine) == 0


def test_the_lost_table_is_rebuilt_from_the_ledger(
    store: Store, append: Append, samples: Samples, sql: Sql, rows: Sql
) -> None:
    dice = Random(5)  # noqa: S311 - the same results in every run
    written = [drawn(samples, dice) for _ in range(40)]
    append(*written)
    sql("DELETE FROM register_standing")

    expected = last_results(written)
    assert rebuild_standing(store.database.engine).differing == len(expected)
    assert stored(rows) == expected


@pytest.mark.parametrize("prepared", [ADVANCE_REGISTERS, PROJECT_REGISTERS])
def test_results_planned_while_the_tables_are_empty_are_projected_by_key(
    store: Store, prepared: Prepared
) -> None:
    with store.database.transaction(NO_DEADLINE) as connection:
        run(connection.connection, (prepared, ["{}"]))
        plan = explained(connection, prepared.call, "{}")

    require_look_ups_by_key(plan)
