"""Which stored contact points a question meets: opt-outs widely, consents narrowly."""

from __future__ import annotations

from itertools import product

import pytest

from consent_registry_server.domain.contact import (
    ContactKind,
    ContactPoint,
    CustomerNumber,
    Email,
    Handle,
    Phone,
    PostalAddress,
)
from consent_registry_server.domain.decision import Match
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.matching import (
    TARGET_KINDS,
    Forms,
    Look,
    counts_addresses,
    digits_forms_of,
    forms_of,
    line_type_of,
    meet,
    suppression_forms_of,
)
from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import Channel

TARGET, WIDE, UNCLEAR, NONE = Match.TARGET, Match.WIDE, Match.UNIT_UNCLEAR, None


def kept(point: ContactPoint | CustomerNumber) -> Forms:
    """The forms by which an opt-out keeps a contact point."""
    try:
        return forms_of(point)
    except InvalidContactPoint:
        assert isinstance(point, Phone)
        return digits_forms_of(point)


def look(forms: Forms, *, is_target: bool) -> Look:
    """One form of a question's contact point; the forms stand for their digests."""
    is_address = forms.kind is ContactKind.ADDRESS
    return Look(forms.wide, forms.exact, forms.unit_state, is_address, is_target)


def met(stored: Forms, looks: list[Look]) -> Match | None:
    """How a stored contact point meets a question."""
    return meet(looks, stored.wide, stored.exact, unit_state=stored.unit_state)


def meeting(
    stored: ContactPoint | CustomerNumber,
    asked: ContactPoint | CustomerNumber,
    *,
    is_target: bool = True,
) -> Match | None:
    """How a stored contact point meets a question that names another."""
    looks = [look(forms, is_target=is_target) for forms in suppression_forms_of(asked)]
    return met(kept(stored), looks)


def home(unit: str, street: str = "12 rue des Lilas", postal_code: str = "69003") -> PostalAddress:
    """A dwelling in Lyon."""
    return PostalAddress("FR", postal_code, "Lyon", street, unit)


NO_UNIT, APT_4, APT_4_SPELLED, APT_5 = "", "apt 4", "Appartement n° 4", "apt 5"
UNREADABLE, OTHER_UNREADABLE = "2e étage gauche", "fond de cour"


@pytest.mark.parametrize(
    "stored, asked, expected",
    [
        pytest.param(APT_4, APT_4, TARGET, id="same unit"),
        pytest.param(APT_4, APT_4_SPELLED, TARGET, id="same unit in another spelling"),
        pytest.param(APT_4, APT_5, NONE, id="different units"),
        pytest.param(APT_4, NO_UNIT, UNCLEAR, id="unit stored alone"),
        pytest.param(NO_UNIT, APT_4, UNCLEAR, id="unit asked alone"),
        pytest.param(NO_UNIT, NO_UNIT, TARGET, id="no unit on either side"),
        pytest.param(APT_4, UNREADABLE, UNCLEAR, id="unreadable asked"),
        pytest.param(UNREADABLE, APT_4, UNCLEAR, id="unreadable stored"),
        pytest.param(UNREADABLE, NO_UNIT, UNCLEAR, id="unreadable stored, none asked"),
        pytest.param(NO_UNIT, UNREADABLE, UNCLEAR, id="unreadable asked, none stored"),
        pytest.param(UNREADABLE, OTHER_UNREADABLE, UNCLEAR, id="both unreadable"),
        pytest.param(UNREADABLE, UNREADABLE, WIDE, id="the same words, unreadable"),
    ],
)
def test_dwellings_are_told_apart_by_readable_units_only(
    stored: str, asked: str, expected: Match | None
) -> None:
    """What may be the same dwelling is for a human; what is unreadable is never a consent's."""
    assert meeting(home(stored), home(asked)) is expected


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(home(APT_4, street="14 rue des Lilas"), id="another number"),
        pytest.param(home(APT_4, street="12 bis rue des Lilas"), id="bis"),
        pytest.param(home(APT_4, street="12 rue des Roses"), id="another street"),
        pytest.param(home(APT_4, postal_code="69004"), id="another postal code"),
    ],
)
def test_another_building_never_matches(asked: PostalAddress) -> None:
    """Not even with the same unit."""
    assert meeting(home(APT_4), asked) is None


@pytest.mark.parametrize("channel", Channel)
def test_an_address_counts_for_doors_and_letters_only(channel: Channel) -> None:
    """An objection to visits by the neighbour upstairs must not silence emails."""
    assert counts_addresses(channel) == (channel in {Channel.DOOR_TO_DOOR, Channel.POST})


