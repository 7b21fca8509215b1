"""The expiry job: what it ends and keeps, exactly once, whoever runs beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from consent_registry_server.domain.calendar import DAY_US, from_us, to_us
from consent_registry_server.domain.contact import Email, Subject
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    EntryId,
    EntryKind,
    PartnerId,
    Source,
)
from consent_registry_server.policy.load import load_policy
from consent_registry_server.service.ports import PreparedEntry, RefusedLead, Transaction
from consent_registry_server.storage import expiry
from consent_registry_server.storage.expiry import Expiry, ExpiryReport
from consent_registry_server.storage.overdue import expiring_identities
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples
from tests.integration.storage.threads import at_once

Run = Callable[..., ExpiryReport]

SAID_ON = from_us(NOON_US).date()
"""When the samples are expressed."""
LAST = SAID_ON.replace(year=SAID_ON.year + 7)
AFTER = LAST + timedelta(days=1)
NOW_US = to_us(datetime(2033, 10, 1, tzinfo=UTC))
SPOIL = "UPDATE vault SET ciphertext = ciphertext || 'x' WHERE entry_id = '{entry_id}'"
COUNT = "SELECT count(*) FROM {table}"
ADD_ACCESS = """
    INSERT INTO access
        (access_id, accessed_at, controller, caller_id, operation, note_id, expires_on)
    VALUES (gen_random_uuid(), now(), 'alarm-fr', '', 1, gen_random_uuid(), '{day}')
"""
ADD_RIGHTS_REQUEST = """
    INSERT INTO rights_request (rights_request_id, controller, kind, received_on, due_on,
        opened_at, note_id, expires_on)
    VALUES ('{request_id}', 'alarm-fr', 1, '2026-01-01', '2026-01-31', now(), gen_random_uuid(),
        '{day}')
"""
CLOSE_RIGHTS_REQUEST = """
    INSERT INTO rights_request_event (rights_request_id, kind, happened_at, outcome, note_id)
    VALUES ('{request_id}', 2, now(), 1, gen_random_uuid())
"""
CUSTOMER = Subject((Email("camille@example.com"),), customer_number="C-1")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 3)


@pytest.fixture
def run(store: Store, policy: Policy) -> Run:
    """Runs the job, as of the day after the samples' last one unless told otherwise."""

    def run(as_of: date = AFTER, *, dry: bool = False) -> ExpiryReport:
        job = Expiry(
            store.database,
            store.vault,
            store.ledger.appender,
            policy=policy,
            clock=lambda: NOW_US,
            entry_ids=lambda: EntryId(uuid4()),
        )
        report = ExpiryReport(as_of)
        (job.foresee if dry else job.run)(as_of, report)
        return report

    return run


@pytest.fixture
def endings(sql: Sql) -> Callable[[], Counter[str]]:
    """How many entries say of each entry that its identity expired."""

    def read() -> Counter[str]:
        ended = sql("SELECT concerns_entry_id FROM entry WHERE kind = 12")
        return Counter(str(entry_id) for (entry_id,) in ended)

    return read


def kept(entry: PreparedEntry, until: date = LAST) -> PreparedEntry:
    """The entry with an identity that the vault keeps."""
    return replace(entry, identity_expires_on=until)


def in_vault(sql: Sql) -> dict[str, date]:
    """The last day of every identity there is."""
    return {str(entry_id): day for entry_id, day in sql("SELECT entry_id, expires_on FROM vault")}


def test_an_identity_ends_on_the_day_after_its_last(
    run: Run, append: Append, samples: Samples, sql: Sql, endings: Callable[[], Counter[str]]
) -> None:
    """And not before; the ledger says so once, and the opt-outs stand."""
    entries = [kept(samples.entry(samples.point(f"p{number}"))) for number in range(7)]
    append(*entries)
    assert run(LAST).ended == Counter()
    assert len(in_vault(sql)) == len(entries)
    report = run()
    assert report.ended == {EntryKind.DO_NOT_CONTACT: 7}
    assert (report.overdue.number, report.overdue.oldest) == (0, None)
    assert in_vault(sql) == {}
    assert endings() == {str(entry.entry_id): 1 for entry in entries}
    assert sql("SELECT count(*) FROM standing") == [(7,)]


