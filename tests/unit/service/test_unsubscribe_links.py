"""CreateUnsubscribeLinks and DescribeUnsubscribe: who gets which link, and what it tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Handle,
    Phone,
    Subject,
)
from consent_registry_server.domain.errors import InvalidRequest, NotFound, RegistryError
from consent_registry_server.domain.vocabulary import (
    GROUP,
    Channel,
    ControllerId,
    LinkId,
    PurposeId,
    UnsubscribeChoice,
)
from consent_registry_server.service.unsubscribe_tokens import Token, UnsubscribeTokens
from tests.fakes.ambience import HashDigester
from tests.past_desk import EMAIL, FRANCE, MARKETING, NEWSLETTER, OTHER_EMAIL, PHONE, SERVICE
from tests.unsubscribe_desk import HOME, MemoryUnsubscribers

TOKENS: Final = UnsubscribeTokens(HashDigester())
NORWAY: Final = ControllerId("alarm-no")


@pytest.fixture
def people() -> MemoryUnsubscribers:
    """People without a link."""
    return MemoryUnsubscribers()


def link_id(token: str) -> LinkId:
    """The link of a token."""
    return TOKENS.read(token).link_id


SAME: Final[dict[str, tuple[ContactPoint, ...]]] = {
    "the same": (EMAIL, PHONE),
    "in another order": (PHONE, EMAIL),
    "in other spellings": (Email(" Camille.Desiree@EXAMPLE.com"), Phone("06 39 98 00 01", "FR")),
    "with one of them twice": (EMAIL, Phone("0033639980001"), PHONE),
}
OTHERS: Final[dict[str, tuple[ContactPoint, ...]]] = {
    "with less known": (EMAIL,),
    "with more known": (EMAIL, PHONE, HOME),
    "with another sub-address": (Email("camille.desiree+x@example.com"), PHONE),
    "somebody else": (OTHER_EMAIL, PHONE),
}


@pytest.mark.parametrize("points", SAME.values(), ids=SAME)
def test_the_same_person_has_the_same_link(
    people: MemoryUnsubscribers, points: tuple[ContactPoint, ...]
) -> None:
    """The very same token for the same campaign, however the contact points are written."""
    assert people.link(*points) == people.link(EMAIL, PHONE)


@pytest.mark.parametrize("points", OTHERS.values(), ids=OTHERS)
def test_another_person_has_another_link(
    people: MemoryUnsubscribers, points: tuple[ContactPoint, ...]
) -> None:
    """And so has the same one of whom more is known."""
    assert link_id(people.link(*points)) != link_id(people.link(EMAIL, PHONE))


def test_a_campaign_costs_no_link(people: MemoryUnsubscribers) -> None:
    """Channel, purpose and campaign stand in the token."""
    spring = people.link(campaign="spring")
    autumn = people.link(channel=Channel.SMS, purpose=NEWSLETTER, campaign="autumn")
    assert link_id(spring) == link_id(autumn)
    assert spring != autumn
    assert len(people.store.state.links) == 1


def test_a_token_tells_what_it_was_made_for(people: MemoryUnsubscribers) -> None:
    """When it is opened, whatever its case."""
    token = people.link(channel=Channel.SMS, purpose=NEWSLETTER, campaign="autumn")
    opened = people.opened(token.upper())
    assert opened.token == Token(link_id(token), Channel.SMS, NEWSLETTER, "autumn")
    assert opened.link.controller == FRANCE
    assert opened.controller is not None
    assert opened.controller.country == "FR"


def test_a_link_is_of_one_controller(people: MemoryUnsubscribers) -> None:
    """The same person has another one with another controller."""
    [of_france] = people.links(Subject((EMAIL,)))
    [of_norway] = people.links(Subject((EMAIL,)), controller=NORWAY)
    assert isinstance(of_france, str)
    assert isinstance(of_norway, str)
    assert people.opened(of_norway).link.controller == NORWAY
    assert link_id(of_france) != link_id(of_norway)


def test_nothing_that_tells_a_person_stands_in_a_token(people: MemoryUnsubscribers) -> None:
    """Two people's tokens differ in nothing but a random id and its digest."""
    one, other = people.links(Subject((EMAIL, PHONE)), Subject((OTHER_EMAIL,)))
    assert isinstance(one, str)
    assert isinstance(other, str)
    assert len(one) == len(other)
    assert replace(TOKENS.read(one), link_id=link_id(other)) == TOKENS.read(other)


def test_links_are_random(people: MemoryUnsubscribers) -> None:
    """Neither counted nor of a digest: all 128 bits of them, two thirds of which never agree."""
    many = [people.link(Email(f"person-{number}@example.com")) for number in range(64)]
    ids = [link_id(token).int for token in many]
    always, never = (1 << 128) - 1, (1 << 128) - 1
    for each in ids:
        always &= each
        never &= ~each
    assert (always, never) == (0, 0)


# People of whom there can be no link.

