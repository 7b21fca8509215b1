from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import Email, Handle, Phone, PostalAddress, Subject
from consent_registry_server.domain.entry import Evidence, Identity
from consent_registry_server.storage.identities import from_content, to_content

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


@given(st.builds(Identity, subjects, evidence, words))
def test_an_identity_is_read_as_it_was_written(identity: Identity) -> None:
    """Padded with spaces as well, as the vault pads it."""
    assert from_content(to_content(identity)) == identity
    assert from_content(to_content(identity) + b"   ") == identity
