"""Keys in the key store that the database does not know, or holds for destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest
from sqlalchemy import Connection, func, insert

from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.errors import DatabaseFault
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_retirement import retire_ended, retire_key
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.schema import vault_key
from consent_registry_server.storage.store import Store
from consent_registry_server.storage.vault import VaultError
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import NO_DEADLINE, Samples
from tests.integration.storage.test_vault import EARLY, LATE, OVER, kept

TODAY: Final = date(2026, 9, 22)
LONG_AGO: Final = date(2020, 1, 31)


@pytest.fixture
def storage_limits() -> StorageLimits:
    """Who waits for others gives up at once."""
    return StorageLimits(lock_timeout_s=0.2)


@pytest.fixture
def key_store(tmp_path: Path) -> KeyStore:
    """A key store of this test's own, for its keys are counted."""
    made = DirectoryKeyStore(tmp_path / "vault-keys")
    made.prepare()
    return made


def test_those_of_months_that_are_over_are_destroyed(store: Store, key_store: KeyStore) -> None:
    """Those of months to come may be what the exported log was sealed with, and stay."""
    for key_id in ("2026-07-ab", "2026-09-ab", "2033-11-ab", "hold-ab"):
        key_store.add(key_id, b"wrapped")
    report = retire_ended(store.database.engine, key_store, as_of=TODAY)
    assert (report.retired, report.destroyed, report.stray) == (0, 1, 3)
    assert key_store.key_ids() == {"2026-09-ab", "2033-11-ab", "hold-ab"}


def test_none_of_a_month_to_come_is_destroyed_by_a_day_to_come(
    store: Store, key_store: KeyStore
) -> None:
    """An operator may name a day ahead; the log may hold what was sealed till then."""
    key_store.add("2033-11-ab", b"wrapped")
    report = retire_ended(store.database.engine, key_store, as_of=date(2099, 1, 1))
    assert (report.destroyed, report.stray) == (0, 1)
    assert key_store.key_ids() == {"2033-11-ab"}


def _seal_and_fail(connection: Connection, store: Store) -> None:
    store.vault.seal(connection.connection, uuid4(), b"{}", LATE)
    connection.exec_driver_sql("SELECT 1 / 0")


def test_what_a_failed_write_left_is_stray(
    store: Store, append: Append, samples: Samples, key_store: KeyStore
) -> None:
    """And nothing was sealed under it."""
    with (
        pytest.raises(DatabaseFault),
        store.database.transaction(NO_DEADLINE) as connection,
    ):
        _seal_and_fail(connection, store)
    append(kept(samples, "a", LATE))
    report = retire_ended(store.database.engine, key_store, as_of=TODAY)
    assert (report.destroyed, report.stray, len(key_store.key_ids())) == (0, 1, 2)


def test_a_key_that_is_being_made_is_not_taken_for_stray(store: Store, key_store: KeyStore) -> None:
    """Its row is not committed yet, and its month may be over: what it seals would be lost."""
    record = uuid4()
    with store.database.transaction(NO_DEADLINE) as connection:
        sealed = store.vault.seal(connection.connection, record, b"{}", LONG_AGO)
        report = retire_ended(store.database.engine, key_store, as_of=TODAY)
        assert (report.destroyed, report.stray) == (0, 1)
    store.vault.keys.forget()
    assert store.vault.open(sealed).rstrip() == b"{}"


def retired(store: Store, append: Append, samples: Samples, rows: Sql) -> tuple[str, bytes]:
    """A key that was retired and destroyed, and what the key store had of it."""
    append(kept(samples, "a", EARLY))
    [(key_id,)] = rows("SELECT key_id FROM vault")
    wrapped = store.vault.keys.key_store.read(key_id)
    assert wrapped is not None
    with store.database.transaction(NO_DEADLINE) as connection:
        connection.exec_driver_sql("DELETE FROM vault")
    report = retire_ended(store.database.engine, store.vault.keys.key_store, as_of=OVER)
    assert (report.retired, report.destroyed) == (1, 1)
    return key_id, wrapped


def test_a_destroyed_key_that_a_backup_of_the_key_store_brings_back_is_destroyed_again(
    store: Store, append: Append, samples: Samples, rows: Sql, key_store: KeyStore
) -> None:
    """It would open all backups of the registry of before."""
    key_id, wrapped = retired(store, append, samples, rows)
    key_store.add(key_id, wrapped)
    report = retire_ended(store.database.engine, key_store, as_of=OVER)
    assert (report.destroyed, report.stray) == (1, 0)
    assert key_store.read(key_id) is None


def test_a_key_that_a_restore_made_known_again_is_retired_again(
    store: Store, append: Append, samples: Samples, rows: Sql, key_store: KeyStore
) -> None:
    """While it may seal it is not destroyed, whatever was noted of it before."""
    key_id, wrapped = retired(store, append, samples, rows)
    key_store.add(key_id, wrapped)
    with store.database.transaction(NO_DEADLINE) as connection:
        known = insert(vault_key).values(
            key_id=key_id, month=EARLY.replace(day=1), created_at=func.now()
        )
        connection.execute(known)
    assert retire_ended(store.database.engine, key_store, as_of=TODAY).destroyed == 0
    assert key_store.read(key_id) == wrapped
    assert retire_key(store.database.engine, key_id)
    undone: Sequence[tuple[str]] = rows(
        "SELECT key_id FROM retired_vault_key WHERE destroyed_at IS NULL"
    )
    assert undone == [(key_id,)]
    assert retire_ended(store.database.engine, key_store, as_of=TODAY).destroyed == 1
    store.vault.keys.forget()
    with pytest.raises(VaultError, match="destroyed"):
        store.vault.keys.cipher(key_id)
