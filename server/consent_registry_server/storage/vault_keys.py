"""The keys of the vault: one for each month in which identities expire, one for each hold.

In the database is which keys there are, by their ids; the keys themselves are in the key store,
wrapped under a key of the keyring. So a key is of no use without the keyring, and once the key
store destroyed it, neither are all backups of what it sealed (ADR 0010).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import PoolProxiedConnection

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.storage.key_store import KeyStore, is_key_id
from consent_registry_server.storage.keyring import KEY_BYTES, Keyring
from consent_registry_server.storage.prepared import Prepared, run

CHOICE_LASTS_S: Final = 10.0
"""So long a process seals under the key it chose for a month before it looks for a newer one."""
SECRET_LASTS_S: Final = 3_600.0
"""After so long a key is read anew, so that one that was destroyed leaves the memory."""
SECRET_LASTS_AT_MOST_S: Final = 24 * 3_600.0
"""For so long a key is used whose key store does not answer."""
PAUSE_S: Final = 60.0
"""Between two attempts to read a key anew from a key store that does not answer."""
MONTHS_TO_WARM_UP: Final = 200
"""The months of the longest term of a policy, and more."""

_FORMAT: Final = 1
_NONCE_BYTES: Final = 12
_RANDOM_BYTES: Final = 8
_HOLD: Final = "hold"

CREATION_LOCK: Final = 0x766B6579
"""A class of advisory locks: a month is locked by whoever looks whether it needs a key. 0 is shared
by whoever makes any, and taken alone by whoever looks for keys that the database does not know."""

_TURN: Final = Prepared(
    "create_vault_key_turn", "integer, integer", "SELECT pg_advisory_xact_lock($1, $2)"
)
_CREATING: Final = Prepared(
    "creating_vault_key", "integer, integer", "SELECT pg_advisory_xact_lock_shared($1, $2)"
)
# The newest, so that a rotation has the last word. A key of this very transaction is not chosen for
# others: its row may yet be rolled back.
_CHOOSE: Final = Prepared(
    "choose_vault_key",
    "date",
    """
    SELECT key_id, written_in IS NOT DISTINCT FROM
        (pg_current_xact_id_if_assigned()::text)::bigint
    FROM vault_key WHERE month = $1
    ORDER BY created_at DESC, key_id DESC LIMIT 1
    """,
)
_MONTHS: Final = Prepared(
    "months_of_vault_keys",
    "integer",
    """
    SELECT DISTINCT month FROM vault_key WHERE month IS NOT NULL ORDER BY month DESC LIMIT $1
    """,
)
_CREATE: Final = Prepared(
    "create_vault_key",
    "text, date",
    """
    INSERT INTO vault_key (key_id, month, created_at)
    SELECT $1, $2, greatest(clock_timestamp(), max(known.created_at) + interval '1 microsecond')
    FROM vault_key AS known WHERE known.month = $2
    """,
)


class VaultError(Exception):
    """A row that does not open: tampered with, of another record, or its key was destroyed."""


class VaultKey(NamedTuple):
    """A key that seals, by its id."""

    key_id: str
    cipher: AESGCM


@dataclass(slots=True)
class _Secret:
    """An unwrapped key, and when, by the monotonic clock, it was read and is to be read again."""

    cipher: AESGCM
    read_at_s: float
    again_at_s: float


class _Choice(NamedTuple):
    """The key that seals for a month, until the monotonic clock says so."""

    key_id: str
    until_s: float


class VaultKeys:
    """Finds, makes and remembers the keys of the vault; for all threads of a process."""

    def __init__(
        self,
        keyring: Keyring,
        key_store: KeyStore,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wrapping_id = keyring.active_vault_key.key_id
        self._of_keyring = {key.key_id: AESGCM(key.secret) for key in keyring.vault_keys.values()}
        self.key_store = key_store
        self._random_bytes = random_bytes
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._secrets: dict[str, _Secret] = {}
        self._choices: dict[date, _Choice] = {}

    def of_month(self, connection: PoolProxiedConnection, month: date) -> VaultKey:
        """The key for what expires in a month, given by its first day; made on its first use.

        It may have been retired a moment ago: then the database refuses the row that names it
        (`KeyRetired`), and after `forget` the transaction can be repeated.

        Raises:
            Unavailable: the key store does not answer.
        """
        with self._lock:
            choice = self._choices.get(month)
        if choice is not None and self._monotonic_s() < choice.until_s:
            return VaultKey(choice.key_id, self.cipher(choice.key_id))
        return self._chosen(connection, month) or self._created_once(connection, month)

    def of_hold(self, connection: PoolProxiedConnection) -> VaultKey:
        """A new key for one identity: a hold must not keep the key of a month alive.

        Raises:
            Unavailable: the key store does not answer.
        """
        return self.create(connection, None)

    def create(self, connection: PoolProxiedConnection, month: date | None) -> VaultKey:
        """Makes a key, which is the newest of its month from the transaction's commit on.

        In the key store first: what is left there of a transaction that fails sealed nothing.
        """
        run(connection, (_CREATING, [CREATION_LOCK, 0]))
        prefix = _HOLD if month is None else f"{month:%Y-%m}"
        key_id = f"{prefix}-{self._random_bytes(_RANDOM_BYTES).hex()}"
        secret = self._random_bytes(KEY_BYTES)
        self.key_store.add(key_id, self._wrapped(key_id, secret))
        run(connection, (_CREATE, [key_id, month]))
        return VaultKey(key_id, self._remembered(key_id, secret))

    def cipher(self, key_id: str) -> AESGCM:
        """The key of an id, to open with.

        Raises:
            VaultError: it was destroyed, or the keyring lacks what it is wrapped under.
            Unavailable: the key store does not answer.
        """
        of_keyring = self._of_keyring.get(key_id)
        if of_keyring is not None:
            return of_keyring
        now_s = self._monotonic_s()
        with self._lock:
            known = self._secrets.get(key_id)
            if known is not None:
                if now_s < known.again_at_s:
                    return known.cipher
                # This thread reads it anew. The others go on meanwhile: a key store that does not
                # answer takes seconds to say so.
                known.again_at_s = now_s + PAUSE_S
        return self._read(key_id, known, now_s)

    def forget(self) -> None:
        """Has the next use choose and read keys anew: one of those known was retired."""
        with self._lock:
            self._choices.clear()
            self._secrets.clear()

    def warm_up(self, connection: PoolProxiedConnection) -> None:
        """Chooses and reads the keys of all months; makes none.

        So a server that has started can record while the key store is away.

        Raises:
            Unavailable: the key store does not answer.
        """
        for (month,) in run(connection, (_MONTHS, [MONTHS_TO_WARM_UP])):
            self._chosen(connection, month)

    def _chosen(self, connection: PoolProxiedConnection, month: date) -> VaultKey | None:
        """The newest key of a month; None when it has none that still exists."""
        found = run(connection, (_CHOOSE, [month]))
        if not found:
            return None
        [(key_id, is_own)] = found
        try:
            cipher = self.cipher(key_id)
        except VaultError:
            # A restored database names keys that were destroyed since.
            return None
        if not is_own:
            with self._lock:
                until_s = self._monotonic_s() + CHOICE_LASTS_S
                self._choices[month] = _Choice(key_id, until_s)
        return VaultKey(key_id, cipher)

    def _created_once(self, connection: PoolProxiedConnection, month: date) -> VaultKey:
        run(connection, (_TURN, [CREATION_LOCK, 12 * month.year + month.month]))
        # A statement of its own: it sees the key of whom this one waited for.
        return self._chosen(connection, month) or self.create(connection, month)

    def _read(self, key_id: str, known: _Secret | None, now_s: float) -> AESGCM:
        if not is_key_id(key_id):
            raise VaultError(f"the keyring has no vault key {key_id}")
        try:
            wrapped = self.key_store.read(key_id)
        except Unavailable:
            if known is None:
                raise
            if now_s - known.read_at_s > SECRET_LASTS_AT_MOST_S:
                self._drop(key_id)
                raise
            return known.cipher
        if wrapped is None:
            self._drop(key_id)
            raise VaultError(f"there is no vault key {key_id}: it was destroyed, or is elsewhere")
        return self._remembered(key_id, self._unwrapped(key_id, wrapped))

    def _drop(self, key_id: str) -> None:
        with self._lock:
            self._secrets.pop(key_id, None)

    def _remembered(self, key_id: str, secret: bytes) -> AESGCM:
        cipher, now_s = AESGCM(secret), self._monotonic_s()
        with self._lock:
            # Those that nobody used for as long go as well.
            self._secrets = {
                each: known for each, known in self._secrets.items() if now_s < known.again_at_s
            }
            self._secrets[key_id] = _Secret(cipher, now_s, now_s + SECRET_LASTS_S)
        return cipher

    def _wrapped(self, key_id: str, secret: bytes) -> bytes:
        """Format, length and id of the wrapping key, nonce, and the key encrypted."""
        wrapping_id = self._wrapping_id.encode()
        nonce = self._random_bytes(_NONCE_BYTES)
        cipher = self._of_keyring[self._wrapping_id]
        content = cipher.encrypt(nonce, secret, _bound_to(key_id))
        return bytes([_FORMAT, len(wrapping_id)]) + wrapping_id + nonce + content

    def _unwrapped(self, key_id: str, wrapped: bytes) -> bytes:
        if wrapped[:1] != bytes([_FORMAT]) or len(wrapped) < _NONCE_BYTES:
            raise VaultError(f"the vault key {key_id} is damaged in the key store")
        end = 2 + wrapped[1]
        wrapping_id = wrapped[2:end].decode(errors="replace")
        cipher = self._of_keyring.get(wrapping_id)
        if cipher is None:
            raise VaultError(f"the keyring lacks the key {wrapping_id}, which wraps {key_id}")
        nonce, content = wrapped[end : end + _NONCE_BYTES], wrapped[end + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, content, _bound_to(key_id))
        except (InvalidTag, ValueError):
            raise VaultError(f"the vault key {key_id} is damaged in the key store") from None


def _bound_to(key_id: str) -> bytes:
    return b"consent-registry/vault-key/1\0" + key_id.encode()
