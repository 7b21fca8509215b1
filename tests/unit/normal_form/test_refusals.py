"""What every normaliser promises about input it refuses."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import Handle, PostalAddress
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form import (
    address_form,
    customer_number_form,
    digits_form,
    exact_form,
    handle_form,
    parse_phone,
    phone_of,
)

MARK = "qzx7731"
COUNTRIES = ["FR", "NO", "SE", "FI", "IE", "ES", "IT", "PT", "DE", "RE", ""]

NORMALISERS: dict[str, Callable[[str], object]] = {
    "email": exact_form,
    "email domain": lambda text: exact_form(f"a@{text}"),
    "phone": lambda text: parse_phone(text, ""),
    "phone with region": lambda text: parse_phone(text, "FR"),
    "region": lambda text: parse_phone("0639981234", text),
    "digits": digits_form,
    "platform": lambda text: handle_form(Handle(text, "anna")),
    "handle": lambda text: handle_form(Handle("messenger", text)),
    "WhatsApp": lambda text: handle_form(Handle("whatsapp", text)),
    "phone of a handle": lambda text: phone_of(Handle("whatsapp", text)),
    "customer number": customer_number_form,
    "country": lambda text: address_form(PostalAddress(text, "75011", "", "1 rue X")),
    "postal code": lambda text: address_form(PostalAddress("FR", text, "", "1 rue X")),
    "locality": lambda text: address_form(PostalAddress("IE", "", text, "1 Main Street")),
    "street": lambda text: address_form(PostalAddress("FR", "75011", "", text)),
    "unit": lambda text: address_form(PostalAddress("FR", "75011", "", "1 rue X", text)),
}
EVERY_NORMALISER = pytest.mark.parametrize(
    "normalise", [pytest.param(function, id=name) for name, function in NORMALISERS.items()]
)
SHREDS = st.lists(
    st.sampled_from(
        [
            "12", " ", ",", "-", "/", "bis", "b", "apt", "n°", "rue", "de", "mai", "º", "+", "00",
            "@", ".", "tel:", "ext", "(0)", "h0201", "lgh", "as", "é", "\u0345", "ﷺ", "٣", "\u200b",
        ]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@EVERY_NORMALISER
@given(text=st.text(max_size=80) | SHREDS)
def test_only_invalid_contact_point_is_raised(
    normalise: Callable[[str], object], text: str
) -> None:
    try:
        normalise(text)
    except InvalidContactPoint:
        return


@given(country=st.sampled_from(COUNTRIES), street=SHREDS, unit=SHREDS, locality=SHREDS)
def test_addresses_of_every_country_raise_only_invalid_contact_point(
    country: str, street: str, unit: str, locality: str
) -> None:
    try:
        address_form(PostalAddress(country, "12345", locality, street, unit))
    except InvalidContactPoint:
        return


@EVERY_NORMALISER
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{MARK}\x00", id="NUL"),
        pytest.param(f"{MARK}\x1b[31m", id="escape"),
        pytest.param(f"{MARK}\x85{MARK}", id="C1 control"),
        pytest.param(f"{MARK}\u2028{MARK}", id="line separator"),
        pytest.param(f"{MARK}\udfff", id="lone surrogate"),
        pytest.param(MARK * 200, id="too long"),
    ],
)
def test_refusal_tells_the_field_and_nothing_of_the_value(
    normalise: Callable[[str], object], text: str
) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        normalise(text)
    told = "".join(traceback.format_exception(refusal.value)[-1:]) + repr(refusal.value.args)
    assert MARK not in told
    assert refusal.value.field
    assert refusal.value.__context__ is None, "a context may quote the value"


@pytest.mark.parametrize(
    "normalise, text",
    [
        pytest.param(exact_form, f"a@{MARK}é♥.example", id="domain that idna quotes"),
        pytest.param(exact_form, f"a@xn--{MARK}é.example", id="label that idna quotes"),
        pytest.param(NORMALISERS["phone"], "+999 7731 7731", id="unassigned code"),
        pytest.param(NORMALISERS["street"], "()", id="no street"),
    ],
)
def test_library_errors_do_not_travel_with_the_refusal(
    normalise: Callable[[str], object], text: str
) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        normalise(text)
    assert refusal.value.__context__ is None
    assert refusal.value.__cause__ is None
    assert MARK not in str(refusal.value)
    assert "7731" not in str(refusal.value)


@pytest.mark.parametrize(
    "normalise",
    [
        pytest.param(function, id=name)
        for name, function in NORMALISERS.items()
        if name != "email domain"  # puts the text into another before it is passed on
    ],
)
def test_megabytes_are_refused_by_their_length_alone(normalise: Callable[[str], object]) -> None:
    class Untouchable(str):
        """A text whose content nobody may look at."""

        __slots__ = ()

        def _refuse(self, *_: object) -> str:
            pytest.fail("looked at the content of a text that is too long")

        strip = lower = upper = casefold = encode = translate = replace = _refuse  # type: ignore[assignment]
        isascii = __iter__ = __getitem__ = _refuse  # type: ignore[assignment]

    with pytest.raises(InvalidContactPoint):
        normalise(Untouchable("1" * 1_000_000))
