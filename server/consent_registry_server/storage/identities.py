"""Identities as the vault keeps them: as JSON documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import ARRAY, Connection, Uuid, any_, bindparam, select

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, Identity
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.storage.schema import vault as vault_table
from consent_registry_server.storage.sealed_rows import sealed_columns, sealed_of
from consent_registry_server.storage.vault import Vault

_FORMAT: Final = 1
_KINDS: Final[dict[str, type[ContactPoint]]] = {
    "email": Email,
    "phone": Phone,
    "address": PostalAddress,
    "handle": Handle,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_BYTES_FIELDS: Final = ("text_digest", "artefact_digest")

_select = select(*sealed_columns(vault_table)).where(
    vault_table.c.entry_id == any_(bindparam("entry_ids", type_=ARRAY(Uuid)))
)


def read_identities(
    connection: Connection, vault: Vault, entry_ids: Sequence[EntryId]
) -> dict[EntryId, Identity]:
    """Opens the identities of entries; those that have none are left out.

    Raises:
        VaultError: one does not open.
        Unavailable: the key store does not answer.
    """
    rows = connection.execute(_select, {"entry_ids": list(entry_ids)})
    sealed = [sealed_of(row) for row in rows]
    return {EntryId(each.record_id): from_content(vault.open(each)) for each in sealed}


def to_content(identity: Identity) -> bytes:
    """The JSON document of an identity."""
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
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def from_content(content: bytes) -> Identity:
    """The identity of a JSON document."""
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


def _document(point: ContactPoint) -> dict[str, str]:
    return {"kind": _NAMES[type(point)], **asdict(point)}


def _contact_points(documents: Sequence[dict[str, str]]) -> tuple[ContactPoint, ...]:
    return tuple(_KINDS[document.pop("kind")](**document) for document in documents)
