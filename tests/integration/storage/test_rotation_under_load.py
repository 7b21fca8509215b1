"""Digest keys rotate twice while sixteen writers and some readers go on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import Recorded, Transaction
from consent_registry_server.storage import rotation
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.rotation import rotate_digests
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

WRITERS, READERS = 16, 4
BEFORE = 1_000
"""Opt-outs of before, each of whose identities is gone."""

MORE = 500
"""Writes that each stage goes on for at least: before, between and after the rotations."""


@pytest.fixture
def storage_limits() -> StorageLimits:
    return StorageLimits(pool_size=WRITERS + READERS + 2, pool_overflow=0)


class Traffic:
    """Writers that note what was acknowledged, and readers that look for all of it.

    Every opt-out names a contact point of its own, which later opt-outs and consents name too.
    """

    def __init__(self, store: Store, samples: Samples) -> None:
        self.faults: list[BaseException] = []
        self.repeated = self.reads = 0
        self._store = store
        self._samples = samples
        self._known: list[tuple[str, EntryId, Recorded]] = []
        self._is_over = False
        self._changed = threading.Condition()

    @property
    def written(self) -> int:
        """How many opt-outs were acknowledged."""
        return len(self._known)

    @contextmanager
    def going(self) -> Iterator[None]:
        """Goes on until the end of the block."""
        works = [self._write] * WRITERS + [self._read] * READERS
        threads = [
            threading.Thread(target=self._run, args=(work, random.Random(seed)))  # noqa: S311
            for seed, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over = True
            for thread in threads:
                thread.join()

    def wait_for_more(self) -> None:
        """Returns when a good number of opt-outs more are acknowledged."""
        with self._changed:
            goal = self.written + MORE
            assert self._changed.wait_for(lambda: self.written >= goal or self.faults, 120)

    def opt_out(self, name: str, *others: str) -> None:
        """Records an opt-out, and that its request was answered so."""
        entry = self._samples.entry(*map(self._samples.point, (name, *others)))

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append([entry])
            return {"entry_id": str(entry.entry_id)}

        request = self._samples.request(name, name)
        recorded = self._store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)
        with self._changed:
            self._known.append((name, entry.entry_id, recorded))
            self._changed.notify_all()

    def require_all_known(self) -> None:
        """Every opt-out is found and every request is known, once more from the beginning."""
        for known in self._known:
            self._require_found([known])
            self._require_repeatable(known)

    def _run(self, work: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            while not (self._is_over or self.faults):
                work(chance)
        except BaseException as error:
            with self._changed:
                self.faults.append(error)
                self._changed.notify_all()
            raise

    def _write(self, chance: random.Random) -> None:
        known = chance.choice(self._known)
        if chance.random() < 0.3:
            self._require_repeatable(known)
            self.repeated += 1
        else:
            self.opt_out(f"{chance.random()}", known[0], chance.choice(self._known)[0])

    def _read(self, chance: random.Random) -> None:
        self._require_found(chance.choices(self._known, k=5))
        self.reads += 1

    def _require_found(self, known: list[tuple[str, EntryId, Recorded]]) -> None:
        points = [self._samples.point(name) for name, _, _ in known]
        rows = self._store.standing.read(FRANCE, points, deadline=NO_DEADLINE).rows
        found = {(row.exact, row.entry_id) for row in rows}
        missing = {
            (point.exact, entry_id) for point, (_, entry_id, _) in zip(points, known, strict=True)
        } - found
        assert not missing

    def _require_repeatable(self, known: tuple[str, EntryId, Recorded]) -> None:
        name, _, recorded = known
        request = self._samples.request(name, name)
        again = self._store.ledger.write(
            request, NOON_US, lambda _: {"again": True}, deadline=NO_DEADLINE
        )
        assert again == recorded


def test_nothing_is_missed_written_twice_or_refused_while_keys_rotate(
    store: Store,
    postgres_url: str,
    keyring: Keyring,
    samples: Samples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Small, so that a rotation takes long and meets many writers.
    monkeypatch.setattr(rotation, "BATCH_ROWS", 50)
    newer = keyring.with_new_digest_key()
    newest = newer.with_new_digest_key()
    with ExitStack() as stack:
        server = open_store(postgres_url, newest, store.vault.keys.key_store, store.database.limits)
        stack.callback(server.close)
        traffic = Traffic(server, samples)
        for number in range(BEFORE):
            traffic.opt_out(f"before {number}")
        run_sql(postgres_url, "DELETE FROM vault")
        with traffic.going():
            for keys in (newer, newest):
                traffic.wait_for_more()
                during = traffic.written
                rotate_digests(store.database.engine, keys)
                assert traffic.written > during
            traffic.wait_for_more()

        assert traffic.faults == []
        assert min(traffic.repeated, traffic.reads) > MORE
        traffic.require_all_known()
    names = run_sql(postgres_url, "SELECT count(*), count(DISTINCT key_version) FROM contact_point")
    assert names == [(traffic.written, 1)]
    assert compare_standing(store.database.engine) == 0
