"""Consent receipts: what a person consented to, signed, for them to keep.

A receipt is made from the request and the answer to it and is stored nowhere, for it names the
person. The signature is deterministic, so that the same request gets the same receipt as long as
the signing key and what the policy says of the controller and the purposes stay the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol
from uuid import uuid5

from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.errors import PreconditionFailed
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.consent_record import (
    CONTEXT,
    consent_record,
    controller_of,
    serialised,
)
from consent_registry_server.service.consent_status import instant
from consent_registry_server.service.ports import PolicySource

_RECEIPT: Final = "consent-receipt"


class PublicKey(NamedTuple):
    """A key that verifies receipts: its JWK thumbprint (RFC 7638), and itself in PEM (RFC 8410)."""

    key_id: str
    pem: str


class ReceiptSigner(Protocol):
    """Signs receipts."""

    def sign(self, payload: bytes) -> str:
        """Returns the payload as a JWS in compact serialization, the same for the same payload."""

    def keys(self) -> Sequence[PublicKey]:
        """Returns the keys that verify, the one that signs first."""


class Receipts:
    """Issues consent receipts; without a signer it issues none."""

    def __init__(self, signer: ReceiptSigner | None, *, policy: PolicySource) -> None:
        self._signer = signer
        self._policy = policy

    def require(self) -> ReceiptSigner:
        """Returns what signs.

        Raises:
            PreconditionFailed: RECEIPTS_NOT_CONFIGURED.
        """
        if self._signer is None:
            message = "this registry has no key that signs receipts"
            raise PreconditionFailed("RECEIPTS_NOT_CONFIGURED", message, field="issue_receipt")
        return self._signer

    def issue(self, new: NewEntry, entry_id: EntryId, recorded_at_us: int) -> str:
        """Returns the receipt of a consent that was recorded.

        Raises:
            PreconditionFailed: RECEIPTS_NOT_CONFIGURED.
        """
        signer = self.require()
        return signer.sign(serialised(receipt(new, entry_id, recorded_at_us, self._policy())))

    def keys(self) -> Sequence[PublicKey]:
        """Returns the keys that verify, the one that signs first; none without a signer."""
        return () if self._signer is None else self._signer.keys()


def receipt(
    new: NewEntry, entry_id: EntryId, recorded_at_us: int, policy: Policy
) -> dict[str, Any]:
    """The JSON-LD of a receipt: the record of the one consent, and who issued it when."""
    identifier = str(uuid5(entry_id, _RECEIPT))
    return {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{identifier}",
        "@type": "dpv:ConsentReceipt",
        "dct:audience": "dpv:DataSubject",
        "dct:conformsTo": "dpv-27560:receipt",
        "dct:created": instant(recorded_at_us),
        "dct:identifier": identifier,
        "dct:publisher": controller_of(new, policy),
        "dpv:hasIdentifier": identifier,
        "dpv:hasRecordOfActivity": consent_record(new, entry_id, recorded_at_us, policy),
    }
