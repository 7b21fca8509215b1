"""Nothing is ever recorded against a contact point whose digests were forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from consent_registry_server.domain.errors import PreconditionFailed
from consent_registry_server.domain.vocabulary import EntryKind
from consent_registry_server.service.ports import PreparedEntry, Recorded, Transaction
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.store import Store
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples
from tests.integration.storage.threads import wait_until_one_waits_for_a_lock

LONG_AGO_US = 1_600_000_000_000_000
"""In the year 2020, when no attempt counts any more."""


def erase(store: Store, samples: Samples, entry: PreparedEntry) -> None:
    """Ends an identity as the service does."""
    ended = samples.entry(kind=EntryKind.IDENTITY_ERASED, concerns_entry_id=entry.entry_id)
    store.ledger.write(samples.request(), NOON_US, _append(ended), deadline=NO_DEADLINE)
    with store.database.transaction(NO_DEADLINE) as connection:
        end_identities(connection, [entry.entry_id])


def _append(*entries: PreparedEntry) -> Callable[[Transaction], dict[str, Any]]:
    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append(entries)
        return {}

    return work


def test_who_waited_for_a_contact_point_that_was_forgotten_makes_it_anew(
    store: Store, append: Append, samples: Samples, postgres_url: str, sql: Sql
) -> None:
    consent, opt_out = samples.consent(samples.point("a")), samples.entry(samples.point("a"))
    append(consent)

    def record() -> Recorded:
        return store.ledger.write(
            samples.request(), NOON_US, _append(opt_out), deadline=NO_DEADLINE
        )

    with ThreadPoolExecutor(1) as executor:
        with store.database.transaction(NO_DEADLINE) as connection:
            end_identities(connection, [consent.entry_id])
            recorded = executor.submit(record)
            wait_until_one_waits_for_a_lock(postgres_url)
        recorded.result()

    rows = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).rows
    assert [row.entry_id for row in rows] == [opt_out.entry_id]
    assert sql("SELECT count(*) FROM contact_point") == [(2,)]


def test_a_contact_point_that_a_write_is_about_to_name_is_not_forgotten(
    store: Store, append: Append, samples: Samples, postgres_url: str, sql: Sql
) -> None:
    consent, opt_out = samples.consent(samples.point("a")), samples.entry(samples.point("a"))
    append(consent)

    def forget() -> None:
        with store.database.transaction(NO_DEADLINE) as connection:
            end_identities(connection, [consent.entry_id])

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([opt_out])
            forgotten.append(executor.submit(forget))
            wait_until_one_waits_for_a_lock(postgres_url)
            return {}

        forgotten: list[Any] = []
        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        forgotten[0].result()

    rows = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).rows
    assert {row.entry_id for row in rows} == {consent.entry_id, opt_out.entry_id}
    assert sql("SELECT count(*) FROM contact_point") == [(1,)]


def test_what_names_only_forgotten_contact_points_is_refused(
    store: Store, append: Append, samples: Samples, sql: Sql
) -> None:
    # Stored, the opt-out would never be found, and its caller would think that it was.
    attempt = replace(samples.attempt(samples.point("a")), recorded_at_us=LONG_AGO_US)
    append(attempt)
    erase(store, samples, attempt)

    with pytest.raises(PreconditionFailed) as error:
        append(replace(samples.entry(), names_as=attempt.entry_id))

    assert error.value.reason == "IDENTITY_GONE"
    assert (EntryKind.DO_NOT_CONTACT,) not in sql("SELECT kind FROM entry")


def _kept_by_an_opt_out(samples: Samples) -> PreparedEntry:
    return samples.entry(samples.point("a"))


def _kept_by_an_identity(samples: Samples) -> PreparedEntry:
    consent = samples.consent(samples.point("a"))
    return replace(consent, identity_expires_on=date(2100, 1, 31))


def _kept_by_a_young_attempt(samples: Samples) -> PreparedEntry:
    young = samples.attempt(samples.point("a"))
    return replace(young, recorded_at_us=time.time_ns() // 1_000)


@pytest.mark.parametrize(
    "other", [_kept_by_an_opt_out, _kept_by_an_identity, _kept_by_a_young_attempt]
)
def test_what_names_contact_points_of_an_ended_identity_is_kept_where_they_are_still_known(
    other: Callable[[Samples], PreparedEntry], store: Store, append: Append, samples: Samples
) -> None:
    attempt = replace(samples.attempt(samples.point("a")), recorded_at_us=LONG_AGO_US)
    append(attempt, other(samples))
    erase(store, samples, attempt)
    refusal = replace(samples.entry(), names_as=attempt.entry_id)

    append(refusal)

    rows = store.standing.read(FRANCE, [samples.point("a")], deadline=NO_DEADLINE).rows
    assert refusal.entry_id in {row.entry_id for row in rows}
