from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.seal import KeyringSealer

DIGEST = Key("digest-1", b"d" * 32)
OLD, NEW = Key("vault-1", b"1" * 32), Key("vault-2", b"2" * 32)
FOREIGN = Key("vault-1", b"f" * 32)
ACCENTED = Key("clé-🔑", b"3" * 32)
LONG = Key("k" * 300, b"4" * 32)
PURPOSE = "replay-token"
CONTENT = b'{"verdict": "ALLOW"}'


def sealer(*keys: Key, active: Key | None = None) -> KeyringSealer:
    keys = keys or (OLD,)
    return KeyringSealer(Keyring((DIGEST,), keys, active_vault_key=(active or keys[0]).key_id))


SEALED = sealer().seal(CONTENT, purpose=PURPOSE)


@given(content=st.binary(max_size=300), purpose=st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_sealed_is_unsealed_for_the_same_purpose(content: bytes, purpose: str) -> None:
    sealed = sealer().seal(content, purpose=purpose)

    assert sealer().unseal(sealed, purpose=purpose) == content


@pytest.mark.parametrize("purpose", ["", "replay-toke", "replay-token\0", "Replay-Token"])
def test_what_was_sealed_for_one_purpose_is_nothing_for_another(purpose: str) -> None:
    assert sealer().unseal(SEALED, purpose=purpose) is None


def test_the_same_content_is_never_sealed_alike() -> None:
    assert sealer().seal(CONTENT, purpose=PURPOSE) != sealer().seal(CONTENT, purpose=PURPOSE)


def test_what_is_sealed_does_not_show_its_content() -> None:
    assert CONTENT not in SEALED
    assert b"ALLOW" not in SEALED


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_what_was_tampered_with_anywhere_is_nothing(position: int) -> None:
    for flipped in (0x01, 0x80, 0xFF):
        tampered = bytearray(SEALED)
        tampered[position] ^= flipped

        assert sealer().unseal(bytes(tampered), purpose=PURPOSE) is None


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_what_was_cut_short_anywhere_is_nothing(length: int) -> None:
    assert sealer().unseal(SEALED[:length], purpose=PURPOSE) is None


@given(st.binary(min_size=1, max_size=40))
def test_what_has_more_behind_it_is_nothing(more: bytes) -> None:
    assert sealer().unseal(SEALED + more, purpose=PURPOSE) is None


@given(st.binary(max_size=200))
def test_what_nobody_sealed_is_nothing(content: bytes) -> None:
    assert sealer().unseal(content, purpose=PURPOSE) is None


@given(start=st.integers(0, len(SEALED)), content=st.binary(max_size=200))
def test_what_only_begins_like_something_sealed_is_nothing(start: int, content: bytes) -> None:
    forged = SEALED[:start] + content

    assert forged == SEALED or sealer().unseal(forged, purpose=PURPOSE) is None


def test_what_was_sealed_under_an_older_key_is_unsealed_after_rotation() -> None:
    both = sealer(OLD, NEW, active=NEW)

    assert both.unseal(SEALED, purpose=PURPOSE) == CONTENT
    assert sealer().unseal(both.seal(CONTENT, purpose=PURPOSE), purpose=PURPOSE) is None


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((NEW,), id="no-such-key"),
        pytest.param((FOREIGN,), id="another-key-of-that-name"),
    ],
)
def test_what_was_sealed_under_a_foreign_keyring_is_nothing(keys: tuple[Key, ...]) -> None:
    assert sealer(*keys).unseal(SEALED, purpose=PURPOSE) is None


@pytest.mark.parametrize("key", [ACCENTED, LONG], ids=["not-ascii", "long"])
def test_a_key_may_have_any_name(key: Key) -> None:
    sealed = sealer(key).seal(CONTENT, purpose=PURPOSE)

    assert sealer(OLD, key).unseal(sealed, purpose=PURPOSE) == CONTENT
    assert sealer().unseal(sealed, purpose=PURPOSE) is None
    for length in range(len(sealed)):
        assert sealer(key).unseal(sealed[:length], purpose=PURPOSE) is None


def test_a_name_that_is_no_text_is_no_key_of_a_similar_name() -> None:
    replaced = Key("\N{REPLACEMENT CHARACTER}", b"5" * 32)
    sealed = sealer(replaced).seal(CONTENT, purpose=PURPOSE)
    name = replaced.key_id.encode()
    forged = sealed.replace(name, b"\xff" + name[1:])

    assert sealer(replaced).unseal(sealed, purpose=PURPOSE) == CONTENT
    assert sealer(replaced).unseal(forged, purpose=PURPOSE) is None
