"""The vault: everything that identifies a person, encrypted under a key of its own a row.

Envelope encryption with AES-256-GCM: a fresh data key seals the identity, the keyring's active
vault key seals the data key. Both are bound to the entry and the key id, so that a row moved to
another entry does not open. Rotating a vault key rewrites the small wrapped keys only.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, NewEntry
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.storage.keyring import KEY_BYTES, Keyring

PADDING_BYTES: Final = 64
"""Sealed lengths are multiples of it, so that they tell little of a name or a note."""

_NONCE_BYTES: Final = 12
_FORMAT: Final = 1
_KINDS: Final[dict[str, type[ContactPoint]]] = {
    "email": Email,
    "phone": Phone,
    "address": PostalAddress,
    "handle": Handle,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_BYTES_FIELDS: Final = ("text_digest", "artefact_digest")


class VaultError(Exception):
    """A row that does not open: tampered with, or of another entry or key."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the vault keeps of an entry."""

    subject: Subject = field(repr=False)
    evidence: Evidence = field(repr=False)
    lead_id: str = field(repr=False, default="")

    @classmethod
    def of(cls, new: NewEntry) -> Identity:
        """The identity in an entry about to be written."""
        return cls(new.subject, new.evidence, new.lead_id)


@dataclass(frozen=True, slots=True)
class Sealed:
    """An identity as it is stored."""

    entry_id: EntryId
    key_id: str
    wrapped_key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)


class Vault:
    """Seals and opens identities with the keys of a keyring."""

    def __init__(self, keyring: Keyring, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._active_id = keyring.active_vault_key.key_id
        self._ciphers = {key.key_id: AESGCM(key.secret) for key in keyring.vault_keys.values()}
        self._random_bytes = random_bytes

    def seal(self, entry_id: EntryId, identity: Identity) -> Sealed:
        """Encrypts an identity under a fresh data key and the active vault key."""
        bound_to = _bound_to(entry_id, self._active_id)
        data_key = self._random_bytes(KEY_BYTES)
        wrap_nonce = self._random_bytes(_NONCE_BYTES)
        nonce = self._random_bytes(_NONCE_BYTES)
        wrapped = self._ciphers[self._active_id].encrypt(wrap_nonce, data_key, bound_to)
        return Sealed(
            entry_id,
            self._active_id,
            wrapped_key=wrap_nonce + wrapped,
            nonce=nonce,
            ciphertext=AESGCM(data_key).encrypt(nonce, _serialised(identity), bound_to),
        )

    def open(self, sealed: Sealed) -> Identity:
        """Decrypts an identity.

        Raises:
            VaultError: the keyring lacks the key, or the row is not what was sealed.
        """
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise VaultError(f"the keyring has no vault key {sealed.key_id}")
        bound_to = _bound_to(sealed.entry_id, sealed.key_id)
        wrap_nonce, wrapped = sealed.wrapped_key[:_NONCE_BYTES], sealed.wrapped_key[_NONCE_BYTES:]
        try:
            data_key = cipher.decrypt(wrap_nonce, wrapped, bound_to)
            content = AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, bound_to)
        except (InvalidTag, ValueError):
            raise VaultError(f"the vault row of entry {sealed.entry_id} does not open") from None
        return _parsed(content)


def _bound_to(entry_id: EntryId, key_id: str) -> bytes:
    return b"consent-registry/vault/1\0" + entry_id.bytes + key_id.encode()


def _serialised(identity: Identity) -> bytes:
    evidence = {name: value for name, value in asdict(identity.evidence).items() if value}
    for name in _BYTES_FIELDS:
        if name in evidence:
            evidence[name] = base64.b64encode(evidence[name]).decode("ascii")
    subject = identity.subject
    document = {
        "format": _FORMAT,
        "contact_points": [_document(point) for point in subject.contact_points],
        "customer_number": subject.customer_number,
        "name": subject.name,
        "evidence": evidence,
        "lead_id": identity.lead_id,
    }
    content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    # JSON may end in spaces.
    return content + b" " * (-len(content) % PADDING_BYTES)


def _document(point: ContactPoint) -> dict[str, str]:
    return {"kind": _NAMES[type(point)], **asdict(point)}


def _parsed(content: bytes) -> Identity:
    document: dict[str, Any] = json.loads(content)
    evidence = document["evidence"]
    for name in _BYTES_FIELDS:
        if name in evidence:
            evidence[name] = base64.b64decode(evidence[name])
    subject = Subject(
        contact_points=_contact_points(document["contact_points"]),
        customer_number=document["customer_number"],
        name=document["name"],
    )
    return Identity(subject, Evidence(**evidence), document["lead_id"])


def _contact_points(documents: Sequence[dict[str, str]]) -> tuple[ContactPoint, ...]:
    return tuple(_KINDS[document.pop("kind")](**document) for document in documents)
