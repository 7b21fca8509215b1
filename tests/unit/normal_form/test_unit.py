"""Units: which two addresses are one dwelling, which are two, and which nobody can tell."""

from __future__ import annotations

from enum import Enum
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import PostalAddress
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.address import AddressForm, address_form
from consent_registry_server.domain.normal_form.unit import UnitState

POSTAL_CODES = {
    "FR": "75011", "NO": "0150", "SE": "12345", "FI": "00100",
    "ES": "28013", "IT": "00184", "PT": "1000-001", "DE": "10115", "IE": "",
}  # fmt: skip
STREETS = {
    "FR": "12 rue Victor Hugo", "NO": "Storgata 5", "SE": "Storgatan 5", "FI": "Hämeentie 5",
    "ES": "Calle Mayor 5", "IT": "Via Roma 5", "PT": "Rua da Paz 5", "DE": "Hauptstraße 5",
    "IE": "12 Main Street",
}  # fmt: skip


class Match(Enum):
    """What an opt-out at one address means for a question about another."""

    SAME = "DENY"
    UNCLEAR = "REVIEW"
    NONE = "ALLOW"


def match(one: AddressForm, other: AddressForm) -> Match:
    """The rule for dwellings, over nothing but what is stored: equality and the states."""
    if one.building != other.building:
        return Match.NONE
    states = {one.unit_state, other.unit_state}
    if states == {UnitState.READ} and one.unit != other.unit:
        return Match.NONE
    return Match.SAME if one.unit == other.unit else Match.UNCLEAR


def in_field(country: str, unit: str) -> AddressForm:
    return address_form(
        PostalAddress(country, POSTAL_CODES[country], "Town", STREETS[country], unit)
    )


def in_street(country: str, street: str) -> AddressForm:
    return address_form(PostalAddress(country, POSTAL_CODES[country], "Town", street))


@pytest.mark.parametrize(
    "country, units",
    [
        pytest.param(
            "FR",
            ["apt 4", "4", "Appartement n° 4", "appt. 4", "APT4", "Apt. 04", "app 4", "lgt 4",
             "logement nº4", "n° 4", "Résidence Les Lilas apt 4"],
            id="FR",
        ),
        pytest.param("NO", ["H0201", "h 0201", "leil. H0201", "bruksenhet H-0201"], id="NO"),
        pytest.param("SE", ["lgh 1102", "1102", "Lägenhet 1102", "lgh. nr 1102"], id="SE"),
        pytest.param("FI", ["A 12", "A12", "as 12", "as. 12", "12", "bst 12", "B 12"], id="FI"),
        pytest.param("IE", ["Apt 4", "Flat 4", "Apartment No. 4", "4", "Unit 4"], id="IE"),
        pytest.param(
            "ES", ["3º B", "3ºB", "3 B", "3B", "3o B", "piso 3 puerta B", "Planta 3, pta. B",
             "3.º-B"],
            id="ES",
        ),
        pytest.param("ES", ["3º dcha", "3 D", "3º derecha", "piso 3 dch."], id="ES side"),
        pytest.param("ES", ["3º 2ª", "3-2", "piso 3, puerta 2"], id="ES numbered door"),
        pytest.param("IT", ["int. 4", "interno 4", "Int 04", "4", "app. 4"], id="IT"),
        pytest.param(
            "PT", ["3º Esq", "3.º Esq.", "3 E", "3º Esquerdo", "3º andar esq"], id="PT"
        ),
    ],
)  # fmt: skip
def test_spellings_of_one_dwelling_are_read_and_equal(country: str, units: list[str]) -> None:
    forms = {(form.unit, form.unit_state) for form in (in_field(country, unit) for unit in units)}
    assert len(forms) == 1, forms
    assert next(iter(forms))[1] is UnitState.READ


