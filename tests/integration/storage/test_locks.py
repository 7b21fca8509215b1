"""The locks by name that a write may take."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from consent_registry_server.domain.errors import DeadlineExceeded, Unavailable
from consent_registry_server.service.ports import Deadline, Recorded, Transaction
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store, open_store
from tests.integration.storage.conftest import Sql
from tests.integration.storage.samples import NO_DEADLINE, NOON_US, Samples
from tests.integration.storage.test_failures import in_seconds
from tests.integration.storage.threads import at_once, wait_until_one_waits_for_a_lock


class Broken(Exception):
    """A write that does not come to its end."""


def take(
    store: Store,
    samples: Samples,
    name: bytes,
    *,
    order: list[str] | None = None,
    deadline: Deadline = NO_DEADLINE,
) -> Recorded:
    """A write that takes a lock and tells when it has it."""

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.lock(name)
        if order is not None:
            order.append("second")
        return {}

    return store.ledger.write(samples.request(), NOON_US, work, deadline=deadline)


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_who_wants_a_lock_waits_until_the_one_that_has_it_is_done(
    postgres_url: str, store: Store, samples: Samples, ending: str
) -> None:
    order: list[str] = []
    waiting: list[Future[Recorded]] = []

    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.lock(b"a")
            waiting.append(executor.submit(take, store, samples, b"a", order=order))
            wait_until_one_waits_for_a_lock(postgres_url)
            order.append("first")
            if ending == "rollback":
                raise Broken
            return {}

        try:
            store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        except Broken:
            assert ending == "rollback"
        waiting[0].result()

    assert order == ["first", "second"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(b"b", id="another"),
        pytest.param(b"a\0", id="longer"),
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\x00\xfe", id="no-text"),
    ],
)
def test_locks_of_different_names_do_not_wait_for_each_other(
    store: Store, samples: Samples, other: bytes
) -> None:
    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.lock(b"a")
            executor.submit(take, store, samples, other).result()
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)


def test_a_transaction_may_take_a_lock_that_it_has(store: Store, samples: Samples) -> None:
    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.lock(b"a")
        transaction.lock(b"a")
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)


def test_what_was_committed_during_the_wait_is_seen_after_it(
    store: Store, samples: Samples, rows: Sql
) -> None:
    seen: list[int] = []
    counted = threading.Lock()

    def write(_: int) -> None:
        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.lock(b"a")
            attempts = transaction.standing(samples.controller, [samples.point("a")]).rows
            transaction.append([samples.attempt(samples.point("a"))])
            return {"seen": len(attempts)}

        written = store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
        with counted:
            seen.append(written.details["seen"])

    at_once(write, 8)

    assert sorted(seen) == list(range(8))
    assert rows("SELECT count(*) FROM entry") == [(8,)]


def test_a_wait_beyond_the_callers_deadline_is_deadline_exceeded(
    store: Store, samples: Samples, rows: Sql
) -> None:
    with ThreadPoolExecutor(1) as executor:

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.lock(b"a")
            late = executor.submit(take, store, samples, b"a", deadline=in_seconds(0.2))
            with pytest.raises(DeadlineExceeded):
                late.result()
            return {}

        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)

    assert rows("SELECT count(*) FROM write_request") == [(1,)]


def test_a_wait_beyond_the_named_limit_is_contention(
    postgres_url: str,
    keyring: Keyring,
    store: Store,
    samples: Samples,
    rows: Sql,
) -> None:
    impatient = open_store(
        postgres_url,
        keyring,
        store.vault.keys.key_store,
        StorageLimits(lock_timeout_s=0.05, write_attempts=2),
    )

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.lock(b"a")
        with pytest.raises(Unavailable) as error:
            take(impatient, samples, b"a")
        assert error.value.reason == "CONTENTION"
        return {}

    try:
        store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
    finally:
        impatient.close()

    assert rows("SELECT count(*) FROM write_request") == [(1,)]
