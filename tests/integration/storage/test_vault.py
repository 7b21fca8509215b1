"""What is sealed under which key, and what is left when the key is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest

from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import PreparedEntry
from consent_registry_server.storage.identities import read_identities
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_retirement import (
    RetirementReport,
    retire_ended,
    retire_key,
)
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.reseal import reseal_identity
from consent_registry_server.storage.sealed_notes import put_note, read_notes
from consent_registry_server.storage.store import Store, open_store
from consent_registry_server.storage.vault import PADDING_BYTES, Sealed, VaultError
from consent_registry_server.storage.vault_rotation import VaultRotation
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.exported_log import copied
from tests.integration.storage.samples import NO_DEADLINE, Samples

GCM_TAG_BYTES: Final = 16
EARLY: Final = date(2033, 9, 30)
LATE: Final = date(2033, 11, 2)
OVER: Final = date(2033, 10, 1)
"""The first day on which the month of `EARLY` is over, and not that of `LATE`."""


def kept(samples: Samples, name: str, until: date) -> PreparedEntry:
    """An opt-out whose identity the vault keeps until a day."""
    return replace(samples.entry(samples.point(name)), identity_expires_on=until)


def names(store: Store, *entry_ids: EntryId) -> list[str]:
    """The email addresses of entries, from their opened identities."""
    with store.database.transaction(NO_DEADLINE) as connection:
        opened = read_identities(connection, store.vault, entry_ids)
    points = [opened[each].subject.contact_points[0] for each in entry_ids]
    return [str(getattr(point, "address", point)) for point in points]


def key_of(store: Store, entry_id: EntryId) -> str:
    """The id of the key that an identity is sealed under."""
    with store.database.transaction(NO_DEADLINE) as connection:
        query = f"SELECT key_id FROM vault WHERE entry_id = '{entry_id}'"  # noqa: S608 - an id
        return str(connection.exec_driver_sql(query).scalar_one())


def sealed(store: Store, content: bytes, until: date | None, record: UUID) -> Sealed:
    with store.database.transaction(NO_DEADLINE) as connection:
        return store.vault.seal(connection.connection, record, content, until)


@contextmanager
def server(url: str, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    """A store that knows no key yet."""
    with closing(open_store(url, keyring, key_store)) as opened:
        yield opened


def test_what_is_sealed_opens_padded(store: Store) -> None:
    """Its length tells little of it, and it is never sealed alike."""
    record = uuid4()
    first, second = (sealed(store, b'{"a":1}', LATE, record) for _ in range(2))
    assert store.vault.open(first).rstrip() == b'{"a":1}'
    assert (len(first.ciphertext) - GCM_TAG_BYTES) % PADDING_BYTES == 0
    assert first.ciphertext != second.ciphertext
    assert first.wrapped_key != second.wrapped_key


def test_each_month_has_a_key_of_its_own(store: Store, append: Append, samples: Samples) -> None:
    """All that expires in a month is sealed under it, and named after it."""
    early = [kept(samples, name, EARLY.replace(day=day)) for name, day in (("a", 1), ("b", 30))]
    late = kept(samples, "c", LATE)
    append(*early, late)
    first, second, other = (key_of(store, each.entry_id) for each in (*early, late))
    assert first == second != other
    assert (first[:8], other[:8]) == ("2033-09-", "2033-11-")


def test_without_a_last_day_nothing_is_kept(append: Append, samples: Samples, rows: Sql) -> None:
    """The entry is stored all the same."""
    append(replace(samples.entry(samples.point("a")), identity_expires_on=None))
    assert rows("SELECT count(*) FROM vault") == [(0,)]
    assert rows("SELECT count(*) FROM entry") == [(1,)]


def test_a_row_moved_to_another_record_does_not_open(store: Store) -> None:
    """Nor does one that was tampered with."""
    row = sealed(store, b"{}", LATE, uuid4())
    with pytest.raises(VaultError, match="does not open"):
        store.vault.open(replace(row, record_id=uuid4()))
    for part in ("wrapped_key", "nonce", "ciphertext"):
        content = getattr(row, part)
        with pytest.raises(VaultError, match="does not open"):
            store.vault.open(replace(row, **{part: bytes([content[0] ^ 1]) + content[1:]}))


def test_notes_are_sealed_as_well(store: Store) -> None:
    """Those that are gone are left out."""
    note = uuid4()
    with store.database.transaction(NO_DEADLINE) as connection:
        put_note(connection, store.vault, note, {"reason": "été"}, LATE)
    with store.database.transaction(NO_DEADLINE) as connection:
        assert read_notes(connection, store.vault, [note, uuid4()]) == {note: {"reason": "été"}}


def test_a_server_with_a_retired_key_repeats_and_loses_nothing(
    store: Store, append: Append, samples: Samples
) -> None:
    """The database refuses the row under the retired key; the write goes through under another."""
    first, second = kept(samples, "a", LATE), kept(samples, "b", LATE)
    append(first)
    append(kept(samples, "warm", LATE))
    old = key_of(store, first.entry_id)
    with store.database.transaction(NO_DEADLINE) as connection:
        connection.exec_driver_sql("DELETE FROM vault")
    assert retire_key(store.database.engine, old)
    append(second)
    assert key_of(store, second.entry_id) != old
    assert len(names(store, second.entry_id)) == 1


def test_eight_first_writers_of_a_month_make_one_key(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    """The others wait for the first one and use its key."""
    together = threading.Barrier(8)
    entries = [kept(samples, f"{number}", LATE) for number in range(8)]

    def write(entry: PreparedEntry) -> None:
        together.wait()
        append(entry)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, entries))
    assert rows("SELECT count(*) FROM vault_key") == [(1,)]
    assert len(names(store, *(each.entry_id for each in entries))) == 8


def test_a_hold_takes_a_key_of_its_own_and_gives_it_back(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    """Lifted, the identity is under the key of its month again, and the hold's is destroyed."""
    entry = kept(samples, "a", EARLY)
    append(entry)
    for until, is_held, prefix in ((EARLY, True, "hold-"), (LATE, False, "2033-11-")):
        with store.database.transaction(NO_DEADLINE) as connection:
            reseal_identity(connection, store.vault, entry.entry_id, until=until, is_held=is_held)
        assert key_of(store, entry.entry_id).startswith(prefix)
        assert rows("SELECT expires_on, held FROM vault") == [(until, is_held)]
        assert len(names(store, entry.entry_id)) == 1
    report = retire_ended(
        store.database.engine, store.vault.keys.key_store, as_of=date(2026, 9, 22)
    )
    assert (report.retired, report.destroyed) == (1, 1)
    assert rows("SELECT key_id ~ '^hold-' FROM retired_vault_key") == [(True,)]


