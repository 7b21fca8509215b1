"""The migration to unsubscribe links, with data of the schema before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg2
import pytest

from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.storage.key_check import checks_of
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.exported_log import write
from tests.integration.storage.linked import click, find_link, keep_link
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, Samples
from tests.integration.storage.test_migrations import migrate_to

TABLES: Final = (
    "entry",
    "entry_contact_point",
    "contact_point",
    "standing",
    "vault",
    "vault_key",
    "write_request",
    "key_check",
    "registry",
)
# The ids of the entries are the numbers of their kinds.
WRITTEN_BEFORE: Final = """
    INSERT INTO contact_point VALUES ('{ref}', 1, 1, 0, 1, '\\x{exact}', '\\x{wide}');
    INSERT INTO entry (entry_id, kind, controller, channels, purposes, source, precision,
            expressed_at, time_zone, recorded_at, counts_at, proven, lifts_opt_outs,
            lifts_entry_id)
        SELECT lpad(to_hex(kind), 32, '0')::uuid, kind, 'alarm-fr', CASE kind WHEN 1 THEN 2 ELSE -1
            END, CASE kind WHEN 1 THEN ARRAY['direct_marketing'] END, 1, 1, moment, '', moment,
            moment, kind = 1, kind = 1, CASE kind WHEN 5 THEN lpad('4', 32, '0')::uuid END
        FROM (VALUES (1), (3), (4), (5), (6), (7)) AS kinds (kind)
        CROSS JOIN LATERAL (SELECT now() + kind * interval '1 second' AS moment) AS moments;
    INSERT INTO entry_contact_point SELECT entry_id, '{ref}', 1 FROM entry WHERE kind <> 5;
    INSERT INTO standing
        SELECT '{ref}', entry_id, kind, controller, channels, purposes, source, counts_at,
            expressed_at, expires_at,
            CASE WHEN kind = 4 THEN (SELECT counts_at FROM entry WHERE kind = 5) END,
            proven, lifts_opt_outs, partner_id
        FROM entry WHERE kind <> 5;
    INSERT INTO key_check VALUES {checks};
    INSERT INTO vault_key (key_id, created_at)
        SELECT key_id, now() FROM key_check WHERE kind = 'vault' ON CONFLICT DO NOTHING;
    INSERT INTO vault (entry_id, key_id, wrapped_key, nonce, ciphertext)
        SELECT entry_id, vault_key.key_id, '\\x00', '\\x00', '\\x00' FROM entry, vault_key;
    INSERT INTO write_request (id_digest, content_digest, recorded_at)
        VALUES ('\\x{request}', '\\x{request}', now());
