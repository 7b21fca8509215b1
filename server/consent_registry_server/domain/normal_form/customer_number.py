"""Normal form of a controller's number for a customer."""

from __future__ import annotations

from typing import Final
from unicodedata import normalize

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.text import typed

VERSION: Final[int] = 1
"""Stored with every digest of this form; a change of any output needs a new number."""

MAX_CHARS: Final = 64

_FIELD: Final = "customer_number"


def customer_number_form(number: str) -> str:
    """The number in capitals without any space; leading zeros and hyphens stay. Idempotent.

    Raises:
        InvalidContactPoint: empty, longer than 64 characters, or with control characters.
    """
    text = normalize("NFKC", typed(number, limit=MAX_CHARS, field=_FIELD))
    text = normalize("NFKC", normalize("NFD", text).upper())
    # Normalised once more: without the space before it, a mark joins the letter to its left.
    text = normalize("NFKC", "".join(text.split()))
    if not text:
        raise InvalidContactPoint("is empty", field=_FIELD)
    if len(text) > MAX_CHARS:
        raise InvalidContactPoint("longer than allowed", field=_FIELD)
    return text
