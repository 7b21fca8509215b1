"""Where a recipient is, by number and address: all zones that remain, and their holidays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import timezone, tzdata

from consent_registry_server.domain.contact import ContactPoint, Email, Phone, PostalAddress
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.geography import PLACES, PLANS
from consent_registry_server.domain.normal_form.phone import own_country
from consent_registry_server.domain.place import (
    narrowed,
    place_of_address,
    place_of_phone,
    place_of_recipient,
    together,
)
from consent_registry_server.domain.vocabulary import CountryCode
from consent_registry_server.policy.load import load_policy

CANARY, MADRID = "Atlantic/Canary", "Europe/Madrid"
AZORES, LISBON = "Atlantic/Azores", "Europe/Lisbon"
MAYOTTE, REUNION = "Indian/Mayotte", "Indian/Reunion"
PARIS = "Europe/Paris"


def place(country: str, *zones: str, subdivision: str = "") -> Place:
    return Place(CountryCode(country), zones, subdivision)


SPAIN = place("ES", CANARY, MADRID)
TENERIFE = place("ES", CANARY, subdivision="CN")
SEVILLE = place("ES", MADRID, subdivision="AN")
FRANCE = place("FR", PARIS)
SAINT_DENIS = place("RE", REUNION)


@pytest.mark.parametrize(
    "number, country, expected",
    [
        pytest.param("+33639980001", "FR", FRANCE, id="French mobile"),
        pytest.param("+33199000001", "FR", FRANCE, id="French landline"),
        pytest.param("+4722000001", "NO", place("NO", "Europe/Oslo"), id="Norway"),
        pytest.param("+4779000001", "SJ", place("SJ", "Europe/Oslo"), id="Svalbard"),
        pytest.param("+46317400001", "SE", place("SE", "Europe/Stockholm"), id="Sweden"),
        pytest.param("+358401000001", "FI", place("FI", "Europe/Helsinki"), id="Finland"),
        pytest.param("+35818100001", "FI", place("AX", "Europe/Helsinki"), id="Åland by number"),
        pytest.param("+358457100001", "AX", place("AX", "Europe/Helsinki"), id="Åland mobile"),
        pytest.param("+353200000001", "IE", place("IE", "Europe/Dublin"), id="Ireland"),
        pytest.param("+390600000001", "IT", place("IT", "Europe/Rome"), id="Italy"),
        pytest.param("+34600000001", "ES", SPAIN, id="Spanish mobile"),
        pytest.param("+34700000001", "ES", SPAIN, id="Spanish mobile, 7"),
        pytest.param("+34900000001", "ES", SPAIN, id="Spanish free number"),
        pytest.param("+34910000001", "ES", place("ES", MADRID), id="Madrid"),
        pytest.param("+34810000001", "ES", place("ES", MADRID), id="Madrid, 8"),
        pytest.param("+34922000001", "ES", TENERIFE, id="Tenerife"),
        pytest.param("+34928000001", "ES", TENERIFE, id="Las Palmas"),
        pytest.param("+34822000001", "ES", TENERIFE, id="Tenerife, 8"),
        pytest.param("+34827000001", "ES", SPAIN, id="disputed"),
        pytest.param("+351920000001", "PT", place("PT", AZORES, LISBON), id="Portuguese mobile"),
        pytest.param("+351300000001", "PT", place("PT", AZORES, LISBON), id="Portuguese nomadic"),
        pytest.param("+351210000001", "PT", place("PT", LISBON), id="Lisbon"),
        pytest.param("+351291000001", "PT", place("PT", LISBON, subdivision="30"), id="Funchal"),
        pytest.param("+351292000001", "PT", place("PT", AZORES, subdivision="20"), id="Horta"),
        pytest.param("+351295000001", "PT", place("PT", AZORES, subdivision="20"), id="Angra"),
        pytest.param("+351296000001", "PT", place("PT", AZORES, subdivision="20"), id="Delgada"),
        pytest.param("+262262000001", "RE", SAINT_DENIS, id="Réunion landline"),
        pytest.param("+262692000001", "RE", SAINT_DENIS, id="Réunion mobile"),
        pytest.param("+262269000001", "YT", place("YT", MAYOTTE), id="Mayotte landline"),
        pytest.param("+262639000001", "YT", place("YT", MAYOTTE), id="Mayotte mobile"),
        pytest.param("+262639000001", "RE", place("RE", MAYOTTE, REUNION), id="which of the two"),
        pytest.param("+262876000001", "RE", place("RE", MAYOTTE, REUNION), id="either of the two"),
        pytest.param("+590590000001", "GP", place("GP", "America/Guadeloupe"), id="Guadeloupe"),
        pytest.param("+590590000001", "MF", place("MF", "America/Guadeloupe"), id="Saint-Martin"),
        pytest.param("+596596000001", "MQ", place("MQ", "America/Martinique"), id="Martinique"),
        pytest.param("+594594000001", "GF", place("GF", "America/Cayenne"), id="French Guiana"),
        pytest.param("+508410001", "PM", place("PM", "America/Miquelon"), id="Miquelon"),
        pytest.param("+687200001", "NC", place("NC", "Pacific/Noumea"), id="New Caledonia"),
        pytest.param(
            "+68940000001",
            "PF",
            place("PF", "Pacific/Gambier", "Pacific/Marquesas", "Pacific/Tahiti"),
            id="Polynesia",
        ),
        pytest.param("+681700001", "WF", place("WF", "Pacific/Wallis"), id="Wallis"),
    ],
)
def test_a_number_tells_its_area_or_its_country(number: str, country: str, expected: Place) -> None:
    """A geographic one its area, all others every zone of their country."""
    assert place_of_phone(number, CountryCode(country)) == expected


@pytest.mark.parametrize(
    "number, country, expected",
    [
        pytest.param("+262692000001", "FR", SAINT_DENIS, id="overseas is France"),
        pytest.param("+262269000001", "FR", place("YT", MAYOTTE), id="Mayotte is France"),
        pytest.param("+33639980001", "RE", place("RE", PARIS, REUNION), id="mainland, overseas"),
        pytest.param("+351210000001", "FR", place("FR", LISBON, PARIS), id="a Portuguese number"),
        pytest.param("+34922000001", "FR", place("FR", CANARY, PARIS), id="no French holidays"),
        pytest.param(
            "+12125550123", "FR", place("FR", "America/New_York", PARIS), id="a number elsewhere"
        ),
        pytest.param("+80012345678", "FR", FRANCE, id="a number of no country"),
        pytest.param(
            "+590590000001",
            "TF",
            place("TF", "America/Guadeloupe", "Indian/Kerguelen"),
            id="two territories",
        ),
    ],
)
def test_a_number_of_another_country_adds_its_hours(
    number: str, country: str, expected: Place
) -> None:
    """The person may be in either; an overseas number is of the country itself."""
    assert place_of_phone(number, CountryCode(country)) == expected


def test_a_country_without_zones_of_its_own_is_left_to_the_policy() -> None:
    """Which names the zones of every country that it has rules for."""
    assert place_of_phone("+493012345678", CountryCode("DE")) is None
    assert place_of_phone("+33639980001", CountryCode("DE")) is None
    assert place_of_address("DE", "10115") is None


@cache
def offsets(zone: str) -> tuple[timedelta | None, ...]:
    """What the clocks showed and will show, every six hours of twelve years."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    clock = ZoneInfo(zone)
    return tuple(
        (start + timedelta(hours=hours)).astimezone(clock).utcoffset()
        for hours in range(0, 12 * 366 * 24, 6)
    )


