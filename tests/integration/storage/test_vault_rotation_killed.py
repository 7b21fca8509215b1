"""`consent-registry keys rotate-vault`, killed with SIGKILL where a lock makes it wait."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import psycopg2
import pytest
from sqlalchemy import make_url

from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.storage.key_database import PostgresKeyStore
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.reseal import reseal_identity
from consent_registry_server.storage.store import Store
from tests.conftest import run_sql
from tests.e2e.registry_process import NotYet, eventually, run_program, start_program
from tests.integration.storage.conftest import Append
from tests.integration.storage.samples import NO_DEADLINE, Samples
from tests.integration.storage.test_vault import EARLY, LATE, kept, names

IDENTITIES: Final = 1_300
"""More than two batches of a rotation."""
WAITING: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
KEY_IDS: Final = "SELECT key_id FROM vault_key"


@pytest.fixture
def key_store(empty_postgres_url: str) -> KeyStore:
    """A key store in which a test can lock a row."""
    made = PostgresKeyStore(empty_postgres_url)
    made.prepare()
    return made


@pytest.fixture
def filled(store: Store, append: Append, samples: Samples) -> list[EntryId]:
    """Identities of two months, two of them held."""
    months = (EARLY, LATE)
    entries = [kept(samples, f"{each}", months[each % 2]) for each in range(IDENTITIES)]
    append(*entries)
    with store.database.transaction(NO_DEADLINE) as connection:
        for entry in (entries[0], entries[-1]):
            reseal_identity(connection, store.vault, entry.entry_id, until=LATE, is_held=True)
    return [each.entry_id for each in entries]


@pytest.fixture
def settings(
    postgres_url: str, empty_postgres_url: str, keyring: Keyring, tmp_path: Path
) -> dict[str, str]:
    """Those of the program."""
    keyring.save_new(tmp_path / "keyring.json")
    return {
        "DATABASE_URL": postgres_url,
        "KEY_STORE_URL": empty_postgres_url,
        "KEYRING_FILE": str(tmp_path / "keyring.json"),
    }


@contextmanager
def locked(url: str, command: str) -> Iterator[None]:
    """Holds a lock until the end of the block."""
    target = make_url(url)
    connection = psycopg2.connect(
        host=str(target.query["host"]), user=target.username, dbname=target.database
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(command)
        yield
    finally:
        connection.close()


def require_waiting(url: str) -> None:
    """The program has come to the lock."""
    if run_sql(url, WAITING) == [(0,)]:
        message = "nobody waits"
        raise NotYet(message)


def rotation(settings: dict[str, str], folder: Path) -> subprocess.Popen[str]:
    return start_program(folder, "keys", "rotate-vault", **settings)


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, output


def kill_at(url: str, command: str, settings: dict[str, str], folder: Path) -> None:
    """Kills a rotation that waits for a lock."""
    with locked(url, command):
        process = rotation(settings, folder)
        try:
            eventually(partial(require_waiting, url))
        finally:
            end(process)


def kill_before_noting(settings: dict[str, str], folder: Path, doomed: str) -> None:
    """Kills it when a key was destroyed, and nobody noted that."""
    registry, keys = settings["DATABASE_URL"], settings["KEY_STORE_URL"]
    row = f"SELECT FROM retired_vault_key WHERE key_id = '{doomed}' FOR UPDATE"
    with locked(registry, row):
        process = rotation(settings, folder)
        try:
            eventually(partial(require_waiting, registry))
        finally:
            end(process)
    there = f"SELECT count(*) FROM wrapped_vault_key WHERE key_id = '{doomed}'"  # noqa: S608
    assert run_sql(keys, there) == [(0,)]


def require_consistent(store: Store, filled: list[EntryId]) -> None:
    """Every identity opens, in a process that knows no key yet."""
    store.vault.keys.forget()
    assert len(names(store, *filled)) == IDENTITIES
    [(missing,)] = run_sql(
        store.database.engine.url.render_as_string(hide_password=False),
        "SELECT count(*) FROM vault WHERE NOT EXISTS (SELECT FROM vault_key"
        " WHERE vault_key.key_id = vault.key_id)",
    )
    assert missing == 0


def test_a_rotation_killed_with_sigkill_is_ended_by_the_next_one(  # noqa: PLR0917 - fixtures
    store: Store,
    filled: list[EntryId],
    settings: dict[str, str],
    postgres_url: str,
    empty_postgres_url: str,
    tmp_path: Path,
) -> None:
    """While it makes keys, seals, retires, destroys and notes that: every identity always opens.

    In the end the key store has the keys that are in use, and what the first kill left over.
    """
    old = {row[0] for row in run_sql(postgres_url, KEY_IDS)}
    assert len(old) == 4
    # A key is in the key store, and its row is not committed.
    kill_at(postgres_url, "LOCK TABLE vault_key IN SHARE MODE", settings, tmp_path)
    assert {row[0] for row in run_sql(postgres_url, KEY_IDS)} == old
    stray = set(store.vault.keys.key_store.key_ids()) - old
    assert len(stray) == 1
    require_consistent(store, filled)
    # Among the batches: the last identity is held by somebody.
    last = "SELECT FROM vault ORDER BY entry_id DESC LIMIT 1 FOR UPDATE"
    kill_at(postgres_url, last, settings, tmp_path)
    under_old = "SELECT count(*) FROM vault WHERE key_id IN ({})"
    quoted = ", ".join(f"'{key_id}'" for key_id in old)
    assert run_sql(postgres_url, under_old.format(quoted)) == [(1,)]
    require_consistent(store, filled)
    # When those of the holds may seal no more, and the first of a month is to follow.
    some = f"SELECT FROM vault_key WHERE key_id = '{min(old)}' FOR KEY SHARE"
    kill_at(postgres_url, some, settings, tmp_path)
    assert run_sql(postgres_url, "SELECT count(*) FROM retired_vault_key") == [(2,)]
    require_consistent(store, filled)
    # Between retire and destroy: all of them may seal no more, and all are there.
    kill_at(empty_postgres_url, "SELECT FROM wrapped_vault_key FOR UPDATE", settings, tmp_path)
    retired = "SELECT key_id FROM retired_vault_key WHERE destroyed_at IS NULL"
    assert {row[0] for row in run_sql(postgres_url, retired)} == old
    assert old <= store.vault.keys.key_store.key_ids()
    require_consistent(store, filled)
    [(first,)] = run_sql(postgres_url, f"{retired} ORDER BY retired_at, key_id LIMIT 1")
    kill_before_noting(settings, tmp_path, first)
    assert {row[0] for row in run_sql(postgres_url, retired)} >= old
    require_consistent(store, filled)
    done = run_program(tmp_path, "keys", "rotate-vault", **settings)
    assert done.returncode == 0, done.stderr
    require_consistent(store, filled)
    assert run_sql(postgres_url, retired) == []
    there = store.vault.keys.key_store.key_ids()
    assert not old & there
    assert there == {row[0] for row in run_sql(postgres_url, KEY_IDS)} | stray
