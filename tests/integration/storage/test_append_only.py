from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg2
import pytest
from psycopg2 import errors

from consent_registry_server.storage.errors import DatabaseFault
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

INSUFFICIENT_PRIVILEGE = "42501"
RESTRICT_VIOLATION = "23001"
HISTORY = {
    "entry": "controller",
    "entry_contact_point": "kind",
    "contact_point": "unit_state",
    "partner_change": "name",
    "policy_version": "version",
    "policy_activation": "version",
    "write_request": "recorded_at",
    "write_answer": "revision",
    "unsubscribe_link": "created_at",
    "unsubscribe_link_contact_point": "link_id",
}
TRAIL = {"access": "caller_id", "rights_request": "received_on", "rights_request_event": "outcome"}
"""As history, but that its rows go after their day."""
CHANGES = [
    *(f"UPDATE {table} SET {column} = DEFAULT" for table, column in TRAIL.items()),  # noqa: S608
    *(f"TRUNCATE {table} CASCADE" for table in TRAIL),
    "UPDATE contact_point SET kind = DEFAULT",
    "UPDATE contact_point SET contact_point_ref = DEFAULT",
    "UPDATE contact_point SET normaliser_version = DEFAULT",
    *(f"UPDATE {table} SET {column} = DEFAULT" for table, column in HISTORY.items()),  # noqa: S608
    *(f"DELETE FROM {table}" for table in HISTORY),  # noqa: S608
    *(f"TRUNCATE {table} CASCADE" for table in HISTORY),
]
BEYOND_HISTORY = [
    "TRUNCATE vault",
    "TRUNCATE standing",
    "TRUNCATE register_standing",
    "TRUNCATE refused_lead",
    "TRUNCATE sealed_note",
    "TRUNCATE vault_key CASCADE",
    "DELETE FROM partner",
    "DELETE FROM retired_vault_key",
    "DELETE FROM rights_request_event",
    "DELETE FROM key_check",
    "DELETE FROM export_progress",
    "UPDATE vault_key SET month = month",
    "UPDATE refused_lead SET expires_on = expires_on",
    "UPDATE registry SET reconciling = reconciling",
    "UPDATE write_request SET written_in = written_in",
    "UPDATE write_answer SET id_digest = id_digest",
    "ALTER TABLE access DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "UPDATE key_check SET key_id = key_id",
    "UPDATE registry SET incarnation = incarnation",
    "UPDATE contact_point SET unit_state = unit_state",
    "UPDATE write_request SET recorded_at = recorded_at",
    "ALTER TABLE entry DISABLE TRIGGER ALL",
    "CREATE TABLE entry_copy (entry_id uuid)",
]
READS_AND_ADDS = {"SELECT", "INSERT"}
CHANGES_TOO = {"SELECT", "INSERT", "UPDATE", "DELETE"}
GRANTS = {
    **dict.fromkeys(HISTORY, READS_AND_ADDS),
    "vault": CHANGES_TOO,
    "key_check": READS_AND_ADDS,
    "standing": CHANGES_TOO,
    "register_standing": CHANGES_TOO,
    "partner": {"SELECT", "INSERT", "UPDATE"},
    "registry": {"SELECT", "digest_oldest UPDATE", "digest_newest UPDATE"},
    "contact_point": READS_AND_ADDS
    | {"exact_digest UPDATE", "wide_digest UPDATE", "key_version UPDATE"},
    "write_request": READS_AND_ADDS
    | {"id_digest UPDATE", "content_digest UPDATE", "key_version UPDATE"},
    "vault_key": READS_AND_ADDS | {"DELETE"},
    "retired_vault_key": READS_AND_ADDS | {"UPDATE"},
    "sealed_note": CHANGES_TOO,
    "access": READS_AND_ADDS | {"DELETE"},
    "rights_request": READS_AND_ADDS | {"DELETE"},
    "rights_request_event": READS_AND_ADDS,
    "refused_lead": READS_AND_ADDS | {"DELETE"},
    "export_progress": READS_AND_ADDS | {"UPDATE"},
    "supported_program": {"SELECT"},
    "alembic_version": {"SELECT"},
}
"""All that the application's role may do, by table."""


@pytest.fixture(scope="module")
def unchanged(new_database: Callable[[], str]) -> str:
    """The URL of a database that the tests of this module try to change, and fail."""
    return new_database()


