"""What was written before a migration reads the same after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg2
import pytest

from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.service.ports import Page, StandingRow, Transaction
from consent_registry_server.storage.key_check import checks_of
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.rebuild import RebuildReport, rebuild_standing
from consent_registry_server.storage.store import Store, open_store
from consent_registry_server.storage.times import to_timestamp
from tests.conftest import run_sql
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    SECOND_US,
    Samples,
)
from tests.integration.storage.test_migrations import migrate_to

LIFTED = UUID(int=4)
"""The entries' ids are the numbers of their kinds."""
KINDS: Final = tuple(EntryKind(number) for number in range(1, 9))
STANDING: Final = tuple(kind for kind in KINDS if kind is not EntryKind.DO_NOT_CONTACT_LIFT)
TABLES: Final = (
    "entry",
    "entry_contact_point",
    "contact_point",
    "standing",
    "vault",
    "partner",
    "partner_change",
    "write_request",
    "write_answer",
    "key_check",
    "registry",
)

# Each entry a second after the one before; the partner's terms change between the second and the
# third.
WRITTEN_BEFORE: Final = """
    INSERT INTO contact_point VALUES
        ('{ref}', 1, 1, 0, 1, '\\x{exact}', '\\x{wide}');
    INSERT INTO partner VALUES
        ('alarm-fr', 'union-42', 'Union of Examples', 1, 4, '{{partner_offers}}', 30, '{third}');
    INSERT INTO partner_change
            (controller, partner_id, name, kind, permitted_channels, permitted_purposes,
            maximum_lead_age_days, recorded_at)
        VALUES ('alarm-fr', 'union-42', 'Union of Examples', 1, 2, '{{}}', 90, '{first}'),
            ('alarm-fr', 'union-42', 'Union of Examples', 1, 4, '{{partner_offers}}', 30,
                '{third}');
    INSERT INTO entry
        SELECT lpad(to_hex(kind), 32, '0')::uuid, kind, 'alarm-fr',
            CASE WHEN kind <= 2 THEN 2 ELSE -1 END,
            CASE WHEN kind <= 2 THEN ARRAY['direct_marketing'] END,
            1, 1, moment, 'Europe/Paris', moment, moment, NULL, kind <= 2, kind = 1,
            CASE WHEN kind = 2 THEN 'union-42' END,
            CASE WHEN kind = 5 THEN '{lifted}'::uuid END
        FROM generate_series(1, 8) AS kind
        CROSS JOIN LATERAL (
            SELECT '{first}'::timestamptz + kind * interval '1 second' AS moment
        ) AS moments;
    INSERT INTO entry_contact_point SELECT entry_id, '{ref}', 1 FROM entry WHERE kind <> 5;
    INSERT INTO standing
        SELECT '{ref}', entry_id, kind, controller, channels, purposes, source, counts_at,
            expressed_at, expires_at,
            CASE WHEN kind = 4 THEN '{first}'::timestamptz + interval '5 seconds' END,
            proven, lifts_opt_outs, partner_id
        FROM entry WHERE kind <> 5;
    INSERT INTO vault SELECT entry_id, 'vault-1', '\\x00', '\\x00', '\\x00' FROM entry;
    INSERT INTO write_request VALUES ('\\x{request}', '\\x{content}', '{first}');
    INSERT INTO key_check VALUES {checks};
    INSERT INTO write_answer VALUES ('\\x{request}', 'AXg3', '{{"entry_ids": []}}');
"""


def moment(seconds: int) -> str:
    """Some seconds after noon, for SQL."""
    return to_timestamp(NOON_US + seconds * SECOND_US).isoformat()


ADDED: Final = {
    "began_at": "-infinity",
    "digest_newest": 1,
    "digest_oldest": 1,
    "expires_on": "2033-09-21",
    "held": False,
    "key_version": 1,
    "reconciling": False,
    "times_sealed": 1,
}
"""What old rows have in new columns; NULL in all others."""


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables of before."""
    queries = {
        table: f"SELECT to_jsonb({table}) FROM {table} ORDER BY to_jsonb({table})"  # noqa: S608
        for table in TABLES
    }
    return {table: [row for (row,) in run_sql(url, queries[table])] for table in TABLES}


@pytest.fixture
def old_url(empty_postgres_url: str, keyring: Keyring, samples: Samples) -> str:
    """The URL of a database of the first schema, with data."""
    migrate_to(empty_postgres_url, "0001")
    point, request = samples.point("a"), samples.request("of before")
    written = WRITTEN_BEFORE.format(
        ref=UUID(int=99),
        exact=point.exact.hex(),
        wide=point.wide.hex(),
        lifted=LIFTED,
        first=moment(0),
        third=moment(3),
        request=request.id_digest.hex(),
        content=request.content_digest.hex(),
        checks=", ".join(
            f"('{check.kind}', '{check.key_id}', '\\x{check.check_value.hex()}')"
            for check in checks_of(keyring)
        ),
    )
    run_sql(empty_postgres_url, written)
    return empty_postgres_url


@pytest.fixture
def migrated(old_url: str, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    """A store on that database, migrated."""
    upgrade(old_url)
    opened = open_store(old_url, keyring, key_store)
    yield opened
    opened.close()


def past(
    store: Store, samples: Samples, *, seconds: int | None = None, revision: str = ""
) -> dict[int, StandingRow]:
    """What stood by what was known some seconds after noon, by the entries' numbers."""
    found = store.past.read_past(
        FRANCE,
        [samples.point("a")],
        at_us=None,
        known_at_us=None if seconds is None else NOON_US + seconds * SECOND_US,
        revision=revision,
        deadline=NO_DEADLINE,
    )
    return {row.entry_id.int: row for row in found.rows}


