from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg2
import pytest
from psycopg2 import errors

from consent_registry_server.storage.errors import DatabaseFault
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

INSUFFICIENT_PRIVILEGE = "42501"
HISTORY = {
    "entry": "controller",
    "entry_contact_point": "kind",
    "contact_point": "unit_state",
    "partner_change": "name",
    "policy_version": "version",
    "policy_activation": "version",
    "write_request": "recorded_at",
    "write_answer": "revision",
}
CHANGES = [
    *(f"UPDATE {table} SET {column} = DEFAULT" for table, column in HISTORY.items()),  # noqa: S608
    *(f"DELETE FROM {table}" for table in HISTORY),  # noqa: S608
    *(f"TRUNCATE {table} CASCADE" for table in HISTORY),
]
BEYOND_HISTORY = [
    "UPDATE vault SET key_id = key_id",
    "DELETE FROM vault",
    "TRUNCATE vault",
    "TRUNCATE standing",
    "TRUNCATE register_standing",
    "DELETE FROM partner",
    "UPDATE key_check SET key_id = key_id",
    "UPDATE registry SET incarnation = incarnation",
    "UPDATE contact_point SET exact_digest = exact_digest",
    "ALTER TABLE entry DISABLE TRIGGER ALL",
    "CREATE TABLE entry_copy (entry_id uuid)",
]
READS_AND_ADDS = {"SELECT", "INSERT"}
CHANGES_TOO = {"SELECT", "INSERT", "UPDATE", "DELETE"}
GRANTS = {
    **dict.fromkeys(HISTORY, READS_AND_ADDS),
    "vault": READS_AND_ADDS,
    "key_check": READS_AND_ADDS,
    "standing": CHANGES_TOO,
    "register_standing": CHANGES_TOO,
    "partner": {"SELECT", "INSERT", "UPDATE"},
    "registry": {"SELECT"},
    "alembic_version": {"SELECT"},
}
"""All that the application's role may do, by table."""


@pytest.fixture(scope="module")
def unchanged(new_database: Callable[[], str]) -> str:
    """The URL of a database that the tests of this module try to change, and fail."""
    return new_database()


@pytest.fixture(scope="module")
def unchanged_store(unchanged: str, keyring: Keyring) -> Iterator[Store]:
    opened = open_store(unchanged, keyring)
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


def test_the_digests_of_a_contact_point_can_change_when_keys_rotate(
    append: Append, samples: Samples, sql: Sql, store: Store
) -> None:
    append(samples.entry(samples.point("a")))

    rotated = samples.wide("rotated")
    sql(f"UPDATE contact_point SET wide_digest = '\\x{rotated.hex()}'")  # noqa: S608

    assert len(store.standing.read(FRANCE, [rotated], deadline=NO_DEADLINE).rows) == 1


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