def clocks(zones: tuple[str, ...]) -> set[tuple[timedelta | None, ...]]:
    return {offsets(zone) for zone in zones if zone != timezone.UNKNOWN_TIMEZONE}


OWN_PREFIXES = [
    (prefix, zones)
    for prefix, zones in tzdata.TIMEZONE_DATA.items()
    if any(prefix.startswith(plan.code[1:]) for plan in PLANS.values())
    # Tokelau and others whose codes begin with the same digits.
    and phonenumbers.region_code_for_country_code(
        phonenumbers.parse(f"+{prefix.ljust(11, '0')}").country_code or 0
    )
    in PLANS
]


@pytest.mark.parametrize("prefix, zones", OWN_PREFIXES, ids=[prefix for prefix, _ in OWN_PREFIXES])
def test_no_zone_of_the_library_is_missing(prefix: str, zones: tuple[str, ...]) -> None:
    """A plan may know more zones than `phonenumbers` does, never fewer."""
    number = f"+{prefix.ljust(11, '0')}"
    parsed = phonenumbers.parse(number)
    country = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    where = place_of_phone(number, CountryCode(country))
    assert where is not None
    if prefix == "262":
        # The code as a whole: what begins with zeros is nobody's.
        zones = (MAYOTTE, REUNION)
    assert clocks(zones) <= clocks(where.zones)


