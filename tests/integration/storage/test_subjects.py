"""The data-protection officer's reads and writes in PostgreSQL: the trail, and what is planned."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg2
import pytest
from sqlalchemy import event, make_url

from consent_registry_server.domain.contact import Email, Subject
from consent_registry_server.domain.entry import Evidence
from consent_registry_server.domain.errors import LimitExceeded, PreconditionFailed
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    EntryId,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import (
    NewAccess,
    RightsNote,
    RightsRequest,
    RightsRequestState,
    SubjectTransaction,
    TakenDown,
)
from consent_registry_server.storage.embedded_programs import Programs
from consent_registry_server.storage.errors import DatabaseFault
from consent_registry_server.storage.store import Store
from tests.clear_values import find_clear_values
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.plans import Node, explained, rows_read
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples
from tests.integration.storage.threads import at_once

Writing = Callable[[Callable[[SubjectTransaction], Any]], Any]

MANY: Final = 20_000
LAST_DAY: Final = date(2029, 9, 21)
NOTE: Final = RightsNote(
    Subject((Email("oeuvrard.secrete@example.com"),), name="Camille Œuvrard"),
    "Jocelyn Officière",
    "She wants a copy of everything",
)
SECRETS: Final = [
    "oeuvrard.secrete@example.com",
    "Camille Œuvrard",
    "Jocelyn Officière",
    "She wants a copy",
    "because the prosecutor asked",
    "opened two drawers",
]


def access(*entry_ids: EntryId) -> NewAccess:
    """A look at some identities."""
    return NewAccess(
        accessed_at_us=NOON_US,
        controller=FRANCE,
        caller_id="desk",
        operation=AccessOperation.FIND_SUBJECT,
        entry_ids=entry_ids,
        actor="Jocelyn Officière",
        reason="because the prosecutor asked",
        expires_on=LAST_DAY,
        details="opened two drawers",
    )


def asked(request_id: UUID) -> RightsRequest:
    """A request for a copy."""
    return RightsRequest(
        rights_request_id=request_id,
        controller=FRANCE,
        kind=RightsRequestKind.ACCESS,
        received_on=date(2026, 9, 21),
        first_due_on=date(2026, 10, 21),
        due_on=date(2026, 10, 21),
        opened_at_us=NOON_US,
        expires_on=date(2031, 9, 21),
    )


@pytest.fixture
def officer(store: Store, samples: Samples) -> Writing:
    """Runs some work in a write of the officer, and returns what it returned."""

    def write(work: Callable[[SubjectTransaction], Any]) -> Any:  # noqa: ANN401 - whatever it is
        returned: list[Any] = []

        def do(transaction: SubjectTransaction) -> dict[str, Any]:
            returned.append(work(transaction))
            return {}

        store.ledger.write(samples.request(), NOON_US, do, deadline=NO_DEADLINE)
        return returned[-1]

    return write


def test_an_access_that_cannot_be_written_shows_nothing(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    """The identity was read in the very transaction that fails; nobody gets it."""
    entry = samples.entry(samples.point("a"))
    append(entry)
    sql("ALTER TABLE access ADD CONSTRAINT nothing CHECK (false) NOT VALID")

    def look(transaction: SubjectTransaction) -> object:
        shown = transaction.identities([entry.entry_id])
        transaction.record_access(access(entry.entry_id))
        return shown

    with pytest.raises(DatabaseFault):
        store.ledger.transact(look, deadline=NO_DEADLINE)
    assert sql("SELECT count(*) FROM access") == [(0,)]
    assert sql("SELECT count(*) FROM sealed_note") == [(0,)]


def test_an_access_is_kept_until_its_day_with_one_note_for_all_its_rows(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    """The rows and their note go on the same day."""
    entries = [samples.entry(samples.point("a")) for _ in range(3)]
    append(*entries)
    seen = access(*(each.entry_id for each in entries))
    store.ledger.transact(lambda officer: officer.record_access(seen), deadline=NO_DEADLINE)
    assert sql(
        "SELECT count(*), count(DISTINCT note_id), min(expires_on), max(expires_on) FROM access"
    ) == [(3, 1, LAST_DAY, LAST_DAY)]
    assert sql("SELECT expires_on FROM sealed_note") == [(LAST_DAY,)]


def test_what_was_said_of_a_request_is_sealed_and_left_out_when_it_is_gone(
    officer: Writing, sql: Sql
) -> None:
    """A note that expired is no error: what is left of the request is shown without it."""
    one = asked(uuid4())
    officer(lambda transaction: transaction.add_rights_request(one, NOTE))
    [[ciphertext]] = sql("SELECT ciphertext FROM sealed_note")
    assert NOTE.actor.encode() not in bytes(ciphertext)

    def notes(transaction: SubjectTransaction) -> list[TakenDown]:
        return transaction.rights_notes(one.rights_request_id)

    assert officer(notes) == [TakenDown(one.opened_at_us, NOTE)]
    sql("SET session_replication_role = replica; DELETE FROM sealed_note")
    assert officer(notes) == []


@pytest.mark.parametrize("table", ["access", "rights_request", "rights_request_event"])
def test_what_was_taken_down_is_never_changed(
    store: Store,
    officer: Writing,
    sql: Sql,
    table: str,
) -> None:
    """Neither by the application, nor by the owner; and it is not deleted before its day."""

    def work(transaction: SubjectTransaction) -> None:
        transaction.record_access(access())
        one = asked(uuid4())
        transaction.add_rights_request(one, NOTE)
        transaction.close_rights_request(
            one.rights_request_id,
            RightsRequestOutcome.FULFILLED,
            closed_at_us=NOON_US,
            note=NOTE,
        )

    officer(work)
    changes = [f"UPDATE {table} SET note_id = note_id", f"TRUNCATE {table} CASCADE"]  # noqa: S608
    if table != "rights_request_event":
        changes.append(f"DELETE FROM {table}")  # noqa: S608
    for change in changes:
        with pytest.raises(psycopg2.errors.RestrictViolation):
            sql(change)
        with pytest.raises(psycopg2.errors.RestrictViolation):
            sql(f"SET session_replication_role = replica; {change}")
        with (
            pytest.raises(DatabaseFault),
            store.database.transaction(NO_DEADLINE) as connection,
        ):
            connection.exec_driver_sql(change)
    assert sql(f"SELECT count(*) FROM {table}") == [(1,)]  # noqa: S608


def test_nothing_of_an_officers_words_is_in_a_dump(
    officer: Writing,
    append: Append,
    samples: Samples,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    """Neither who looked and why, nor whose request it was and what was said."""
    entry = samples.entry(samples.point("a"))
    append(entry)

    def work(transaction: SubjectTransaction) -> None:
        transaction.record_access(access(entry.entry_id))
        one = asked(uuid4())
        transaction.add_rights_request(one, NOTE)
        transaction.delay_rights_request(
            one.rights_request_id, delayed_at_us=NOON_US, due_on=date(2026, 12, 1), note=NOTE
        )
        transaction.close_rights_request(
            one.rights_request_id,
            RightsRequestOutcome.REFUSED,
            closed_at_us=NOON_US,
            note=NOTE,
        )

    officer(work)
    dump = dumped(postgres_url, tmp_path)
    assert b"rights_request_event" in dump
    assert find_clear_values(dump, SECRETS) == []


def test_of_many_who_close_a_request_one_does(
    store: Store,
    officer: Writing,
    samples: Samples,
    sql: Sql,
) -> None:
    """The others see that it is closed: nobody's outcome is lost, nor told wrongly."""
    one = asked(uuid4())
    officer(lambda transaction: transaction.add_rights_request(one, NOTE))

    def close(number: int) -> str:
        outcome = list(RightsRequestOutcome)[number % 4]

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            known = transaction.rights_request(FRANCE, one.rights_request_id)
            assert known is not None
            if known.closed_at_us is not None:
                raise PreconditionFailed("RIGHTS_REQUEST_CLOSED", "closed before")
            transaction.close_rights_request(
                one.rights_request_id, outcome, closed_at_us=NOON_US, note=NOTE
            )
            return {}

        try:
            store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        except PreconditionFailed as error:
            return error.reason
        return "closed"

    ended = at_once(close, 8)
    assert sorted(ended) == ["RIGHTS_REQUEST_CLOSED"] * 7 + ["closed"]
    assert sql("SELECT count(*) FROM rights_request_event") == [(1,)]


