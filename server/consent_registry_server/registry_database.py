"""Where the registry of the settings is kept: its database, its keys, and those of the vault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consent_registry_server.config import Settings
from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.embedded import EmbeddedPostgres
from consent_registry_server.storage.key_database import PostgresKeyStore
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.store import Store, open_store

_KEYRING_NAME: Final = "keyring.json"
_KEY_STORE_NAME: Final = "vault-keys"
_CLUSTER_NAME: Final = "postgresql"
"""Where `EmbeddedPostgres` keeps its data."""


@dataclass(frozen=True, slots=True)
class RegistryDatabase:
    """Where the registry is kept: the database, its keys, and those of the vault."""

    access: DatabaseAccess
    keyring_file: Path
    key_store: KeyStore


def key_store(settings: Settings) -> KeyStore:
    """The key store of the settings; for the embedded database by default one beside it."""
    if settings.key_database is not None:
        timeout_s = settings.storage.connect_timeout_s
        return PostgresKeyStore(settings.key_database, connect_timeout_s=timeout_s)
    return DirectoryKeyStore(settings.key_store_dir or settings.data_dir / _KEY_STORE_NAME)


@contextmanager
def open_database(settings: Settings) -> Iterator[RegistryDatabase]:
    """The database of the settings; without one, an embedded PostgreSQL with keys of its own.

    The embedded one is migrated when it starts: it has no operator who would. Keys are made with
    it and never later: under other keys nothing that it holds would be found again.

    Raises:
        ConfigurationError: it cannot be started, or its keyring cannot be read.
    """
    if settings.database is not None and settings.keyring_file is not None:
        yield RegistryDatabase(settings.database, settings.keyring_file, key_store(settings))
        return
    keyring_file = settings.keyring_file or settings.data_dir / _KEYRING_NAME
    is_new = not (settings.data_dir / _CLUSTER_NAME).exists()
    postgres = EmbeddedPostgres(settings.data_dir)
    url = postgres.start()
    try:
        if is_new and not keyring_file.exists():
            Keyring.generate().save_new(keyring_file)
        upgrade(url)
        keys = key_store(settings)
        keys.prepare()
        yield RegistryDatabase(DatabaseAccess(url), keyring_file, keys)
    finally:
        postgres.stop()


def open_warm_store(where: RegistryDatabase, keyring: Keyring, settings: Settings) -> Store:
    """The store, with the vault's keys in memory.

    Raises:
        ConfigurationError, Unavailable: see `open_store` and `Store.warm_up`.
    """
    store = open_store(where.access, keyring, where.key_store, settings.storage)
    try:
        store.warm_up()
    except BaseException:
        store.close()
        raise
    return store
