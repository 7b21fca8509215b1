"""What every normaliser does first: bound the text, refuse control characters, fold case.

The bound is checked before anything else looks at the text, so that a megabyte costs no more
than its length. No error carries the text, nor the exception that quoted it.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import category, combining, decimal, normalize

from consent_registry_server.domain.errors import InvalidContactPoint

# Controls, line and paragraph separators, and lone surrogates (no UTF-8 exists for those).
_FORBIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Phone books and web pages paste these around numbers and addresses; nobody sees or types them.
# The two joiners U+200C and U+200D stay: they are letters' business in several scripts.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
# What Unicode's decomposition leaves alone: ligatures and strokes, and the many apostrophes,
# hyphens and signs of ordinals that stand for the same mark on an envelope.
_LETTERS: Final = str.maketrans(
    {
        **dict.fromkeys("œŒ", "oe"),
        **dict.fromkeys("æÆ", "ae"),
        **dict.fromkeys("øØ", "o"),
        **dict.fromkeys("łŁ", "l"),
        **dict.fromkeys("đĐðÐ", "d"),
        **dict.fromkeys("þÞ", "th"),
        **dict.fromkeys("\u0131", "i"),
        **dict.fromkeys("\u2018\u2019\u02bc\u00b4\u0060\uff07", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2044", "/"),
        **dict.fromkeys("\u00ba\u00aa\u00b0", " "),
        **dict.fromkeys("\u2116", "n "),
    }
)


def typed(text: str, *, limit: int, field: str) -> str:
    """The text without surrounding space and invisible characters.

    `limit` counts characters, the surrounding space included.

    Raises:
        InvalidContactPoint: the text is longer than `limit` or holds control characters.
    """
    if len(text) > limit:
        raise InvalidContactPoint("longer than allowed", field=field)
    text = text.strip()
    if text.isascii() and text.isprintable():
        return text
    if _FORBIDDEN.search(text):
        raise InvalidContactPoint("contains control characters", field=field)
    return _INVISIBLE.sub("", text).strip()


def caseless(text: str) -> str:
    """The text for canonical caseless matching (Unicode D145), composed; idempotent."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFD", text).casefold())


def compatibility_caseless(text: str) -> str:
    """As `caseless`, width and presentation forms folded too (Unicode D146); idempotent."""
    if text.isascii():
        return text.lower()
    once = normalize("NFKD", normalize("NFD", text).casefold()).casefold()
    return normalize("NFKC", once)


def ascii_digits(text: str) -> str:
    """The text with the decimal digits of every script as 0-9."""
    if text.isascii():
        return text
    return "".join(str(decimal(char)) if category(char) == "Nd" else char for char in text)


def base_letters(text: str) -> str:
    """The text in lower case without accents or ligatures, its digits as 0-9."""
    if text.isascii():
        return text.lower()
    folded = normalize("NFKD", normalize("NFKD", text.translate(_LETTERS)).casefold())
    bare = "".join(char for char in folded if not combining(char))
    return ascii_digits(bare.translate(_LETTERS))
