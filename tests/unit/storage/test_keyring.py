from __future__ import annotations

import hmac
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.keyring import KEY_BYTES, Key, KeyedDigest, Keyring

FIRST, SECOND = b"1" * 32, b"2" * 32
VAULT = Key("vault-1", b"v" * 32)


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a file may hold
    key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    return {
        "format": 1,
        "digest_keys": [{"id": "digest-1", "key": key}],
        "vault_keys": [{"id": "vault-1", "key": key}],
        "active_vault_key": "vault-1",
    } | changes


@given(secret=st.binary(min_size=1, max_size=64), content=st.binary(max_size=300))
def test_the_fast_digest_is_hmac_sha256(secret: bytes, content: bytes) -> None:
    assert KeyedDigest(secret)(content) == hmac.digest(secret, content, "sha256")


def test_digests_nest_so_that_rows_can_be_carried_over_to_a_new_key() -> None:
    old = Keyring((Key("a", FIRST),), (VAULT,), active_vault_key="vault-1")
    new = Keyring((Key("a", FIRST), Key("b", SECOND)), (VAULT,), active_vault_key="vault-1")

    base = old.digest(b"email/wide/1\0camille@example.com")

    assert new.digest(b"email/wide/1\0camille@example.com") == base
    assert new.advance(base, 1, 1) == base
    assert new.advance(base, 1, 2) == hmac.digest(SECOND, base, "sha256")[:16]


def test_keys_are_applied_one_by_one_or_all_at_once() -> None:
    keys = tuple(Key(str(place), bytes([place]) * KEY_BYTES) for place in range(4))
    keyring = Keyring(keys, (VAULT,), active_vault_key="vault-1")
    base = keyring.digest(b"x")

    stepwise = keyring.advance(keyring.advance(base, 1, 2), 2, 4)

    assert stepwise == keyring.advance(base, 1, 4)
    assert keyring.advance(stepwise, 4, 4) == stepwise


@pytest.mark.parametrize("from_version, to_version", [(0, 1), (2, 1), (1, 3)])
def test_a_digest_goes_through_no_key_that_is_not_there_and_never_back(
    from_version: int, to_version: int
) -> None:
    keys = (Key("a", FIRST), Key("b", SECOND))
    keyring = Keyring(keys, (VAULT,), active_vault_key="vault-1")

    with pytest.raises(ValueError, match="no way"):
        keyring.advance(keyring.digest(b"x"), from_version, to_version)


def test_a_saved_keyring_is_read_back(tmp_path: Path) -> None:
    keyring = Keyring.generate()

    keyring.save_new(tmp_path / "keyring.json")
    read = Keyring.load(tmp_path / "keyring.json")

    assert read.digest(b"x") == keyring.digest(b"x")
    assert read.vault_keys == keyring.vault_keys
    assert read.active_vault_key == keyring.active_vault_key


def test_a_saved_keyring_is_its_owners_alone(tmp_path: Path) -> None:
    Keyring.generate().save_new(tmp_path / "keyring.json")

    assert stat.S_IMODE((tmp_path / "keyring.json").stat().st_mode) == 0o600


def test_a_keyring_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    Keyring.generate().save_new(path)
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="never overwritten"):
        Keyring.generate().save_new(path)

    assert path.read_bytes() == before


def test_a_keyring_is_not_written_where_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        Keyring.generate().save_new(tmp_path / "missing" / "keyring.json")


def test_a_missing_keyring_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        Keyring.load(tmp_path / "keyring.json")


def test_a_keyring_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        Keyring.load(tmp_path)


@pytest.mark.parametrize("length", range(0, 230, 23))
def test_a_truncated_keyring_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps(document())[:length])

    with pytest.raises(ConfigurationError, match="truncated or not JSON"):
        Keyring.load(path)


@pytest.mark.parametrize(
    "content, complaint",
    [
        pytest.param([], "not a keyring", id="no-object"),
        pytest.param(document(format=2), "format 1", id="newer-format"),
        pytest.param(document(note="x"), "exactly", id="unknown-field"),
        pytest.param(document(digest_keys=[]), "digest_keys is empty", id="no-digest-key"),
        pytest.param(document(digest_keys={}), "not a list", id="no-list"),
        pytest.param(document(digest_keys=[7]), r"digest_keys\[0\]", id="no-key-object"),
        pytest.param(
            document(digest_keys=[{"id": "a", "key": "!"}]), "not base64", id="not-base64"
        ),
        pytest.param(
            document(digest_keys=[{"id": "a", "key": "c2hvcnQ="}]), "32 bytes", id="short-key"
        ),
        pytest.param(
            document(vault_keys=document()["vault_keys"] * 2), "an id twice", id="id-twice"
        ),
        pytest.param(document(active_vault_key="vault-9"), "none of", id="unknown-active-key"),
        pytest.param(
            document(digest_keys=[{**document()["digest_keys"][0], "id": ""}]), "no id", id="no-id"
        ),
    ],
)
def test_a_malformed_keyring_is_refused(
    tmp_path: Path,
    content: Any,  # noqa: ANN401 - whatever a file may hold
    complaint: str,
) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps(content))

    with pytest.raises(ConfigurationError, match=complaint):
        Keyring.load(path)


def test_neither_repr_nor_errors_show_a_key(tmp_path: Path) -> None:
    key = Key("digest-1", b"secret-key-material-of-32-bytes!")
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps(document(digest_keys=[{"id": "a", "key": "c2VjcmV0"}])))

    with pytest.raises(ConfigurationError) as error:
        Keyring.load(path)

    assert "secret" not in repr(key) + repr(Keyring((key,), (key,), active_vault_key="digest-1"))
    assert "c2VjcmV0" not in str(error.value)
