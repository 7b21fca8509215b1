"""The end of identities: what denies contact is found for ever, what permitted it by nobody."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.vocabulary import AttemptOutcome, EntryId, EntryKind
from consent_registry_server.service.ports import ContactDigests, PreparedEntry, Transaction
from consent_registry_server.storage.erasure import COUNTED_DAYS, end_identities
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples
from tests.integration.storage.threads import wait_until_one_waits_for_a_lock

Make = Callable[[Samples, ContactDigests], PreparedEntry]

KEPT_UNTIL = date(2033, 11, 23)
LONG_AGO_US = NOON_US - 2 * COUNTED_DAYS * DAY_US


def kept(entry: PreparedEntry) -> PreparedEntry:
    """The entry with an identity that the vault keeps."""
    return replace(entry, identity_expires_on=KEPT_UNTIL)


def long_ago(entry: PreparedEntry) -> PreparedEntry:
    """The entry, recorded before anything that is counted."""
    return replace(entry, recorded_at_us=LONG_AGO_US)


@pytest.fixture
def is_found(sql: Sql) -> Callable[[ContactDigests], bool]:
    """Whether the contact point is still known by its digests, both of them."""

    def found(point: ContactDigests) -> bool:
        rows = sql("SELECT exact_digest, wide_digest FROM contact_point")
        digests = [(bytes(exact), bytes(wide)) for exact, wide in rows]
        assert all(len(digest) == 16 for pair in digests for digest in pair)
        by_exact = point.exact in [exact for exact, _ in digests]
        assert by_exact == (point.wide in [wide for _, wide in digests])
        return by_exact

    return found


def end(store: Store, *entries: PreparedEntry) -> list[EntryId]:
    """Ends identities in a transaction of their own."""
    with store.database.transaction(NO_DEADLINE) as connection:
        return end_identities(connection, [entry.entry_id for entry in entries])


PERMITTING: dict[str, Make] = {
    "consent": lambda samples, point: samples.consent(point),
    "partner_consent": lambda samples, point: samples.consent(
        point, kind=EntryKind.PARTNER_CONSENT, partner_id="mover-1", lifts_opt_outs=False
    ),
    "attempt": lambda samples, point: long_ago(samples.attempt(point)),
}

KEEPING: dict[str, Make] = {
    "do_not_contact": lambda samples, point: samples.entry(point),
    "withdrawal": lambda samples, point: samples.entry(point, kind=EntryKind.WITHDRAWAL),
    "recording_objection": lambda samples, point: samples.entry(
        point, kind=EntryKind.RECORDING_OBJECTION
    ),
    "recording_lift": lambda samples, point: samples.entry(
        point, kind=EntryKind.RECORDING_OBJECTION_LIFT
    ),
    "restriction": lambda samples, point: samples.entry(point, kind=EntryKind.RESTRICTION),
    "register_result": lambda samples, point: samples.result(point),
    "other_consent": lambda samples, point: samples.consent(point),
    "young_attempt": lambda samples, point: replace(
        samples.attempt(point), identity_expires_on=None
    ),
}


@pytest.mark.parametrize("make", PERMITTING.values(), ids=PERMITTING.keys())
def test_what_only_permitted_contact_is_found_by_nobody_any_more(
    store: Store,
    samples: Samples,
    append: Append,
    is_found: Callable[[ContactDigests], bool],
    make: Make,
) -> None:
    """Its identity is out of the vault, and random bytes are where its digests were."""
    point = samples.point("camille")
    entry = kept(make(samples, point))
    append(entry)
    assert is_found(point)
    assert end(store, entry) == [entry.entry_id]
    assert not is_found(point)


@pytest.mark.parametrize("make", KEEPING.values(), ids=KEEPING.keys())
def test_a_contact_point_that_something_else_names_is_found_still(
    store: Store,
    samples: Samples,
    append: Append,
    is_found: Callable[[ContactDigests], bool],
    make: Make,
) -> None:
    """Whatever denies, lifts, objects or restricts, whatever still has an identity or counts."""
    point = samples.point("camille")
    ended = kept(samples.consent(point))
    other = make(samples, point)
    has_identity = other.new.kind is not EntryKind.REGISTER_RESULT
    recently = other.new.kind is EntryKind.CONTACT_ATTEMPT
    append(ended, other if recently or not has_identity else kept(other))
    assert end(store, ended) == [ended.entry_id]
    assert is_found(point)


def test_an_opt_out_is_found_when_its_own_identity_has_ended(
    store: Store,
    samples: Samples,
    append: Append,
    is_found: Callable[[ContactDigests], bool],
) -> None:
    """And stands as it did."""
    point = samples.point("camille")
    opt_out = kept(samples.entry(point))
    append(opt_out)
    end(store, opt_out)
    assert is_found(point)
    [row] = store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    assert row.entry_id == opt_out.entry_id


def test_the_last_identity_to_end_takes_the_digests_along(
    store: Store,
    samples: Samples,
    append: Append,
    is_found: Callable[[ContactDigests], bool],
) -> None:
    """Not the first one, and those of other contact points stay."""
    point = samples.point("camille")
    consents = [kept(samples.consent(point)) for _ in range(3)]
    other = samples.point("other")
    append(*consents, kept(samples.consent(other)))
    end(store, consents[0])
    assert is_found(point)
    end(store, *consents[1:])
    assert not is_found(point)
    assert len(store.standing.read(FRANCE, [other], deadline=NO_DEADLINE).rows) == 1


def test_ending_what_has_ended_changes_nothing(
    store: Store, samples: Samples, append: Append
) -> None:
    """It may be repeated after any failure."""
    point = samples.point("camille")
    entry = kept(samples.entry(point))
    append(entry)
    assert end(store, entry) == [entry.entry_id]
    assert end(store, entry) == []
    assert end(store) == []


def test_two_identities_that_end_at_once_leave_no_digests(
    store: Store,
    samples: Samples,
    append: Append,
    is_found: Callable[[ContactDigests], bool],
    postgres_url: str,
) -> None:
    """The second waits for the first, and sees that it was the last."""
    point = samples.point("camille")
    first, second = kept(samples.consent(point)), kept(samples.consent(point))
    append(first, second)
    with ThreadPoolExecutor(1) as executor:
        with store.database.transaction(NO_DEADLINE) as connection:
            end_identities(connection, [first.entry_id])
            waiting = executor.submit(end, store, second)
            wait_until_one_waits_for_a_lock(postgres_url)
        waiting.result()
    assert not is_found(point)


def test_an_opt_out_written_while_the_last_consent_ends_is_never_lost(
    store: Store, samples: Samples, append: Append, postgres_url: str
) -> None:
    """The writer comes first: the end waits for it, sees the opt-out, and keeps the digests."""
    point = samples.point("camille")
    consent = kept(samples.consent(point))
    append(consent)
    opt_out = kept(samples.entry(point))
    waiting: list[Future[list[EntryId]]] = []
    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([opt_out])
            waiting.append(executor.submit(end, store, consent))
            wait_until_one_waits_for_a_lock(postgres_url)
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        assert waiting[0].result() == [consent.entry_id]
    rows = store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    assert opt_out.entry_id in {row.entry_id for row in rows}


def test_an_opt_out_that_waits_for_the_end_makes_its_contact_point_anew(
    store: Store, samples: Samples, append: Append, postgres_url: str
) -> None:
    """The end comes first: the writer finds the digests gone, and does not hang on to them."""
    point = samples.point("camille")
    consent = kept(samples.consent(point))
    append(consent)
    opt_out = kept(samples.entry(point))
    with ThreadPoolExecutor(1) as executor:
        with store.database.transaction(NO_DEADLINE) as connection:
            end_identities(connection, [consent.entry_id])
            waiting = executor.submit(append, opt_out)
            wait_until_one_waits_for_a_lock(postgres_url)
        waiting.result()
    [row] = store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    assert row.entry_id == opt_out.entry_id


def test_a_refusal_reported_on_an_attempt_that_ended_early_is_kept(
    store: Store, samples: Samples, append: Append, sql: Sql
) -> None:
    """Its digests still count for the cap, so that the opt-out has something to name."""
    point = samples.point("camille")
    now_us = sql("SELECT (extract(epoch FROM now()) * 1000000)::bigint")[0][0]
    attempt = kept(replace(samples.attempt(point), recorded_at_us=now_us))
    append(attempt)
    append(_ended(samples, attempt, now_us))
    end(store, attempt)
    report = replace(samples.outcome(attempt, AttemptOutcome.REFUSED), recorded_at_us=now_us)
    opt_out = replace(samples.entry(), recorded_at_us=now_us, names_as=attempt.entry_id)
    append(report, opt_out)
    rows = store.standing.read(FRANCE, [point], deadline=NO_DEADLINE).rows
    assert opt_out.entry_id in {row.entry_id for row in rows}


def _ended(samples: Samples, entry: PreparedEntry, now_us: int) -> PreparedEntry:
    ended = samples.entry(kind=EntryKind.IDENTITY_ERASED, concerns_entry_id=entry.entry_id)
    return replace(ended, recorded_at_us=now_us)
