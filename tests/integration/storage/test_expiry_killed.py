"""The expiry job over many identities, killed again and again, beside itself and live writers."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from consent_registry_server.service.ports import Transaction
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.integration.storage.expire_process import Job
from tests.integration.storage.many_identities import fill
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

IDENTITIES = 100_000
KILLS = 10
BETWEEN_LOOKS_S = 0.05
"""So that looking takes little from the job."""
AS_OF = date(2027, 1, 1)
ENDED = "SELECT count(*), count(DISTINCT concerns_entry_id) FROM entry WHERE kind = 12"


@pytest.fixture
def job(postgres_url: str, keyring: Keyring, tmp_path: Path) -> Job:
    """The job on a database full of identities, all of which have had their day."""
    keyring.save_new(tmp_path / "keyring.json")
    keys = DirectoryKeyStore(tmp_path / "keys")
    keys.prepare()
    # The database adopts the keyring before it has entries.
    open_store(postgres_url, keyring, keys).close()
    fill(postgres_url, IDENTITIES)
    return Job(postgres_url, tmp_path / "keyring.json", tmp_path / "keys", AS_OF)


@pytest.fixture
def server(job: Job, keyring: Keyring) -> Iterator[Store]:
    """A server's store on the same database."""
    opened = open_store(job.url, keyring, DirectoryKeyStore(job.keys))
    yield opened
    opened.close()


def ended(url: str) -> int:
    """How many identities have ended by now."""
    [(entries, identities)] = run_sql(url, ENDED)
    assert entries == identities
    return int(entries)


def kill_at(job: Job, number: int) -> None:
    """Kills the job once so many identities have ended, wherever it is then."""
    process = job.start()
    while ended(job.url) < number and process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(BETWEEN_LOOKS_S)
    process.kill()
    assert process.wait() != 0, "the job was done before it was killed"


@contextmanager
def writing(server: Store, samples: Samples) -> Iterator[list[str]]:
    """Writes opt-outs until the end of the context, and tells whose."""
    written: list[str] = []
    is_done = threading.Event()

    def write() -> None:
        while not is_done.wait(BETWEEN_LOOKS_S):
            name = f"live {len(written)}"
            entry = samples.entry(samples.point(name))

            def work(transaction: Transaction) -> dict[str, Any]:
                transaction.append([entry])  # noqa: B023 - called at once
                return {}

            server.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
            written.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield written
    finally:
        is_done.set()
        writer.join()


def test_however_often_it_is_killed_each_identity_ends_exactly_once(
    job: Job, server: Store, samples: Samples
) -> None:
    """Ten times at random points, then twice at once to the end, beside a writer of opt-outs."""
    points = sorted(Random(4).sample(range(1, IDENTITIES * 8 // 10), KILLS))  # noqa: S311 - no secret
    with writing(server, samples) as written:
        for point in points:
            kill_at(job, point)
        last: list[subprocess.Popen[bytes]] = [job.start(), job.start()]
        assert [process.wait() for process in last] == [0, 0]

    assert ended(job.url) == IDENTITIES
    in_vault = "SELECT count(*) FROM vault WHERE key_id = 'filled'"
    assert run_sql(job.url, in_vault) == [(0,)]
    _require_unlinked(job.url)
    assert written
    rows = server.standing.read(FRANCE, list(map(samples.point, written)), deadline=NO_DEADLINE)
    assert len(rows.rows) == len(written)


def _require_unlinked(url: str) -> None:
    """Of the opt-outs all contact points are found still, of the attempts none."""
    [(opt_outs, attempts)] = run_sql(
        url,
        """
        SELECT count(*) FILTER (WHERE kind = 4), count(*) FILTER (WHERE kind = 9) FROM (
            SELECT CASE WHEN number % 2 = 0 THEN 4 ELSE 9 END AS kind
            FROM generate_series(1, 100000) AS number
            JOIN contact_point ON contact_point_ref = md5('point ' || number)::uuid
                AND exact_digest = decode(md5('exact ' || number), 'hex')
                AND wide_digest = decode(md5('wide ' || number), 'hex')
        ) AS found
        """,
    )
    assert (opt_outs, attempts) == (IDENTITIES // 2, 0)
