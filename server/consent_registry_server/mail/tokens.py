"""Finds what may be tokens in an address or a subject; only the registry tells whether they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from consent_registry_server.mail.header import decoded

MOST_IN_SUBJECT: Final = 8
"""How many readings of one subject are tried, the likeliest first."""

_LONGEST_SUBJECT: Final = 2_000
_SHORTEST: Final = 58
_LONGEST: Final = 199
# Letters of both cases are spelt out: ignoring case would let letters of other alphabets in.
_TOKEN: Final = re.compile(rf"(?<![^\W_])[A-Za-z2-7]{{{_SHORTEST},{_LONGEST}}}(?![^\W_])")
_PIECE: Final = re.compile(r"[A-Za-z2-7]+")
_FOLD: Final = re.compile(r"[\r\n]+[ \t]+")
_KEYWORD: Final = "unsubscribe"


def is_token(text: str) -> bool:
    """Whether a text is a token in form, and nothing besides."""
    return _TOKEN.fullmatch(text.strip()) is not None


def tokens_in_address(address: str) -> tuple[str, ...]:
    """The tokens in the local part of an address, whatever stands around them, in lower case."""
    local_part, at, _ = address.rpartition("@")
    return _distinct(_tokens(local_part if at else address))


def tokens_in_subject(subject: str) -> tuple[str, ...]:
    """The tokens that a subject may mean, in lower case; `subject` is as received, folds included.

    A token is longer than the line that some programs write. Where it was broken, what stands on
    both sides is read as one as well; the wrong reading is no valid token.
    """
    if len(subject) > _LONGEST_SUBJECT:
        return ()
    return _distinct(_readings(subject))[:MOST_IN_SUBJECT]


def _readings(subject: str) -> Iterator[str]:
    unfolded = decoded(subject)
    yield from _tokens(unfolded)
    yield from _tokens(decoded(_FOLD.sub("", subject)))
    yield from _rejoined(unfolded)


def _tokens(text: str) -> list[str]:
    # Some mail programs take the `%20` of a mailto address into the subject as it is.
    return _TOKEN.findall(unquote(text))


def _rejoined(text: str) -> Iterator[str]:
    """Tokens of which the pieces stand apart, as where a gateway made a space of a fold."""
    pieces: list[str] = []
    for word in [*text.split(), ""]:
        if _PIECE.fullmatch(word):
            if word.lower() != _KEYWORD:
                pieces.append(word)
            continue
        if len(pieces) > 1 and _SHORTEST <= sum(map(len, pieces)) <= _LONGEST:
            yield "".join(pieces)
        pieces = []


def _distinct(tokens: Iterator[str] | list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(token.lower() for token in tokens))