@pytest.mark.parametrize(
    "country, one, other",
    [
        pytest.param("FR", "apt 4", "apt 5", id="FR"),
        pytest.param("FR", "apt 4", "apt 40", id="FR longer"),
        pytest.param("NO", "H0201", "H0202", id="NO"),
        pytest.param("NO", "H0201", "U0201", id="NO floor's letter"),
        pytest.param("SE", "lgh 1102", "lgh 1101", id="SE"),
        pytest.param("FI", "A 12", "as 13", id="FI"),
        pytest.param("IE", "Flat 4", "Apt 5", id="IE"),
        pytest.param("ES", "3º B", "3º C", id="ES door"),
        pytest.param("ES", "3º B", "2º B", id="ES floor"),
        pytest.param("IT", "int. 4", "int. 5", id="IT"),
        pytest.param("PT", "3º Esq", "3º Dto", id="PT"),
    ],
)
def test_different_dwellings_do_not_match(country: str, one: str, other: str) -> None:
    assert match(in_field(country, one), in_field(country, other)) is Match.NONE


@pytest.mark.parametrize(
    "country, one, other",
    [
        pytest.param("FR", "apt 4", "", id="unit on one side only"),
        pytest.param("FR", "apt 4", "étage 4", id="FR flat and floor"),
        pytest.param("FR", "étage 3", "étage 4", id="FR two floors"),
        pytest.param("FR", "porte 2", "apt 12", id="FR door and flat"),
        pytest.param("FR", "porte 2", "porte 3", id="FR doors of a landing or of the house"),
        pytest.param("FR", "bat B apt 4", "apt 4", id="FR block on one side only"),
        pytest.param("FR", "bat B apt 4", "apt 5", id="FR block and another flat"),
        pytest.param("FR", "B12", "12", id="FR letter that may be a block"),
        pytest.param("FR", "apt 4B", "apt 4", id="FR letter that may be a door"),
        pytest.param("FR", "chez Mme Martin", "apt 4", id="FR free text"),
        pytest.param("FR", "fond de cour", "apt 4", id="FR place"),
        pytest.param("FR", "3e étage gauche", "3e étage droite", id="FR landing sides"),
        pytest.param("NO", "H0201", "leilighet 4", id="NO two ways of numbering"),
        pytest.param("NO", "leilighet 4", "leilighet 5", id="NO unofficial numbers"),
        pytest.param("NO", "0201", "H0201", id="NO without its letter"),
        pytest.param("SE", "lgh 12", "lgh 1102", id="SE landlord's number"),
        pytest.param("SE", "3 tr", "lgh 1302", id="SE floor"),
        pytest.param("FI", "A", "A 12", id="FI staircase alone"),
        pytest.param("FI", "A 12 b", "A 12", id="FI part of a flat"),
        pytest.param("IE", "Flat B", "Flat 2", id="IE letter"),
        pytest.param("IE", "Ground Floor Flat", "Flat 1", id="IE floor"),
        pytest.param("ES", "3º", "3º B", id="ES floor alone"),
        pytest.param("ES", "planta 3ª", "3º B", id="ES feminine ordinal is no door"),
        pytest.param("ES", "planta 3a", "3º B", id="ES typed ordinal is no door"),
        pytest.param("ES", "bajo A", "1º A", id="ES ground floor"),
        pytest.param("ES", "ático B", "6º B", id="ES attic"),
        pytest.param("ES", "esc. 2, 3º B", "3º B", id="ES staircase on one side only"),
        pytest.param("ES", "puerta 12", "3º B", id="ES door of the house"),
        pytest.param("IT", "scala A int. 4", "int. 4", id="IT staircase on one side only"),
        pytest.param("IT", "piano 3", "int. 4", id="IT floor"),
        pytest.param("PT", "R/C Dto", "1º Dto", id="PT ground floor"),
        pytest.param("PT", "fração B", "3º Esq", id="PT legal letter"),
        pytest.param("DE", "Whg 3", "Whg 4", id="country without a lexicon"),
    ],
)
def test_what_may_be_one_dwelling_is_unclear(country: str, one: str, other: str) -> None:
    assert match(in_field(country, one), in_field(country, other)) is Match.UNCLEAR


