"""Normal form of a phone number: E.164, and the country whose rules govern it.

Usable is what has a possible length, never what is "valid": numbering plans change faster than
software, and the numbers reserved for fiction are invalid for ever. The metadata of
`phonenumbers` says what is possible; the fast path below repeats its answer for the spellings
that make up nearly all of an audience, and a property test holds the two equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from unicodedata import normalize

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType, ValidationResult

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.text import ascii_digits, typed
from consent_registry_server.domain.policy import LineType

VERSION: Final[int] = 1
"""Stored with every digest of these forms; a change of any output needs a new number."""

MAX_CHARS: Final = 64
"""Of the number as typed, its spaces and words included."""

MIN_DIGITS: Final = 4
MAX_DIGITS: Final = 40

_NUMBER_FIELD: Final = "phone.number"
_REGION_FIELD: Final = "phone.region"
_REGION_CHARS: Final = 2

_PREFIX: Final = re.compile(r"t[eé]l[\s.:]+", re.IGNORECASE)
# At most six digits: the second of two numbers in one field must not pass for an extension.
_EXTENSION: Final = re.compile(
    r"(?:[\s;,]*\b(?:extension|extensión|ext|poste|interno|int|anexo|anknytning|ankn|alanumero"
    r"|linje|x)[\s.=:]*|\s*[x#;,]\s*)[0-9]{1,6}\s*#?\Z",
    re.IGNORECASE,
)
_SPELLING: Final = re.compile(
    r"[\s().\-/_*·\u2010-\u2015\u2212]*\+?[0-9\s().\-/_*·\u2010-\u2015\u2212]+"
)
_TRUNK_ZERO: Final = re.compile(r"\(\s*0\s*\)")

# The overseas departments share France's national plan: 0692... is dialled in Paris as in
# Saint-Denis, yet it is the line that callers from abroad reach as +262 692.
_OVERSEAS: Final = {
    **dict.fromkeys(("+33590", "+33690", "+33691"), "+590"),
    **dict.fromkeys(("+33594", "+33694"), "+594"),
    **dict.fromkeys(("+33596", "+33696", "+33697"), "+596"),
    **dict.fromkeys(("+33262", "+33263", "+33269", "+33639", "+33692", "+33693"), "+262"),
}
_OVERSEAS_CHARS: Final = 6
# Mayotte's 0639 lends these to fiction, where they stand for mainland numbers.
_FICTION: Final = "+3363998"

_LINE_TYPES: Final = {
    PhoneNumberType.MOBILE: LineType.MOBILE,
    PhoneNumberType.FIXED_LINE: LineType.LANDLINE,
}


@dataclass(slots=True)
class PhoneForm:
    """A number as it is compared, and where it is."""

    e164: str = field(repr=False)
    country: str
    """ISO 3166-1 alpha-2; empty for numbers of no country, such as +800."""


def _own_numbers(country: str, code: str, *, first: str, elsewhere: str = "") -> str:
    """A pattern of the E.164 numbers that are this country's beyond doubt, as a group of its name.

    `first` are the first digits of a national number; the trunk prefix is not among them, for
    `phonenumbers` strips it. `elsewhere` is a pattern of beginnings that belong, or may belong, to
    another country of the same code.
    """
    metadata = PhoneMetadata.metadata_for_region(country)
    possible = metadata.general_desc.possible_length if metadata and metadata.general_desc else ()
    lengths = "|".join(f"[0-9]{{{length - 1}}}" for length in sorted(possible, reverse=True))
    not_elsewhere = f"(?!{elsewhere})" if elsewhere else ""
    return rf"(?P<{country}>{code}{not_elsewhere}[{first}](?:{lengths}))"


_FR_ELSEWHERE: Final = "|".join(prefix.removeprefix("+33") for prefix in _OVERSEAS).replace(
    "639", f"639(?!{_FICTION.removeprefix('+33639')})"
)
_OWN_NUMBERS: Final = re.compile(
    r"\+(?:{})".format(
        "|".join(
            (
                _own_numbers("FR", "33", first="1-9", elsewhere=_FR_ELSEWHERE),
                _own_numbers("NO", "47", first="1-9", elsewhere="79"),
                _own_numbers("SE", "46", first="1-9"),
                _own_numbers("FI", "358", first="1-9", elsewhere="18"),
                _own_numbers("IE", "353", first="1-9"),
                _own_numbers("ES", "34", first="1-9"),
                _own_numbers("IT", "39", first="0-9", elsewhere="0669"),
                _own_numbers("PT", "351", first="1-9"),
            )
        )
    )
).fullmatch
_FR_NATIONAL_DIGITS: Final = 10


def own_country(number: str) -> str | None:
    """The country of a number that is E.164 to the letter and beyond doubt; None for all others.

    `parse_phone` gives such a number back as it is, with this country, whatever the region.
    """
    own = _OWN_NUMBERS(number)
    return None if own is None else own.lastgroup


def parse_phone(number: str, region: str) -> PhoneForm:
    """The number's E.164 form and country.

    `region` is the ISO 3166-1 region a national number is dialled from; empty when the number
    carries its country code, after `+` or `00`. An extension is dropped: what is dialled, and
    objected to, is the line before it. Letters are refused. Idempotent.

    Raises:
        InvalidContactPoint: no number that could be dialled from abroad.
    """
    if len(number) <= MAX_CHARS and len(region) <= _REGION_CHARS:
        e164 = number.replace(" ", "").replace(".", "").replace("-", "")
        if region == "FR" and len(e164) == _FR_NATIONAL_DIGITS and e164[0] == "0":
            e164 = "+33" + e164[1:]
        country = own_country(e164)
        if country is not None:
            return PhoneForm(e164, country)
    return parse_phone_slow(number, region)


def parse_phone_slow(number: str, region: str) -> PhoneForm:
    """As `parse_phone`, always by way of `phonenumbers`; the reference the fast path obeys."""
    if len(region) > _REGION_CHARS:
        raise InvalidContactPoint("not an ISO 3166-1 alpha-2 region", field=_REGION_FIELD)
    region = region.upper()
    text = _spelling(number)
    parsed = _possible(_dialled(text, region), region)
    if parsed is None and _TRUNK_ZERO.search(text):
        # "+47 (0)..." is typed for countries that have no trunk prefix, too.
        parsed = _possible(_dialled(_TRUNK_ZERO.sub("", text), region), region)
    if parsed is None:
        raise InvalidContactPoint("not a phone number that can be dialled", field=_NUMBER_FIELD)
    e164 = _e164(parsed)
    overseas = _OVERSEAS.get(e164[:_OVERSEAS_CHARS])
    if overseas and not e164.startswith(_FICTION):
        e164 = overseas + e164.removeprefix("+33")
        parsed = phonenumbers.parse(e164, None)
    return PhoneForm(e164, _country(parsed))


def digits_form(number: str) -> str:
    """The digits of a number that `parse_phone` refuses, so that an opt-out is not lost.

    Compared with the digits of other such numbers only.

    Raises:
        InvalidContactPoint: fewer than 4 or more than 40 digits, or no text one would type.
    """
    text = ascii_digits(normalize("NFKC", typed(number, limit=MAX_CHARS, field=_NUMBER_FIELD)))
    digits = "".join(char for char in text if "0" <= char <= "9")
    if not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        raise InvalidContactPoint("not the digits of a phone number", field=_NUMBER_FIELD)
    return digits


def line_type(e164: str) -> LineType:
    """The kind of line of an E.164 number; ANY where the numbering plan does not tell.

    Numbers outside the plan as `phonenumbers` knows it, those reserved for fiction included,
    are ANY. Costs some 30 us, so only countries whose rules distinguish lines should ask.
    """
    try:
        parsed = phonenumbers.parse(e164, None)
    except NumberParseException:
        return LineType.ANY
    return _LINE_TYPES.get(phonenumbers.number_type(parsed), LineType.ANY)


def _spelling(number: str) -> str:
    text = typed(number, limit=MAX_CHARS, field=_NUMBER_FIELD)
    text = ascii_digits(normalize("NFKC", text)).strip()
    text = _EXTENSION.sub("", _PREFIX.sub("", text, count=1) if text[:1] in "tT" else text)
    if not _SPELLING.fullmatch(text):
        raise InvalidContactPoint("contains more than a phone number", field=_NUMBER_FIELD)
    return text


def _dialled(text: str, region: str) -> str:
    """The digits as dialled, after a plus sign where the country code is given."""
    digits = "".join(char for char in text if char in "+0123456789")
    if digits.startswith("+00"):
        return "+" + digits[3:]
    if digits.startswith("00") and not region:
        return "+" + digits[2:]
    return digits


def _possible(dialled: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(dialled, region or None)
    except NumberParseException:
        return None
    # Possible "locally only" is a number without its area code: the same digits are other
    # people's lines in other towns.
    if phonenumbers.is_possible_number_with_reason(parsed) != ValidationResult.IS_POSSIBLE:
        return None
    if not parsed.italian_leading_zero:
        return parsed
    # A trunk prefix typed twice leaves one behind, which a second reading would strip again.
    e164 = _e164(parsed)
    return parsed if e164 == dialled else _possible(e164, "")


def _e164(parsed: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _country(parsed: phonenumbers.PhoneNumber) -> str:
    code = parsed.country_code or 0
    region = phonenumbers.region_code_for_number(parsed)
    region = region or phonenumbers.region_code_for_country_code(code)
    return region if len(region) == _REGION_CHARS else ""
