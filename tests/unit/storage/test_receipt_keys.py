"""The keys of receipts: made, kept, added to, and refused when they are not what they say."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.receipt_keys import ReceiptKeys


def header_of(receipt: str) -> Any:  # noqa: ANN401
    part = receipt.partition(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_the_same_payload_has_the_same_signature() -> None:
    """Ed25519 is deterministic, which makes a repeated receipt the very same one."""
    keys = ReceiptKeys.generate()
    assert keys.sign(b"{}") == keys.sign(b"{}") != keys.sign(b"[]")


def test_the_header_names_algorithm_type_and_key_and_nothing_else() -> None:
    """RFC 7515; the key by its thumbprint (RFC 7638), never the key itself."""
    keys = ReceiptKeys.generate()
    assert header_of(keys.sign(b"{}")) == {
        "alg": "EdDSA",
        "kid": keys.keys()[0].key_id,
        "typ": "consent-receipt+jwt",
    }


def test_the_longest_consent_can_be_signed() -> None:
    """A text and its escapes are as long as a request may make them."""
    assert ReceiptKeys.generate().sign(b"x" * 1024 * 1024)


def test_only_public_halves_are_published() -> None:
    """In PEM."""
    (key,) = ReceiptKeys.generate().keys()
    assert key.pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert "PRIVATE" not in key.pem


def test_a_saved_file_is_its_owner_s_and_loads_again(tmp_path: Path) -> None:
    """Nothing else may read private keys."""
    keys, path = ReceiptKeys.generate(), tmp_path / "keys.json"
    keys.save_new(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ReceiptKeys.load(path).sign(b"{}") == keys.sign(b"{}")


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    """What its keys signed could not be verified any more."""
    path = tmp_path / "keys.json"
    path.write_text("kept")
    with pytest.raises(ConfigurationError, match="exists"):
        ReceiptKeys.generate().save_new(path)
    assert path.read_text() == "kept"


def test_a_new_key_signs_and_the_old_ones_are_still_published(tmp_path: Path) -> None:
    """The one that signs first, then the newest of the others."""
    first = ReceiptKeys.generate()
    second = first.with_new_key()
    third = second.with_new_key()
    path = tmp_path / "keys.json"
    third.save_new(path)
    loaded = ReceiptKeys.load(path)
    expected = [keys.keys()[0].key_id for keys in (third, second, first)]
    published = loaded.keys()
    assert [key.key_id for key in published] == expected
    assert header_of(loaded.sign(b"{}"))["kid"] == expected[0]


def test_an_old_key_may_be_kept_without_its_private_half(tmp_path: Path) -> None:
    """It verifies what it signed, and signs no more."""
    path = tmp_path / "keys.json"
    keys = ReceiptKeys.generate().with_new_key()
    keys.save_new(path)
    document = json.loads(path.read_text())
    del document["keys"][0]["d"]
    path.write_text(json.dumps(document))
    assert ReceiptKeys.load(path).keys() == keys.keys()


def _set(*where: Any, value: Any) -> Callable[[Any], None]:  # noqa: ANN401
    def change(document: Any) -> None:  # noqa: ANN401
        for step in where[:-1]:
            document = document[step]
        document[where[-1]] = value

    return change


def _without_private(document: Any) -> None:  # noqa: ANN401
    del document["keys"][1]["d"]


def _twice(document: Any) -> None:  # noqa: ANN401
    document["keys"].append(document["keys"][0])


def _swapped(document: Any) -> None:  # noqa: ANN401
    first, second = document["keys"]
    first["d"], second["d"] = second["d"], first["d"]


@pytest.mark.parametrize(
    "change, said",
    [
        pytest.param(_set("format", value=2), "format 1", id="other format"),
        pytest.param(_set("more", value=1), "exactly", id="unknown field"),
        pytest.param(_set("keys", value={}), "exactly", id="no list"),
        pytest.param(_set("keys", value=[]), "none of the keys", id="no key"),
        pytest.param(_set("active_key", value="x"), "none of the keys", id="unknown active key"),
        pytest.param(_without_private, "no private half", id="cannot sign"),
        pytest.param(_twice, "twice", id="a key twice"),
        pytest.param(_swapped, "not the key that its x", id="halves of two keys"),
        pytest.param(_set("keys", 0, "kid", value="x"), "not the key that its x", id="wrong kid"),
        pytest.param(_set("keys", 0, "crv", value="Ed448"), "no Ed25519", id="other curve"),
        pytest.param(_set("keys", 0, "x", value="AA"), r"keys\[0\]", id="short key"),
        pytest.param(_set("keys", 0, value="secret"), "as a JWK", id="no key at all"),
    ],
)
def test_a_faulty_file_is_refused_and_not_shown(
    tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    """The message says what is wrong with it, never what is in it."""
    path = tmp_path / "keys.json"
    ReceiptKeys.generate().with_new_key().save_new(path)
    document = json.loads(path.read_text())
    secrets = [key["d"] for key in document["keys"]]
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match=said) as refused:
        ReceiptKeys.load(path)
    assert not any(secret in refused.value.message for secret in secrets)


@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: str) -> None:
    """As a configuration error, which the operator reads."""
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="unusable"):
        ReceiptKeys.load(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The command by name."""
    with pytest.raises(ConfigurationError, match="keys receipts"):
        ReceiptKeys.load(tmp_path / "none.json")
