"""Texts that look like a link's token and are none: altered, cut, put together, and made up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import random
import string
from collections.abc import Iterator, Sequence
from typing import Final

ALPHABET: Final = string.ascii_lowercase + "234567"

_MAC_OCTETS: Final = 16
_ID: Final = slice(3, 19)


def forged(tokens: Sequence[str], count: int) -> list[str]:
    """So many different ones, nearly all of them made from the tokens; never one of these."""
    genuine = {token.lower() for token in tokens}
    candidates = itertools.chain(
        *map(_altered, tokens[:1]),
        *map(_cut, tokens),
        _put_together(tokens),
        *map(_signed_by_others, tokens),
        *map(_dressed, tokens),
        _made_up(tokens[0]),
    )
    different = dict.fromkeys(each for each in candidates if each and each.lower() not in genuine)
    assert len(different) >= count
    return list(different)[:count]


def _altered(token: str) -> Iterator[str]:
    """Each character another one, and each two of them in each other's place."""
    for place, letter in itertools.product(range(len(token)), ALPHABET):
        yield token[:place] + letter + token[place + 1 :]
    for one, other in itertools.combinations(range(len(token)), 2):
        letters = list(token)
        letters[one], letters[other] = letters[other], letters[one]
        yield "".join(letters)


def _cut(token: str) -> Iterator[str]:
    """As mail programs and careless copying leave them."""
    for place in range(1, len(token)):
        yield token[:place]
        yield token[place:]
        yield token[: place - 1] + token[place:]


def _put_together(tokens: Sequence[str]) -> Iterator[str]:
    """The head of one and the tail of another, at every place."""
    for one, other in itertools.permutations(tokens, 2):
        for place in range(1, len(one)):
            yield one[:place] + other[place:]


def _signed_by_others(token: str) -> Iterator[str]:
    """Other contents under the same digest, and the same under digests of other keys."""
    octets = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    content, mac = octets[:-_MAC_OCTETS], octets[-_MAC_OCTETS:]
    for channel in range(256):
        yield _text(content[:1] + bytes([channel]) + content[2:] + mac)
    for kept in (b"\0", b"\xff", b"\2", b""):
        yield _text(kept + content[1:] + mac)
    yield _text(content[: _ID.start] + bytes(16) + content[_ID.stop :] + mac)
    for campaign in (b"", b"spring", b"autumn-2", b"x" * 40):
        yield _text(content[: -len(b"autumn")] + campaign + mac)
    for length in range(_MAC_OCTETS):
        yield _text(content + mac[:length])
    for key in (b"", b"\0", b"secret", content, mac):
        for algorithm in ("sha256", "sha1", "blake2b"):
            digest = hmac.new(key, content, algorithm).digest()
            yield _text(content + digest[:_MAC_OCTETS])
            yield _text(content + digest)
        yield _text(content + hashlib.sha256(key + content).digest()[:_MAC_OCTETS])
    yield _text(content + bytes(_MAC_OCTETS))
    yield _text(content)
    yield _text(mac)
    yield _text(mac + content)


def _dressed(token: str) -> Iterator[str]:
    """With what is not part of it, or in other alphabets."""
    for more in (
        *ALPHABET,
        *string.digits,
        *"=.,;:!?)>]}\"'-_~+*@$ ",
        "%20",
        "====",
        "é",
        "\u200b",
    ):
        yield token + more
        yield more + token
    for place in range(1, len(token)):
        yield token[:place] + "1" + token[place + 1 :]
        yield token[:place] + "ı" + token[place + 1 :]
    yield token * 2
    yield token[::-1]
    yield token.encode().hex()
    yield base64.b64encode(token.encode()).decode()
    yield token.translate(str.maketrans("abcdefghij", "ａｂｃｄｅｆｇｈｉｊ"))


def _made_up(token: str) -> Iterator[str]:
    """Of all lengths."""
    chance = random.Random(58)  # noqa: S311 - the same in every run
    for length in range(1, 400):
        yield "".join(chance.choices(ALPHABET, k=length))
    for _ in range(2_500):
        yield token[:32] + "".join(chance.choices(ALPHABET, k=len(token) - 32))


def _text(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=").lower()
