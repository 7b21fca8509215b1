"""What may be a token in an address or a subject."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.mail.tokens import (
    MOST_IN_SUBJECT,
    tokens_in_address,
    tokens_in_subject,
)
from tests.unit.mail.messages import ADDRESSES, LONG, OTHER, SUBJECTS, TOKEN, WITHOUT_TOKEN

TOKENS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=58, max_size=199)


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS.keys())
def test_token_of_a_subject_is_found_as_mail_programs_write_it(subject: str) -> None:
    assert TOKEN in tokens_in_subject(subject)


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_token_of_an_address_is_found(address: str) -> None:
    assert tokens_in_address(address) == (TOKEN,)


@pytest.mark.parametrize("text", WITHOUT_TOKEN.values(), ids=WITHOUT_TOKEN.keys())
def test_what_is_no_token_is_not_made_one(text: str) -> None:
    assert tokens_in_subject(text) == ()


def test_domain_is_no_place_for_a_token() -> None:
    """Who receives the mail of a domain says nothing about who holds a token."""
    assert tokens_in_address(f"unsubscribe@{TOKEN}.example.com") == ()


@pytest.mark.parametrize("length", [58, 199], ids=["shortest", "longest"])
def test_both_lengths_are_included(length: int) -> None:
    assert tokens_in_subject(LONG[:length]) == (LONG[:length],)


def test_two_tokens_are_both_found_in_order() -> None:
    assert tokens_in_subject(f"{OTHER}, {TOKEN}") == (OTHER, TOKEN)


def test_a_long_token_broken_off_is_read_whole_too() -> None:
    """Its first line alone would pass for a token."""
    assert tokens_in_subject(f"Re: {LONG[:75]}\r\n {LONG[75:]}") == (
        LONG[:75],
        LONG[75:],
        LONG,
    )


def test_readings_of_a_subject_are_bounded() -> None:
    tokens = [f"{letter}{TOKEN}" for letter in "abcdefghijkl"]
    assert tokens_in_subject(", ".join(tokens)) == tuple(tokens[:MOST_IN_SUBJECT])


@given(token=TOKENS, cuts=st.lists(st.integers(1, 58), max_size=3))
def test_folds_never_hide_a_token(token: str, cuts: list[int]) -> None:
    """Wherever they come."""
    cut_at = [0, *sorted(set(cuts)), len(token)]
    pieces = [token[start:end] for start, end in pairwise(cut_at)]
    assert token in tokens_in_subject("unsubscribe " + "\r\n ".join(pieces))


@given(st.text(max_size=300))
def test_any_subject_can_be_read(subject: str) -> None:
    """Whatever it is, there are few readings of it, each of a token's form."""
    found = tokens_in_subject(subject)
    assert len(found) <= MOST_IN_SUBJECT
    assert all(58 <= len(token) <= 199 and token.isascii() for token in found)
