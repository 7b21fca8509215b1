"""Verifies consent receipts: a JWS (RFC 7515) by an Ed25519 key (RFC 8037) that is already known.

Nothing in a receipt says by what it is verified, but for the name of one of the known keys: the
algorithm, the type and the members of the header are fixed.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey

MAX_BYTES = 4 * 1024 * 1024
_ALGORITHM = "EdDSA"
_CURVE = "Ed25519"
_TYPE = "consent-receipt+jwt"
_RECEIPT = "dpv:ConsentReceipt"
_HEADER = {"alg", "kid", "typ"}


class NotVerified(Exception):
    """The receipt is none, or nothing known signed it; the message says which."""


class _Registry(jws.JWSRegistry):
    """EdDSA alone. RFC 9864 has the library warn of it, because it is not told from its curve."""

    max_payload_length = MAX_BYTES

    def get_alg(self, name: str) -> JWSAlgModel:
        if name != _ALGORITHM:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def known_keys(pems: Iterable[bytes]) -> dict[str, OKPKey]:
    """Returns Ed25519 keys in PEM by their thumbprints (RFC 7638).

    Raises:
        ValueError: One is no Ed25519 key in PEM.
    """
    keys = [_key(pem) for pem in pems]
    return {key.thumbprint(): key for key in keys}


def verified(receipt: str, keys: Mapping[str, OKPKey]) -> tuple[str, dict[str, Any]]:
    """Returns the name of the key that signed a receipt, and the receipt's JSON-LD.

    Raises:
        NotVerified: It is no receipt, its key is not known, or it is not what the key signed.
    """
    signed = _extracted(receipt)
    header = signed.headers()
    if header.get("alg") != _ALGORITHM:
        raise NotVerified("it is not signed with EdDSA")
    if header.keys() != _HEADER or header["typ"] != _TYPE:
        raise NotVerified("it is signed, but no consent receipt")
    key_id = str(header["kid"])
    key = keys.get(key_id)
    if key is None:
        raise NotVerified("the key that it names is not known")
    if not _is_signed(signed, key):
        raise NotVerified("the signature is wrong")
    return key_id, _document(signed.payload)


def _key(pem: bytes) -> OKPKey:
    try:
        key = OKPKey.import_key(pem)
    except (JoseError, TypeError, ValueError):
        raise ValueError("no Ed25519 key in PEM") from None
    if key.curve_name != _CURVE:
        raise ValueError("no Ed25519 key in PEM")
    return key


def _extracted(receipt: str) -> jws.CompactSignature:
    try:
        return jws.extract_compact(receipt.encode("ascii"), registry=_Registry())
    except (JoseError, ValueError, TypeError, AttributeError):
        raise NotVerified("it is no signed receipt") from None


def _is_signed(signed: jws.CompactSignature, key: OKPKey) -> bool:
    try:
        return jws.validate_compact(signed, key, registry=_Registry())
    except (JoseError, ValueError):
        return False


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("@type") != _RECEIPT:
        raise NotVerified("it is signed, but no consent receipt")
    return document