@pytest.mark.parametrize(
    "stored, asked, expected",
    [
        pytest.param("anna@example.com", "anna@example.com", TARGET, id="the same"),
        pytest.param("anna@example.com", " Anna@EXAMPLE.com ", TARGET, id="case and space"),
        pytest.param("anna@example.com", "anna+shop@example.com", WIDE, id="sub-address asked"),
        pytest.param("anna+shop@example.com", "anna@example.com", WIDE, id="sub-address stored"),
        pytest.param("anna+a@example.com", "anna+b@example.com", WIDE, id="two sub-addresses"),
        pytest.param("anna+a@example.com", "anna+a@example.com", TARGET, id="the same one"),
        pytest.param("anna@example.com", "anna@example.org", NONE, id="another domain"),
        pytest.param("anna@example.com", "hanna@example.com", NONE, id="another mailbox"),
    ],
)
def test_a_sub_address_is_the_same_person_but_not_the_same_target(
    stored: str, asked: str, expected: Match | None
) -> None:
    """An opt-out reaches every sub-address; a consent only its own."""
    assert meeting(Email(stored), Email(asked)) is expected


NUMBER = "+33639980001"


@pytest.mark.parametrize(
    "stored, asked, expected",
    [
        pytest.param(Phone(NUMBER), Phone("06 39 98 00 01", "FR"), TARGET, id="national"),
        pytest.param(Phone(NUMBER), Phone("+33 (0)6 39 98 00 01"), TARGET, id="trunk zero"),
        pytest.param(Phone(NUMBER), Phone("0033639980001"), TARGET, id="00"),
        pytest.param(
            Phone("0639980001"), Phone("06.39.98.00.01", "FR"), TARGET, id="kept by digits"
        ),
        pytest.param(
            Phone("0639980001"), Phone("06 39 98 00 01"), TARGET, id="digits on both sides"
        ),
        pytest.param(Phone("0639980001"), Phone("0639980002", "FR"), NONE, id="other digits"),
        pytest.param(Phone(NUMBER), Handle("WhatsApp", "+33 6 39 98 00 01"), TARGET, id="WhatsApp"),
        pytest.param(Handle("whatsapp", NUMBER), Phone("0639980001", "FR"), TARGET, id="and back"),
        pytest.param(Phone(NUMBER), Handle("messenger", NUMBER), NONE, id="no number there"),
        pytest.param(Handle("signal", NUMBER), Handle("whatsapp", NUMBER), TARGET, id="platforms"),
        pytest.param(
            Handle("messenger", "@Anna"), Handle("Messenger", "anna"), TARGET, id="handle"
        ),
        pytest.param(Handle("messenger", "anna"), Handle("telegram", "anna"), NONE, id="elsewhere"),
    ],
)
def test_numbers_meet_however_they_are_written(
    stored: ContactPoint, asked: ContactPoint, expected: Match | None
) -> None:
    """A number kept by its digits meets those digits, however the question completes them."""
    assert meeting(stored, asked) is expected


def test_a_number_in_national_form_looks_up_its_digits_too() -> None:
    """Because an opt-out that came without a region was kept by them."""
    wide_digests = {forms.wide for forms in suppression_forms_of(Phone("06 39 98 00 01", "FR"))}
    assert wide_digests == {
        forms_of(Phone(NUMBER)).wide,
        digits_forms_of(Phone("0639980001")).wide,
    }


def test_an_international_number_looks_up_nothing_else() -> None:
    """It is what nearly every question names, so it costs one digest."""
    assert len(suppression_forms_of(Phone(NUMBER))) == 1


@pytest.mark.parametrize(
    "unusable",
    [
        pytest.param(Email("anna"), id="no at"),
        pytest.param(Email(""), id="empty"),
        pytest.param(Phone("call me"), id="no digits"),
        pytest.param(Phone("12"), id="too few digits"),
        pytest.param(PostalAddress("FR", ""), id="no postal code"),
        pytest.param(PostalAddress("", "69003", street="12 rue des Lilas"), id="no country"),
        pytest.param(Handle("", "anna"), id="no platform"),
        pytest.param(CustomerNumber(" "), id="no customer number"),
    ],
)
def test_what_has_no_form_is_refused_for_entries_and_passed_over_in_questions(
    unusable: ContactPoint | CustomerNumber,
) -> None:
    """It cannot have been stored, so it hides no opt-out."""
    with pytest.raises(InvalidContactPoint):
        kept_strictly(unusable)
    assert suppression_forms_of(unusable) == []