FAULTY: Final[dict[str, tuple[Subject, Channel, tuple[str, str]]]] = {
    "nothing known": (Subject(), Channel.EMAIL, ("MISSING_FIELD", "contact_points")),
    "no target of the channel": (
        Subject((EMAIL,)),
        Channel.SMS,
        ("MISSING_FIELD", "contact_points"),
    ),
    "a customer number alone": (
        Subject((), "K-1"),
        Channel.EMAIL,
        ("MISSING_FIELD", "contact_points"),
    ),
    "a number known by its digits": (
        Subject((Phone("0639980001 12345"),)),
        Channel.SMS,
        ("MISSING_FIELD", "contact_points"),
    ),
    "an email that is none": (
        Subject((EMAIL, Email("camille"))),
        Channel.EMAIL,
        ("INVALID_CONTACT_POINT", "contact_points[1]"),
    ),
    "a customer number that is none": (
        Subject((EMAIL,), "\u200b"),
        Channel.EMAIL,
        ("INVALID_CONTACT_POINT", "customer_number"),
    ),
}


@pytest.mark.parametrize("subject, channel, expected", FAULTY.values(), ids=FAULTY)
def test_a_faulty_subject_spoils_no_other(
    people: MemoryUnsubscribers, subject: Subject, channel: Channel, expected: tuple[str, str]
) -> None:
    """It is told where it stands, by the path within the subject; its message must not be sent."""
    fine = Subject((EMAIL, PHONE))
    first, fault, last = people.links(fine, subject, fine, channel=channel)
    assert isinstance(first, str)
    assert first == last
    assert isinstance(fault, RegistryError)
    assert (fault.reason, fault.field) == expected
    assert len(people.store.state.links) == 1


def test_what_was_wrong_before_stays_what_it_is(people: MemoryUnsubscribers) -> None:
    """A subject that could not be read keeps its own error and its place."""
    unread = InvalidRequest("TOO_LONG", "too long", field="name")
    assert people.links(unread, unread) == [unread, unread]
    assert people.store.state.number == 0


REFUSED: Final[dict[str, tuple[dict[str, Any], tuple[str, str]]]] = {
    "an unknown controller": (
        {"controller": ControllerId("nobody")},
        ("UNKNOWN_CONTROLLER", "controller"),
    ),
    "the group": ({"controller": GROUP}, ("UNKNOWN_CONTROLLER", "controller")),
    "an unknown purpose": ({"purpose": PurposeId("fun")}, ("UNKNOWN_PURPOSE", "purpose")),
    "a purpose that is no marketing": ({"purpose": SERVICE}, ("INVALID_FIELD", "purpose")),
    "a campaign with an address": (
        {"campaign": "camille@example.com"},
        ("INVALID_FIELD", "campaign"),
    ),
}


@pytest.mark.parametrize("changes, expected", REFUSED.values(), ids=REFUSED)
def test_what_no_link_can_be_for_is_refused(
    people: MemoryUnsubscribers, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    """All at once, and no link is made."""
    with pytest.raises((InvalidRequest, NotFound)) as refusal:
        people.links(Subject((EMAIL,)), **changes)
    assert (refusal.value.reason, refusal.value.field) == expected
    assert not people.store.state.links


# What a link tells.

CHOICES: Final[dict[str, tuple[Subject, str]]] = {
    "email": (Subject((EMAIL,)), "LINK EMAIL EVERYTHING"),
    "email and phone": (
        Subject((EMAIL, PHONE)),
        "LINK EMAIL SMS MESSAGING CALLS RECORDING EVERYTHING",
    ),
    "email and a number known by its digits": (
        Subject((EMAIL, Phone("0639980001 12345"))),
        "LINK EMAIL EVERYTHING",
    ),
    "email and home": (Subject((EMAIL, HOME)), "LINK EMAIL VISITS POST EVERYTHING"),
    "email and handle": (
        Subject((EMAIL, Handle("messenger", "camille"))),
        "LINK EMAIL MESSAGING EVERYTHING",
    ),
    "email and customer number": (
        Subject((EMAIL,), "K-4711"),
        "LINK EMAIL RECORDING EVERYTHING",
    ),
}


@pytest.mark.parametrize("subject, expected", CHOICES.values(), ids=CHOICES)
def test_a_link_offers_what_can_surely_be_stopped(
    people: MemoryUnsubscribers, subject: Subject, expected: str
) -> None:
    """By the contact points that it was made with, whatever the registry knows besides."""
    [token] = people.links(subject)
    assert isinstance(token, str)
    people.desk.consents(EMAIL, PHONE, HOME)
    choices = people.opened(token).choices
    assert choices == tuple(UnsubscribeChoice[name] for name in expected.split())


def test_a_link_that_was_lost_is_not_a_forged_one(people: MemoryUnsubscribers) -> None:
    """The registry signed it: the page says to try again or by hand, and somebody is alarmed."""
    lost = TOKENS.text(Token(LinkId(UUID(int=7)), Channel.EMAIL, MARKETING, ""))
    with pytest.raises(NotFound) as refusal:
        people.opened(lost)
    assert (refusal.value.reason, refusal.value.field) == ("UNKNOWN_UNSUBSCRIBE_LINK", "token")


def test_a_link_outlives_its_controller_in_the_policy(people: MemoryUnsubscribers) -> None:
    """Somebody who has not been written to for years still finds out whose the link is."""
    token = people.link()
    policy = people.desk.policies.in_force
    people.desk.policies.since.append((0, replace(policy, controllers={})))
    opened = people.opened(token)
    assert opened.controller is None
    assert opened.link.controller == FRANCE
