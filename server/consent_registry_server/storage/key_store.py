"""The port behind which the vault's keys are kept: outside the database, and outside its backups.

What is kept is wrapped under a key of the keyring: a key store alone opens nothing. A key that was
destroyed in it is gone for every backup of the registry as well. One key store, one registry.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from consent_registry_server.domain.errors import Unavailable

_KEY_ID: Final = re.compile(r"[0-9a-z][0-9a-z-]{0,99}")


class KeyExists(Exception):
    """The id is taken, and a key is never overwritten: what it sealed would be lost."""


class KeyStore(Protocol):
    """Keeps wrapped keys by their ids; safe for threads and for several programs at once.

    Every method raises Unavailable, KEY_STORE_UNAVAILABLE, when it cannot tell or do what was
    asked; ValueError for what is no key id.
    """

    def prepare(self) -> None:
        """Makes the place where keys are kept, unless it is there: for `migrate`."""
        ...

    def check(self) -> None:
        """Returns when the store answers.

        Raises:
            ConfigurationError: nobody prepared it; perhaps it is the wrong one.
        """
        ...

    def add(self, key_id: str, wrapped: bytes) -> None:
        """Keeps a key; when it returns, the key survives a crash.

        Raises:
            KeyExists: the id is taken.
        """
        ...

    def read(self, key_id: str) -> bytes | None:
        """Returns a key; None when it was destroyed, or never was there."""
        ...

    def destroy(self, key_id: str) -> None:
        """Destroys a key for good, or does nothing when there is none."""
        ...

    def key_ids(self) -> frozenset[str]:
        """Returns the ids of all keys."""
        ...


def checked_key_id(key_id: str) -> str:
    """The id itself; it becomes the name of a file.

    Raises:
        ValueError: it is no key id.
    """
    if not _KEY_ID.fullmatch(key_id):
        raise ValueError("a key id has small letters, digits and hyphens only")
    return key_id


def is_key_id(text: str) -> bool:
    """Whether a text can be the id of a key in a key store; those of keyrings need not be."""
    return _KEY_ID.fullmatch(text) is not None


def key_store_unavailable(why: str) -> Unavailable:
    """The error for a key store that does not answer; the same may work later."""
    return Unavailable("KEY_STORE_UNAVAILABLE", f"the key store {why}")
