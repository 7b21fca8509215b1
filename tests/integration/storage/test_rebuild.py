from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.service.ports import PreparedEntry
from consent_registry_server.storage.rebuild import (
    RebuildReport,
    compare_standing,
    rebuild_standing,
)
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import NOON_US, SECOND_US, Samples

DAMAGE = {
    "missing": "DELETE FROM standing",
    "lift-forgotten": "UPDATE standing SET lifted_at = NULL",
    "wrong-channels": "UPDATE standing SET channels = 2",
    "wrong-purposes": "UPDATE standing SET purposes = '{x}'",
    "surplus": "UPDATE standing SET contact_point_ref = gen_random_uuid()",
}


def test_the_kept_standing_is_the_rebuilt_one(
    store: Store, append: Append, samples: Samples
) -> None:
    entry = samples.entry(samples.point("a"), samples.point("b"))
    append(entry)
    append(samples.consent(samples.point("a")))
    append(samples.lift(entry, at_us=NOON_US + SECOND_US))

    assert rebuild_standing(store.database.engine) == RebuildReport(rows=3, differing=0)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_standing_is_reported_and_repaired(
    store: Store, append: Append, samples: Samples, sql: Sql, damage: str
) -> None:
    entry = samples.entry(samples.point("a"))
    append(entry, samples.lift(entry, at_us=NOON_US))
    sql(damage)

    report = rebuild_standing(store.database.engine)

    assert report.rows == 1
    assert report.differing >= 1
    assert compare_standing(store.database.engine) == 0


def test_rows_that_are_right_are_not_written_again(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    append(samples.entry(samples.point("a")), samples.entry(samples.point("b")))
    sql("DELETE FROM standing WHERE ctid = (SELECT min(ctid) FROM standing)")

    assert rebuild_standing(store.database.engine) == RebuildReport(rows=2, differing=1)


def test_an_empty_registry_has_nothing_to_rebuild(store: Store) -> None:
    assert rebuild_standing(store.database.engine) == RebuildReport(rows=0, differing=0)


writes = st.lists(
    st.tuples(
        st.sampled_from(["opt-out", "consent", "recording-lift", "lift"]),
        st.sets(st.sampled_from("abc"), min_size=1),
        st.integers(-3, 3),
        st.integers(0, 20),
    ),
    max_size=12,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(writes=writes)
def test_whatever_is_written_in_whatever_order_standing_follows_the_ledger(
    store: Store, append: Append, samples: Samples, writes: list[tuple[str, set[str], int, int]]
) -> None:
    opt_outs: list[PreparedEntry] = []
    for what, names, seconds, which in writes:
        at_us = NOON_US + seconds * SECOND_US
        points = [samples.point(name) for name in sorted(names)]
        if what == "lift":
            if opt_outs:
                append(samples.lift(opt_outs[which % len(opt_outs)], at_us=at_us))
        elif what == "opt-out":
            opt_outs.append(samples.entry(*points, at_us=at_us))
            append(opt_outs[-1])
        elif what == "consent":
            append(samples.consent(*points, at_us=at_us))
        else:
            kind = EntryKind.RECORDING_OBJECTION_LIFT
            append(samples.entry(*points, at_us=at_us, kind=kind))

    assert compare_standing(store.database.engine) == 0
