"""The people of the demonstration do not exist, and are the same in every run."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from consent_registry_server.demo.people import (
    DOMAINS,
    LANDLINE_PREFIXES,
    MAX_PEOPLE,
    MOBILE_PREFIX,
    people,
)

Seeded = Callable[[int], Random]
RESERVED = (MOBILE_PREFIX, *LANDLINE_PREFIXES)


def test_the_same_seed_gives_the_same_people(seeded: Seeded) -> None:
    """Two runs show the same numbers and names."""
    assert people(500, seeded(7)) == people(500, seeded(7))
    assert people(500, seeded(7)) != people(500, seeded(8))


def test_numbers_are_reserved_for_fiction(seeded: Seeded) -> None:
    """Nobody can be reached at any of them: ARCEP reserves these ranges."""
    assert MOBILE_PREFIX == "+3363998"
    for person in people(MAX_PEOPLE, seeded(1)):
        assert person.e164.startswith(RESERVED)
        assert len(person.e164) == len("+33639980001")


def test_mailboxes_are_in_domains_reserved_for_examples(seeded: Seeded) -> None:
    """No mail to any of them can arrive: RFC 2606 reserves these domains."""
    for person in people(1_000, seeded(1)):
        local, _, domain = person.email.partition("@")
        assert local.isascii()
        assert domain in DOMAINS
        assert domain.endswith(("example.com", "example.org", "example.net"))


@pytest.mark.parametrize("what", ["customer_number", "e164", "email", "dwelling"])
def test_no_two_people_share_a_contact_point(what: str, seeded: Seeded) -> None:
    """Otherwise one person's opt-out would be another's, by accident."""
    counted = Counter(getattr(person, what) for person in people(MAX_PEOPLE, seeded(1)))
    assert counted.total() == len(counted) == MAX_PEOPLE


def test_about_six_in_ten_live_in_a_flat(seeded: Seeded) -> None:
    """Door opt-outs are about flats as much as about houses."""
    flats = sum(person.dwelling.flat is not None for person in people(MAX_PEOPLE, seeded(1)))
    assert 0.5 < flats / MAX_PEOPLE < 0.7


@pytest.mark.parametrize("count", [0, MAX_PEOPLE + 1])
def test_more_people_than_reserved_numbers_are_refused(count: int, seeded: Seeded) -> None:
    """A number that somebody may have is never made up."""
    with pytest.raises(ValueError, match="people"):
        people(count, seeded(1))


def test_a_person_is_not_shown_by_repr(seeded: Seeded) -> None:
    """Not even made-up contact data teaches anybody to log it."""
    person = people(1, seeded(1))[0]
    assert person.name not in repr(person)
    assert person.e164 not in repr(person)
