"""Unsubscribe tokens: what was put in comes out, and nothing else is ever accepted."""

from __future__ import annotations

import base64
import random
import string
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import Channel, LinkId, PurposeId
from consent_registry_server.service.unsubscribe_tokens import (
    LONGEST,
    Token,
    UnsubscribeTokens,
    check_campaign,
)
from consent_registry_server.storage.keyring import Keyring
from tests.fakes.ambience import HashDigester

ALPHABET: Final = frozenset(string.ascii_lowercase + "234567")
PURPOSE: Final = PurposeId("direct_marketing.newsletter")
TOKENS: Final = UnsubscribeTokens(HashDigester())
SPRING: Final = Token(LinkId(UUID(int=7)), Channel.EMAIL, PURPOSE, "spring-2026")
AUTUMN: Final = Token(LinkId(UUID(int=8)), Channel.SMS, PURPOSE, "autumn-2026")
REFUSAL: Final = "not a token that this registry issued"

purposes = st.from_regex(r"[a-z_]{1,20}(\.[a-z_]{1,20})?", fullmatch=True).map(PurposeId)
campaigns = st.from_regex(r"[A-Za-z0-9._-]{0,40}", fullmatch=True)
tokens = st.builds(Token, st.uuids().map(LinkId), st.sampled_from(Channel), purposes, campaigns)


def refused(text: str) -> bool:
    """Whether a text is no token, for the one reason that there is."""
    try:
        TOKENS.read(text)
    except InvalidRequest as error:
        said = (error.reason, error.field, error.message)
        return said == ("INVALID_UNSUBSCRIBE_TOKEN", "token", REFUSAL)
    return False


@given(token=tokens)
def test_what_was_put_in_comes_out(token: Token) -> None:
    """From the very text and from one whose case a mail program changed."""
    text = TOKENS.text(token)
    assert TOKENS.read(text) == token
    assert TOKENS.read(text.upper()) == token
    assert TOKENS.read(text.swapcase().title()) == token


@given(token=tokens)
def test_a_token_fits_into_every_address(token: Token) -> None:
    """Of one alphabet without punctuation, and shorter than two hundred characters."""
    text = TOKENS.text(token)
    assert set(text) <= ALPHABET
    assert 58 <= len(text) <= LONGEST < 200


def test_the_longest_token_is_shorter_than_two_hundred_characters() -> None:
    """With as long a purpose as a campaign of forty characters leaves room for."""
    campaign = "c" * 40
    longest = PurposeId("p" * 49)
    check_campaign(campaign, longest)
    assert len(TOKENS.text(Token(SPRING.link_id, Channel.EMAIL, longest, campaign))) == LONGEST
    with pytest.raises(InvalidRequest) as refusal:
        check_campaign(campaign, PurposeId("p" * 50))
    assert refusal.value.reason == "TOO_LONG"
    check_campaign(campaign[:-1], PurposeId("p" * 50))


def test_a_token_is_the_same_every_time() -> None:
    """A message that is sent again carries the same link."""
    assert TOKENS.text(SPRING) == UnsubscribeTokens(HashDigester()).text(SPRING)


CAMPAIGNS = {
    "empty": ("", None),
    "all that is allowed": ("Spring_2026.v-1", None),
    "forty characters": ("c" * 40, None),
    "forty-one characters": ("c" * 41, "INVALID_FIELD"),
    "a space": ("spring 2026", "INVALID_FIELD"),
    "an address": ("camille@example.com", "INVALID_FIELD"),
    "a number of another script": ("٢٠٢٦", "INVALID_FIELD"),
    "an accent": ("été", "INVALID_FIELD"),
    "a line's end": ("spring\n", "INVALID_FIELD"),
    "a slash": ("spring/2026", "INVALID_FIELD"),
}


@pytest.mark.parametrize("campaign, reason", CAMPAIGNS.values(), ids=CAMPAIGNS)
def test_a_campaign_is_a_short_name(campaign: str, reason: str | None) -> None:
    """It can be read in the token: nothing that tells a person, and nothing that breaks it."""
    if reason is None:
        check_campaign(campaign, PURPOSE)
        return
    with pytest.raises(InvalidRequest) as refusal:
        check_campaign(campaign, PURPOSE)
    assert (refusal.value.reason, refusal.value.field) == (reason, "campaign")
    assert campaign not in str(refusal.value)


# Nothing else is accepted.


