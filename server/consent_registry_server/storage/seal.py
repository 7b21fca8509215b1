"""Seals what callers keep for the registry: encrypted, authenticated, bound to its purpose.

AES-256-GCM under keys derived from those of the vault, one for each purpose (HKDF, RFC 5869). The
key's id goes along in clear, so that what was sealed under an older key still opens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from consent_registry_server.storage.keyring import KEY_BYTES, Keyring

_FORMAT: Final = b"\x01"
_LENGTH_BYTES: Final = 2
_HEADER_BYTES: Final = len(_FORMAT) + _LENGTH_BYTES
"""The format, and the length of the key's id."""
_NONCE_BYTES: Final = 12


class KeyringSealer:
    """Seals under the keys of a keyring; see `Sealer`."""

    def __init__(self, keyring: Keyring, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._active_id = keyring.active_vault_key.key_id
        self._secrets = {key.key_id: key.secret for key in keyring.vault_keys.values()}
        self._random_bytes = random_bytes

    def seal(self, content: bytes, *, purpose: str) -> bytes:
        """Returns the content encrypted and authenticated, for this purpose only."""
        key_id = self._active_id.encode()
        header = _FORMAT + len(key_id).to_bytes(_LENGTH_BYTES, "big") + key_id
        nonce = self._random_bytes(_NONCE_BYTES)
        cipher = self._cipher(self._active_id, purpose)
        return header + nonce + cipher.encrypt(nonce, content, header)

    def unseal(self, sealed: bytes, *, purpose: str) -> bytes | None:
        """Returns the content; None when it was not sealed here for this purpose."""
        if len(sealed) < _HEADER_BYTES or not sealed.startswith(_FORMAT):
            return None
        end = _HEADER_BYTES + int.from_bytes(sealed[len(_FORMAT) : _HEADER_BYTES], "big")
        header, nonce = sealed[:end], sealed[end : end + _NONCE_BYTES]
        key_id = header[_HEADER_BYTES:].decode("utf-8", errors="replace")
        if key_id not in self._secrets or len(nonce) < _NONCE_BYTES:
            return None
        try:
            cipher = self._cipher(key_id, purpose)
            return cipher.decrypt(nonce, sealed[end + _NONCE_BYTES :], header)
        except InvalidTag:
            return None

    def _cipher(self, key_id: str, purpose: str) -> AESGCM:
        info = b"consent-registry/seal/1\0" + purpose.encode()
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info)
        return AESGCM(derive.derive(self._secrets[key_id]))