def kept_strictly(point: ContactPoint | CustomerNumber) -> Forms:
    """As `kept`, with what a phone's digits cannot save refused too."""
    if isinstance(point, Phone):
        return digits_forms_of(point)
    return forms_of(point)


@pytest.mark.parametrize(
    "is_target, expected", [(True, Match.TARGET), (False, Match.WIDE)], ids=["target", "subject"]
)
def test_only_the_target_is_the_target(is_target: bool, expected: Match) -> None:
    """A consent for another of the person's numbers says nothing about this one."""
    assert meeting(Phone(NUMBER), Phone(NUMBER), is_target=is_target) is expected


def test_a_contact_point_named_as_target_and_in_the_subject_is_the_target() -> None:
    """The closest of its meetings counts, in either order."""
    forms = forms_of(Phone(NUMBER))
    looks = [look(forms, is_target=False), look(forms, is_target=True)]
    assert met(forms, looks) is met(forms, looks[::-1]) is Match.TARGET


def test_of_two_dwellings_in_one_building_the_closest_counts() -> None:
    """A question may name the person's old flat beside the new one."""
    looks = [look(forms_of(home(unit)), is_target=False) for unit in (APT_5, NO_UNIT, APT_4)]
    assert met(forms_of(home(APT_4)), looks) is Match.WIDE
    assert met(forms_of(home(APT_4)), looks[:2]) is Match.UNIT_UNCLEAR


def test_what_shares_nothing_does_not_meet() -> None:
    """Nor does anything meet a question without contact points."""
    stored = forms_of(Phone(NUMBER))
    assert met(stored, [look(forms_of(Email("anna@example.com")), is_target=True)]) is None
    assert met(stored, []) is None


def test_no_two_kinds_share_a_form() -> None:
    """The same characters as email, handle, customer number or digits are different things."""
    points: list[ContactPoint | CustomerNumber] = [
        Email("33639980001@example.com"),
        Phone("+33639980001"),
        Handle("messenger", "33639980001"),
        CustomerNumber("33639980001"),
        home("33639980001"),
    ]
    forms = [{each.wide, each.exact} for each in map(forms_of, points)]
    for one, other in product(range(len(forms)), repeat=2):
        assert one == other or not forms[one] & forms[other]


@pytest.mark.parametrize(
    "point, country",
    [
        pytest.param(Phone("+33639980001"), "FR", id="French number"),
        pytest.param(Phone("+4799999999"), "NO", id="Norwegian number"),
        pytest.param(home(""), "FR", id="address"),
        pytest.param(Email("anna@example.com"), "", id="email"),
        pytest.param(Handle("messenger", "anna"), "", id="handle"),
        pytest.param(Handle("whatsapp", "+33639980001"), "FR", id="number on WhatsApp"),
    ],
)
def test_numbers_and_addresses_tell_the_country(point: ContactPoint, country: str) -> None:
    """Email addresses and handles never do."""
    assert forms_of(point).country == country


@pytest.mark.parametrize(
    "point, expected",
    [
        pytest.param(Phone("+353850000000"), LineType.MOBILE, id="Irish mobile"),
        pytest.param(Phone("+35312345678"), LineType.LANDLINE, id="Dublin"),
        pytest.param(Phone("+33639980001"), LineType.ANY, id="reserved for fiction"),
        pytest.param(Email("anna@example.com"), LineType.ANY, id="no phone"),
    ],
)
def test_a_line_has_a_type_where_the_numbering_plan_tells_it(
    point: ContactPoint, expected: LineType
) -> None:
    """ANY where it does not: then no rule for a kind of line applies."""
    assert line_type_of(forms_of(point)) is expected


def test_every_channel_has_its_kinds_of_target() -> None:
    """As the contract lists them; a customer number is never a target."""
    data = {ContactKind.EMAIL, ContactKind.PHONE, ContactKind.HANDLE}
    assert {
        Channel.EMAIL: {ContactKind.EMAIL},
        Channel.SMS: {ContactKind.PHONE},
        Channel.VOICE_CALL: {ContactKind.PHONE},
        Channel.AUTOMATED_CALL: {ContactKind.PHONE},
        Channel.MESSAGING: {ContactKind.HANDLE, ContactKind.PHONE},
        Channel.DOOR_TO_DOOR: {ContactKind.ADDRESS},
        Channel.POST: {ContactKind.ADDRESS},
        Channel.ONLINE_ADVERTISING: data,
        Channel.PROCESSING: data,
    } == TARGET_KINDS
