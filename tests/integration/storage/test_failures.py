"""What callers see when the database fails them, and what is left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
import pytest

from consent_registry_server.domain.errors import DeadlineExceeded, Unavailable
from consent_registry_server.service.ports import Transaction
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.digests import ONLY_BASE, StoredDigests
from consent_registry_server.storage.errors import DatabaseFault
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.ledger import PostgresLedger
from consent_registry_server.storage.store import Store, open_store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    Deadline,
    Samples,
)

KILL_ALL = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def fail_on_insert(sql: Sql, table: str, action: str, when: str = "IMMEDIATE") -> None:
    """Makes the database fail whenever a row comes into the table, or (DEFERRED) is committed."""
    sql(f"""
        CREATE SEQUENCE failures;
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN {action}; RETURN NEW; END $$;
        CREATE CONSTRAINT TRIGGER failing AFTER INSERT ON {table}
            DEFERRABLE INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION fail();
    """)


def repair(sql: Sql, table: str) -> None:
    sql(f"DROP TRIGGER failing ON {table}")


@dataclass
class RealDeadline:
    """A deadline that comes nearer."""

    at_s: float

    def remaining_s(self) -> float:
        return self.at_s - time.monotonic()


def in_seconds(seconds: float) -> RealDeadline:
    return RealDeadline(time.monotonic() + seconds)


@pytest.fixture
def narrow_store(postgres_url: str, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    """A store of a single connection and little patience."""
    limits = StorageLimits(
        pool_size=1, pool_overflow=0, pool_timeout_s=0.2, statement_timeout_s=0.2
    )
    opened = open_store(postgres_url, keyring, key_store, limits)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("53100", id="disk-full"),
        pytest.param("25006", id="read-only"),
        pytest.param("58030", id="io-error"),
    ],
)
def test_a_database_that_refuses_to_write_is_unavailable_and_nothing_is_written(
    append: Append, samples: Samples, sql: Sql, rows: Sql, sqlstate: str
) -> None:
    fail_on_insert(sql, "vault", f"RAISE SQLSTATE '{sqlstate}'")
    request = samples.request("r1")

    with pytest.raises(Unavailable) as error:
        append(samples.entry(samples.point("a")), request=request)

    assert error.value.reason == "DATABASE_UNAVAILABLE"
    assert rows("SELECT FROM entry") == rows("SELECT FROM write_request") == []

    repair(sql, "vault")
    append(samples.entry(samples.point("a")), request=request)
    assert len(rows("SELECT FROM entry")) == 1


def test_a_connection_lost_in_the_middle_of_a_write_is_unavailable_and_heals(
    store: Store, append: Append, samples: Samples, sql: Sql, rows: Sql
) -> None:
    request = samples.request("r1")

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([samples.entry(samples.point("a"))])
        sql(KILL_ALL)
        transaction.append([samples.entry(samples.point("b"))])
        return {}

    with pytest.raises(Unavailable):
        store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)

    assert rows("SELECT FROM entry") == []
    append(samples.entry(samples.point("a")), request=request)
    assert len(rows("SELECT FROM entry")) == 1


def test_connections_that_died_in_the_pool_are_not_noticed_by_callers(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    append(samples.entry(samples.point("a")))

    for _ in range(3):
        sql(KILL_ALL)
        found = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE)
        assert len(found.rows) == 1
        sql(KILL_ALL)
        append(samples.entry())
        sql(KILL_ALL)
        store.ping()


def test_a_connection_lost_before_the_commit_is_never_reported_as_success(
    append: Append, samples: Samples, sql: Sql, rows: Sql
) -> None:
    kill_itself = "PERFORM pg_terminate_backend(pg_backend_pid())"
    fail_on_insert(sql, "write_answer", kill_itself, when="DEFERRED")
    request = samples.request("r1")

    with pytest.raises(Unavailable):
        append(samples.entry(), request=request)

    repair(sql, "write_answer")
    assert rows("SELECT FROM entry") == []
    append(samples.entry(), request=request)


def test_a_connection_lost_after_the_commit_is_unavailable_and_the_repetition_gets_the_answer(
    store: Store,
    append: Append,
    samples: Samples,
    rows: Sql,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = samples.request("r1")
    entry = samples.entry()

    def commit_and_lose(connection: Any) -> None:  # noqa: ANN401 - the pool's wrapper
        connection.commit()
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(store.database.engine.dialect, "do_commit", commit_and_lose)
        with pytest.raises(Unavailable):
            append(entry, request=request)

    answer = append(samples.entry(), request=request)

    assert answer.details == {"entry_ids": [str(entry.entry_id)]}
    assert len(rows("SELECT FROM entry")) == 1


@pytest.mark.parametrize(
    "sqlstate",
    [
        pytest.param("40001", id="serialization-failure"),
        pytest.param("40P01", id="deadlock"),
        pytest.param("55P03", id="lock-timeout"),
    ],
)
def test_a_write_that_collides_is_repeated(
    append: Append, samples: Samples, sql: Sql, rows: Sql, sqlstate: str
) -> None:
    collide = f"IF nextval('failures') < 3 THEN RAISE SQLSTATE '{sqlstate}'; END IF"
    fail_on_insert(sql, "vault", collide)

    append(samples.entry(samples.point("a")))

    assert len(rows("SELECT FROM entry")) == 1


def test_a_write_that_keeps_colliding_gives_up_after_named_attempts_with_growing_pauses(
    store: Store, keyring: Keyring, samples: Samples, sql: Sql
) -> None:
    fail_on_insert(sql, "write_request", "RAISE SQLSTATE '40001'")
    pauses: list[float] = []
    [[incarnation]] = sql("SELECT incarnation::text FROM registry")
    ledger = PostgresLedger(
        store.database,
        store.vault,
        incarnation=UUID(incarnation),
        digests=StoredDigests(keyring, ONLY_BASE, lambda _: None),
        sleep=pauses.append,
        uniform=lambda _, most: most,
    )

    with pytest.raises(Unavailable) as error:
        ledger.write(samples.request(), NOON_US, lambda _: {}, deadline=NO_DEADLINE)

    assert error.value.reason == "CONTENTION"
    assert pauses == [0.01, 0.02, 0.04, 0.08, 0.16]


def test_a_failed_statement_that_the_work_overlooked_is_not_acknowledged(
    store: Store, samples: Samples, rows: Sql
) -> None:
    unknown = samples.entry()

    def work(transaction: Transaction) -> dict[str, Any]:
        with pytest.raises(psycopg2.Error):
            transaction.append([samples.lift(unknown, at_us=NOON_US)])
        return {}

    with pytest.raises(DatabaseFault):
        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert rows("SELECT FROM write_request") == []


def test_a_transaction_in_which_a_statement_failed_is_not_taken_for_committed(
    store: Store,
) -> None:
    with (
        pytest.raises(DatabaseFault),
        store.database.transaction(NO_DEADLINE) as connection,
        pytest.raises(Exception, match="division by zero"),
    ):
        connection.exec_driver_sql("SELECT 1 / 0")


def test_errors_do_not_tell_what_was_written(append: Append, samples: Samples) -> None:
    entry = samples.entry(samples.point("a"))
    append(entry)

    with pytest.raises(DatabaseFault) as error:
        append(entry)

    assert error.value.constraint is not None
    assert str(entry.entry_id) not in repr(error.value)
    assert error.value.__suppress_context__
    assert error.value.__cause__ is None


def test_a_deadline_that_passed_is_refused_before_anything_is_done(
    store: Store, samples: Samples, rows: Sql
) -> None:
    with pytest.raises(DeadlineExceeded):
        store.ledger.write(samples.request(), NOON_US, lambda _: {}, deadline=Deadline(0))
    with pytest.raises(DeadlineExceeded):
        store.standing.read(FRANCE, [], deadline=Deadline(-1))

    assert rows("SELECT FROM write_request") == []


def test_a_write_stops_at_the_callers_deadline(
    store: Store, samples: Samples, sql: Sql, rows: Sql
) -> None:
    fail_on_insert(sql, "write_request", "PERFORM pg_sleep(60)")

    with pytest.raises(DeadlineExceeded):
        store.ledger.write(samples.request(), NOON_US, lambda _: {}, deadline=in_seconds(0.2))

    assert rows("SELECT FROM write_request") == []


def test_a_statement_without_deadline_stops_at_the_named_limit(
    narrow_store: Store, samples: Samples, sql: Sql
) -> None:
    fail_on_insert(sql, "write_request", "PERFORM pg_sleep(60)")

    with pytest.raises(Unavailable, match="too long"):
        narrow_store.ledger.write(samples.request(), NOON_US, lambda _: {}, deadline=NO_DEADLINE)


def test_when_all_connections_are_busy_callers_wait_no_longer_than_named(
    narrow_store: Store, samples: Samples
) -> None:
    def read(deadline: Deadline) -> None:
        narrow_store.standing.read(FRANCE, [], deadline=deadline)

    def work(_: Transaction) -> dict[str, Any]:
        assert narrow_store.pool_status().checked_out == 1
        with pytest.raises(Unavailable, match="busy"):
            read(NO_DEADLINE)
        with pytest.raises(DeadlineExceeded):
            read(Deadline(0.01))
        return {}

    narrow_store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert narrow_store.pool_status().checked_out == 0
    read(NO_DEADLINE)
