"""Normal forms of email addresses."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.email import MAX_CHARS, exact_form, wide_form

LOCALS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters='@"(),:;<>[]\\'),
    min_size=1,
    max_size=20,
)
DOMAINS = st.sampled_from(
    ["example.com", "GMail.com", "googlemail.com", "yahoo.fr", "Bücher.example", "straße.example"]
)


@pytest.mark.parametrize(
    "typed, expected",
    [
        pytest.param("anna@example.com", "anna@example.com", id="already normal"),
        pytest.param("  Anna.Berg@EXAMPLE.Com\n", "anna.berg@example.com", id="case and space"),
        pytest.param("anna+shop@example.com", "anna+shop@example.com", id="tag kept"),
        pytest.param("a.b@gmail.com", "a.b@gmail.com", id="provider dots kept"),
        pytest.param("rene\u0301@example.com", "ren\u00e9@example.com", id="composed"),
        pytest.param("RENÉ@example.com", "rené@example.com", id="accented capitals"),
        pytest.param("anna@Bücher.example", "anna@xn--bcher-kva.example", id="IDN"),
        pytest.param("anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example", id="A-label"),
        pytest.param("anna@straße.example", "anna@xn--strae-oqa.example", id="sharp s is not ss"),
        pytest.param("anna@example。com", "anna@example.com", id="ideographic full stop"),
        pytest.param("anna@example.com.", "anna@example.com", id="root dot"),
        pytest.param("\ufeffan\u200bna@example.com", "anna@example.com", id="invisible"),
        pytest.param('"anna.berg"@example.com', "anna.berg@example.com", id="needless quotes"),
        pytest.param("a..b.@example.com", "a..b.@example.com", id="dots RFC 5321 forbids"),
    ],
)
def test_exact_form(typed: str, expected: str) -> None:
    assert exact_form(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="empty"),
        pytest.param("anna", id="no at sign"),
        pytest.param("@example.com", id="no local part"),
        pytest.param("anna@", id="no domain"),
        pytest.param("anna@berg@example.com", id="two at signs"),
        pytest.param('"anna berg"@example.com', id="quotes that are needed"),
        pytest.param('""@example.com', id="nothing in quotes"),
        pytest.param("anna berg@example.com", id="inner space"),
        pytest.param("anna\u00a0berg@example.com", id="no-break space"),
        pytest.param("Anna <anna@example.com>", id="display name"),
        pytest.param("anna@example", id="no dot"),
        pytest.param("anna@example..com", id="empty label"),
        pytest.param("anna@-example.com", id="label starts with a hyphen"),
        pytest.param("anna@exa_mple.com", id="underscore"),
        pytest.param("anna@192.0.2.1", id="IPv4 address"),
        pytest.param("anna@[192.0.2.1]", id="domain literal"),
        pytest.param("anna@é♥.example", id="domain IDNA refuses"),
        pytest.param("an\x00na@example.com", id="NUL"),
        pytest.param("an\x7fna@example.com", id="DEL"),
        pytest.param("an\nna@example.com", id="line feed"),
        pytest.param("an\u2028na@example.com", id="line separator"),
        pytest.param("an\ud800na@example.com", id="lone surrogate"),
        pytest.param("a" * 65 + "@example.com", id="local part of 65 octets"),
        pytest.param("é" * 33 + "@example.com", id="local part of 66 octets in 33 letters"),
        pytest.param("a@" + "b" * 64 + ".com", id="label of 64 octets"),
        pytest.param("a@" + "b." * 126 + "com", id="domain of 255 octets"),
        pytest.param("a" * (MAX_CHARS + 1), id="beyond the bound"),
    ],
)
def test_unusable_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        exact_form(typed)
    assert refusal.value.field == "email"


def test_longest_parts_are_accepted() -> None:
    domain = ".".join(["b" * 63, "c" * 63, "d" * 63, "e" * 61])
    assert exact_form(f"{'a' * 64}@{domain}") == f"{'a' * 64}@{domain}"


@pytest.mark.parametrize(
    "exact, expected",
    [
        pytest.param("anna@example.com", "anna@example.com", id="nothing to fold"),
        pytest.param("anna+shop@example.com", "anna@example.com", id="tag"),
        pytest.param("anna+shop+2@example.com", "anna@example.com", id="two tags"),
        pytest.param("+shop@example.com", "+shop@example.com", id="nothing but a tag"),
        pytest.param("a.n.na@example.com", "a.n.na@example.com", id="dots elsewhere stay"),
        pytest.param("a.n.na+x@gmail.com", "anna@gmail.com", id="Gmail dots"),
        pytest.param("anna@googlemail.com", "anna@gmail.com", id="Gmail's second name"),
        pytest.param("...@gmail.com", "...@gmail.com", id="nothing but dots"),
        pytest.param("anna-shop@yahoo.fr", "anna@yahoo.fr", id="Yahoo tag"),
        pytest.param("anna-shop@ymail.com", "anna@ymail.com", id="Yahoo's second name"),
        pytest.param("anne-lise@example.com", "anne-lise@example.com", id="hyphens elsewhere stay"),
    ],
)
def test_wide_form(exact: str, expected: str) -> None:
    assert wide_form(exact) == expected


@given(st.builds("{}@{}".format, LOCALS, DOMAINS) | st.text(max_size=40))
@example("\u1fb3\u0345@example.com")
@example("\u0130@example.com")
def test_both_forms_are_idempotent(typed: str) -> None:
    try:
        exact = exact_form(typed)
    except InvalidContactPoint:
        return
    assert exact_form(exact) == exact
    assert wide_form(wide_form(exact)) == wide_form(exact)
    assert exact_form(wide_form(exact)) == wide_form(exact)


@given(LOCALS)
@example("\u1fb3\u0301")
def test_canonically_equivalent_spellings_are_equal(local: str) -> None:
    forms = set()
    for spelling in (local, normalize("NFC", local), normalize("NFD", local)):
        try:
            forms.add(exact_form(f"{spelling}@example.com"))
        except InvalidContactPoint:
            forms.add("refused")
    assert len(forms) == 1


@given(st.from_regex(r"[a-z0-9][a-z0-9.]{0,20}", fullmatch=True), DOMAINS, st.data())
def test_case_never_changes_the_form(local: str, domain: str, data: st.DataObject) -> None:
    typed = f"{local}@{domain}"
    letters = [data.draw(st.sampled_from([char.lower(), char.upper()])) for char in local]
    assert exact_form("".join(letters) + "@" + domain) == exact_form(typed)


@given(
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
    st.from_regex(r"[a-z0-9.]{0,10}", fullmatch=True),
    DOMAINS,
)
def test_a_tag_never_escapes_an_opt_out(local: str, tag: str, domain: str) -> None:
    plain, tagged = exact_form(f"{local}@{domain}"), exact_form(f"{local}+{tag}@{domain}")
    assert wide_form(tagged) == wide_form(plain)
    assert tagged != plain
