"""Conversions of the SubjectService: what goes out is what was kept, whatever it is."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry.v1 import subject_service_pb2 as pb
from consent_registry.v1.entry_pb2 import PRECISION_UNKNOWN, SOURCE_REGISTRY, Expression
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, Identity
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.rpc.convert_contact import to_subject
from consent_registry_server.rpc.convert_entry import to_evidence, to_expression
from consent_registry_server.rpc.convert_rights import to_day
from consent_registry_server.rpc.convert_subject import fill_identity

_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_digests = st.sampled_from([b"", bytes(range(32))])
_points: st.SearchStrategy[ContactPoint] = st.one_of(
    st.builds(Email, _texts),
    st.builds(Phone, _texts, _texts),
    st.builds(Handle, _texts, _texts),
    st.builds(PostalAddress, _texts, _texts, _texts, _texts, _texts),
)
_evidence = st.builds(
    Evidence,
    **{
        field.name: _digests if field.name.endswith("digest") else _texts
        for field in fields(Evidence)
    },
)
_identities = st.builds(
    Identity,
    st.builds(Subject, st.lists(_points, max_size=4).map(tuple), _texts, _texts),
    _evidence,
    _texts,
)


@given(identity=_identities)
def test_an_identity_goes_out_whole(identity: Identity) -> None:
    """Every contact point in its order, and every field of the proof."""
    message = pb.Identity()
    fill_identity(message, identity)
    back = pb.Identity.FromString(message.SerializeToString())
    assert to_subject(back.subject) == identity.subject
    assert to_evidence(back.evidence) == identity.evidence
    assert back.lead_id == identity.lead_id


@given(day=st.dates())
def test_a_day_is_read_as_it_is_written(day: date) -> None:
    """For every day there is."""
    assert to_day(day.isoformat(), "keep_until") == day


@given(text=st.text(min_size=1, max_size=9) | st.from_regex(r"[0-9]{4}-[0-9]{2}-3[2-9]"))
def test_what_is_no_day_is_refused(text: str) -> None:
    """By its own reason and field; digits of other scripts are no digits."""
    with pytest.raises(InvalidRequest) as error:
        to_day(text, "due_on")
    assert (error.value.reason, error.value.field) == ("INVALID_DAY", "due_on")


def test_nobody_says_anything_through_the_registry_itself() -> None:
    """Its own entries have a source that no request may claim."""
    said = Expression(precision=PRECISION_UNKNOWN, source=SOURCE_REGISTRY)
    with pytest.raises(InvalidRequest) as error:
        to_expression(said)
    assert (error.value.reason, error.value.field) == ("INVALID_FIELD", "expression.source")
