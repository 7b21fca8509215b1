"""The fast path of `parse_phone` gives what `phonenumbers` gives."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form import phone
from consent_registry_server.domain.normal_form.phone import (
    PhoneForm,
    parse_phone,
    parse_phone_slow,
)

CODES = ["33", "47", "46", "358", "353", "34", "39", "351"]
REGIONS = st.sampled_from(["", "FR", "NO", "SE", "FI", "IE", "ES", "IT", "PT", "RE", "fr", "US"])
SEPARATORS = st.sampled_from(["", "", "", " ", ".", "-", "  ", " - ", "/", "(", ")"])


def outcome(number: str, region: str, *, slow: bool) -> PhoneForm | str:
    parse = parse_phone_slow if slow else parse_phone
    try:
        return parse(number, region)
    except InvalidContactPoint as refusal:
        return f"{refusal.field}: {refusal.message}"


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Numbers of the eight countries, and near misses, as people and machines write them."""
    start = draw(
        st.sampled_from([f"+{code}" for code in CODES])
        | st.sampled_from(["0", "00", "0033", "+0033", "+", "33", "++33", "-+33", "+33 (0)"])
    )
    hints = ["", "0", "00", "6", "639", "63998", "692", "79", "18", "0669", "06698", "7"]
    digits = draw(st.sampled_from(hints)) + draw(st.text("0123456789", max_size=11))
    return start + "".join(draw(SEPARATORS) + digit for digit in digits) + draw(SEPARATORS)


@settings(max_examples=1000, deadline=None)
@given(spellings(), REGIONS)
@example("06 39 98 12 34", "FR")
@example("+4779123456", "")
@example("+35818123456", "")
@example("+390669812345", "")
@example("+33692123456", "")
@example("0692123456", "FR")
@example("+33639981234", "FRA")
@example("+33639981²34", "")
def test_fast_path_equals_slow_path(number: str, region: str) -> None:
    assert outcome(number, region, slow=False) == outcome(number, region, slow=True)


@pytest.mark.parametrize("code", CODES)
def test_fast_path_equals_slow_path_at_every_start_and_length(code: str) -> None:
    different = [
        number
        for start in range(100)
        for length in range(4, 14)
        for number in (f"+{code}{start:02}{'1234567890123'[: length - 2]}",)
        if outcome(number, "", slow=False) != outcome(number, "", slow=True)
    ]
    assert different == []


@pytest.mark.parametrize(
    "number, region",
    [
        pytest.param("+33639981234", "", id="FR"),
        pytest.param("+33 6 39 98 12 34", "FR", id="FR spaced"),
        pytest.param("06 39 98 12 34", "FR", id="FR national, spaces"),
        pytest.param("06.39.98.12.34", "FR", id="FR national, dots"),
        pytest.param("06-39-98-12-34", "FR", id="FR national, hyphens"),
        pytest.param("+4740612345", "", id="NO"),
        pytest.param("+46701234567", "", id="SE"),
        pytest.param("+358401234567", "", id="FI"),
        pytest.param("+353871234567", "", id="IE"),
        pytest.param("+34612345678", "", id="ES"),
        pytest.param("+390612345678", "", id="IT landline"),
        pytest.param("+393471234567", "", id="IT mobile"),
        pytest.param("+351912345678", "", id="PT"),
    ],
)
def test_common_spellings_take_the_fast_path(
    number: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = parse_phone_slow(number, region)
    monkeypatch.delattr(phone, "parse_phone_slow")
    assert parse_phone(number, region) == expected
