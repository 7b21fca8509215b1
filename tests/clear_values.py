"""Searches stored bytes for values that must not be there, in any encoding of them."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_BASE64_SHIFTS = range(3)


def find_clear_values(content: bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets that occur in the content, each with the encoding it was found in."""
    return [
        f"{secret!r} as {name}"
        for secret in secrets
        for name, encoded in encodings(secret)
        if encoded in content
    ]


def encodings(secret: str) -> Iterator[tuple[str, bytes]]:
    """What a value looks like in the usual encodings, digests without a key included."""
    for spelling in sorted(_spellings(secret)):
        for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
            yield from _wrapped(name, spelling.encode(name))
        yield "json", json.dumps(spelling).strip('"').encode()
        yield "url", quote(spelling, safe="").encode()
        yield "form", quote(spelling, safe=" ").replace(" ", "+").encode()
        for algorithm in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            digest = hashlib.new(algorithm, spelling.encode()).digest()[:16]
            yield algorithm, digest
            yield f"{algorithm} hex", digest.hex().encode()


def _spellings(secret: str) -> set[str]:
    compact = "".join(secret.split())
    spellings = {secret, compact}
    spellings |= {spelling.casefold() for spelling in spellings}
    spellings |= {spelling.upper() for spelling in spellings}
    spellings |= {unicodedata.normalize("NFD", spelling) for spelling in spellings}
    return spellings | {spelling[::-1] for spelling in spellings}


def _wrapped(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    yield f"{name} hex", content.hex().encode()
    yield f"{name} HEX", content.hex().upper().encode()
    for shift in _BASE64_SHIFTS:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield f"{name} base64", _inner_base64(encode(b"\0" * shift + content), shift, content)


def _inner_base64(encoded: bytes, shift: int, content: bytes) -> bytes:
    """The characters that depend on the content alone, wherever in a text it stands."""
    start = -(-shift * 8 // 6)
    end = (shift + len(content)) * 8 // 6
    return encoded[start:end]