@pytest.mark.parametrize(
    "country, one, other",
    [
        pytest.param("FR", "", "-", id="nothing"),
        pytest.param("FR", "", "Résidence Les Lilas", id="estate names no unit"),
        pytest.param("FR", "étage 4", "4ème étage", id="FR floor"),
        pytest.param("FR", "bat B apt 4", "apt. 4 - Bât. B", id="FR order"),
        pytest.param("FR", "porte 4", "apt 4", id="FR door as flat"),
        pytest.param("FR", "chez Mme Martin", "Chez MME MARTIN", id="FR free text"),
        pytest.param("IT", "scala A int. 4", "int. 4 sc. A", id="IT order"),
    ],
)
def test_equal_texts_are_the_same_place(country: str, one: str, other: str) -> None:
    assert match(in_field(country, one), in_field(country, other)) is Match.SAME


@pytest.mark.parametrize(
    "country, unit, streets",
    [
        pytest.param(
            "FR",
            "apt 4",
            ["12 rue Victor Hugo, apt 4", "12 rue Victor Hugo apt 4",
             "12 rue Victor Hugo - Appt. n°4", "Apt 4, 12 rue Victor Hugo",
             "Appartement 4 12 rue Victor Hugo", "12 rue Victor Hugo (apt 4)",
             "12 rue Victor Hugo, apt 4, 75011 Town"],
            id="FR",
        ),
        pytest.param("FR", "bat B apt 4", ["Bât B, 12 rue Victor Hugo, apt 4"], id="FR around"),
        pytest.param("FR", "4e étage", ["4e étage, 12 rue Victor Hugo"], id="FR floor first"),
        pytest.param(
            "FR", "3e étage gauche", ["12 rue Victor Hugo 3ème étage gauche"], id="FR side"
        ),
        pytest.param("FR", "RDC", ["12 rue Victor Hugo rez-de-chaussée"], id="FR ground floor"),
        pytest.param(
            "FR", "porte 4", ["12 rue Victor Hugo 4", "12 rue Victor Hugo, 4"], id="FR bare"
        ),
        pytest.param("FR", "chez Mme Martin", ["12 rue Victor Hugo chez Mme Martin"], id="FR chez"),
        pytest.param("NO", "H0201", ["Storgata 5, H0201", "Storgata 5 H 0201"], id="NO"),
        pytest.param("SE", "lgh 1102", ["Storgatan 5 lgh 1102", "Storgatan 5, Lgh 1102"], id="SE"),
        pytest.param("FI", "as 12", ["Hämeentie 5 A 12", "Hämeentie 5 as. 12"], id="FI"),
        pytest.param("FI", "as 12", ["Hämeentie 5 a B 12"], id="FI house letter and staircase"),
        pytest.param("IE", "Flat 4", ["Flat 4, 12 Main Street", "12 Main St Flat 4"], id="IE"),
        pytest.param(
            "ES", "3º B", ["Calle Mayor 5, 3º B", "C/ Mayor, 5, 3ºB", "Calle Mayor 5 3 B"], id="ES"
        ),
        pytest.param("IT", "int. 4", ["Via Roma 5 int. 4", "Via Roma, 5 - interno 4"], id="IT"),
        pytest.param("PT", "3º Esq", ["Rua da Paz 5, 3º Esq", "R. da Paz 5 - 3.º Esq."], id="PT"),
    ],
)  # fmt: skip
def test_unit_in_the_street_line_is_found(country: str, unit: str, streets: list[str]) -> None:
    for street in streets:
        assert in_street(country, street) == in_field(country, unit), street


def test_unit_in_both_places_counts_once_when_equal() -> None:
    address = PostalAddress("FR", "75011", "", "12 rue Victor Hugo apt 4", "Appt. 4")
    assert address_form(address) == in_field("FR", "apt 4")


