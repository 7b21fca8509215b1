"""The keys that sign consent receipts, in a file of their own.

The file is a JWK set (RFC 7517) of Ed25519 keys (RFC 8037), each named by its thumbprint
(RFC 7638), with the one that signs named beside them. Those before it stay, so that what they
signed can be verified; of these the private half (`d`) may be removed. Losing the file loses no
opt-out: it is not the keyring.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import OKPKey

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.service.receipts import PublicKey

FORMAT: Final = 1
RECEIPT_TYPE: Final = "consent-receipt+jwt"
"""The `typ` of a receipt (RFC 8725, section 3.11), so that it passes for no other token."""

_ALGORITHM: Final = "EdDSA"
_CURVE: Final = "Ed25519"
_FIELDS: Final = frozenset({"format", "active_key", "keys"})
_PUBLIC: Final = frozenset({"kty", "crv", "x", "kid"})
_LONGEST_PAYLOAD: Final = 2 * 1024 * 1024


class _Registry(jws.JWSRegistry):
    """EdDSA alone, for a payload as long as a request may make it.

    The library warns of EdDSA, because RFC 9864 splits it up by curve. Only Ed25519 keys get here,
    and "EdDSA" is the name that verifiers know.
    """

    max_payload_length = _LONGEST_PAYLOAD

    def get_alg(self, name: str) -> JWSAlgModel:
        if name != _ALGORITHM:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


class ReceiptKeys:
    """Implements `ReceiptSigner`."""

    def __init__(self, keys: Sequence[OKPKey], *, active_key: str) -> None:
        """Checks the keys; the file's order is kept.

        Raises:
            ConfigurationError: no key, an id twice, an active key that is none of them or cannot
                sign.
        """
        self._keys = {key.thumbprint(): key for key in keys}
        if len(self._keys) < len(keys):
            raise ConfigurationError("a key is there twice")
        active = self._keys.get(active_key)
        if active is None:
            raise ConfigurationError("active_key is none of the keys")
        if not active.is_private:
            raise ConfigurationError("the active key has no private half")
        self._active_key = active_key
        self._active = active
        self._registry = _Registry()

    def sign(self, payload: bytes) -> str:
        """See `ReceiptSigner`."""
        header = {"alg": _ALGORITHM, "kid": self._active_key, "typ": RECEIPT_TYPE}
        return jws.serialize_compact(header, payload, self._active, registry=self._registry)

    def keys(self) -> Sequence[PublicKey]:
        """See `ReceiptSigner`."""
        others = (key_id for key_id in reversed(self._keys) if key_id != self._active_key)
        return tuple(
            PublicKey(key_id, self._keys[key_id].as_pem(private=False).decode("ascii"))
            for key_id in (self._active_key, *others)
        )

    @classmethod
    def generate(cls) -> ReceiptKeys:
        """Makes one new key."""
        key = _new_key()
        return cls((key,), active_key=key.thumbprint())

    def with_new_key(self) -> ReceiptKeys:
        """The same keys, and a new one that signs from now on."""
        key = _new_key()
        return ReceiptKeys((*self._keys.values(), key), active_key=key.thumbprint())

    @classmethod
    def load(cls, path: Path) -> ReceiptKeys:
        """Reads a file of receipt keys; its permissions are not judged, as those of a keyring.

        Raises:
            ConfigurationError: saying what is wrong with the file, never what is in it.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"the receipt keys {path} cannot be read: {error.strerror}; for new ones run"
                " `consent-registry keys receipts`"
            ) from None
        try:
            return cls._parse(content)
        except ConfigurationError as error:
            message = f"the receipt keys {path} are unusable: {error.message}"
            raise ConfigurationError(message) from None

    def save_new(self, path: Path) -> None:
        """Writes a file that did not exist, readable by its owner alone, synced to disk.

        Raises:
            ConfigurationError: the file exists, or cannot be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._serialised())
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            raise ConfigurationError(
                f"{path} exists; keys are never overwritten, because what they signed could not be"
                " verified any more"
            ) from None
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error.strerror}") from None

    @classmethod
    def _parse(cls, content: bytes) -> ReceiptKeys:
        try:
            document = json.loads(content)
        except ValueError:
            raise ConfigurationError("not JSON") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ConfigurationError(f"not receipt keys of format {FORMAT}")
        if document.keys() != _FIELDS or not isinstance(document["keys"], list):
            raise ConfigurationError(f"exactly {', '.join(sorted(_FIELDS))} are needed")
        keys = [_key(entry, f"keys[{index}]") for index, entry in enumerate(document["keys"])]
        return cls(keys, active_key=str(document["active_key"]))

    def _serialised(self) -> bytes:
        document = {
            "format": FORMAT,
            "active_key": self._active_key,
            "keys": [
                {**key.as_dict(private=key.is_private), "kid": key_id}
                for key_id, key in self._keys.items()
            ],
        }
        return json.dumps(document, indent=2).encode() + b"\n"


def _new_key() -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.generate())


def _key(entry: object, where: str) -> OKPKey:
    if not isinstance(entry, Mapping) or not _PUBLIC <= entry.keys() <= _PUBLIC | {"d"}:
        raise ConfigurationError(f"{where} must be an Ed25519 key as a JWK with its kid")
    material: dict[str, Any] = {name: entry[name] for name in entry if name != "kid"}
    key = _imported(material)
    if key is None or key.curve_name != _CURVE:
        raise ConfigurationError(f"{where} is no Ed25519 key")
    if key.as_dict(private=False)["x"] != entry["x"] or key.thumbprint() != entry["kid"]:
        raise ConfigurationError(f"{where} is not the key that its x and kid name")
    return key


def _imported(material: dict[str, Any]) -> OKPKey | None:
    try:
        # From the key proper: what is imported from a JWK goes on telling the JWK's own `x`.
        return OKPKey.import_key(OKPKey.import_key(material).raw_value)
    except (JoseError, ValueError, TypeError):
        # The errors may hold the key; they end here.
        return None