def test_a_key_that_rows_name_is_never_retired(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    """However long its month is over."""
    append(kept(samples, "a", EARLY))
    keys = store.vault.keys.key_store
    report = retire_ended(store.database.engine, keys, as_of=date(2099, 1, 1))
    assert (report.retired, report.destroyed, report.still_used) == (0, 0, 1)
    assert not retire_key(store.database.engine, rows("SELECT key_id FROM vault")[0][0])


def test_a_backup_from_before_an_expiry_opens_the_living_only(
    postgres_url: str, store: Store, append: Append, samples: Samples, keyring: Keyring
) -> None:
    """Restored beside the key store of today, which has destroyed the key of the month."""
    expired, living = kept(samples, "a", EARLY), kept(samples, "b", LATE)
    append(expired, living)
    keys = store.vault.keys.key_store
    store.database.engine.dispose()
    with copied(postgres_url) as backup:
        with store.database.transaction(NO_DEADLINE) as connection:
            query = f"DELETE FROM vault WHERE expires_on < '{OVER}'"  # noqa: S608 - a constant
            connection.exec_driver_sql(query)
        report = retire_ended(store.database.engine, keys, as_of=OVER)
        assert (report.retired, report.destroyed) == (1, 1)
        with server(backup, keyring, keys) as restored:
            assert len(names(restored, living.entry_id)) == 1
            with pytest.raises(VaultError, match="destroyed"):
                names(restored, expired.entry_id)


def test_a_retirement_that_was_killed_is_ended_by_the_next(
    store: Store, append: Append, samples: Samples, rows: Sql
) -> None:
    """What was retired and not destroyed is destroyed then, once."""
    append(kept(samples, "a", EARLY))
    [(key_id,)] = rows("SELECT key_id FROM vault")
    with store.database.transaction(NO_DEADLINE) as connection:
        connection.exec_driver_sql("DELETE FROM vault")
    assert retire_key(store.database.engine, key_id)
    keys = store.vault.keys.key_store
    assert keys.read(key_id) is not None
    ends: list[RetirementReport] = [
        retire_ended(store.database.engine, keys, as_of=date(2026, 9, 22)) for _ in range(2)
    ]
    assert [each.destroyed for each in ends] == [1, 0]
    assert keys.read(key_id) is None
    assert rows("SELECT destroyed_at IS NOT NULL FROM retired_vault_key") == [(True,)]


@pytest.fixture
def key_store(tmp_path: Path) -> KeyStore:
    """A key store of this test's own, for its keys are counted."""
    made = DirectoryKeyStore(tmp_path / "vault-keys")
    made.prepare()
    return made


@pytest.fixture
def filled(store: Store, append: Append, samples: Samples) -> list[EntryId]:
    """Identities of two months and one that is held, and a note."""
    entries = [kept(samples, f"{number}", (EARLY, LATE)[number % 2]) for number in range(12)]
    append(*entries)
    with store.database.transaction(NO_DEADLINE) as connection:
        reseal_identity(connection, store.vault, entries[0].entry_id, until=EARLY, is_held=True)
        put_note(connection, store.vault, uuid4(), {"a": "b"}, LATE)
    return [each.entry_id for each in entries]


def test_a_rotation_seals_all_anew_and_destroys_the_old_keys(
    store: Store, filled: list[EntryId], rows: Sql
) -> None:
    """Identities, held ones and notes; in the end a month has one key, and a hold too."""
    keys = store.vault.keys.key_store
    old = {row[0] for row in rows("SELECT key_id FROM vault_key")}
    report = VaultRotation(store.database, store.vault).run()
    new = {row[0] for row in rows("SELECT key_id FROM vault_key")}
    assert (report.resealed, report.destroyed, report.unreadable) == (13, 3, 0)
    assert not old & new
    assert len(new) == 3
    assert [keys.read(each) for each in old] == [None] * 3
    assert len(names(store, *filled)) == 12


def test_a_rotation_killed_anywhere_is_ended_by_the_next(
    store: Store, filled: list[EntryId], rows: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run is broken off a step later than the one before; nothing is ever unreadable."""
    monkeypatch.setattr("consent_registry_server.storage.vault_rotation.BATCH", 3)
    before = {row[0] for row in rows("SELECT key_id FROM vault_key")}
    for steps in range(1, 40):
        rotation = VaultRotation(store.database, store.vault)
        if _ran_through(rotation, steps, monkeypatch):
            break
        assert len(names(store, *filled)) == 12
    else:
        pytest.fail("there was no end to it")
    after = {row[0] for row in rows("SELECT key_id FROM vault_key")}
    assert not before & after
    assert len(names(store, *filled)) == 12


class _Killed(Exception):
    """Stands for a SIGKILL between two transactions."""


def _ran_through(rotation: VaultRotation, steps: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    left = iter(range(steps))
    committed: Callable[..., Any] = VaultRotation._committed  # noqa: SLF001 - where it breaks off

    def counted(self: VaultRotation, work: Callable[..., Any]) -> Any:  # noqa: ANN401 - as it is
        if next(left, None) is None:
            raise _Killed
        return committed(self, work)

    with monkeypatch.context() as patched:
        patched.setattr(VaultRotation, "_committed", counted)
        try:
            rotation.run()
        except _Killed:
            return False
    return True


@pytest.fixture
def another(postgres_url: str, store: Store, keyring: Keyring) -> Iterator[Store]:
    """The store of another process, which knows no key yet."""
    with server(postgres_url, keyring, store.vault.keys.key_store) as opened:
        yield opened


def test_a_rotation_beside_writers_loses_nothing(  # noqa: PLR0917 - fixtures
    store: Store,
    append: Append,
    samples: Samples,
    filled: list[EntryId],
    another: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every entry written meanwhile, under whichever key, opens afterwards."""
    monkeypatch.setattr("consent_registry_server.storage.vault_keys.CHOICE_LASTS_S", 0.2)
    store.vault.keys.forget()
    stop = threading.Event()

    def shortly(_: float) -> None:
        stop.wait(0.1)

    written: list[list[EntryId]] = []

    def write(writer: int) -> None:
        own: list[EntryId] = []
        written.append(own)
        while not stop.is_set():
            entry = kept(samples, f"{writer}-{len(own)}", LATE)
            append(entry)
            own.append(entry.entry_id)

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, number) for number in range(3)]
        try:
            for _ in range(2):
                VaultRotation(another.database, another.vault, sleep=shortly).run()
        finally:
            stop.set()
        for each in writers:
            each.result()
    ids = [each for own in written for each in own]
    assert len(ids) > 3
    assert len(names(another, *filled, *ids)) == len(filled) + len(ids)
