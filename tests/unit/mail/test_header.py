"""Reading the header of a message, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.mail.header import (
    LONGEST_OCTETS,
    MOST_FIELDS,
    UnreadableHeader,
    decoded,
    read_header,
)


def test_fields_are_as_received_and_names_in_any_case() -> None:
    header = read_header(b"SUBJECT: a\r\n b\r\nReceived: 1\r\nreceived: 2\r\n\r\nSubject: body\r\n")
    assert header.values("subject") == ("a\r\n b",)
    assert header.values("received") == ("1", "2")
    assert header.values("to") == ()


@pytest.mark.parametrize(
    "value, word",
    [
        ("multipart/report; boundary=x", "multipart/report"),
        ("Multipart/Report", "multipart/report"),
        (" auto-replied (on holiday)", "auto-replied"),
        ("", ""),
    ],
    ids=["parameters", "capitals", "comment", "empty"],
)
def test_word_of_a_field_is_what_it_says_before_its_details(value: str, word: str) -> None:
    assert read_header(f"X: {value}\r\n\r\n".encode()).word("x") == word


def test_body_is_never_read() -> None:
    """However long it is."""
    header = read_header(b"Subject: a\r\n\r\n" + b"To: b\r\n" * LONGEST_OCTETS)
    assert list(header.fields) == ["subject"]


@pytest.mark.parametrize(
    "message",
    [b"X: a\r\n" * LONGEST_OCTETS, b"X: a\r\n" * (MOST_FIELDS + 1) + b"\r\n"],
    ids=["octets", "fields"],
)
def test_header_beyond_the_bounds_is_not_read(message: bytes) -> None:
    with pytest.raises(UnreadableHeader):
        read_header(message)


@given(st.binary(max_size=400))
def test_any_octets_are_read_or_refused(message: bytes) -> None:
    """By no other error."""
    try:
        header = read_header(message)
    except UnreadableHeader:
        return
    for name in header.fields:
        header.word(name)
        decoded("".join(header.values(name)))
