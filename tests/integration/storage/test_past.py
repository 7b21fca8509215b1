"""Which past a revision or a time names; what stood then is the conformance suite's matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from consent_registry_server.domain.errors import InvalidRequest, LimitExceeded
from consent_registry_server.domain.vocabulary import EntryId, EntryKind, PartnerId, PartnerKind
from consent_registry_server.service.ports import Partner, PreparedEntry, Transaction
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.revision import Revision, parse_revision
from consent_registry_server.storage.store import Store, open_store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import (
    FRANCE,
    NO_DEADLINE,
    NOON_US,
    SECOND_US,
    Samples,
)


def recorded(entry: PreparedEntry, seconds: int) -> PreparedEntry:
    """The entry, recorded some seconds after noon."""
    return replace(entry, recorded_at_us=NOON_US + seconds * SECOND_US)


def revision_now(store: Store, samples: Samples) -> str:
    return store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).revision


def past(
    store: Store, samples: Samples, *, seconds: int | None = None, revision: str = ""
) -> set[EntryId]:
    """What stood for a contact point, by what was known some seconds after noon."""
    found = store.past.read_past(
        FRANCE,
        [samples.point("a")],
        at_us=None,
        known_at_us=None if seconds is None else NOON_US + seconds * SECOND_US,
        revision=revision,
        deadline=NO_DEADLINE,
    )
    return {row.entry_id for row in found.rows}


def test_what_committed_after_a_read_was_not_there_though_it_was_recorded_before(
    store: Store, samples: Samples
) -> None:
    # A write takes its time of recording when it begins, and may commit long after. A decision
    # made between the two did not see it. By the clock alone its replay would, and would blame
    # the decision for an opt-out that nobody could know; the revision tells that it was not there.
    late = recorded(samples.entry(samples.point("a")), seconds=1)
    seen: list[str] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([late])
        seen.append(revision_now(store, samples))
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert past(store, samples, seconds=2) == {late.entry_id}
    assert past(store, samples, seconds=2, revision=seen[0]) == set()
    assert past(store, samples, seconds=2, revision=revision_now(store, samples)) == {late.entry_id}


def test_what_a_read_saw_was_there_though_it_was_recorded_by_a_clock_that_is_ahead(
    store: Store, append: Append, samples: Samples
) -> None:
    early = recorded(samples.entry(samples.point("a")), seconds=60)
    append(early)

    revision = revision_now(store, samples)

    assert past(store, samples, seconds=1) == set()
    assert past(store, samples, seconds=1, revision=revision) == {early.entry_id}


def test_what_committed_before_an_older_transaction_was_there(
    store: Store, append: Append, samples: Samples
) -> None:
    # Transactions end in another order than they begin: the revision lists those still open.
    first, slow, quick = (samples.entry(samples.point("a")) for _ in range(3))
    append(first)
    seen: list[str] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append([slow])
        append(quick)
        seen.append(revision_now(store, samples))
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert past(store, samples, revision=seen[0]) == {first.entry_id, quick.entry_id}
    assert past(store, samples) == {first.entry_id, quick.entry_id, slow.entry_id}


def test_a_lift_that_committed_after_a_read_had_not_lifted_anything(
    store: Store, append: Append, samples: Samples
) -> None:
    entry = samples.entry(samples.point("a"))
    append(entry)
    revision = revision_now(store, samples)
    append(samples.lift(entry, at_us=NOON_US))

    def lifted_at(revision: str) -> int | None:
        [row] = store.past.read_past(
            FRANCE,
            [samples.point("a")],
            at_us=None,
            known_at_us=None,
            revision=revision,
            deadline=NO_DEADLINE,
        ).rows
        return row.lifted_at_us

    assert lifted_at(revision) is None
    assert lifted_at(revision_now(store, samples)) == NOON_US


def test_a_partner_has_the_terms_that_a_read_saw(
    store: Store, append: Append, samples: Samples
) -> None:
    terms = Partner(
        controller=FRANCE,
        partner_id=PartnerId("union-42"),
        name="Union of Examples",
        kind=PartnerKind.UNION,
        permitted_channels=2,
        permitted_purposes=frozenset(),
        maximum_lead_age_days=90,
    )

    def save(partner: Partner) -> None:
        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.save_partner(partner, recorded_at_us=NOON_US)
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    save(terms)
    lead = {"kind": EntryKind.PARTNER_CONSENT, "partner_id": terms.partner_id}
    append(samples.consent(samples.point("a"), **lead))
    revision = revision_now(store, samples)
    save(replace(terms, permitted_channels=4))

    def channels(revision: str) -> int | None:
        [row] = store.past.read_past(
            FRANCE,
            [samples.point("a")],
            at_us=None,
            known_at_us=NOON_US,
            revision=revision,
            deadline=NO_DEADLINE,
        ).rows
        return row.partner_channels

    assert channels(revision) == 2
    assert channels("") == 4


@pytest.fixture
def known_and_not(append: Append, samples: Samples) -> EntryId:
    """Two entries, recorded one and three seconds after noon; returns the first."""
    entries = [recorded(samples.entry(samples.point("a")), seconds) for seconds in (1, 3)]
    append(*entries)
    return entries[0].entry_id


def test_a_revision_of_another_life_of_the_database_says_nothing(
    store: Store, samples: Samples, known_and_not: EntryId
) -> None:
    # The numbers of its transactions are those of others here.
    snapshot = parse_revision(revision_now(store, samples)).snapshot
    revision = Revision(uuid4(), snapshot=snapshot).token()

    assert past(store, samples, seconds=2, revision=revision) == {known_and_not}


def test_a_revision_of_a_write_says_nothing(
    store: Store, append: Append, samples: Samples, known_and_not: EntryId
) -> None:
    # It names one transaction that was there and is silent on all others.
    revision = append(samples.entry()).revision

    assert past(store, samples, seconds=2, revision=revision) == {known_and_not}


def test_what_no_registry_issued_is_refused(store: Store, samples: Samples) -> None:
    with pytest.raises(InvalidRequest) as error:
        past(store, samples, revision="made-up")

    assert error.value.reason == "INVALID_REVISION"


def test_entries_of_before_a_restore_are_judged_by_time(
    postgres_url: str, key_store: KeyStore, append: Append, samples: Samples, sql: Sql
) -> None:
    # A dump restored elsewhere brings the numbers of its transactions along, and they are far
    # ahead of those to come: taken at their word, no restored opt-out was there for years.
    old, new = (recorded(samples.entry(samples.point("a")), seconds) for seconds in (1, 20))
    append(old)
    sql(f"""
        ALTER TABLE entry DISABLE TRIGGER ALL;
        UPDATE entry SET written_in = 1000000000;
        ALTER TABLE entry ENABLE TRIGGER ALL;
        ALTER TABLE entry ENABLE ALWAYS TRIGGER entry_append_only;
        UPDATE registry SET incarnation = gen_random_uuid(),
            began_at = to_timestamp({NOON_US // SECOND_US + 10});
    """)  # noqa: S608 - numbers
    [[incarnation, before]] = sql(
        "SELECT incarnation::text, pg_current_snapshot()::text FROM registry"
    )
    revision = Revision(UUID(incarnation), snapshot=before).token()

    def record_new(transaction: Transaction) -> dict[str, Any]:
        transaction.append([new])
        return {}

    restored = open_store(postgres_url, samples.keyring, key_store)
    restored.ledger.write(samples.request(), NOON_US, record_new, deadline=NO_DEADLINE)
    found = restored.past.read_past(
        FRANCE,
        [samples.point("a")],
        at_us=None,
        known_at_us=NOON_US + 30 * SECOND_US,
        revision=revision,
        deadline=NO_DEADLINE,
    )

    restored.close()

    assert {row.entry_id for row in found.rows} == {old.entry_id}


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
        assert len(past(small, samples)) == 3

        append(samples.entry(samples.point("a")))
        with pytest.raises(LimitExceeded) as error:
            past(small, samples)
    finally:
        small.close()

    assert error.value.reason == "TOO_MANY_ENTRIES"
    assert len(past(store, samples)) == 4