def test_no_single_character_may_differ() -> None:
    """Not even the last, some bits of which encode nothing."""
    text = TOKENS.text(SPRING)
    altered = [
        text[:place] + other + text[place + 1 :]
        for place in range(len(text))
        for other in (*sorted(ALPHABET), "0", "1", "8", "9", "=", "-", " ", "%", "é", "\u212a")
        if other != text[place]
    ]
    assert len(altered) > 3_000
    assert all(map(refused, altered))


def test_no_character_may_be_missing_or_added() -> None:
    """At the end, at the start, or anywhere else."""
    text = TOKENS.text(SPRING)
    shorter = [text[:end] for end in range(len(text))] + [text[start:] for start in range(1, 9)]
    shorter += [text[:place] + text[place + 1 :] for place in range(len(text))]
    longer = [f"{text}{more}" for more in ("a", "a" * 8, "=", "======", "\n", " ", ".", ">", text)]
    longer += [f"{more}{text}" for more in ("a", "<", " ", "\n", "=")]
    assert all(map(refused, shorter + longer))


@pytest.mark.parametrize("last", [SPRING, AUTUMN], ids=["spring", "autumn"])
def test_a_token_has_one_text(last: Token) -> None:
    """Base32 that decodes to the same octets is another text, and none of ours."""
    for campaign in ("", "a", "ab", "abc", "abcd"):
        text = TOKENS.text(Token(last.link_id, last.channel, last.purpose, campaign))
        octets = _octets(text)
        same = [
            text[:-1] + other
            for other in sorted(ALPHABET - {text[-1]})
            if _octets(text[:-1] + other) == octets
        ]
        padded = text + "=" * (-len(text) % 8)
        assert all(map(refused, same))
        assert padded == text or refused(padded)


def test_case_folds_in_ascii_only() -> None:
    """The Turkish dotless i and the Kelvin sign become ASCII letters elsewhere."""
    text = TOKENS.text(SPRING)
    for letter, other in (("i", "\u0131"), ("k", "\u212a"), ("s", "\u017f")):
        for place in (place for place, each in enumerate(text) if each == letter):
            assert refused(text[:place] + other + text[place + 1 :])
    assert {"i", "k", "s"} & set(text)


def test_no_part_of_one_token_fits_another() -> None:
    """Octet by octet: the id of one, the campaign of the other, the digest of either."""
    one, other = (_octets(TOKENS.text(each)) for each in (SPRING, AUTUMN))
    assert len(one) == len(other)
    for start in range(len(one)):
        for end in range(start + 1, len(one) + 1):
            mixed = one[:start] + other[start:end] + one[end:]
            assert mixed in (one, other) or refused(_text(mixed))


def test_where_the_purpose_ends_is_signed() -> None:
    """The same characters, cut elsewhere, are another token."""
    cut = Token(SPRING.link_id, SPRING.channel, PurposeId("direct"), "x")
    moved = Token(SPRING.link_id, SPRING.channel, PurposeId("directx"), "")
    octets = bytearray(_octets(TOKENS.text(cut)))
    assert TOKENS.text(cut) != TOKENS.text(moved)
    octets[2] += 1
    assert refused(_text(bytes(octets)))


def test_ten_thousand_forged_tokens_are_refused() -> None:
    """Well-formed ones with a digest that somebody made up, and altered ones."""
    chance = random.Random(11)  # noqa: S311 - the same forgeries in every run
    genuine = _octets(TOKENS.text(SPRING))
    for _ in range(5_000):
        content, digest = genuine[:-16], genuine[-16:]
        altered = bytearray(content)
        altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(8)
        assert refused(_text(bytes(altered) + digest))
        assert refused(_text(content + chance.randbytes(16)))


@given(text=st.text(max_size=250) | st.text(sorted(ALPHABET), min_size=60, max_size=199))
def test_whatever_is_no_token_is_refused_for_one_reason(text: str) -> None:
    """However it looks; nothing of it is said back."""
    assert refused(text)


def test_a_token_of_another_registry_is_none() -> None:
    """It was signed with other keys."""
    text = UnsubscribeTokens(Keyring.generate()).text(SPRING)
    assert refused(text)
    with pytest.raises(InvalidRequest):
        UnsubscribeTokens(Keyring.generate()).read(text)


def test_a_token_shows_neither_its_link_nor_a_secret_in_a_log() -> None:
    """The link's id alone would tell two messages to one person."""
    assert str(SPRING.link_id) not in repr(SPRING)


def _octets(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def _text(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=").lower()
