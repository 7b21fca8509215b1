"""The key store of one machine: a directory with a file for each key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from consent_registry_server.domain.errors import ConfigurationError, Unavailable
from consent_registry_server.storage.key_store import (
    KeyExists,
    checked_key_id,
    key_store_unavailable,
)

_SUFFIX: Final = ".key"
_MARK: Final = "consent-registry-key-store"
"""Tells the directory from the empty one that is left where a volume is not mounted."""


class DirectoryKeyStore:
    """Keeps keys in a directory of its own; see `KeyStore`.

    Keep it out of the database's backups: a key in one of those could never be destroyed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self) -> None:
        """Makes the directory, for its owner alone; see `KeyStore`."""
        with _translated():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._directory / _MARK).touch(mode=0o600)
            _sync_directory(self._directory)
            _sync_directory(self._directory.parent)

    def check(self) -> None:
        """Returns when the directory is there; see `KeyStore`."""
        if not self._is_prepared():
            raise ConfigurationError(
                f"{self._directory} is not a key store: is its volume mounted? For a new one run"
                " `consent-registry migrate`"
            )

    def add(self, key_id: str, wrapped: bytes) -> None:
        """Keeps a key, synced to disk; see `KeyStore`."""
        path = self._path(key_id)
        self._require_prepared()
        with _translated():
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                raise KeyExists(key_id) from None
            _write(descriptor, wrapped)
            _sync_directory(self._directory)

    def read(self, key_id: str) -> bytes | None:
        """Returns a key or None; see `KeyStore`."""
        path = self._path(key_id)
        with _translated():
            try:
                return path.read_bytes()
            except FileNotFoundError:
                self._require_prepared()
                return None

    def destroy(self, key_id: str) -> None:
        """Overwrites a key's file and removes it; see `KeyStore`.

        What the disk itself keeps of overwritten blocks is still wrapped under the keyring's key.
        """
        path = self._path(key_id)
        self._require_prepared()
        with _translated():
            try:
                descriptor = os.open(path, os.O_WRONLY)
            except FileNotFoundError:
                # A crash may have come between the removal and its sync.
                _sync_directory(self._directory)
                return
            _write(descriptor, os.urandom(os.fstat(descriptor).st_size))
            path.unlink(missing_ok=True)
            _sync_directory(self._directory)

    def key_ids(self) -> frozenset[str]:
        """Returns the ids of all keys; see `KeyStore`."""
        self._require_prepared()
        with _translated():
            return frozenset(path.stem for path in self._directory.glob(f"*{_SUFFIX}"))

    def _path(self, key_id: str) -> Path:
        return self._directory / f"{checked_key_id(key_id)}{_SUFFIX}"

    def _is_prepared(self) -> bool:
        with _translated():
            return (self._directory / _MARK).is_file()

    def _require_prepared(self) -> None:
        # Without its mark every key would seem destroyed.
        if not self._is_prepared():
            raise key_store_unavailable("is not mounted")


@contextmanager
def _translated() -> Iterator[None]:
    """Raises Unavailable for what the file system refuses."""
    try:
        yield
    except OSError as error:
        raise _refused(error) from None


def _refused(error: OSError) -> Unavailable:
    return key_store_unavailable(f"refuses: {error.strerror}")


def _write(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
