"""What goes on, and for how long, while the key store does not answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from consent_registry_server.domain.errors import ConfigurationError, Unavailable
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_store import KeyStore, key_store_unavailable
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.reseal import reseal_identity
from consent_registry_server.storage.store import Store, open_store
from consent_registry_server.storage.vault import VaultError
from consent_registry_server.storage.vault_keys import (
    CHOICE_LASTS_S,
    PAUSE_S,
    SECRET_LASTS_AT_MOST_S,
    SECRET_LASTS_S,
    VaultKeys,
)
from tests.integration.storage.conftest import Append, Sql
from tests.integration.storage.samples import NO_DEADLINE, Samples
from tests.integration.storage.test_vault import EARLY, LATE, kept, key_of, names

COUNTS = """
    SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM vault),
        (SELECT count(*) FROM vault_key), (SELECT count(*) FROM standing),
        (SELECT count(*) FROM contact_point), (SELECT count(*) FROM write_request)
"""


@dataclass
class Clock:
    """A monotonic clock that a test moves on."""

    now_s: float = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the key store is mounted."""
    return tmp_path / "vault-keys"


@pytest.fixture
def key_store(folder: Path) -> KeyStore:
    made = DirectoryKeyStore(folder)
    made.prepare()
    return made


@pytest.fixture(autouse=True)
def own_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store of this module goes by the test's clock."""
    timed = partial(VaultKeys, monotonic_s=clock)
    monkeypatch.setattr("consent_registry_server.storage.store.VaultKeys", timed)


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """The volume is not mounted: in its place is an empty directory."""
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    folder.mkdir()
    try:
        yield
    finally:
        folder.rmdir()
        elsewhere.rename(folder)


def test_a_write_whose_key_is_known_goes_on(
    store: Store, append: Append, samples: Samples, folder: Path
) -> None:
    """And what it wrote opens."""
    append(kept(samples, "a", LATE))
    with away(folder):
        entry = kept(samples, "b", LATE)
        append(entry)
        assert len(names(store, entry.entry_id)) == 1


def test_it_goes_on_when_the_key_is_to_be_chosen_anew(
    store: Store, append: Append, samples: Samples, folder: Path, clock: Clock
) -> None:
    """Which key is the newest tells the database."""
    first, second = kept(samples, "a", LATE), kept(samples, "b", LATE)
    append(first)
    append(kept(samples, "warm", LATE))
    with away(folder):
        clock.now_s += CHOICE_LASTS_S + 1
        append(second)
    assert key_of(store, first.entry_id) == key_of(store, second.entry_id)


def test_a_write_that_needs_another_key_is_refused_whole(
    append: Append, samples: Samples, folder: Path, rows: Sql
) -> None:
    """It leaves nothing behind, and the same request goes through once the key store is back."""
    append(kept(samples, "a", LATE))
    before, request = rows(COUNTS), samples.request()
    entry = kept(samples, "b", EARLY)
    with away(folder):
        for _ in range(2):
            with pytest.raises(Unavailable) as error:
                append(entry, request=request)
            assert error.value.reason == "KEY_STORE_UNAVAILABLE"
        assert rows(COUNTS) == before
    append(entry, request=request)
    assert rows("SELECT count(*) FROM entry") == [(2,)]


def test_no_hold_is_placed_meanwhile(
    store: Store, append: Append, samples: Samples, folder: Path, rows: Sql
) -> None:
    """A hold takes a new key; the identity stays as it is."""
    entry = kept(samples, "a", LATE)
    append(entry)
    before = rows("SELECT key_id, held, ciphertext FROM vault")
    with (
        away(folder),
        pytest.raises(Unavailable),
        store.database.transaction(NO_DEADLINE) as connection,
    ):
        reseal_identity(connection, store.vault, entry.entry_id, until=LATE, is_held=True)
    assert rows("SELECT key_id, held, ciphertext FROM vault") == before


def test_a_destroyed_key_leaves_the_memory_within_the_hour(
    store: Store, append: Append, samples: Samples, clock: Clock
) -> None:
    """Until then a process that read it may still open what it sealed."""
    entry = kept(samples, "a", LATE)
    append(entry)
    store.vault.keys.key_store.destroy(key_of(store, entry.entry_id))
    clock.now_s += SECRET_LASTS_S - 1
    assert len(names(store, entry.entry_id)) == 1
    clock.now_s += 1
    for _ in range(2):
        with pytest.raises(VaultError, match="destroyed"):
            names(store, entry.entry_id)


