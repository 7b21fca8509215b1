"""Normal form of accounts at messaging platforms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import Handle
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.handle import (
    MAX_HANDLE_CHARS,
    MAX_PLATFORM_CHARS,
    handle_form,
    phone_of,
)


@pytest.mark.parametrize(
    "platform, handle, expected",
    [
        pytest.param("messenger", "anna.berg", "messenger:anna.berg", id="already normal"),
        pytest.param("Messenger ", " @Anna.Berg", "messenger:anna.berg", id="case, space and at"),
        pytest.param("Face-Book Messenger", "@ anna", "facebookmessenger:anna", id="punctuation"),
        pytest.param("messenger", "\uff21nna", "messenger:anna", id="full width"),
        pytest.param("messenger", "Anna   Berg", "messenger:anna berg", id="inner space"),
        pytest.param("WhatsApp", "+33 6 39 98 12 34", "whatsapp:+33639981234", id="number"),
        pytest.param("whatsapp", "0033639981234", "whatsapp:+33639981234", id="number after 00"),
        pytest.param("whatsapp", "33639981234", "whatsapp:+33639981234", id="platform's own form"),
        pytest.param("whatsapp", "33639981234@s.whatsapp.net", "whatsapp:+33639981234", id="JID"),
        pytest.param("whatsapp", "0639981234", "whatsapp:0639981234", id="national number"),
        pytest.param("messenger", "+33639981234", "messenger:+33639981234", id="other platform"),
        pytest.param("messenger", "33639981234", "messenger:33639981234", id="account number"),
    ],
)
def test_handle_form(platform: str, handle: str, expected: str) -> None:
    assert handle_form(Handle(platform, handle)) == expected


@pytest.mark.parametrize(
    "platform, handle, field",
    [
        pytest.param("", "anna", "handle.platform", id="no platform"),
        pytest.param(":", "anna", "handle.platform", id="platform of punctuation"),
        pytest.param("messenger", "", "handle.handle", id="no handle"),
        pytest.param("messenger", " @ ", "handle.handle", id="at sign alone"),
        pytest.param("messen\x00ger", "anna", "handle.platform", id="NUL in the platform"),
        pytest.param("messenger", "an\x00na", "handle.handle", id="NUL in the handle"),
        pytest.param("whatsapp", "+336399812\x0034", "handle.handle", id="NUL in a number"),
        pytest.param("m" * (MAX_PLATFORM_CHARS + 1), "anna", "handle.platform", id="long platform"),
        pytest.param("messenger", "a" * (MAX_HANDLE_CHARS + 1), "handle.handle", id="long handle"),
        pytest.param("whatsapp", "3" * 10_000, "handle.handle", id="long number"),
    ],
)
def test_unusable_handle_is_refused(platform: str, handle: str, field: str) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        handle_form(Handle(platform, handle))
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "platform, handle, expected",
    [
        pytest.param("WhatsApp", "33639981234", "+33639981234", id="number"),
        pytest.param("WhatsApp", "anna", "", id="name"),
        pytest.param("messenger", "+33639981234", "", id="other platform"),
    ],
)
def test_phone_of_a_handle(platform: str, handle: str, expected: str) -> None:
    assert phone_of(Handle(platform, handle)) == expected


@given(st.sampled_from(["WhatsApp", "messenger"]), st.text(max_size=30))
def test_handle_form_is_idempotent(platform: str, handle: str) -> None:
    try:
        form = handle_form(Handle(platform, handle))
    except InvalidContactPoint:
        return
    assert handle_form(Handle(*form.split(":", maxsplit=1))) == form