"""
# As the program of before names its columns.
WRITE_AS_BEFORE: Final = """
    INSERT INTO entry (entry_id, kind, controller, channels, purposes, source, precision,
        expressed_at, time_zone, recorded_at, counts_at, expires_at, proven, lifts_opt_outs,
        partner_id, lifts_entry_id, attempt_id, attempt_outcome, register, register_status,
        listed_at, concerns_entry_id, keep_until)
    VALUES (gen_random_uuid(), {kind:d}, 'alarm-fr', -1, NULL, 1, 1, now(), '', now(), now(), NULL,
        false, false, NULL, {lifts}, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
"""


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of the tables of before."""
    queries = {
        table: f"SELECT to_jsonb({table}) FROM {table} ORDER BY to_jsonb({table})"  # noqa: S608
        for table in TABLES
    }
    return {table: [row for (row,) in run_sql(url, queries[table])] for table in TABLES}


@pytest.fixture
def old_url(empty_postgres_url: str, keyring: Keyring, samples: Samples) -> str:
    """The URL of a database of the schema before, with data."""
    migrate_to(empty_postgres_url, "0003")
    point = samples.point("a")
    written = WRITTEN_BEFORE.format(
        ref=UUID(int=99),
        exact=point.exact.hex(),
        wide=point.wide.hex(),
        request=samples.request("of before").id_digest.hex(),
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


def test_no_row_is_lost_or_changed(old_url: str) -> None:
    """Entries have no link, and all else is as it was."""
    before = contents(old_url)
    assert all(before.values())

    upgrade(old_url)

    after = contents(old_url)
    for row in after["entry"]:
        assert row.pop("unsubscribe_link_id") is None
    assert after == before
    assert run_sql(old_url, "SELECT count(*) FROM unsubscribe_link") == [(0,)]


def test_what_stood_stands(migrated: Store, samples: Samples) -> None:
    """With what was lifted, and a lift of recording that names no entry."""
    rows = migrated.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).rows
    assert {row.entry_id.int for row in rows} == {1, 3, 4, 6, 7}
    lifted = {row.kind for row in rows if row.lifted_at_us is not None}
    assert lifted == {EntryKind.DO_NOT_CONTACT}
    assert compare_standing(migrated.database.engine) == 0


def test_a_contact_point_of_before_gets_a_link(migrated: Store, samples: Samples) -> None:
    """What is said through it stands beside what was said before."""
    link_id = keep_link(migrated, samples.point("a"), samples.point("b"))
    said = click(samples, link_id)
    write(migrated, samples.request(), said)

    assert find_link(migrated, link_id) is not None
    for name, others in (("a", {1, 3, 4, 6, 7}), ("b", set[int]())):
        rows = migrated.standing.read(FRANCE, [samples.point(name)], deadline=NO_DEADLINE).rows
        assert {row.entry_id.int for row in rows} == others | {said.entry_id.int}


WRITES: Final = {
    "an opt-out": (EntryKind.DO_NOT_CONTACT, "NULL"),
    "a lift": (EntryKind.DO_NOT_CONTACT_LIFT, f"'{UUID(int=4)}'"),
    "an objection to recording": (EntryKind.RECORDING_OBJECTION, "NULL"),
    "a lift of those": (EntryKind.RECORDING_OBJECTION_LIFT, "NULL"),
}


@pytest.mark.parametrize("kind, lifts", WRITES.values(), ids=WRITES)
def test_the_program_of_before_can_go_on_writing(old_url: str, kind: EntryKind, lifts: str) -> None:
    """It knows no links, and says nothing of them."""
    upgrade(old_url)

    run_sql(old_url, WRITE_AS_BEFORE.format(kind=kind, lifts=lifts))

    query = f"SELECT count(*) FROM entry WHERE kind = {kind:d} AND unsubscribe_link_id IS NULL"  # noqa: S608 - a number
    assert run_sql(old_url, query) == [(2,)]


@pytest.mark.parametrize(
    "kind, lifts",
    [
        pytest.param(EntryKind.DO_NOT_CONTACT_LIFT, "NULL", id="a-lift-of-nothing"),
        pytest.param(EntryKind.DO_NOT_CONTACT, f"'{UUID(int=4)}'", id="an-opt-out-that-lifts"),
        pytest.param(EntryKind.RECORDING_OBJECTION, f"'{UUID(int=6)}'", id="an-objection-as-well"),
    ],
)
def test_what_made_no_sense_before_makes_none_after(
    old_url: str, kind: EntryKind, lifts: str
) -> None:
    """The rule that was widened for lifts of one objection is as strict for all else."""
    upgrade(old_url)
    with pytest.raises(psycopg2.errors.CheckViolation, match="lifts_entry_id"):
        run_sql(old_url, WRITE_AS_BEFORE.format(kind=kind, lifts=lifts))


def test_the_history_of_before_is_still_guarded(old_url: str) -> None:
    """And so are the links, whoever would change them."""
    upgrade(old_url)
    for table in ("entry", "unsubscribe_link"):
        for role in ("origin", "replica"):
            with pytest.raises(psycopg2.errors.RestrictViolation):
                run_sql(
                    old_url,
                    f"SET session_replication_role = {role}; DELETE FROM {table}",  # noqa: S608
                )
