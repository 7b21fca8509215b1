"""The keyring: the secret keys of the digests and of the vault, in a file outside the database.

Whoever holds the database without it can neither read identity nor test a guessed number.
Whoever loses it loses every opt-out, so nothing here ever overwrites one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from consent_registry_server.domain.errors import ConfigurationError

FORMAT: Final = 1
KEY_BYTES: Final = 32
BASE_VERSION: Final = 1
"""The version of a digest under the first digest key alone."""
DIGEST_BYTES: Final = 16

_BLOCK_BYTES: Final = 64
_FIELDS: Final = frozenset({"format", "digest_keys", "vault_keys", "active_vault_key"})


@dataclass(frozen=True, slots=True)
class Key:
    """A secret key and the id by which rows and messages name it."""

    key_id: str
    secret: bytes = field(repr=False)


class KeyedDigest:
    """HMAC-SHA256 (RFC 2104) under one key.

    Both padded blocks are hashed once, ahead: a third of the time of `hmac.digest`, which an
    audience of thousands waits for.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: bytes) -> None:
        block = secret.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __call__(self, content: bytes) -> bytes:
        """The 32-byte digest of the content."""
        inner = self._inner.copy()
        inner.update(content)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


class Keyring:
    """All keys: those of the digests in the order they are applied, and those of the vault.

    Implements `Digester`. A new digest key is applied on top of the others, so that rows whose
    clear value is gone can be carried over: new = H(k2, H(k1, x)). The version of a digest is the
    number of keys it went through.
    """

    def __init__(
        self, digest_keys: tuple[Key, ...], vault_keys: tuple[Key, ...], *, active_vault_key: str
    ) -> None:
        """Checks the keys against one another.

        Raises:
            ConfigurationError: no key, a short key, an id twice, an unknown active key.
        """
        _check(digest_keys, "digest_keys")
        _check(vault_keys, "vault_keys")
        self.digest_keys = digest_keys
        self.vault_keys = {key.key_id: key for key in vault_keys}
        if active_vault_key not in self.vault_keys:
            raise ConfigurationError("the keyring's active_vault_key is none of its vault_keys")
        self.active_vault_key = self.vault_keys[active_vault_key]
        self._keyed_digests = tuple(KeyedDigest(key.secret) for key in digest_keys)
        self._first = self._keyed_digests[0]

    def digest(self, form: bytes) -> bytes:
        """The base digest of a canonical form: under the first digest key alone."""
        return self._first(form)[:DIGEST_BYTES]

    def advance(self, digest: bytes, from_version: int, to_version: int) -> bytes:
        """A digest of one version as the other, not earlier one has it.

        Raises:
            ValueError: a version this keyring has no key for, or one before the first.
        """
        if not BASE_VERSION <= from_version <= to_version <= len(self._keyed_digests):
            message = f"no way from version {from_version} of a digest to version {to_version}"
            raise ValueError(message)
        for keyed_digest in self._keyed_digests[from_version:to_version]:
            digest = keyed_digest(digest)[:DIGEST_BYTES]
        return digest

    @classmethod
    def generate(cls, random_bytes: Callable[[int], bytes] = os.urandom) -> Keyring:
        """Makes a keyring of one new digest key and one new vault key."""
        digest_key = Key("digest-1", random_bytes(KEY_BYTES))
        vault_key = Key("vault-1", random_bytes(KEY_BYTES))
        return cls((digest_key,), (vault_key,), active_vault_key=vault_key.key_id)

    def with_new_digest_key(self, random_bytes: Callable[[int], bytes] = os.urandom) -> Keyring:
        """Makes a keyring of the same keys and one more digest key, to be applied last."""
        taken = {key.key_id for key in self.digest_keys}
        numbers = itertools.count(len(taken) + 1)
        key_id = next(each for each in map("digest-{}".format, numbers) if each not in taken)
        key = Key(key_id, random_bytes(KEY_BYTES))
        return Keyring(
            (*self.digest_keys, key),
            tuple(self.vault_keys.values()),
            active_vault_key=self.active_vault_key.key_id,
        )

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Reads a keyring file.

        Its permissions are not judged: a mounted Kubernetes secret is readable by all inside
        its container by default, and no other way to mount it is common to all installations.

        Raises:
            ConfigurationError: saying what is wrong with the file, never what is in it.
        """
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise ConfigurationError(
                f"the keyring {path} does not exist: mount the one this registry was started"
                " with, or for a new registry run `consent-registry keys generate`"
            ) from None
        except OSError as error:
            raise ConfigurationError(
                f"the keyring {path} cannot be read: {error.strerror}"
            ) from None
        try:
            return cls._parse(content)
        except ConfigurationError as error:
            raise ConfigurationError(f"the keyring {path} is unusable: {error.message}") from None

    def save_new(self, path: Path) -> None:
        """Writes a keyring file that did not exist, readable by its owner alone, synced to disk.

        Raises:
            ConfigurationError: the file exists, or cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise ConfigurationError(
                f"{path} exists; a keyring is never overwritten, because without its keys every"
                " opt-out recorded under them would be lost"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"cannot create {path}: {error.strerror}") from None
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._serialised())
                file.flush()
                os.fsync(file.fileno())
            _sync_directory(path.parent)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None

    @classmethod
    def _parse(cls, content: bytes) -> Keyring:
        try:
            document = json.loads(content)
        except ValueError:
            raise ConfigurationError("it is truncated or not JSON") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ConfigurationError(f"it is not a keyring of format {FORMAT}")
        if document.keys() != _FIELDS:
            raise ConfigurationError(f"it must have exactly {', '.join(sorted(_FIELDS))}")
        return cls(
            _keys(document, "digest_keys"),
            _keys(document, "vault_keys"),
            active_vault_key=str(document["active_vault_key"]),
        )

    def _serialised(self) -> bytes:
        document = {
            "format": FORMAT,
            "digest_keys": [_document(key) for key in self.digest_keys],
            "vault_keys": [_document(key) for key in self.vault_keys.values()],
            "active_vault_key": self.active_vault_key.key_id,
        }
        return json.dumps(document, indent=2).encode() + b"\n"


def _document(key: Key) -> dict[str, str]:
    return {"id": key.key_id, "key": base64.b64encode(key.secret).decode("ascii")}


def _keys(document: Mapping[str, Any], name: str) -> tuple[Key, ...]:
    entries = document[name]
    if not isinstance(entries, list):
        raise ConfigurationError(f"{name} is not a list")
    return tuple(_key(entry, f"{name}[{index}]") for index, entry in enumerate(entries))


def _key(entry: object, where: str) -> Key:
    match entry:
        case {"id": str(key_id), "key": str(secret), **rest} if not rest:
            try:
                return Key(key_id, base64.b64decode(secret, validate=True))
            except (binascii.Error, ValueError):
                raise ConfigurationError(f"{where}.key is not base64") from None
        case _:
            raise ConfigurationError(f"{where} must have an id and a key, both strings")


def _check(keys: tuple[Key, ...], name: str) -> None:
    if not keys:
        raise ConfigurationError(f"{name} is empty")
    if len({key.key_id for key in keys}) < len(keys):
        raise ConfigurationError(f"{name} has an id twice")
    for index, key in enumerate(keys):
        if not key.key_id:
            raise ConfigurationError(f"{name}[{index}] has no id")
        if len(key.secret) != KEY_BYTES:
            raise ConfigurationError(f"the key {key.key_id} does not have {KEY_BYTES} bytes")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
