from __future__ import annotations

from dataclasses import replace
from hashlib import md5
from typing import Any

import pytest
from sqlalchemy import Connection

from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.errors import InvalidRequest, LimitExceeded, Unavailable
from consent_registry_server.domain.vocabulary import (
    GROUP,
    EntryKind,
    PartnerId,
    PartnerKind,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.service.ports import (
    Partner,
    PreparedEntry,
    Standing,
    StandingRow,
    Transaction,
)
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.prepared import digest_array, run
from consent_registry_server.storage.revision import parse_revision
from consent_registry_server.storage.standing import READ_STANDING
from consent_registry_server.storage.store import Store, open_store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.plans import explained, require_look_ups_by_key, rows_read
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    NORWAY,
    SECOND_US,
    Samples,
)

ASKED = range(1, 1_001)
"""The numbers of the contact points that are asked about, of those that are there."""

PARTNER = Partner(
    controller=FRANCE,
    partner_id=PartnerId("union-42"),
    name="Union of Examples",
    kind=PartnerKind.UNION,
    permitted_channels=6,
    permitted_purposes=frozenset({PurposeId("partner_offers"), PurposeId("member_benefit")}),
    maximum_lead_age_days=90,
)


def read(store: Store, samples: Samples, *names: str) -> Standing:
    points = [samples.point(name) for name in names]
    return store.standing.read(FRANCE, points, deadline=NO_DEADLINE)


def save(store: Store, samples: Samples, partner: Partner) -> None:
    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.save_partner(partner, recorded_at_us=NOON_US)
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)


def test_a_standing_entry_is_read_with_all_that_decides(
    store: Store, append: Append, samples: Samples
) -> None:
    point = samples.point("a")._replace(unit_state=2)
    expression = Expression(Source.CHAT, Precision.DAY, NOON_US - 5, "Europe/Paris")
    entry = samples.consent(
        point, at_us=NOON_US - 3, expires_at_us=NOON_US + 7, expression=expression
    )
    append(entry)

    assert read(store, samples, "a").rows == [
        StandingRow(
            wide=point.wide,
            exact=point.exact,
            unit_state=2,
            kind=EntryKind.CONSENT,
            entry_id=entry.entry_id,
            channels=2,
            purposes=["direct_marketing"],
            counts_at_us=NOON_US - 3,
            expressed_at_us=NOON_US - 5,
            expires_at_us=NOON_US + 7,
            lifted_at_us=None,
            source=Source.CHAT,
            proven=True,
            lifts_opt_outs=True,
            partner_channels=None,
            partner_purposes=None,
            partner_maximum_lead_age_days=None,
        )
    ]


def test_contact_points_are_found_by_their_wide_digest_and_told_apart_by_the_exact_one(
    store: Store, append: Append, samples: Samples
) -> None:
    plain, tagged = samples.point("camille"), samples.point("camille+tag", wide="camille")
    append(samples.entry(plain))
    append(samples.entry(tagged))

    found = read(store, samples, "camille").rows

    assert {row.exact for row in found} == {plain.exact, tagged.exact}
    assert {row.wide for row in found} == {plain.wide}


def test_each_contact_point_of_an_entry_has_a_row(
    store: Store, append: Append, samples: Samples
) -> None:
    append(samples.entry(samples.point("a"), samples.point("b")))

    found = read(store, samples, "a", "b", "unknown").rows

    assert {row.wide for row in found} == {samples.wide("a"), samples.wide("b")}


def test_nothing_found_still_has_a_revision(store: Store, samples: Samples) -> None:
    for names in ([], ["unknown"]):
        standing = read(store, samples, *names)

        assert standing.rows == []
        assert parse_revision(standing.revision).snapshot


def test_a_read_after_a_write_has_a_revision_that_contains_it(
    store: Store, append: Append, samples: Samples
) -> None:
    written = parse_revision(append(samples.entry()).revision)

    seen = parse_revision(read(store, samples, "a").revision)

    assert seen.incarnation == written.incarnation
    assert int(written.xid) < int(seen.snapshot.split(":")[0])


