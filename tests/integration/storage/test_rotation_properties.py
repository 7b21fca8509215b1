"""Whatever is written and however far keys rotate meanwhile, answers are those without rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from consent_registry_server.service.ports import PreparedEntry, Recorded, Transaction
from consent_registry_server.storage import rotation
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.rotation import Progress, rotate_digests
from consent_registry_server.storage.store import Store, open_store
from tests.fakes.store import FakeStore
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

KEYS = 4
NAMES = ("a", "b", "c", "d")

A_DATABASE_EACH = settings(max_examples=30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sets(st.sampled_from(NAMES), min_size=1)),
        st.tuples(st.just("repeat"), st.integers(0, 9)),
        st.tuples(st.just("rotate"), st.integers(1, 6)),
    ),
    min_size=3,
    max_size=12,
)


class Stopped(Exception):
    """A rotation that is stopped on its way."""


class Twins:
    """One registry whose keys rotate, and one that has no keys."""

    def __init__(self, store: Store, keyrings: Sequence[Keyring]) -> None:
        self._store = store
        self._plain = FakeStore()
        self._keyrings = keyrings
        self._keys = 1
        self._samples = Samples(keyrings[0])
        self._written: list[tuple[PreparedEntry, Recorded]] = []

    def write(self, names: set[str]) -> None:
        """Records an opt-out in both."""
        entry = self._samples.entry(*map(self._samples.point, sorted(names)))
        self._request(self._plain, entry)
        self._written.append((entry, self._request(self._store, entry)))

    def repeat(self, number: int) -> None:
        """Repeats a request that was answered."""
        if self._written:
            entry, recorded = self._written[number % len(self._written)]
            assert self._request(self._store, entry) == recorded

    def rotate(self, batches: int) -> None:
        """Rotates to one more key, but for what is left after some batches."""
        self._keys = min(self._keys + 1, len(self._keyrings))
        done: list[Progress] = []

        def say(progress: Progress) -> None:
            done.append(progress)
            if len(done) == batches:
                raise Stopped

        with suppress(Stopped):
            rotate_digests(self._store.database.engine, self._keyrings[self._keys - 1], say=say)

    def require_same_answers(self) -> None:
        """Asks both for every contact point, each by itself and all of them."""
        points = [self._samples.point(name) for name in NAMES]
        for asked in ([], *([point] for point in points), points):
            found, expected = (
                {
                    (row.wide, row.exact, row.entry_id)
                    for row in store.standing.read(FRANCE, asked, deadline=NO_DEADLINE).rows
                }
                for store in (self._store, self._plain)
            )
            assert found == expected

    def _request(self, store: Store | FakeStore, entry: PreparedEntry) -> Recorded:
        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([entry])
            return {"entry_id": str(entry.entry_id)}

        request = self._samples.request(str(entry.entry_id))
        return store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)


@contextmanager
def twins(url: str, key_store: KeyStore) -> Iterator[Twins]:
    """An empty pair of registries."""
    keyrings = [Keyring.generate()]
    while len(keyrings) < KEYS:
        keyrings.append(keyrings[-1].with_new_digest_key())
    limits = StorageLimits(pool_size=2)
    open_store(url, keyrings[0], key_store, limits).close()
    store = open_store(url, keyrings[-1], key_store, limits)
    try:
        yield Twins(store, keyrings)
    finally:
        store.close()


@A_DATABASE_EACH
@given(steps=STEPS)
def test_answers_are_those_without_rotation(
    steps: list[tuple[str, Any]], new_database: Callable[[], str], key_store: KeyStore
) -> None:
    with twins(new_database(), key_store) as pair, patch.object(rotation, "BATCH_ROWS", 2):
        for name, argument in steps:
            getattr(pair, name)(argument)
            pair.require_same_answers()
