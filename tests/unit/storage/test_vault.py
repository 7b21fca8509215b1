from __future__ import annotations

from dataclasses import fields, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import Email, Handle, Phone, PostalAddress, Subject
from consent_registry_server.domain.entry import Evidence
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.vault import PADDING_BYTES, Identity, Vault, VaultError

ENTRY = EntryId(UUID(int=1))
OTHER_ENTRY = EntryId(UUID(int=2))
GCM_TAG_BYTES = 16

DIGEST = Key("digest-1", b"d" * 32)
OLD, NEW = Key("vault-1", b"1" * 32), Key("vault-2", b"2" * 32)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
contact_points = (
    st.builds(Email, words)
    | st.builds(Phone, words, words)
    | st.builds(PostalAddress, words, words, words, words, words)
    | st.builds(Handle, words, words)
)
evidence = st.builds(
    Evidence,
    **{
        field.name: st.binary(max_size=32) if field.name.endswith("_digest") else words
        for field in fields(Evidence)
    },
)
subjects = st.builds(
    Subject,
    contact_points=st.lists(contact_points, max_size=4).map(tuple),
    customer_number=words,
    name=words,
)
identities = st.builds(Identity, subjects, evidence, words)


def vault(*keys: Key, active: Key = OLD) -> Vault:
    return Vault(Keyring((DIGEST,), keys or (OLD,), active_vault_key=active.key_id))


@given(identities)
def test_an_identity_is_opened_as_it_was_sealed(identity: Identity) -> None:
    assert vault().open(vault().seal(ENTRY, identity)) == identity


@given(identities)
def test_the_sealed_length_is_a_multiple_of_the_padding(identity: Identity) -> None:
    sealed = vault().seal(ENTRY, identity)

    assert (len(sealed.ciphertext) - GCM_TAG_BYTES) % PADDING_BYTES == 0


def test_the_same_identity_is_never_sealed_alike() -> None:
    identity = Identity(Subject(name="Camille"), Evidence())

    first, second = vault().seal(ENTRY, identity), vault().seal(ENTRY, identity)

    assert first.ciphertext != second.ciphertext
    assert first.wrapped_key != second.wrapped_key


def test_rows_under_an_older_key_still_open() -> None:
    identity = Identity(Subject(name="Camille"), Evidence())
    sealed = vault(OLD).seal(ENTRY, identity)

    both = vault(OLD, NEW, active=NEW)

    assert both.open(sealed) == identity
    assert both.seal(ENTRY, identity).key_id == NEW.key_id


def test_a_row_moved_to_another_entry_does_not_open() -> None:
    sealed = vault().seal(ENTRY, Identity(Subject(name="Camille"), Evidence()))

    with pytest.raises(VaultError, match="does not open"):
        vault().open(replace(sealed, entry_id=OTHER_ENTRY))


@pytest.mark.parametrize("part", ["wrapped_key", "nonce", "ciphertext"])
def test_a_row_that_was_tampered_with_does_not_open(part: str) -> None:
    sealed = vault().seal(ENTRY, Identity(Subject(name="Camille"), Evidence()))
    content = getattr(sealed, part)
    tampered = replace(sealed, **{part: bytes([content[0] ^ 1]) + content[1:]})

    with pytest.raises(VaultError, match="does not open"):
        vault().open(tampered)


def test_a_row_whose_key_is_missing_says_which() -> None:
    sealed = vault(OLD).seal(ENTRY, Identity(Subject(name="Camille"), Evidence()))

    with pytest.raises(VaultError, match="vault-1"):
        vault(NEW, active=NEW).open(sealed)


def test_a_sealed_row_holds_nothing_of_the_identity() -> None:
    sealed = vault().seal(ENTRY, Identity(Subject(name="Camille Désirée"), Evidence()))

    assert b"Camille" not in sealed.ciphertext
    assert "Camille" not in repr(sealed)