EXAMPLES = [
    (country, parsed)
    for country in sorted(PLANS)
    for number_type in (
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.VOIP,
        phonenumbers.PhoneNumberType.TOLL_FREE,
    )
    if (parsed := phonenumbers.example_number_for_type(country, number_type)) is not None
]


@pytest.mark.parametrize("country, parsed", EXAMPLES, ids=str)
def test_an_example_number_is_in_the_librarys_zones(
    country: str, parsed: phonenumbers.PhoneNumber
) -> None:
    """What serves a country anywhere has all of its zones.

    But for the code that Réunion and Mayotte share, where the country tells.
    """
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    where = place_of_phone(number, CountryCode(country))
    assert where is not None
    expected = timezone.time_zones_for_number(parsed)
    if country in {"RE", "YT"}:
        expected = PLACES[country].zones
    assert clocks(expected) <= clocks(where.zones)


@pytest.mark.parametrize(
    "zone, stands_in",
    [
        ("Arctic/Longyearbyen", "Europe/Oslo"),
        ("Europe/Mariehamn", "Europe/Helsinki"),
        ("Africa/Ceuta", MADRID),
        ("Atlantic/Madeira", LISBON),
        ("America/St_Barthelemy", "America/Guadeloupe"),
        ("America/Marigot", "America/Guadeloupe"),
    ],
)
def test_zones_that_stand_for_each_other_agree(zone: str, stands_in: str) -> None:
    """Should one change its clocks, this says so."""
    assert offsets(zone) == offsets(stands_in)