@pytest.fixture(scope="module")
def unchanged_store(unchanged: str, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    opened = open_store(unchanged, keyring, key_store)
    yield opened
    opened.close()


@pytest.mark.parametrize("change", CHANGES + BEYOND_HISTORY)
def test_the_applications_role_may_not_change_history(unchanged_store: Store, change: str) -> None:
    with (
        pytest.raises(DatabaseFault) as error,
        unchanged_store.database.transaction(NO_DEADLINE) as connection,
    ):
        connection.exec_driver_sql(change)

    assert error.value.sqlstate == INSUFFICIENT_PRIVILEGE


@pytest.mark.parametrize("change", CHANGES)
def test_not_even_a_superuser_changes_history(unchanged: str, change: str) -> None:
    with pytest.raises(errors.RestrictViolation, match="append-only"):
        run_sql(unchanged, change)


def test_the_applications_role_has_the_rights_it_needs_and_no_others(unchanged: str) -> None:
    granted: dict[str, set[str]] = {}
    for table, privilege in run_sql(
        unchanged,
        """
        SELECT relname, privilege_type FROM pg_class
        CROSS JOIN LATERAL aclexplode(coalesce(relacl, acldefault('r', relowner))) AS granted
        WHERE relnamespace = 'public'::regnamespace
            AND granted.grantee IN (0, 'consent_registry_app'::regrole)
        UNION ALL
        SELECT attrelid::regclass::text, attname || ' ' || privilege_type FROM pg_attribute
        CROSS JOIN LATERAL aclexplode(attacl) AS granted
        WHERE attrelid IN (
            SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace
        )
        """,
    ):
        granted.setdefault(table, set()).add(privilege)

    assert granted == GRANTS


def test_a_superuser_acting_as_a_replica_does_not_change_history_either(unchanged: str) -> None:
    with pytest.raises(errors.RestrictViolation):
        run_sql(unchanged, "SET session_replication_role = replica; DELETE FROM entry")


KEPT_TABLES = ("access", "rights_request", "refused_lead")
KEPT_ROWS = """
    INSERT INTO access (access_id, accessed_at, controller, caller_id, operation, note_id,
        expires_on)
    VALUES (gen_random_uuid(), now(), 'alarm-fr', 'caller', 1, gen_random_uuid(), {day});
    INSERT INTO rights_request (rights_request_id, controller, kind, received_on, due_on,
        opened_at, note_id, expires_on)
    VALUES (gen_random_uuid(), 'alarm-fr', 1, '2026-01-01', '2026-01-31', now(),
        gen_random_uuid(), {day});
    INSERT INTO rights_request_event (rights_request_id, kind, happened_at, outcome, note_id)
    SELECT rights_request_id, 2, now(), 1, gen_random_uuid() FROM rights_request;
    INSERT INTO refused_lead (controller, partner_id, refusal, recorded_at, expires_on)
    VALUES ('alarm-fr', 'union-42', 1, now(), {day})
"""
NAMED_DAY = "SELECT set_config('consent_registry.as_of', ({day})::date::text, true)"


def delete_from(store: Store, table: str, *, as_of: str = "") -> int:
    """Deletes all of a table as the application does, on a day that it names; returns how many."""
    with store.database.transaction(NO_DEADLINE) as connection:
        if as_of:
            connection.exec_driver_sql(NAMED_DAY.format(day=as_of))
        return connection.exec_driver_sql(f"DELETE FROM {table}").rowcount  # noqa: S608


@pytest.mark.parametrize("table", KEPT_TABLES)
@pytest.mark.parametrize(
    "day, as_of",
    [
        pytest.param("CURRENT_DATE + 400", "", id="long-before"),
        pytest.param("CURRENT_DATE", "", id="on-the-last-day"),
        pytest.param("CURRENT_DATE + 400", "CURRENT_DATE + 400", id="named-on-the-last-day"),
        pytest.param("CURRENT_DATE - 1", "CURRENT_DATE - 1", id="a-day-in-the-past-was-named"),
    ],
)
def test_no_row_of_the_trail_goes_before_its_day_is_over(
    store: Store, sql: Sql, table: str, day: str, as_of: str
) -> None:
    """Neither by the application nor by a superuser, who may even act as a replica."""
    sql(KEPT_ROWS.format(day=day))
    with pytest.raises(DatabaseFault) as error:
        delete_from(store, table, as_of=as_of)
    assert error.value.sqlstate == RESTRICT_VIOLATION
    named = f"{NAMED_DAY.format(day=as_of)}; " if as_of else ""
    for role in ("origin", "replica"):
        with pytest.raises(errors.RestrictViolation, match="is kept until"):
            sql(f"SET session_replication_role = {role}; {named}DELETE FROM {table}")  # noqa: S608
    assert sql(f"SELECT count(*) FROM {table}") == [(1,)]  # noqa: S608


@pytest.mark.parametrize(
    "day, as_of",
    [
        pytest.param("CURRENT_DATE - 1", "", id="today"),
        pytest.param("CURRENT_DATE + 400", "CURRENT_DATE + 401", id="on-a-day-that-is-named"),
    ],
)
def test_the_trail_goes_after_its_day(store: Store, sql: Sql, day: str, as_of: str) -> None:
    """The events of a rights request go with it, and only so."""
    sql(KEPT_ROWS.format(day=day))
    assert [delete_from(store, table, as_of=as_of) for table in KEPT_TABLES] == [1, 1, 1]
    assert sql("SELECT count(*) FROM rights_request_event") == [(0,)]


def test_the_day_that_was_named_ends_with_the_transaction(store: Store, sql: Sql) -> None:
    """The next one of the same connection deletes nothing by it."""
    sql(KEPT_ROWS.format(day="CURRENT_DATE + 400"))
    assert delete_from(store, "access", as_of="CURRENT_DATE + 401") == 1
    with pytest.raises(DatabaseFault):
        delete_from(store, "refused_lead")


def test_the_application_changes_the_digests_of_a_request_and_its_answer_follows(
    store: Store, append: Append, sql: Sql
) -> None:
    """As a rotation of the digest keys does; what was asked when and answered stays."""
    append()
    what = "recorded_at, revision, details FROM write_request JOIN write_answer USING (id_digest)"
    before = sql(f"SELECT {what}")
    digest = "\\x" + "ab" * 16
    with store.database.transaction(NO_DEADLINE) as connection:
        connection.exec_driver_sql(
            f"UPDATE write_request SET id_digest = '{digest}', content_digest = '{digest}',"  # noqa: S608
            " key_version = 2"
        )
    assert sql(f"SELECT {what}") == before
    assert sql("SELECT encode(id_digest, 'hex') FROM write_answer") == [("ab" * 16,)]


def test_the_digests_of_a_contact_point_can_change_when_keys_rotate(
    append: Append, samples: Samples, sql: Sql, store: Store
) -> None:
    append(samples.entry(samples.point("a")))

    rotated = samples.wide("rotated")
    sql(f"UPDATE contact_point SET wide_digest = '\\x{rotated.hex()}'")  # noqa: S608

    found = store.standing.read(FRANCE, [samples.point("rotated")], deadline=NO_DEADLINE)
    assert len(found.rows) == 1


@pytest.mark.parametrize(
    "values",
    [
        pytest.param("kind = 12", id="unknown-kind"),
        pytest.param("kind = 10", id="outcome-of-no-attempt"),
        pytest.param("kind = 11", id="result-of-no-register"),
        pytest.param("attempt_outcome = 1", id="outcome-that-is-none"),
        pytest.param("register = 'RPO'", id="register-of-no-result"),
        pytest.param("register_status = 1", id="status-of-no-result"),
        pytest.param("listed_at = now()", id="listing-of-no-result"),
        pytest.param("channels = 0", id="no-channel"),
        pytest.param("precision = 3", id="unknown-time-that-is-known"),
        pytest.param("time_zone = 'Europe/Paris; call me'", id="free-text-in-time-zone"),
        pytest.param("controller = 'a company'", id="free-text-in-controller"),
        pytest.param("kind = 5", id="lift-of-nothing"),
        pytest.param("kind = 2", id="partner-consent-without-partner"),
    ],
)
def test_the_database_refuses_an_entry_that_makes_no_sense(
    append: Append, samples: Samples, sql: Sql, values: str
) -> None:
    append(samples.entry())
    column, value = values.split(" = ", 1)

    with pytest.raises(psycopg2.errors.CheckViolation):
        sql(
            "INSERT INTO entry SELECT (jsonb_populate_record(entry, jsonb_build_object("  # noqa: S608
            f"'entry_id', gen_random_uuid(), '{column}', {value}))).* FROM entry"
        )


def test_a_lift_of_an_entry_that_does_not_exist_is_refused(
    append: Append, samples: Samples
) -> None:
    with pytest.raises(DatabaseFault) as error:
        append(samples.lift(samples.entry(), at_us=NOON_US))

    assert error.value.constraint == "entry_lifts_entry_id_fk"
