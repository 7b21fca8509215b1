"""Normal form of customer numbers."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.customer_number import (
    MAX_CHARS,
    customer_number_form,
)


@pytest.mark.parametrize(
    "typed, expected",
    [
        pytest.param("FR-00123", "FR-00123", id="already normal"),
        pytest.param(" fr-00123\n", "FR-00123", id="case and space around"),
        pytest.param("FR 00\u00a0123", "FR00123", id="inner space"),
        pytest.param("\uff26\uff32\uff11", "FR1", id="full width"),
        pytest.param("00123", "00123", id="leading zeros stay"),
    ],
)
def test_customer_number_form(typed: str, expected: str) -> None:
    assert customer_number_form(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="empty"),
        pytest.param(" \u200b ", id="nothing visible"),
        pytest.param("12\x0034", id="NUL"),
        pytest.param("12\t34", id="tab"),
        pytest.param("12\ud80034", id="lone surrogate"),
        pytest.param("1" * (MAX_CHARS + 1), id="beyond the bound"),
        pytest.param("\ufdfa" * MAX_CHARS, id="beyond the bound once folded"),
    ],
)
def test_unusable_customer_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        customer_number_form(typed)
    assert refusal.value.field == "customer_number"


@given(st.text(max_size=MAX_CHARS))
@example("a\u00b4b")
@example("\u0149")
def test_customer_number_form_is_idempotent(typed: str) -> None:
    try:
        form = customer_number_form(typed)
    except InvalidContactPoint:
        return
    assert customer_number_form(form) == form
