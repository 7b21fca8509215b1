"""The search that other tests rely on finds what it is to find."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import quote

import pytest

from tests.clear_values import find_clear_values

SECRET = "Camille Désirée"


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(SECRET.encode(), id="utf-8"),
        pytest.param(SECRET.encode("utf-16-le"), id="utf-16"),
        pytest.param(SECRET.upper().encode(), id="upper-case"),
        pytest.param(SECRET[::-1].encode(), id="reversed"),
        pytest.param(SECRET.encode().hex().encode(), id="hex"),
        pytest.param(base64.b64encode(b"{" + SECRET.encode() + b"}"), id="base64-shifted"),
        pytest.param(base64.b64encode(SECRET.encode()), id="base64"),
        pytest.param(quote(SECRET).encode(), id="url"),
        pytest.param(b'"Camille D\\u00e9sir\\u00e9e"', id="json"),
        pytest.param(hashlib.sha256(SECRET.encode()).digest(), id="digest-without-key"),
    ],
)
def test_a_value_is_found_in_any_encoding(stored: bytes) -> None:
    assert find_clear_values(b"before" + stored + b"after", [SECRET])


def test_what_is_not_there_is_not_found() -> None:
    assert find_clear_values(b"nothing of the kind", [SECRET]) == []