def test_different_units_in_both_places_are_unclear() -> None:
    address = PostalAddress("FR", "75011", "", "12 rue Victor Hugo bat B", "apt 4")
    assert address_form(address) == in_field("FR", "bat B apt 4")


def test_second_number_of_an_italian_house_is_unclear() -> None:
    assert match(in_street("IT", "Via Roma 5/4"), in_field("IT", "int. 5")) is Match.UNCLEAR


# One dwelling a country, each of its parts spelled in several ways or left out. What is on the
# envelope differs, the door does not: no two of these may ever be taken for two dwellings.
SPELLINGS: dict[str, list[list[str]]] = {
    "FR": [
        ["", "Bât. B, ", "Bâtiment B ", "Résidence Les Lilas, "],
        ["12 rue Victor Hugo", "12, R. Victor-Hugo", "12 RUE VICTOR HUGO", "12rue Victor Hugo"],
        ["", ", 3e étage", " 3ème étage", " esc. 2", ", fond de cour", " porte gauche",
         " 3e gauche", " 3ème ét.", " - RDC", " batB"],
        ["", " apt 4", ", Appt n° 4", " appartement 4", " - apt. 4", " apt4"],
    ],
    "NO": [
        ["Storgata 5", "Storgt. 5", "STORGATEN 5"],
        ["", ", 2. etasje", " oppgang A"],
        ["", " H0201", ", leil. H0201", ", leilighet 4", " bolig H 0201"],
    ],
    "SE": [
        ["Storgatan 5", "Storg. 5", "STORGATAN 5"],
        ["", " 1 tr", ", 1 tr."],
        ["", " lgh1102", " lgh 1102", ", lägenhet 1102", " lgh 12", ", lgh nr 1102"],
    ],
    "FI": [
        ["Hämeentie 5", "Hämeent. 5", "HÄMEENTIE 5"],
        ["", " A", ", rappu A"],
        ["", " 12", " as 12", ", as. 12"],
    ],
    "IE": [
        ["", "Block B, ", "The Maples, "],
        ["12 Main Street", "12 Main St.", "12, MAIN ST"],
        ["", ", Flat 4", " Apt 4", ", Apt. No 4", ", Ground Floor"],
    ],
    "ES": [
        ["Calle Mayor 5", "C/ Mayor, 5", "c. mayor nº 5"],
        ["", ", esc. 2", ", portal 1"],
        ["", ", 3º B", " 3ºB", ", piso 3 puerta B", ", 3º", ", planta 3ª"],
    ],
    "IT": [
        ["Via Roma 5", "V. Roma, 5", "VIA ROMA n. 5"],
        ["", ", scala A", " sc. A", ", piano 2"],
        ["", " int. 4", ", interno 4", " - int 04"],
    ],
    "PT": [
        ["Rua da Paz 5", "R. da Paz, 5", "RUA DA PAZ nº 5"],
        ["", ", bloco B"],
        ["", ", 3º Esq", " 3.º Esq.", ", 3 Esquerdo", ", 3º", ", fração G"],
    ],
}  # fmt: skip


@pytest.mark.parametrize("country", SPELLINGS)
def test_one_dwelling_is_never_taken_for_two(country: str) -> None:
    spellings = ["".join(parts) for parts in product(*SPELLINGS[country])]
    forms = {street: in_street(country, street) for street in spellings}
    first = in_street(country, STREETS[country])
    missed = [street for street, form in forms.items() if form.building != first.building]
    assert missed == []
    assert len({form.unit for form in forms.values() if form.unit_state is UnitState.READ}) == 1


@given(st.sampled_from(sorted(STREETS)), st.text(max_size=30))
def test_unit_is_empty_exactly_when_there_is_none(country: str, unit: str) -> None:
    try:
        form = in_field(country, unit)
    except InvalidContactPoint:
        return
    assert (form.unit == "") == (form.unit_state is UnitState.NONE)