@pytest.mark.parametrize(
    "country, postal_code, expected",
    [
        pytest.param("FR", "75011", FRANCE, id="Paris"),
        pytest.param("FR", "67000", place("FR", PARIS, subdivision="6AE"), id="Strasbourg"),
        pytest.param("FR", "68100", place("FR", PARIS, subdivision="6AE"), id="Mulhouse"),
        pytest.param("FR", "57000", place("FR", PARIS, subdivision="57"), id="Metz"),
        pytest.param("FR", "F-67 000", place("FR", PARIS, subdivision="6AE"), id="spelled out"),
        pytest.param("FR", "67000 CEDEX 9", place("FR", PARIS, subdivision="6AE"), id="Cedex"),
        pytest.param("FR", "6700", FRANCE, id="06700: a zero was lost"),
        pytest.param("FR", "20000", FRANCE, id="Ajaccio"),
        pytest.param("FR", "97110", place("GP", "America/Guadeloupe"), id="Guadeloupe"),
        pytest.param("FR", "97133", place("BL", "America/Guadeloupe"), id="Saint-Barthélemy"),
        pytest.param("FR", "97150", place("MF", "America/Guadeloupe"), id="Saint-Martin"),
        pytest.param("FR", "97200", place("MQ", "America/Martinique"), id="Martinique"),
        pytest.param("FR", "97300", place("GF", "America/Cayenne"), id="Cayenne"),
        pytest.param("FR", "97400", SAINT_DENIS, id="Réunion under FR"),
        pytest.param("RE", "97400", SAINT_DENIS, id="Réunion under RE"),
        pytest.param("re", "", SAINT_DENIS, id="Réunion without a postal code"),
        pytest.param("FR", "97500", place("PM", "America/Miquelon"), id="Miquelon"),
        pytest.param("FR", "97600", place("YT", MAYOTTE), id="Mayotte"),
        pytest.param("FR", "97700", place("BL", "America/Guadeloupe"), id="977"),
        pytest.param("FR", "97800", place("MF", "America/Guadeloupe"), id="978"),
        pytest.param("FR", "98600", place("WF", "Pacific/Wallis"), id="Wallis"),
        pytest.param("FR", "98800", place("NC", "Pacific/Noumea"), id="Nouméa"),
        pytest.param("ES", "28013", place("ES", MADRID, subdivision="MD"), id="Madrid"),
        pytest.param("ES", "8001", place("ES", MADRID, subdivision="CT"), id="Barcelona, no zero"),
        pytest.param("ES", "31001", place("ES", MADRID, subdivision="NC"), id="Pamplona"),
        pytest.param("ES", "35001", TENERIFE, id="Las Palmas"),
        pytest.param("ES", "38001", TENERIFE, id="Tenerife"),
        pytest.param("ES", "51001", place("ES", MADRID, subdivision="CE"), id="Ceuta"),
        pytest.param("ES", "52001", place("ES", MADRID, subdivision="ML"), id="Melilla"),
        pytest.param("ES", "53001", SPAIN, id="no province"),
        pytest.param("ES", "28", SPAIN, id="not a postal code"),
        pytest.param("PT", "1000-001", place("PT", LISBON), id="Lisbon"),
        pytest.param("PT", "9000-001", place("PT", LISBON, subdivision="30"), id="Funchal"),
        pytest.param("PT", "9400", place("PT", LISBON, subdivision="30"), id="Porto Santo"),
        pytest.param("PT", "9500 001", place("PT", AZORES, subdivision="20"), id="Ponta Delgada"),
        pytest.param("PT", "9980-024", place("PT", AZORES, subdivision="20"), id="Corvo"),
        pytest.param("PT", "", place("PT", AZORES, LISBON), id="Portugal"),
        pytest.param("FI", "22100", place("AX", "Europe/Helsinki"), id="Mariehamn under FI"),
        pytest.param("AX", "22100", place("AX", "Europe/Helsinki"), id="Mariehamn under AX"),
        pytest.param("FI", "00100", place("FI", "Europe/Helsinki"), id="Helsinki"),
        pytest.param("NO", "9170", place("NO", "Europe/Oslo"), id="Longyearbyen"),
        pytest.param("IT", "39100", place("IT", "Europe/Rome"), id="Bolzano"),
        pytest.param("IE", "D02 X285", place("IE", "Europe/Dublin"), id="Dublin"),
        pytest.param("SE", "111 22", place("SE", "Europe/Stockholm"), id="Stockholm"),
    ],
)
def test_an_address_tells_zone_and_region(country: str, postal_code: str, expected: Place) -> None:
    """As typed; what tells nothing leaves the whole country."""
    assert place_of_address(country, postal_code) == expected


@pytest.mark.parametrize(
    "by_number, by_address, expected",
    [
        pytest.param(SPAIN, TENERIFE, TENERIFE, id="a mobile at home on Tenerife"),
        pytest.param(SPAIN, SEVILLE, SEVILLE, id="a mobile at home in Seville"),
        pytest.param(
            TENERIFE,
            SEVILLE,
            place("ES", CANARY, MADRID, subdivision="AN"),
            id="a line on Tenerife, a home in Seville",
        ),
        pytest.param(TENERIFE, SPAIN, TENERIFE, id="an address that tells less"),
        pytest.param(SPAIN, SPAIN, SPAIN, id="nobody knows"),
        pytest.param(FRANCE, SAINT_DENIS, place("RE", PARIS, REUNION), id="a mainland mobile"),
        pytest.param(
            FRANCE,
            place("FR", PARIS, subdivision="57"),
            place("FR", PARIS, subdivision="57"),
            id="Metz",
        ),
    ],
)
def test_an_address_narrows_a_number(by_number: Place, by_address: Place, expected: Place) -> None:
    """Where they contradict each other, the hours of both count."""
    assert narrowed(by_number, by_address) == expected


