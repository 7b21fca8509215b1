"""An older and a newer vault key in the keyring: what wraps the keys of the months."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from consent_registry_server.domain.entry import Identity
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import Transaction
from consent_registry_server.storage.identities import read_identities, to_content
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.reseal import reseal_identity
from consent_registry_server.storage.store import Store, open_store
from consent_registry_server.storage.vault import Vault, VaultError
from consent_registry_server.storage.vault_keys import VaultKeys
from consent_registry_server.storage.vault_rotation import VaultRotation
from tests.integration.storage.samples import NO_DEADLINE, NOON_US, Samples
from tests.integration.storage.test_vault import EARLY, LATE, kept, key_of, sealed

DIGEST: Final = Key("digest-1", b"d" * 32)
OLD, NEW = Key("vault-1", b"1" * 32), Key("vault-2", b"2" * 32)


def keyring_of(*keys: Key) -> Keyring:
    """The last one is active."""
    return Keyring((DIGEST,), keys, active_vault_key=keys[-1].key_id)


@pytest.fixture
def keyring() -> Keyring:
    """The one that the registry was started with."""
    return keyring_of(OLD)


@pytest.fixture
def key_store(tmp_path: Path) -> KeyStore:
    """A key store of this test's own."""
    made = DirectoryKeyStore(tmp_path / "vault-keys")
    made.prepare()
    return made


@pytest.fixture
def filled(store: Store, samples: Samples) -> list[EntryId]:
    """Identities of two months, one of them held, under keys that the older vault key wraps."""
    terms = (("a", EARLY), ("b", LATE), ("c", LATE))
    entries = [kept(samples, name, until) for name, until in terms]

    def work(transaction: Transaction) -> dict[str, str]:
        transaction.append(entries)
        return {}

    store.ledger.write(samples.request(), NOON_US, work, deadline=NO_DEADLINE)
    with store.database.transaction(NO_DEADLINE) as connection:
        reseal_identity(connection, store.vault, entries[2].entry_id, until=LATE, is_held=True)
    return [each.entry_id for each in entries]


@pytest.fixture
def newer(filled: list[EntryId], postgres_url: str, key_store: KeyStore) -> Iterator[Store]:
    """The registry started anew with a newer vault key beside the older one."""
    assert filled
    with closing(open_store(postgres_url, keyring_of(OLD, NEW), key_store)) as opened:
        yield opened


def require_opened(store: Store, filled: list[EntryId], *keys: Key) -> None:
    """All identities open with these vault keys alone."""
    vault = Vault(VaultKeys(keyring_of(*keys), store.vault.keys.key_store))
    with store.database.transaction(NO_DEADLINE) as connection:
        assert read_identities(connection, vault, filled).keys() == set(filled)


def test_keys_that_the_older_one_wraps_still_open_and_seal(
    newer: Store, filled: list[EntryId], store: Store
) -> None:
    """Without a rotation months keep their keys; a server of before opens what they seal."""
    require_opened(newer, filled, OLD, NEW)
    row = sealed(newer, b"{}", LATE, uuid4())
    assert row.key_id == key_of(store, filled[1])
    assert store.vault.open(row).rstrip() == b"{}"


def test_after_a_rotation_the_newer_one_wraps_all(newer: Store, filled: list[EntryId]) -> None:
    """Nothing that is live needs the older one any more; before, everything did."""
    for entry_id in filled:
        with pytest.raises(VaultError, match="lacks the key vault-1"):
            require_opened(newer, [entry_id], NEW)
    report = VaultRotation(newer.database, newer.vault).run()
    assert (report.resealed, report.destroyed, report.unreadable) == (3, 3, 0)
    require_opened(newer, filled, NEW)
    ids = newer.vault.keys.key_store.key_ids()
    alone = VaultKeys(keyring_of(NEW), newer.vault.keys.key_store)
    assert len([alone.cipher(each) for each in ids]) == 3


def test_a_server_without_the_newer_one_fails_closed(
    newer: Store, filled: list[EntryId], store: Store, postgres_url: str, key_store: KeyStore
) -> None:
    """One that runs names the key that it lacks; none starts."""
    VaultRotation(newer.database, newer.vault).run()
    store.vault.keys.forget()
    with pytest.raises(VaultError, match="lacks the key vault-2"):
        require_opened(store, filled, OLD)
    with pytest.raises(ConfigurationError, match="vault-2"):
        open_store(postgres_url, keyring_of(OLD), key_store)


def test_a_key_moved_to_another_id_does_not_unwrap(newer: Store, key_store: KeyStore) -> None:
    """Nor one that was tampered with: the key store is not trusted."""
    key_id = next(each for each in key_store.key_ids() if each.startswith("2033-11"))
    wrapped = key_store.read(key_id)
    assert wrapped is not None
    key_store.add("2033-11-moved", wrapped)
    key_store.add("2033-11-tampered", wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
    key_store.add("2033-11-short", wrapped[:9])
    key_store.add("2033-11-empty", b"")
    for name in ("moved", "tampered", "short", "empty"):
        with pytest.raises(VaultError, match="damaged"):
            newer.vault.keys.cipher(f"2033-11-{name}")


def test_what_is_shown_of_a_sealed_row_tells_nothing(store: Store, samples: Samples) -> None:
    """Neither the content nor the key material gets into a log or a traceback."""
    entry = samples.entry()
    content = to_content(Identity.of(entry.new))
    row = sealed(store, content, LATE, entry.entry_id)
    shown = repr(row)
    assert str(entry.entry_id) in shown
    for secret in (row.wrapped_key, row.nonce, row.ciphertext):
        assert repr(secret) not in shown
        assert secret.hex() not in shown
    assert b"camille" in content
    assert b"camille" not in row.ciphertext
    assert "camille" not in shown
