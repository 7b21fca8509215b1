"""What proves a consent, what lifts an opt-out, and how far an opt-out reaches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.entry import Evidence, Expression
from consent_registry_server.domain.intake import is_proven, lifts_opt_outs, reach
from consent_registry_server.domain.matching import TARGET_KINDS
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    Precision,
    Source,
    channel_mask,
    channels_in,
)

PROOF = Evidence(text="I agree.", form_id="form-3")
RECORDED = Evidence(text="I agree.", form_id="script-2", artefact_uri="s3://calls/1")


def said(source: Source = Source.WEB_FORM, precision: Precision = Precision.INSTANT) -> Expression:
    """Something said somewhere."""
    at_us = None if precision is Precision.UNKNOWN else 1_790_000_000_000_000
    return Expression(source, precision, at_us, "Europe/Paris")


@pytest.mark.parametrize(
    "evidence, proven",
    [
        pytest.param(PROOF, True, id="text and form"),
        pytest.param(Evidence(text="I agree.", notice_version="v7"), True, id="text and notice"),
        pytest.param(Evidence(text_digest=b"1" * 32, form_id="form-3"), True, id="digest of text"),
        pytest.param(Evidence(text="I agree."), False, id="no form or notice"),
        pytest.param(Evidence(form_id="form-3", notice_version="v7"), False, id="no text"),
        pytest.param(Evidence(), False, id="nothing"),
        pytest.param(
            Evidence(agent="a", ip="192.0.2.1", user_agent="u", note="n", artefact_uri="s3://x"),
            False,
            id="everything else",
        ),
    ],
)
def test_a_consent_is_proven_by_its_text_and_where_it_stood(
    evidence: Evidence, proven: bool
) -> None:
    """Circumstances alone prove nothing."""
    assert is_proven(said(), evidence) is proven


@pytest.mark.parametrize("precision", Precision)
def test_a_consent_of_an_unknown_time_is_unproven(precision: Precision) -> None:
    """A day is enough."""
    assert is_proven(said(precision=precision), PROOF) is (precision is not Precision.UNKNOWN)


def test_a_third_partys_form_needs_the_third_partys_name() -> None:
    """Who asked is part of what was agreed to."""
    third_party = said(Source.THIRD_PARTY_FORM)
    assert not is_proven(third_party, PROOF)
    assert is_proven(third_party, replace(PROOF, third_party="Comparison Example SAS"))


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("evidence", [PROOF, RECORDED], ids=["proof", "with a recording"])
def test_only_what_people_told_us_themselves_lifts_opt_outs(
    source: Source, evidence: Evidence
) -> None:
    """A call does with its recording alone."""
    first_party = {
        Source.WEB_FORM,
        Source.PREFERENCE_PAGE,
        Source.LETTER,
        Source.CHAT,
        Source.DOORSTEP,
    }
    expected = source in first_party or (source is Source.CALL_CENTRE and evidence is RECORDED)
    assert lifts_opt_outs(said(source), evidence) is expected


@pytest.mark.parametrize(
    "evidence, supports",
    [
        pytest.param(Evidence(note="asked for it by phone"), True, id="note"),
        pytest.param(Evidence(text="Please call me again."), True, id="text"),
        pytest.param(Evidence(text_digest=b"1" * 32), True, id="digest of a text"),
        pytest.param(Evidence(form_id="form-9"), True, id="form"),
        pytest.param(Evidence(artefact_uri="s3://letters/1"), True, id="artefact"),
        pytest.param(Evidence(artefact_digest=b"1" * 32), True, id="digest of an artefact"),
        pytest.param(Evidence(agent="agent-7", ip="192.0.2.1"), False, id="agent and address"),
        pytest.param(Evidence(), False, id="nothing"),
    ],
)
def test_a_lift_needs_something_that_shows_it(evidence: Evidence, supports: bool) -> None:
    """Who typed it in shows nothing."""
    assert evidence.supports_lift is supports


EMAIL, PHONE, ADDRESS, HANDLE, NUMBER = (
    ContactKind.EMAIL,
    ContactKind.PHONE,
    ContactKind.ADDRESS,
    ContactKind.HANDLE,
    ContactKind.CUSTOMER_NUMBER,
)


@pytest.mark.parametrize(
    "kinds, directly",
    [
        pytest.param(
            {EMAIL}, {Channel.EMAIL, Channel.ONLINE_ADVERTISING, Channel.PROCESSING}, id="email"
        ),
        pytest.param(
            {PHONE},
            {
                Channel.SMS,
                Channel.VOICE_CALL,
                Channel.AUTOMATED_CALL,
                Channel.MESSAGING,
                Channel.ONLINE_ADVERTISING,
                Channel.PROCESSING,
            },
            id="phone",
        ),
        pytest.param(
            {HANDLE},
            {Channel.MESSAGING, Channel.ONLINE_ADVERTISING, Channel.PROCESSING},
            id="handle",
        ),
        pytest.param({NUMBER}, set(), id="customer number"),
        pytest.param({ADDRESS, EMAIL, PHONE}, set(Channel), id="email, phone and address"),
    ],
)
def test_what_is_not_a_channels_own_contact_point_reaches_it_indirectly(
    kinds: set[ContactKind], directly: set[Channel]
) -> None:
    """When the question carries it."""
    unenforceable, indirect = reach(kinds, ALL_CHANNELS)
    assert unenforceable == ()
    assert set(indirect) == set(Channel) - directly


def test_an_address_alone_reaches_doors_and_letters_and_nothing_else() -> None:
    """It matches on no other channel, whatever the question carries."""
    unenforceable, indirect = reach({ADDRESS}, ALL_CHANNELS)
    assert set(unenforceable) == set(Channel) - {Channel.DOOR_TO_DOOR, Channel.POST}
    assert indirect == ()


def test_nothing_but_a_name_reaches_no_channel() -> None:
    """A name is not a key."""
    assert reach((), ALL_CHANNELS) == (tuple(Channel), ())


@given(st.sets(st.sampled_from(ContactKind)), st.sets(st.sampled_from(Channel), min_size=1))
def test_every_channel_that_an_opt_out_covers_is_in_reach_indirect_or_out_of_it(
    kinds: set[ContactKind], channels: set[Channel]
) -> None:
    """Each once, none that it does not cover, in the contract's order."""
    unenforceable, indirect = reach(kinds, channel_mask(tuple(channels)))
    assert not set(unenforceable) & set(indirect)
    assert set(unenforceable) | set(indirect) <= channels
    for told in (unenforceable, indirect):
        assert list(told) == sorted(told)
    for channel in channels - set(unenforceable) - set(indirect):
        assert kinds & TARGET_KINDS[channel]


@given(st.sets(st.sampled_from(Channel), min_size=1))
def test_a_channel_set_holds_what_was_put_into_it(channels: set[Channel]) -> None:
    """In the contract's order."""
    assert channels_in(channel_mask(tuple(channels))) == tuple(sorted(channels))


def test_no_channel_named_is_every_channel() -> None:
    """Those of later versions included, so it is no list of the channels of now."""
    assert channel_mask(()) == ALL_CHANNELS
    assert channels_in(ALL_CHANNELS) == tuple(Channel)
    assert ALL_CHANNELS & (1 << 30)
