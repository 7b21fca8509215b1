"""The spellings of the demonstration are messy, and mean what they are meant to."""

from collections import Counter
from collections.abc import Callable
from random import Random

import phonenumbers
import pytest

from consent_registry_server.demo.people import DOMAINS, Dwelling, people
from consent_registry_server.demo.spellings import (
    BROKEN_NUMBERS,
    PHONE_SPELLINGS,
    UNIT_SPELLINGS,
    broken_phone,
    respelled_phone,
    sub_addressed_email,
    typed_address,
    typed_email,
    typed_phone,
    without_unit,
)
from consent_registry_server.domain.contact import PostalAddress
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.address import address_form
from consent_registry_server.domain.normal_form.email import exact_form, wide_form
from consent_registry_server.domain.normal_form.phone import parse_phone
from consent_registry_server.domain.normal_form.unit import UnitState

Seeded = Callable[[int], Random]
NUMBER = "+33639981234"
FLAT = Dwelling(
    number=12,
    letter="bis",
    street_type="rue",
    street_name="du Général de Gaulle",
    postal_code="44000",
    town="Nantes",
    flat=4,
)


def _form_of(address: object) -> tuple[str, str, UnitState]:
    fields = {name: getattr(address, name) for name in ("postal_code", "street", "unit")}
    form = address_form(PostalAddress(country="FR", **fields))
    return form.building, form.unit, form.unit_state


def test_shares_are_percentages() -> None:
    """Each table of spellings adds up to a hundred."""
    assert sum(PHONE_SPELLINGS.values()) == 100
    assert sum(UNIT_SPELLINGS.values()) == 100


def test_every_phone_spelling_occurs_about_as_often_as_it_should(seeded: Seeded) -> None:
    """The mess is a mix, not the tidy form with a few exceptions."""
    random = seeded(3)
    counted = Counter(typed_phone(NUMBER, random) for _ in range(20_000))
    assert len(counted) == len(PHONE_SPELLINGS)
    assert 0.27 < counted["06 39 98 12 34"] / 20_000 < 0.33
    for spelling, share in PHONE_SPELLINGS.items():
        drawn = counted[spelling.format("06", "39", "98", "12", "34", "6")]
        assert abs(drawn / 20_000 - share / 100) < 0.015


def test_every_number_can_be_dialled_from_france_however_it_is_typed(seeded: Seeded) -> None:
    """An independent library reads from each spelling the number that was meant."""
    random = seeded(4)
    for person in people(3_000, seeded(4)):
        typed = typed_phone(person.e164, random)
        parsed = phonenumbers.parse(typed, "FR")
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        assert (typed, e164) == (typed, person.e164)
        assert parse_phone(typed, "FR").e164 == person.e164


def test_a_broken_number_cannot_be_dialled(seeded: Seeded) -> None:
    """Each way to break a number leaves one that the registry refuses."""
    random = seeded(5)
    broken = {broken_phone(NUMBER, random) for _ in range(100)}
    assert len(broken) == len(BROKEN_NUMBERS)
    for number in broken:
        with pytest.raises(InvalidContactPoint):
            parse_phone(number, "FR")


def test_a_respelled_number_looks_different(seeded: Seeded) -> None:
    """What is said in a chat is not what is dialled, character by character."""
    random = seeded(6)
    for _ in range(100):
        dialled = typed_phone(NUMBER, random)
        assert respelled_phone(NUMBER, dialled, random) != dialled


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_email_spelling_is_the_same_mailbox(domain: str, seeded: Seeded) -> None:
    """Case and the two forms of a domain do not matter, for consents either."""
    random = seeded(7)
    email = f"zoe.le-goff0042@{domain}"
    spellings = {typed_email(email, random) for _ in range(200)}
    assert len(spellings) >= 4
    assert {exact_form(each) for each in spellings} == {exact_form(email)}


def test_a_sub_address_is_the_same_mailbox_for_opt_outs_only(seeded: Seeded) -> None:
    """The tag is seen through widely, never narrowly."""
    tagged = exact_form(sub_addressed_email("zoe@example.org", seeded(8)))
    assert tagged != "zoe@example.org"
    assert wide_form(tagged) == "zoe@example.org"


def test_every_address_spelling_is_the_same_flat(seeded: Seeded) -> None:
    """Street types, titles, accents, case, and the flat in either line."""
    random = seeded(9)
    spellings = {typed_address(FLAT, random) for _ in range(300)}
    assert len(spellings) > 100
    assert {_form_of(each)[1:] for each in spellings} == {("4", UnitState.READ)}
    assert len({_form_of(each)[0] for each in spellings}) == 1


def test_an_address_without_its_flat_names_the_building_only(seeded: Seeded) -> None:
    """It leaves open which of the neighbours is meant."""
    random = seeded(10)
    building, _, state = _form_of(without_unit(FLAT, random))
    assert state is UnitState.NONE
    assert building == _form_of(typed_address(FLAT, random))[0]