def test_of_many_who_announce_a_delay_one_does(
    store: Store,
    officer: Writing,
    samples: Samples,
    sql: Sql,
) -> None:
    """Once a request, whoever is first."""
    one = asked(uuid4())
    officer(lambda transaction: transaction.add_rights_request(one, NOTE))

    def delay(number: int) -> date:
        due_on = date(2026, 11, 1 + number)

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            known = transaction.rights_request(FRANCE, one.rights_request_id)
            assert known is not None
            if known.delayed_at_us is None:
                transaction.delay_rights_request(
                    one.rights_request_id, delayed_at_us=NOON_US, due_on=due_on, note=NOTE
                )
                return {"due_on": due_on.isoformat()}
            return {"due_on": known.due_on.isoformat()}

        recorded = store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        return date.fromisoformat(recorded.details["due_on"])

    told = set(at_once(delay, 8))
    assert sql("SELECT due_on FROM rights_request_event") == [(each,) for each in told]


@pytest.mark.parametrize("command", ["", "ANALYZE"], ids=["no statistics", "statistics"])
def test_a_person_is_read_by_key_however_large_the_ledger_is(
    store: Store, append: Append, samples: Samples, sql: Sql, command: str
) -> None:
    """Among twenty thousand entries, those of one person cost a handful of rows."""
    consented = samples.consent(samples.point("a"), evidence=Evidence(text="I agree."))
    append(consented)
    append(samples.entry(samples.point("a"), samples.point("b")))
    append(samples.entry(samples.point("c"), concerns_entry_id=consented.entry_id))
    seen = access(consented.entry_id)
    store.ledger.transact(lambda officer: officer.record_access(seen), deadline=NO_DEADLINE)
    fill(sql)
    if command:
        sql(command)

    def read(transaction: SubjectTransaction) -> None:
        points = [samples.point("a"), samples.point("b")]
        assert len(transaction.entries_about(FRANCE, points, limit=100)) == 3
        corrected = [samples.point("c")]
        assert len(transaction.entries_about(FRANCE, corrected, limit=100)) == 2
        assert transaction.found(FRANCE, consented.entry_id) is not None
        assert len(transaction.identities([consented.entry_id])) == 1

    with statements(store) as spoken:
        store.ledger.transact(read, deadline=NO_DEADLINE)
        history, page = store.subject_history, Page(10, None)
        history.accesses(FRANCE, page, entry_id=consented.entry_id, deadline=NO_DEADLINE)
        history.accesses(FRANCE, page, deadline=NO_DEADLINE)
        history.rights_requests(
            FRANCE,
            page,
            today=LAST_DAY,
            which=RightsRequestState.ALL,
            deadline=NO_DEADLINE,
        )
    assert len(spoken) >= 8
    for statement, parameters in spoken:
        plan = planned(store, statement, parameters)
        read_of = rows_read(plan)
        assert sum(read_of.values()) <= 60, (statement, read_of)


