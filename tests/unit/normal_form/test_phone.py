"""Normal form of phone numbers: spellings, refusals, countries, line types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.phone import (
    MAX_CHARS,
    digits_form,
    line_type,
    parse_phone,
)
from consent_registry_server.domain.policy import LineType


@pytest.mark.parametrize(
    "typed, region",
    [
        pytest.param("+33639981234", "", id="E.164"),
        pytest.param("+33 6 39 98 12 34", "", id="spaces"),
        pytest.param("+33.6.39.98.12.34", "", id="dots"),
        pytest.param("+33-6-39-98-12-34", "", id="hyphens"),
        pytest.param("+33 6/39/98/12/34", "", id="slashes"),
        pytest.param("+33 6\u00a039\u00a098\u202f12\u200934", "", id="no-break and thin spaces"),
        pytest.param("+33 6\u201139\u201398\u221212 34", "", id="typographic hyphens"),
        pytest.param("+33 (0)6 39 98 12 34", "", id="trunk zero in parentheses"),
        pytest.param("+33 06 39 98 12 34", "", id="trunk zero"),
        pytest.param("(+33) 6 39 98 12 34", "", id="code in parentheses"),
        pytest.param("0033 6 39 98 12 34", "", id="00 without a region"),
        pytest.param("0033 6 39 98 12 34", "FR", id="00 with its region"),
        pytest.param("0033639981234", "SE", id="00 from another country"),
        pytest.param("+0033639981234", "", id="plus and 00"),
        pytest.param("06 39 98 12 34", "FR", id="national"),
        pytest.param("0639981234", "fr", id="region in lower case"),
        pytest.param("06.39.98.12.34", "FR", id="national with dots"),
        pytest.param("06-39-98-12-34", "FR", id="national with hyphens"),
        pytest.param("33639981234", "FR", id="code without plus"),
        pytest.param("tel:+33-6-39-98-12-34", "", id="tel URI"),
        pytest.param("tel:+33639981234;ext=12", "", id="tel URI with extension"),
        pytest.param("Tél. : 06 39 98 12 34", "FR", id="label"),
        pytest.param("06 39 98 12 34 poste 12", "FR", id="extension in French"),
        pytest.param("+33 6 39 98 12 34 ext. 12", "", id="extension in English"),
        pytest.param("+33 6 39 98 12 34 x12", "", id="extension after x"),
        pytest.param("+33 6 39 98 12 34 #12", "", id="extension after a hash"),
        pytest.param("\uff0b\uff13\uff13\uff16\uff13\uff19\uff19\uff18\uff11\uff12\uff13\uff14", "",
                     id="full width"),
        pytest.param("٠٦٣٩٩٨١٢٣٤", "FR", id="Arabic digits"),
        pytest.param("\u202a+33 6 39 98 12 34\u202c", "", id="direction marks of a phone book"),
        pytest.param(" +33 6 39 98 12 34\r\n", "", id="space around"),
    ],
)  # fmt: skip
def test_spellings_of_one_number_are_equal(typed: str, region: str) -> None:
    form = parse_phone(typed, region)
    assert (form.e164, form.country) == ("+33639981234", "FR")


@pytest.mark.parametrize(
    "typed, region, e164, country",
    [
        pytest.param("01 99 00 12 34", "FR", "+33199001234", "FR", id="FR landline"),
        pytest.param("06 1234 5678", "IT", "+390612345678", "IT", id="IT keeps its zero"),
        pytest.param("+39 (0)6 1234 5678", "", "+390612345678", "IT", id="IT zero in parentheses"),
        pytest.param("347 123 4567", "IT", "+393471234567", "IT", id="IT mobile has no zero"),
        pytest.param("+39 06 698 12345", "", "+390669812345", "VA", id="Vatican shares +39"),
        pytest.param("40 61 23 45", "NO", "+4740612345", "NO", id="NO has no trunk prefix"),
        pytest.param("+47 (0)40 61 23 45", "", "+4740612345", "NO", id="NO zero all the same"),
        pytest.param("+47 79 02 12 34", "", "+4779021234", "SJ", id="Svalbard shares +47"),
        pytest.param("070-123 45 67", "SE", "+46701234567", "SE", id="SE"),
        pytest.param("+46 (0)70-123 45 67", "", "+46701234567", "SE", id="SE trunk zero"),
        pytest.param("+46 0 070-123 45 67", "", "+46701234567", "SE", id="trunk zero twice"),
        pytest.param("040 1234567", "FI", "+358401234567", "FI", id="FI"),
        pytest.param("+358 18 12345", "", "+3581812345", "AX", id="Åland shares +358"),
        pytest.param("087 123 4567", "IE", "+353871234567", "IE", id="IE"),
        pytest.param("612 34 56 78", "ES", "+34612345678", "ES", id="ES"),
        pytest.param("912 345 678", "PT", "+351912345678", "PT", id="PT"),
        pytest.param("+44 1534 723456", "", "+441534723456", "JE", id="Jersey shares +44"),
        pytest.param("+44 1481 723456", "", "+441481723456", "GG", id="Guernsey shares +44"),
        pytest.param("+44 20 7946 0123", "", "+442079460123", "GB", id="GB"),
        pytest.param("+1 212 555 0123", "", "+12125550123", "US", id="fiction falls to the main"),
        pytest.param("+800 1234 5678", "", "+80012345678", "", id="no country"),
        pytest.param("0692 12 34 56", "FR", "+262692123456", "RE", id="Réunion dialled in France"),
        pytest.param(
            "+33 692 12 34 56", "", "+262692123456", "RE", id="Réunion with France's code"
        ),
        pytest.param("0692 12 34 56", "RE", "+262692123456", "RE", id="Réunion at home"),
        pytest.param("0690 12 34 56", "FR", "+590690123456", "GP", id="Guadeloupe"),
        pytest.param("0694 12 34 56", "FR", "+594694123456", "GF", id="Guyane"),
        pytest.param("0696 12 34 56", "FR", "+596696123456", "MQ", id="Martinique"),
        pytest.param("06 39 98 00 00", "FR", "+33639980000", "FR", id="fiction is not Mayotte"),
    ],
)
def test_numbers_of_each_country(typed: str, region: str, e164: str, country: str) -> None:
    form = parse_phone(typed, region)
    assert (form.e164, form.country) == (e164, country)


@pytest.mark.parametrize(
    "typed, region",
    [
        pytest.param("", "FR", id="empty"),
        pytest.param("+", "", id="plus alone"),
        pytest.param("06 39 98 12 34", "", id="national without a region"),
        pytest.param("06 39 98 12 34", "ZZ", id="unknown region"),
        pytest.param("06 39 98 12 34", "FRA", id="region of three letters"),
        pytest.param("0800 FLOWERS", "FR", id="vanity letters"),
        pytest.param("06 39 98 12", "FR", id="too short"),
        pytest.param("06 39 98 12 34 5", "FR", id="too long"),
        pytest.param("112", "FR", id="short number"),
        pytest.param("12345", "IE", id="without its area code"),
        pytest.param("+999 12345678", "", id="unassigned code"),
        pytest.param("06 39 98 12 34 / 06 39 98 56 78", "FR", id="two numbers"),
        pytest.param("0639981234,0639985678", "FR", id="two numbers and a comma"),
        pytest.param("06+39981234", "FR", id="plus inside"),
        pytest.param("06 39 98 12 34 le soir", "FR", id="words"),
        pytest.param("06399\x0081234", "FR", id="NUL"),
        pytest.param("06399\t81234", "FR", id="tab"),
        pytest.param("0639981234\ud800", "FR", id="lone surrogate"),
        pytest.param("0" * (MAX_CHARS + 1), "FR", id="beyond the bound"),
    ],
)
def test_unusable_number_is_refused(typed: str, region: str) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        parse_phone(typed, region)
    assert refusal.value.field.startswith("phone.")


def test_repr_hides_the_number() -> None:
    assert "639981234" not in repr(parse_phone("+33639981234", ""))


@given(
    st.sampled_from(["33", "47", "46", "358", "353", "34", "39", "351", "262", "44", "1"]),
    st.text("0123456789", min_size=3, max_size=13),
)
def test_parsing_is_idempotent(code: str, digits: str) -> None:
    try:
        form = parse_phone(f"+{code}{digits}", "")
    except InvalidContactPoint:
        return
    assert parse_phone(form.e164, "") == form
    assert parse_phone(form.e164, "FR") == form


@pytest.mark.parametrize(
    "typed, expected",
    [
        pytest.param("06 39 98 12 34 le soir", "0639981234", id="words"),
        pytest.param("٠٦٣٩ / 98", "063998", id="digits of two scripts"),
        pytest.param("1234", "1234", id="fewest"),
    ],
)
def test_digits_form(typed: str, expected: str) -> None:
    assert digits_form(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("123 abc", id="three digits"),
        pytest.param("1" * 41, id="41 digits"),
        pytest.param("1" * (MAX_CHARS + 1), id="beyond the bound"),
        pytest.param("1234\x005678", id="NUL"),
    ],
)
def test_digits_form_refuses_what_is_no_number(typed: str) -> None:
    with pytest.raises(InvalidContactPoint):
        digits_form(typed)


@pytest.mark.parametrize(
    "e164, expected",
    [
        pytest.param("+353871234567", LineType.MOBILE, id="IE mobile"),
        pytest.param("+35312345678", LineType.LANDLINE, id="IE landline"),
        pytest.param("+12125550123", LineType.ANY, id="plan does not tell"),
        pytest.param("+33639981234", LineType.ANY, id="fiction"),
        pytest.param("+3531800123456", LineType.ANY, id="neither"),
        pytest.param("", LineType.ANY, id="no number"),
    ],
)
def test_line_type(e164: str, expected: LineType) -> None:
    assert line_type(e164) is expected
