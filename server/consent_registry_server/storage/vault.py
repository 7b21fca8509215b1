"""The vault: everything that identifies a person, encrypted under a key of its own a row.

Envelope encryption with AES-256-GCM: a fresh data key seals the content, the key of the month in
which it expires seals the data key (`vault_keys`). Both are bound to the record and to the id of
that key, so that a row moved to another record does not open.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import PoolProxiedConnection

from consent_registry_server.storage.keyring import KEY_BYTES
from consent_registry_server.storage.vault_keys import VaultError, VaultKeys

__all__ = ["PADDING_BYTES", "Sealed", "Vault", "VaultError"]

PADDING_BYTES: Final = 64
"""Sealed lengths are multiples of it, so that they tell little of a name or a note."""

_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was sealed of a record, as it is stored."""

    record_id: UUID
    key_id: str
    wrapped_key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Vault:
    """Seals and opens what identifies a person."""

    def __init__(self, keys: VaultKeys, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self.keys = keys
        self._random_bytes = random_bytes

    def seal(
        self,
        connection: PoolProxiedConnection,
        record_id: UUID,
        content: bytes,
        expires_on: date | None,
    ) -> Sealed:
        """Encrypts a JSON document under a fresh data key and the key of its last day's month.

        Within the connection's transaction, which may have to make that key. Without a last day,
        for a hold, the key is a new one that seals nothing else.

        Raises:
            Unavailable: the key store does not answer.
        """
        if expires_on is None:
            key = self.keys.of_hold(connection)
        else:
            key = self.keys.of_month(connection, expires_on.replace(day=1))
        bound_to = _bound_to(record_id, key.key_id)
        data_key = self._random_bytes(KEY_BYTES)
        wrap_nonce = self._random_bytes(_NONCE_BYTES)
        nonce = self._random_bytes(_NONCE_BYTES)
        # JSON may end in spaces.
        padded = content + b" " * (-len(content) % PADDING_BYTES)
        return Sealed(
            record_id,
            key.key_id,
            wrapped_key=wrap_nonce + key.cipher.encrypt(wrap_nonce, data_key, bound_to),
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, padded, bound_to),
        )

    def open(self, sealed: Sealed) -> bytes:
        """Decrypts a JSON document.

        Raises:
            VaultError: its key was destroyed, or the row is not what was sealed.
            Unavailable: the key store does not answer.
        """
        cipher = self.keys.cipher(sealed.key_id)
        bound_to = _bound_to(sealed.record_id, sealed.key_id)
        wrap_nonce, wrapped = sealed.wrapped_key[:_NONCE_BYTES], sealed.wrapped_key[_NONCE_BYTES:]
        try:
            data_key = cipher.decrypt(wrap_nonce, wrapped, bound_to)
            return AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, bound_to)
        except (InvalidTag, ValueError):
            raise VaultError(f"what was sealed of {sealed.record_id} does not open") from None


def _bound_to(record_id: UUID, key_id: str) -> bytes:
    return b"consent-registry/vault/1\0" + record_id.bytes + key_id.encode()