MOBILE = Phone("+34600000001")
IN_TENERIFE, IN_SEVILLE = PostalAddress("ES", "38001"), PostalAddress("ES", "41001")


@pytest.mark.parametrize(
    "others, expected",
    [
        pytest.param((), SPAIN, id="nothing"),
        pytest.param((Email("anna@example.com"), Phone("+34910000001")), SPAIN, id="no address"),
        pytest.param((IN_TENERIFE,), TENERIFE, id="one home"),
        pytest.param((IN_TENERIFE, PostalAddress("ES", "35001")), TENERIFE, id="one region"),
        pytest.param((IN_TENERIFE, IN_SEVILLE), SPAIN, id="two homes"),
        pytest.param((IN_SEVILLE, IN_TENERIFE), SPAIN, id="in any order"),
        pytest.param((PostalAddress("FR", "75011"),), SPAIN, id="a home abroad"),
        pytest.param((PostalAddress("DE", "10115"), IN_SEVILLE), SEVILLE, id="beside another"),
    ],
)
def test_a_numbers_holder_is_at_one_of_their_homes(
    others: tuple[ContactPoint, ...], expected: Place
) -> None:
    """In the country whose rules apply; a home abroad says nothing of where the phone is."""
    where = place_of_recipient(MOBILE, "+34600000001", CountryCode("ES"), others=others)
    assert where == expected


@pytest.mark.parametrize(
    "country, address, expected",
    [
        pytest.param("ES", IN_TENERIFE, TENERIFE, id="there"),
        pytest.param("FR", PostalAddress("RE", "97400"), SAINT_DENIS, id="overseas"),
        pytest.param("RE", PostalAddress("FR", "97400"), SAINT_DENIS, id="overseas, as stated"),
        pytest.param(
            "FR", IN_TENERIFE, place("FR", CANARY, PARIS), id="not in the country it should be in"
        ),
        pytest.param("DE", PostalAddress("DE", "10115"), None, id="no zones"),
    ],
)
def test_a_door_is_where_it_is(country: str, address: PostalAddress, expected: Place) -> None:
    """Whatever other homes are known."""
    where = place_of_recipient(address, "", CountryCode(country), others=(IN_SEVILLE,))
    assert where == expected


def test_what_has_neither_number_nor_address_is_nowhere_in_particular() -> None:
    """The policy's zones of the country serve it."""
    target = Email("anna@example.com")
    assert place_of_recipient(target, "", CountryCode("ES"), others=(IN_TENERIFE,)) is None


places = st.sampled_from([SPAIN, TENERIFE, SEVILLE, FRANCE, SAINT_DENIS])


@given(places, places)
def test_a_contradiction_never_drops_a_zone(one: Place, other: Place) -> None:
    """Both narrowing and joining keep all that both allow, or what both agree on."""
    zones = {*one.zones}, {*other.zones}
    agreed = zones[0] <= zones[1] or zones[1] <= zones[0]
    expected = zones[0] & zones[1] if agreed else zones[0] | zones[1]
    assert {*narrowed(one, other).zones} == expected
    assert {*together(CountryCode("ES"), (one, other)).zones} == zones[0] | zones[1]


@given(
    st.sampled_from(["33", "34", "351", "39", "46", "47", "353", "358"]),
    st.text("0123456789", min_size=4, max_size=11),
)
def test_a_plain_number_always_has_a_place(code: str, rest: str) -> None:
    """In zones of its own country, or of its territories."""
    number = f"+{code}{rest}"
    country = own_country(number)
    if country is None:
        return
    where = place_of_phone(number, CountryCode(country))
    assert where is not None
    assert {*where.zones} <= {*PLACES[country].zones}


def test_the_policys_zones_are_those_of_the_tables() -> None:
    """Of every country with rules, territories included, as its clocks go."""
    policy = load_policy()
    for country, zones in policy.time_zones.items():
        assert clocks(zones) == clocks(PLACES[country].zones)
    assert {*policy.territories} <= {*PLACES}