def test_the_entry_that_says_so_is_the_registry_s_own(
    run: Run, append: Append, samples: Samples, sql: Sql
) -> None:
    """Of the same controller, at the true time, whatever day was asked for."""
    append(kept(samples.entry(samples.point("p"))))
    run()
    [row] = sql(
        "SELECT controller, source, extract(epoch FROM recorded_at)::bigint, lifts_entry_id"
        " FROM entry WHERE kind = 12"
    )
    assert row == (FRANCE, Source.REGISTRY, NOW_US // 1_000_000, None)


def test_running_it_again_changes_nothing(
    run: Run, append: Append, samples: Samples, endings: Callable[[], Counter[str]]
) -> None:
    """Each ends once."""
    append(*(kept(samples.entry(samples.point(f"p{number}"))) for number in range(5)))
    run()
    before = endings()
    assert run().ended == Counter()
    assert endings() == before


def test_a_dry_run_says_what_would_end_and_changes_nothing(
    run: Run, append: Append, samples: Samples, sql: Sql, endings: Callable[[], Counter[str]]
) -> None:
    """Consents that are kept on included."""
    append(
        *(kept(samples.entry(samples.point(f"p{number}"))) for number in range(5)),
        kept(samples.consent(samples.point("prospect"))),
        kept(samples.consent(samples.point("customer"), subject=CUSTOMER)),
    )
    before = in_vault(sql)
    report = run(dry=True)
    assert report.ended == {EntryKind.DO_NOT_CONTACT: 5, EntryKind.CONSENT: 1}
    assert (report.renewed, report.overdue.number) == (1, 7)
    assert in_vault(sql) == before
    assert endings() == Counter()


def test_a_hold_stops_it_until_it_is_lifted(
    run: Run, append: Append, samples: Samples, sql: Sql
) -> None:
    """What is held is counted, and not overdue."""
    append(kept(samples.entry(samples.point("p"))))
    sql("UPDATE vault SET held = true")
    report = run()
    assert (report.ended, report.held, report.overdue.number) == (Counter(), 1, 0)
    sql("UPDATE vault SET held = false")
    assert run().ended.total() == 1


def test_a_consent_ends_with_its_identity(
    run: Run, store: Store, append: Append, samples: Samples
) -> None:
    """Nothing proves it any more; standing says the same when it is rebuilt."""
    point = samples.point("p")
    append(kept(samples.consent(point)))
    run()
    # Nobody finds the contact point any more, nor is anything left that would permit.
    assert store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows == []
    assert compare_standing(store.database.engine) == 0


def test_a_consent_that_shares_its_contact_point_with_an_opt_out_ends_in_standing(
    run: Run, store: Store, append: Append, samples: Samples
) -> None:
    """Its row stays and is lifted; the opt-out is not."""
    point = samples.point("p")
    consent, opt_out = kept(samples.consent(point)), kept(samples.entry(point), AFTER)
    append(consent, opt_out)
    run()
    rows = store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    lifted = {row.entry_id: row.lifted_at_us for row in rows}
    assert lifted == {consent.entry_id: NOW_US, opt_out.entry_id: None}
    assert compare_standing(store.database.engine) == 0


def test_a_prospect_who_was_spoken_to_again_is_kept_from_then_on(
    run: Run, append: Append, samples: Samples, sql: Sql
) -> None:
    """For three years from a later consent, or from an attempt that reached them."""
    again, called, missed = samples.point("again"), samples.point("called"), samples.point("missed")
    later_us = NOON_US + 5 * 365 * DAY_US
    until = from_us(later_us).date()
    until = until.replace(year=until.year + 3)
    due = [kept(samples.consent(each)) for each in (again, called, missed)]
    reached, unanswered = samples.attempt(called, at_us=later_us), samples.attempt(missed)
    recent = kept(samples.consent(again, at_us=later_us), date(2040, 1, 1))
    attempts = [
        replace(each, recorded_at_us=later_us, identity_expires_on=date(2040, 1, 1))
        for each in (reached, unanswered)
    ]
    append(*due, replace(recent, recorded_at_us=later_us), *attempts)
    append(
        samples.outcome(reached, AttemptOutcome.REACHED, subject=Subject()),
        samples.outcome(unanswered, AttemptOutcome.UNANSWERED, subject=Subject()),
    )
    report = run()
    assert (report.renewed, report.ended) == (2, {EntryKind.CONSENT: 1})
    days = in_vault(sql)
    assert [days.get(str(each.entry_id)) for each in due] == [until, until, None]


def test_a_customer_s_consent_in_force_is_looked_at_again_later(
    run: Run, append: Append, samples: Samples, sql: Sql
) -> None:
    """As often as its proof's term passes."""
    append(kept(samples.consent(samples.point("p"), subject=CUSTOMER)))
    assert run().renewed == 1
    [until] = in_vault(sql).values()
    assert until == AFTER.replace(year=AFTER.year + 3)
    assert run(until + timedelta(days=1)).renewed == 1


@pytest.mark.parametrize("kind", [EntryKind.WITHDRAWAL, EntryKind.DO_NOT_CONTACT])
def test_a_customer_s_consent_that_was_stopped_ends_when_its_proof_has_served(
    run: Run, append: Append, samples: Samples, sql: Sql, kind: EntryKind
) -> None:
    """Three years after the person stopped it; an opt-out from before it stopped nothing."""
    stopped_us = NOON_US + 6 * 365 * DAY_US
    until = from_us(stopped_us).date()
    until = until.replace(year=until.year + 3)
    point = samples.point("p")
    consent = kept(samples.consent(point, subject=CUSTOMER))
    stop = kept(samples.entry(point, at_us=stopped_us, kind=kind), date(2040, 1, 1))
    append(consent, replace(stop, recorded_at_us=stopped_us))
    assert run().renewed == 1
    assert in_vault(sql)[str(consent.entry_id)] == until
    assert run(until + timedelta(days=1)).ended == {EntryKind.CONSENT: 1}


def test_a_day_that_somebody_set_is_final(run: Run, append: Append, samples: Samples) -> None:
    """No judgement of the job's goes beyond it."""
    consent = kept(samples.consent(samples.point("p"), subject=CUSTOMER))
    append(consent)
    append(
        samples.entry(
            kind=EntryKind.RETENTION_SET, concerns_entry_id=consent.entry_id, keep_until=LAST
        )
    )
    assert run().ended == {EntryKind.CONSENT: 1}


def test_a_consent_that_nobody_can_open_stays_and_is_overdue(
    run: Run, append: Append, samples: Samples, sql: Sql, endings: Callable[[], Counter[str]]
) -> None:
    """It is counted, and all others end."""
    spoilt = kept(samples.consent(samples.point("spoilt")))
    append(*(kept(samples.consent(samples.point(f"p{number}"))) for number in range(5)), spoilt)
    sql(SPOIL.format(entry_id=spoilt.entry_id))
    report = run()
    assert (report.ended.total(), report.unreadable) == (5, 1)
    assert (report.overdue.number, report.overdue.oldest) == (1, LAST)
    assert str(spoilt.entry_id) not in endings()


def test_what_ends_soon_is_counted_by_its_last_day(
    store: Store, append: Append, samples: Samples
) -> None:
    """From the first day on and before the one behind."""
    append(*(kept(samples.entry(samples.point(f"p{number}"))) for number in range(3)))
    days = timedelta(days=1)

    def expiring(first: date, behind: date) -> int:
        return expiring_identities(store.database, first, behind, NO_DEADLINE)

    assert expiring(LAST, LAST + days) == 3
    assert expiring(LAST - 30 * days, LAST) == 0
    assert expiring(LAST + days, LAST + 30 * days) == 0


def test_an_identity_that_came_back_after_its_end_goes_without_a_second_entry(
    run: Run, append: Append, samples: Samples, sql: Sql, endings: Callable[[], Counter[str]]
) -> None:
    """As after a restore, where the vault is older than the ledger."""
    entry = kept(samples.entry(samples.point("p")))
    append(entry)
    sql("CREATE TABLE saved AS SELECT * FROM vault")
    run()
    sql("INSERT INTO vault SELECT * FROM saved")
    assert run().ended.total() == 1
    assert in_vault(sql) == {}
    assert endings() == {str(entry.entry_id): 1}


def test_two_runs_at_once_end_each_identity_once(
    run: Run, append: Append, samples: Samples, sql: Sql, endings: Callable[[], Counter[str]]
) -> None:
    """They share the work, and neither ends before all is done."""
    entries = [kept(samples.entry(samples.point(f"p{number}"))) for number in range(60)]
    append(*entries)
    reports = at_once(lambda _: run(), 2)
    assert sum(report.ended.total() for report in reports) == len(entries)
    assert [report.overdue.number for report in reports] == [0, 0]
    assert endings() == {str(entry.entry_id): 1 for entry in entries}
    assert in_vault(sql) == {}


def test_records_go_after_their_own_day(run: Run, store: Store, samples: Samples, sql: Sql) -> None:
    """Refused leads, the access trail and rights requests that somebody closed."""
    refused = RefusedLead(FRANCE, PartnerId("mover-1"), 3, NOON_US, LAST)

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.refuse_leads([refused] * 7 + [refused._replace(expires_on=AFTER)])
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
    for day in (LAST, AFTER):
        sql(ADD_ACCESS.format(day=day))
        for request_id in (uuid4(), uuid4()):
            sql(ADD_RIGHTS_REQUEST.format(request_id=request_id, day=day))
        sql(CLOSE_RIGHTS_REQUEST.format(request_id=request_id))
    assert run(dry=True).deleted == {
        "refused_lead": 7,
        "access": 1,
        "rights_request": 1,
        "sealed_note": 0,
    }
    assert run().deleted == {"refused_lead": 7, "access": 1, "rights_request": 1}
    left = ("refused_lead", "access", "rights_request", "rights_request_event")
    assert [sql(COUNT.format(table=table))[0][0] for table in left] == [1, 1, 3, 1]


def test_no_record_goes_before_its_day(store: Store, sql: Sql) -> None:
    """The database itself refuses it, whoever asks."""
    sql(ADD_ACCESS.format(day=AFTER.replace(year=2999)))
    with pytest.raises(Exception, match="23001"), store.database.transaction(NO_DEADLINE) as it:
        it.execute(text("DELETE FROM access"))