def test_what_is_refused_is_not_read_to_its_end(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    """Corrections are followed as far as the limit allows, however many there were."""
    chain = [samples.entry(samples.point("a"))]
    for _ in range(200):
        chain.append(samples.entry(concerns_entry_id=chain[-1].entry_id))
    append(*chain)
    fill(sql)
    sql("ANALYZE")

    def read(transaction: SubjectTransaction) -> None:
        with pytest.raises(LimitExceeded):
            transaction.entries_about(FRANCE, [samples.point("a")], limit=5)

    with statements(store) as spoken:
        store.ledger.transact(read, deadline=NO_DEADLINE)
    for statement, parameters in spoken:
        read_of = rows_read(planned(store, statement, parameters))
        assert sum(read_of.values()) <= 60, (statement, read_of)


def planned(store: Store, statement: str, parameters: object) -> Node:
    """What a statement did, by the plan."""
    with store.database.transaction(NO_DEADLINE) as connection:
        raw = connection.connection.cursor()
        query = raw.mogrify(statement, parameters).decode()
        return explained(connection, query.replace("%", "%%"), options=", ANALYZE")


@contextmanager
def statements(store: Store) -> Iterator[list[tuple[str, object]]]:
    """Collects the queries that go over SQLAlchemy, with their parameters."""
    spoken: list[tuple[str, object]] = []

    def listen(*heard: Any) -> None:  # noqa: ANN401 - what the event hands over
        _, _, statement, parameters, _, _ = heard
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            spoken.append((statement, parameters))

    engine = store.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield spoken
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def fill(sql: Sql) -> None:
    """A ledger of other people, and a trail of looks at them."""
    sql(
        f"""
        CREATE TEMPORARY TABLE filling AS
        SELECT gen_random_uuid() AS entry_id, gen_random_uuid() AS ref, number
        FROM generate_series(1, {MANY}) AS number;
        INSERT INTO contact_point (
            contact_point_ref, normaliser_version, kind, unit_state, key_version,
            exact_digest, wide_digest
        )
        SELECT ref, 1, 1, 0, 1, decode(md5('e' || number), 'hex'), decode(md5('w' || number), 'hex')
        FROM filling;
        INSERT INTO entry (
            entry_id, kind, controller, channels, source, precision, expressed_at, time_zone,
            recorded_at, counts_at, proven, lifts_opt_outs
        )
        SELECT entry_id, 4, 'alarm-fr', -1, 1, 1, now(), '', now(), now(), false, false
        FROM filling;
        INSERT INTO entry_contact_point SELECT entry_id, ref, 1 FROM filling;
        INSERT INTO vault (entry_id, key_id, wrapped_key, nonce, ciphertext, expires_on)
        SELECT filling.entry_id, key_id, wrapped_key, nonce, ciphertext, expires_on
        FROM filling CROSS JOIN (SELECT * FROM vault LIMIT 1) AS known;
        INSERT INTO access (
            access_id, accessed_at, controller, caller_id, operation, entry_id, note_id, expires_on
        )
        SELECT gen_random_uuid(), known.accessed_at - interval '1 second' * number, 'alarm-fr',
            '', 1, filling.entry_id, known.note_id, known.expires_on
        FROM filling CROSS JOIN (SELECT * FROM access LIMIT 1) AS known;
        INSERT INTO rights_request (
            rights_request_id, controller, kind, received_on, due_on, opened_at, note_id, expires_on
        )
        SELECT gen_random_uuid(), 'alarm-fr', 1, CURRENT_DATE, CURRENT_DATE + number % 900 + 1,
            now(), gen_random_uuid(), CURRENT_DATE + 1000
        FROM filling
        """  # noqa: S608 - only constants are put in
    )


def dumped(url: str, directory: Path) -> bytes:
    """The database as a dump has it, readable but for what is sealed."""
    target = make_url(url)
    return subprocess.run(
        [
            str(Programs.find().bin_dir / "pg_dump"),
            f"--host={target.query['host']}",
            f"--username={target.username}",
            "--inserts",
            str(target.database),
        ],
        check=True,
        capture_output=True,
        cwd=directory,
    ).stdout
