"""Normal form of postal addresses: one building however it is written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import PostalAddress
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.address import MAX_CHARS, AddressForm, address_form
from consent_registry_server.domain.normal_form.unit import UnitState

POSTAL_CODES = {
    "FR": "75011", "NO": "0150", "SE": "123 45", "FI": "00100",
    "ES": "28013", "IT": "00184", "PT": "1000-001", "DE": "10115",
}  # fmt: skip


def form(country: str, street: str, unit: str = "", locality: str = "Ville") -> AddressForm:
    return address_form(
        PostalAddress(country, POSTAL_CODES.get(country, ""), locality, street, unit)
    )


@pytest.mark.parametrize(
    "country, spellings",
    [
        pytest.param(
            "FR",
            [
                "12 rue Victor Hugo", "12, rue Victor-Hugo", "rue Victor Hugo 12",
                "rue Victor Hugo, 12", "12 r. VICTOR HUGO", "12 R VICTOR HUGO",
                "  12   Rue  Victor  Hugo ", "n° 12 rue Victor Hugo",
                "12-14 rue Victor Hugo", "12/14 rue Victor Hugo", "12 et 14 rue Victor Hugo",
                "12, 14 rue Victor Hugo", "12 - 14 rue Victor Hugo", "12 à 14 rue Victor Hugo",
                "Résidence Les Lilas, 12 rue Victor Hugo", "Résidence Les Lilas 12 rue Victor Hugo",
                "12 rue Victor Hugo, résidence Les Lilas", "12 rue Victor Hugo 75011 Ville",
                "12 rue Victor Hugo, 75011 Ville", "12 rue Victor Hugo, VILLE",
            ],
            id="FR number and range",
        ),
        pytest.param(
            "FR",
            ["12 bis rue X", "12bis, rue X", "12BIS rue X", "12 B rue X", "12b rue X",
             "rue X 12 bis"],
            id="FR bis",
        ),
        pytest.param(
            "FR",
            ["5 avenue du Général de Gaulle", "5 av du Gal de Gaulle", "5, Av. Général-de-Gaulle",
             "5 AVE GENERAL DE GAULLE"],
            id="FR avenue and title",
        ),
        pytest.param(
            "FR",
            ["3 bd St-Michel", "3 boulevard Saint Michel", "3 BLD. SAINT-MICHEL",
             "3 boul. St Michel"],
            id="FR boulevard and saint",
        ),
        pytest.param(
            "FR",
            ["7 place de l'Église", "7 pl. de l’Eglise", "7 PL DE L EGLISE", "7 place Église"],
            id="FR elision and accents",
        ),
        pytest.param("FR", ["9 rue de l'Œuvre", "9 r de l'oeuvre"], id="FR ligature"),
        pytest.param("FR", ["8 rue du 8 mai 1945", "rue du 8 mai 1945, 8"], id="FR date in name"),
        pytest.param(
            "FR", ["2 av Albert 1er", "2 avenue Albert Ier", "2 av. Albert 1"], id="FR king"
        ),
        pytest.param("FR", ["4 fbg St-Denis", "4 faubourg Saint-Denis"], id="FR faubourg"),
        pytest.param(
            "NO",
            ["Storgata 12 B", "Storgata 12B", "Storgt. 12b", "STORGATEN 12 B", "Stor gata 12b"],
            id="NO gata and letter",
        ),
        pytest.param(
            "NO", ["Karl Johans gate 5", "Karl Johans gt. 5", "Karl Johansgate 5"], id="NO gate"
        ),
        pytest.param("NO", ["Kirkeveien 64", "Kirkevn. 64", "Kirkevegen 64"], id="NO vei"),
        pytest.param(
            "NO", ["Åsgårdveien 3", "Aasgaardveien 3", "ÅSGÅRDVEIEN 3"], id="NO å written aa"
        ),
        pytest.param("NO", ["Møllergata 2", "Moellergata 2", "Mollergata 2"], id="NO ø"),
        pytest.param(
            "SE",
            ["Storgatan 12 B", "Storgatan 12B", "Storg. 12 b", "Storgatan 12 B, 123 45 Ville"],
            id="SE gatan",
        ),
        pytest.param("SE", ["Kungsvägen 5", "Kungsv. 5", "KUNGSVAGEN 5"], id="SE vägen"),
        pytest.param("SE", ["S:t Eriksgatan 5", "Sankt Eriksgatan 5"], id="SE sankt"),
        pytest.param("SE", ["Norra Storgatan 3", "N. Storgatan 3"], id="SE norra"),
        pytest.param(
            "FI",
            ["Mannerheimintie 5", "Mannerheimint. 5", "Mannerheimintie 5 A", "Mannerheimintie 5-7"],
            id="FI tie",
        ),
        pytest.param("FI", ["Aleksanterinkatu 3", "Aleksanterink. 3"], id="FI katu"),
        pytest.param(
            "ES",
            ["Calle Mayor 5", "C/ Mayor, 5", "c. mayor nº 5", "C/Mayor 5", "Mayor 5",
             "5 Calle Mayor", "CALLE DE MAYOR, N.º 5"],
            id="ES calle",
        ),
        pytest.param(
            "ES", ["Avda. de la Constitución 12", "Av Constitucion 12", "avenida constitución, 12"],
            id="ES avenida",
        ),
        pytest.param(
            "ES", ["Plaza de España s/n", "Pza. España, s/n", "Pl España"], id="ES without number"
        ),
        pytest.param("ES", ["Pº de la Castellana 100", "Paseo Castellana, 100"], id="ES paseo"),
        pytest.param("ES", ["Calle 2 de Mayo 15", "C/ 2 de mayo, 15"], id="ES date in name"),
        pytest.param(
            "IT", ["Piazza Garibaldi 3", "P.za Garibaldi, 3", "P.zza Garibaldi 3"], id="IT piazza"
        ),
        pytest.param("IT", ["Viale dell'Arte 4", "V.le dell’Arte n. 4"], id="IT viale"),
        pytest.param("IT", ["Corso Italia 7", "C.so Italia 7"], id="IT corso"),
        pytest.param("IT", ["Via Roma 5/A", "V. Roma, 5a", "via Roma 5 A"], id="IT letter"),
        pytest.param("IT", ["Via Sant'Anna 3", "Via S. Anna, 3"], id="IT saint"),
        pytest.param("IT", ["Via 25 Aprile 4", "V. 25 aprile, 4"], id="IT date in name"),
        pytest.param(
            "PT", ["Rua da Paz, nº 5", "R. da Paz 5", "R PAZ, 5", "Rua da Paz lote 5"], id="PT rua"
        ),
        pytest.param("PT", ["Praça do Comércio 1", "Pç. do Comércio, 1"], id="PT praça"),
        pytest.param("PT", ["Rua 25 de Abril 12", "R. 25 de abril, 12"], id="PT date in name"),
        pytest.param(
            "IE", ["12 Main Street", "12 Main St.", "12, MAIN ST", "12 Main Street, Oldtown"],
            id="IE",
        ),
        pytest.param("IE", ["12a O'Connell Street", "12 A OConnell St"], id="IE apostrophe"),
        pytest.param(
            "IE", ["1 St. Stephen's Green", "1 Saint Stephens Green"], id="IE saint and street"
        ),
        pytest.param("DE", ["Hauptstraße 5", "HAUPTSTRASSE 5"], id="country without a lexicon"),
    ],
)  # fmt: skip
def test_spellings_of_one_building_are_equal(country: str, spellings: list[str]) -> None:
    buildings = {form(country, street).building: street for street in spellings}
    assert len(buildings) == 1, buildings


@pytest.mark.parametrize(
    "country, streets",
    [
        pytest.param(
            "FR",
            ["12 rue Victor Hugo", "14 rue Victor Hugo", "12 bis rue Victor Hugo",
             "12 ter rue Victor Hugo", "12 avenue Victor Hugo", "12 rue Hugo", "rue Victor Hugo",
             "1 rue de la Porte Dorée", "1 rue de la Tour", "1 rue Dorée"],
            id="FR",
        ),
        pytest.param("NO", ["Storgata 12", "Storgata 12 B", "Storveien 12", "Stor 12"], id="NO"),
        pytest.param("SE", ["Storgatan 1", "Storvägen 1", "Stortorget 1", "Storgatan 11"], id="SE"),
        pytest.param("FI", ["Aleksanterinkatu 3", "Aleksanterintie 3", "Maantie 3"], id="FI"),
        pytest.param("ES", ["Calle Mayor 5", "Plaza Mayor 5", "Calle Menor 5"], id="ES"),
        pytest.param("IT", ["Via Roma 5", "Viale Roma 5", "Piazza Roma 5", "Via Roma 5/A"],
                     id="IT"),
        pytest.param("PT", ["Rua da Paz 5", "Avenida da Paz 5", "Rua da Paz 15"], id="PT"),
        pytest.param("IE", ["1 Main Street", "1 Main Road", "1A Main Street"], id="IE"),
    ],
)  # fmt: skip
def test_different_buildings_differ(country: str, streets: list[str]) -> None:
    assert len({form(country, street).building for street in streets}) == len(streets)


@pytest.mark.parametrize(
    "country, codes",
    [
        pytest.param("FR", ["75011", "F-75011", "75 011", "75011 CEDEX 11", "FR 75011"], id="FR"),
        pytest.param("FR", ["75116", "75016"], id="FR Paris 16"),
        pytest.param("FR", ["01000", "1000"], id="FR zero lost in a spreadsheet"),
        pytest.param("NO", ["0150", "150", "NO-0150", "N-0150"], id="NO"),
        pytest.param("SE", ["123 45", "12345", "SE-123 45", "S-12345"], id="SE"),
        pytest.param("FI", ["00100", "FI-00100", "100"], id="FI"),
        pytest.param("PT", ["1000-001", "1000 001", "1000001", "1000"], id="PT"),
        pytest.param("IE", ["D02 X285", "D02X285", "d02 x285"], id="IE"),
        pytest.param("GB", ["SW1A 1AA", "sw1a1aa"], id="country without a lexicon"),
    ],
)
def test_spellings_of_one_postal_code_are_equal(country: str, codes: list[str]) -> None:
    forms = {
        address_form(PostalAddress(country, code, "", "1 rue X")).building: code for code in codes
    }
    assert len(forms) == 1, forms


@pytest.mark.parametrize(
    "typed, expected",
    [
        pytest.param("fr", "FR", id="lower case"),
        pytest.param("RE", "FR", id="Réunion"),
        pytest.param("GP", "FR", id="Guadeloupe"),
        pytest.param("NC", "FR", id="New Caledonia"),
        pytest.param("AX", "FI", id="Åland"),
        pytest.param("UK", "GB", id="common mistake"),
    ],
)
def test_country_is_that_of_the_postal_system(typed: str, expected: str) -> None:
    address = address_form(PostalAddress(typed, "97400", "", "1 rue X"))
    assert address.country == expected
    assert address.building.startswith(f"{expected}|")


def test_eircode_alone_names_the_dwelling() -> None:
    flat = address_form(PostalAddress("IE", "D02 X285", "Dublin 2", "12 Main Street", "Flat 4"))
    other = address_form(PostalAddress("IE", "d02x285", "", "", ""))
    assert (flat.building, flat.unit_state) == (other.building, UnitState.NONE)


def test_irish_address_without_eircode_is_known_by_its_town() -> None:
    spellings = ["Dublin", "Dublin 6", "Rathmines, Dublin 6", "Co. Dublin"]
    forms = {form("IE", "12 Main Street", locality=town).building for town in spellings}
    assert forms == {"IE|dublin|12 mainst"}


def test_locality_does_not_count_beside_a_postal_code() -> None:
    assert form("FR", "1 rue X", locality="Paris") == form("FR", "1 rue X", locality="PARIS 11e")


@pytest.mark.parametrize("street", ["", "12", "apt 4"])
def test_village_without_street_names_is_known_by_its_locality(street: str) -> None:
    assert form("FR", street, locality="Le Bourg-Neuf").building.endswith("bourgneuf")


@pytest.mark.parametrize(
    "address, field",
    [
        pytest.param(PostalAddress("", "75011", "", "1 rue X"), "address.country", id="no country"),
        pytest.param(
            PostalAddress("France", "75011", "", "1 rue X"), "address.country", id="country's name"
        ),
        pytest.param(
            PostalAddress("FR", "", "Paris", "1 rue X"), "address.postal_code", id="no postal code"
        ),
        pytest.param(
            PostalAddress("FR", "2A004", "", "1 rue X"), "address.postal_code", id="commune code"
        ),
        pytest.param(
            PostalAddress("FR", "750111", "", "1 rue X"), "address.postal_code", id="six digits"
        ),
        pytest.param(
            PostalAddress("FR", "00000", "", "1 rue X"), "address.postal_code", id="zeros"
        ),
        pytest.param(
            PostalAddress("IE", "", "", "1 Main St"), "address.postal_code", id="IE without a town"
        ),
        pytest.param(PostalAddress("FR", "75011", "", ""), "address.street", id="no street"),
        pytest.param(PostalAddress("FR", "75011", "", "apt 4"), "address.street", id="unit only"),
        pytest.param(PostalAddress("FR", "75011", "", "12"), "address.street", id="number only"),
        pytest.param(
            PostalAddress("FR", "75011", "", "1 rue\x00X"), "address.street", id="NUL in street"
        ),
        pytest.param(
            PostalAddress("FR", "75011", "", "1 rue X", "a\x00"), "address.unit", id="NUL in unit"
        ),
        pytest.param(
            PostalAddress("FR", "75011", "", "r" * (MAX_CHARS + 1)), "address.street", id="long"
        ),
    ],
)
def test_address_without_a_building_is_refused(address: PostalAddress, field: str) -> None:
    with pytest.raises(InvalidContactPoint) as refusal:
        address_form(address)
    assert refusal.value.field == field


def test_repr_hides_the_address() -> None:
    shown = repr(form("FR", "12 rue Victor Hugo", "apt 7731"))
    assert "hugo" not in shown
    assert "7731" not in shown


STREETS = {
    "FR": ["12 rue Victor Hugo", "3 bis bd de l'Église, apt 4", "Le Bourg"],
    "NO": ["Åsgata 12 B", "Kirkeveien 5, H0201"],
    "SE": ["Kungsvägen 12 B lgh 1102", "Storgatan 1"],
    "FI": ["Mannerheimintie 5 A 12", "Hämeentie 3"],
    "IE": ["Flat 4, 12 Main Street", "1 St. Stephen's Green"],
    "ES": ["C/ Alcalá 5, 3º B", "Pza. España s/n"],
    "IT": ["Via Roma 5/A int. 4", "P.za Garibaldi 3"],
    "PT": ["R. da Paz 5, 3º Esq", "Praça do Comércio 1"],
}


@given(
    st.sampled_from([(country, line) for country, lines in STREETS.items() for line in lines]),
    st.data(),
)
def test_case_and_space_never_change_the_form(case: tuple[str, str], data: st.DataObject) -> None:
    country, street = case
    words = street.split(" ")
    recased = [data.draw(st.sampled_from([word, word.upper(), word.lower()])) for word in words]
    spaces = [data.draw(st.sampled_from([" ", "  ", "\u00a0", "\u2009 "])) for _ in pairwise(words)]
    retyped = "".join(word + space for word, space in zip(recased, [*spaces, ""], strict=True))
    assert form(country, retyped) == form(country, street)