def test_only_the_controllers_own_entries_and_the_groups_are_read(
    store: Store, append: Append, samples: Samples
) -> None:
    own = samples.entry(samples.point("a"))
    groups = samples.entry(samples.point("a"), controller=GROUP)
    append(own, groups, samples.entry(samples.point("a"), controller=NORWAY))

    found = read(store, samples, "a").rows

    assert {row.entry_id for row in found} == {own.entry_id, groups.entry_id}


@pytest.mark.parametrize(
    "lifts_at, expected",
    [
        pytest.param([2], 2, id="one"),
        pytest.param([5, 2, 9], 2, id="the-earliest"),
        pytest.param([-4], 0, id="not-before-the-entry"),
        pytest.param([7, -4], 0, id="before-and-after"),
    ],
)
def test_lifts_end_an_entry_from_the_earliest_of_them(
    store: Store, append: Append, samples: Samples, lifts_at: list[int], expected: int
) -> None:
    entry = samples.entry(samples.point("a"), samples.point("b"))
    other = samples.entry(samples.point("a"))
    append(entry, other)

    for seconds in lifts_at:
        append(samples.lift(entry, at_us=NOON_US + seconds * SECOND_US))

    lifted = {(row.entry_id, row.lifted_at_us) for row in read(store, samples, "a", "b").rows}
    assert lifted == {
        (entry.entry_id, NOON_US + expected * SECOND_US),
        (other.entry_id, None),
    }


def partner_consent(samples: Samples) -> PreparedEntry:
    return samples.consent(
        samples.point("a"), kind=EntryKind.PARTNER_CONSENT, partner_id=PARTNER.partner_id
    )


def test_a_partner_consent_comes_with_the_terms_in_force_now(
    store: Store, append: Append, samples: Samples
) -> None:
    save(store, samples, PARTNER)
    append(partner_consent(samples))
    save(store, samples, replace(PARTNER, permitted_channels=2, maximum_lead_age_days=30))

    (row,) = read(store, samples, "a").rows

    assert row.partner_channels == 2
    assert row.partner_purposes == ["member_benefit", "partner_offers"]
    assert row.partner_maximum_lead_age_days == 30


def test_a_partner_consent_without_a_partner_has_no_terms(
    store: Store, append: Append, samples: Samples
) -> None:
    append(partner_consent(samples))

    (row,) = read(store, samples, "a").rows

    assert row.partner_channels is None


def test_only_a_partner_consent_comes_with_a_partners_terms(
    store: Store, append: Append, samples: Samples
) -> None:
    save(store, samples, PARTNER)
    append(samples.entry(samples.point("a"), partner_id=PARTNER.partner_id))

    (row,) = read(store, samples, "a").rows

    assert row.partner_channels is None


def test_a_revision_of_this_registry_is_honoured(
    store: Store, append: Append, samples: Samples
) -> None:
    recorded = append(samples.entry(samples.point("a")))

    standing = store.standing.read(
        FRANCE, [samples.point("a")], deadline=NO_DEADLINE, at_least_as_fresh=recorded.revision
    )

    assert len(standing.rows) == 1


def test_a_revision_of_no_registry_is_refused(store: Store, samples: Samples) -> None:
    with pytest.raises(InvalidRequest) as error:
        store.standing.read(
            FRANCE, [samples.point("a")], deadline=NO_DEADLINE, at_least_as_fresh="made-up"
        )

    assert error.value.reason == "INVALID_REVISION"


def test_more_rows_than_allowed_are_refused_and_never_cut_short(
    postgres_url: str,
    keyring: Keyring,
    store: Store,
    append: Append,
    samples: Samples,
) -> None:
    small = open_store(
        postgres_url, keyring, store.vault.keys.key_store, StorageLimits(standing_rows=3)
    )
    try:
        append(*(samples.entry(samples.point("a")) for _ in range(3)))
        assert len(read(small, samples, "a").rows) == 3

        append(samples.entry(samples.point("a")))
        with pytest.raises(LimitExceeded) as error:
            read(small, samples, "a")
    finally:
        small.close()

    assert error.value.reason == "TOO_MANY_ENTRIES"
    assert len(read(store, samples, "a").rows) == 4