def test_no_row_is_lost_or_changed(old_url: str) -> None:
    before = contents(old_url)
    assert all(before.values())

    upgrade(old_url)

    after = contents(old_url)
    for table, rows in before.items():
        for old, new in zip(rows, after[table], strict=True):
            added = {name: value for name, value in new.items() if name not in old}
            assert {**new, **old} == new
            known = {name: value for name, value in added.items() if value is not None}
            assert known == {name: ADDED[name] for name in known}


def test_what_stood_stands(migrated: Store, samples: Samples) -> None:
    found = migrated.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).rows

    assert {row.entry_id.int for row in found} == set(STANDING)
    assert all(row.kind == row.entry_id.int and row.register == "" for row in found)
    by_kind = {row.kind: row for row in found}
    assert by_kind[EntryKind.DO_NOT_CONTACT].lifted_at_us == NOON_US + 5 * SECOND_US
    assert by_kind[EntryKind.PARTNER_CONSENT].partner_channels == 4
    assert by_kind[EntryKind.CONSENT].purposes == ["direct_marketing"]
    assert rebuild_standing(migrated.database.engine) == RebuildReport(len(STANDING), 0)


def test_history_shows_what_it_showed(migrated: Store, samples: Samples) -> None:
    points, page = [samples.point("a")], Page(100, None)
    listed = migrated.history.entries(FRANCE, points, page, deadline=NO_DEADLINE)

    assert [each.kind for each in listed] == sorted(KINDS, reverse=True)
    assert {each.attempt or each.register_result for each in listed} == {None}
    assert [each.lifts_entry_id for each in listed if each.lifts_entry_id] == [LIFTED]


def test_the_past_of_rows_that_do_not_know_who_wrote_them_is_told_by_time(
    old_url: str, migrated: Store, samples: Samples
) -> None:
    assert run_sql(old_url, "SELECT DISTINCT written_in FROM entry") == [(None,)]
    revision = migrated.standing.read(FRANCE, [], deadline=NO_DEADLINE).revision

    for given in ("", revision):
        then = past(migrated, samples, seconds=4, revision=given)
        assert set(then) == {1, 2, 3, 4}
        assert then[EntryKind.DO_NOT_CONTACT].lifted_at_us is None
        now = past(migrated, samples, seconds=8, revision=given)
        assert set(now) == set(STANDING)
        assert now[EntryKind.DO_NOT_CONTACT].lifted_at_us == NOON_US + 5 * SECOND_US
        earlier = past(migrated, samples, seconds=2, revision=given)
        assert earlier[EntryKind.PARTNER_CONSENT].partner_channels == 2
        assert now[EntryKind.PARTNER_CONSENT].partner_channels == 4


def test_a_request_of_before_gets_its_answer(migrated: Store, samples: Samples) -> None:
    def work(_: Transaction) -> dict[str, Any]:
        raise AssertionError

    request = samples.request("of before")
    answer = migrated.ledger.write(request, NOON_US + SECOND_US, work, deadline=NO_DEADLINE)

    assert (answer.recorded_at_us, answer.revision) == (NOON_US, "AXg3")


def test_new_entries_stand_beside_the_old_and_know_who_wrote_them(
    old_url: str, migrated: Store, samples: Samples
) -> None:
    before = migrated.standing.read(FRANCE, [], deadline=NO_DEADLINE).revision
    attempt = samples.attempt(samples.point("a"))

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([attempt, samples.result(samples.point("a"))])
        return {}

    migrated.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    known = run_sql(old_url, "SELECT kind FROM entry WHERE written_in IS NOT NULL ORDER BY kind")
    assert known == [(EntryKind.CONTACT_ATTEMPT,), (EntryKind.REGISTER_RESULT,)]
    assert set(past(migrated, samples, seconds=99, revision=before)) == set(STANDING)
    assert len(past(migrated, samples, seconds=99)) == len(STANDING) + 2


@pytest.mark.parametrize("table", ["entry", "partner_change"])
def test_history_of_before_is_still_guarded(old_url: str, table: str) -> None:
    upgrade(old_url)

    with pytest.raises(psycopg2.errors.RestrictViolation):
        run_sql(old_url, f"UPDATE {table} SET written_in = 1")  # noqa: S608 - constants


def test_the_program_of_before_can_go_on_writing(old_url: str) -> None:
    upgrade(old_url)

    # As it names its columns.
    run_sql(
        old_url,
        f"""
        INSERT INTO entry (entry_id, kind, controller, channels, purposes, source, precision,
            expressed_at, time_zone, recorded_at, counts_at, expires_at, proven, lifts_opt_outs,
            partner_id, lifts_entry_id)
        VALUES (gen_random_uuid(), 5, 'alarm-fr', -1, NULL, 1, 3, NULL, '', now(), now(), NULL,
            false, false, NULL, '{LIFTED}')
        """,  # noqa: S608 - a constant
    )

    assert run_sql(old_url, "SELECT count(*) FROM entry WHERE written_in > 0") == [(1,)]