def test_a_known_key_lasts_a_day_without_the_key_store(
    store: Store, append: Append, samples: Samples, clock: Clock, folder: Path
) -> None:
    """Opt-outs go on being recorded so long, and not after it; then again when it is back."""
    entry = kept(samples, "a", LATE)
    append(entry)
    began_s = clock.now_s
    with away(folder):
        for after_s in (SECRET_LASTS_S, SECRET_LASTS_AT_MOST_S / 2, SECRET_LASTS_AT_MOST_S):
            clock.now_s = began_s + after_s
            append(kept(samples, f"{after_s}", LATE))
            assert len(names(store, entry.entry_id)) == 1
        clock.now_s = began_s + SECRET_LASTS_AT_MOST_S + PAUSE_S
        for use in (lambda: names(store, entry.entry_id), lambda: append(kept(samples, "b", LATE))):
            with pytest.raises(Unavailable) as error:
                use()
            assert error.value.reason == "KEY_STORE_UNAVAILABLE"
    append(kept(samples, "c", LATE))
    assert len(names(store, entry.entry_id)) == 1


class _Silent:
    """A key store that lets whoever reads wait, and then does not answer."""

    def __init__(self, key_store: KeyStore) -> None:
        self.add = key_store.add
        self.check = key_store.check
        self._read = key_store.read
        self.asked, self.answer = threading.Event(), threading.Event()
        self.reads = 0
        self.is_away = False

    def read(self, key_id: str) -> bytes | None:
        if not self.is_away:
            return self._read(key_id)
        self.reads += 1
        self.asked.set()
        assert self.answer.wait(60)
        raise key_store_unavailable("does not answer")


def test_one_thread_waits_for_a_silent_key_store_and_the_others_go_on(
    store: Store, append: Append, samples: Samples, clock: Clock, keyring: Keyring
) -> None:
    """Once a minute, not once a call: else every opt-out would wait for the time-out."""
    entry = kept(samples, "a", LATE)
    append(entry)
    key_id = key_of(store, entry.entry_id)
    silent = _Silent(store.vault.keys.key_store)
    keys = VaultKeys(keyring, silent, monotonic_s=clock)  # type: ignore[arg-type] # what is used
    cipher = keys.cipher(key_id)
    silent.is_away = True
    clock.now_s += SECRET_LASTS_S
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(keys.cipher, key_id)
        try:
            assert silent.asked.wait(60)
            assert keys.cipher(key_id) is cipher
        finally:
            silent.answer.set()
        assert waiting.result(60) is cipher
    clock.now_s += PAUSE_S - 1
    assert keys.cipher(key_id) is cipher
    assert silent.reads == 1
    clock.now_s += 1
    assert keys.cipher(key_id) is cipher
    assert silent.reads == 2


def test_a_server_that_warmed_up_records_without_the_key_store(  # noqa: PLR0917 - fixtures
    store: Store,
    append: Append,
    samples: Samples,
    folder: Path,
    postgres_url: str,
    keyring: Keyring,
) -> None:
    """It knows the keys of all months from its start on, though it never wrote."""
    of_before = [kept(samples, "a", EARLY), kept(samples, "b", LATE)]
    append(*of_before)
    keys = store.vault.keys.key_store
    with closing(open_store(postgres_url, keyring, keys)) as started:
        made = keys.key_ids()
        started.warm_up()
        assert keys.key_ids() == made
        with away(folder), started.database.transaction(NO_DEADLINE) as connection:
            for entry in of_before:
                until = entry.identity_expires_on
                started.vault.seal(connection.connection, entry.entry_id, b"{}", until)
        assert len(names(started, *(each.entry_id for each in of_before))) == 2


def test_a_server_does_not_start_without_its_key_store(  # noqa: PLR0917 - fixtures
    store: Store,
    append: Append,
    samples: Samples,
    folder: Path,
    postgres_url: str,
    keyring: Keyring,
) -> None:
    """It says so; and one whose key store goes away while it starts does not either."""
    append(kept(samples, "a", LATE))
    keys = store.vault.keys.key_store
    with away(folder), pytest.raises(ConfigurationError, match="is its volume mounted"):
        open_store(postgres_url, keyring, keys)
    with (
        closing(open_store(postgres_url, keyring, keys)) as started,
        away(folder),
        pytest.raises(Unavailable) as error,
    ):
        started.warm_up()
    assert error.value.reason == "KEY_STORE_UNAVAILABLE"