POINTS = 20_000
FILL = f"""
    INSERT INTO contact_point
        SELECT md5('ref ' || number)::uuid, 1, 2, 0, 1, decode(md5('exact ' || number), 'hex'),
            decode(md5('wide ' || number), 'hex')
        FROM generate_series(1, {POINTS}) AS number;
    INSERT INTO entry (entry_id, kind, controller, channels, source, precision, expressed_at,
            time_zone, recorded_at, counts_at, proven, lifts_opt_outs, register, register_status)
        SELECT lpad(to_hex(number), 32, '0')::uuid, kind, controller, 8, 3, 1, now(), '', now(),
            now(), false, false, CASE WHEN kind = 11 THEN 'RPO' END, CASE WHEN kind = 11 THEN 1 END
        FROM (VALUES
            (1, 4, 'alarm-fr'), (2, 9, 'alarm-fr'), (3, 11, 'alarm-fr'), (4, 4, 'alarm-no')
        ) AS written (number, kind, controller);
    INSERT INTO entry_contact_point
        SELECT entry_id, contact_point_ref, 2 FROM entry CROSS JOIN contact_point;
    INSERT INTO standing
        SELECT contact_point_ref, entry_id, entry.kind, controller, channels, purposes, source,
            counts_at, expressed_at, expires_at, NULL, proven, lifts_opt_outs, partner_id
        FROM entry CROSS JOIN contact_point WHERE entry.kind <> 11;
    INSERT INTO register_standing
        SELECT contact_point_ref, controller, register, entry_id, true, counts_at, NULL
        FROM entry CROSS JOIN contact_point WHERE entry.kind = 11;
"""  # noqa: S608 - a number
"""Each contact point with an opt-out, an attempt, a result, and another controller's opt-out."""


def test_a_read_looks_up_by_key_however_empty_the_tables_were_when_it_was_planned(
    store: Store, sql: Sql
) -> None:
    asked = [md5(f"wide {number}".encode(), usedforsecurity=False).digest() for number in ASKED]
    incarnation = sql("SELECT incarnation::text FROM registry")[0][0]
    values = (digest_array(asked), FRANCE, 50_000, incarnation)

    def read_rows(connection: Connection) -> dict[str, int]:
        plan = explained(connection, READ_STANDING.call, *values, options=", ANALYZE")
        require_look_ups_by_key(plan)
        return rows_read(plan)

    with store.database.transaction(NO_DEADLINE) as connection:
        run(connection.connection, (READ_STANDING, ["{}", FRANCE, 1, incarnation]))
        require_look_ups_by_key(explained(connection, READ_STANDING.call, *values))
        sql(FILL)
        planned_while_empty = read_rows(connection)
        sql("ANALYZE")
        planned_again = read_rows(connection)

    for read in (planned_while_empty, planned_again):
        assert read == {
            "registry": 1,
            "contact_point": len(ASKED),
            # Once for the rows, once more for the last attempt among them.
            "standing": 2 * 3 * len(ASKED),
            "register_standing": len(ASKED),
            "partner": 0,
        }


@pytest.mark.parametrize(
    "restored",
    [
        pytest.param("reconciling = true", id="not whole yet"),
        pytest.param("incarnation = gen_random_uuid()", id="whole again, in another life"),
    ],
)
def test_a_server_from_before_a_restore_neither_answers_nor_writes(
    store: Store, append: Append, samples: Samples, sql: Sql, restored: str
) -> None:
    """It may not have had a session open, and so not have noticed."""
    append(samples.entry(samples.point("a")))
    sql(f"UPDATE registry SET {restored}")  # noqa: S608 - a constant of this table

    for attempt in (
        lambda: read(store, samples, "a"),
        lambda: append(samples.entry(samples.point("b"))),
        lambda: store.ledger.transact(lambda _: None, deadline=NO_DEADLINE),
    ):
        with pytest.raises(Unavailable, match="restored"):
            attempt()

    assert sql("SELECT count(*) FROM entry") == [(1,)]
