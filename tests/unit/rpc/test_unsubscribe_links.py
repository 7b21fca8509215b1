"""CreateUnsubscribeLinks and DescribeUnsubscribe as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry

from consent_registry.v1.contact_pb2 import Channel, ContactPoint, Subject
from consent_registry.v1.unsubscribe_service_pb2 import (
    DescribeUnsubscribeResponse,
    UnsubscribeChoice,
)
from consent_registry_server.rpc.metrics import Metrics
from consent_registry_server.rpc.options import UnsubscribeAddresses
from consent_registry_server.rpc.unsubscribe_service import UnsubscribeServicer
from tests.past_desk import CLEAR, EMAIL, MINUTE_US, NOW_US, PHONE
from tests.unit.rpc.unsubscribe_wire import (
    BY_EMAIL,
    BY_PHONE,
    CAMILLE,
    FRANCE,
    MAILBOX,
    MARKETING,
    PAGE,
    Wire,
    refused,
)
from tests.unsubscribe_desk import EVERYTHING


@pytest.fixture
def wire() -> Wire:
    """A registry that knows nobody."""
    return Wire()


def test_a_link_comes_ready_for_the_message(wire: Wire) -> None:
    """RFC 2369 and RFC 8058: URIs in angle brackets, the page's first, and the exact word."""
    [result] = wire.create(CAMILLE).results
    link = result.link
    assert result.WhichOneof("result") == "link"
    assert link.url == f"{PAGE}/u/{link.token}"
    assert link.list_unsubscribe == f"<{link.url}>, <mailto:{MAILBOX}?subject={link.token}>"
    assert link.list_unsubscribe_post == "List-Unsubscribe=One-Click"
    assert link.list_unsubscribe.isascii()


def test_a_link_without_a_mailbox_is_the_page_alone() -> None:
    """The mailto is an extra."""
    [result] = Wire(UnsubscribeAddresses(PAGE)).create(CAMILLE).results
    assert result.link.list_unsubscribe == f"<{result.link.url}>"


def test_no_link_is_made_that_leads_nowhere() -> None:
    """Where the page is must be known before anybody is written to."""
    wire = Wire(None)
    assert refused(lambda: wire.create(CAMILLE)) == ("UNSUBSCRIBE_NOT_CONFIGURED", "")
    assert not wire.people.store.state.links


def test_who_does_not_know_where_the_page_is_still_takes_what_is_said(wire: Wire) -> None:
    """The links that are out there go on working."""
    token = wire.token()
    wire.servicer = UnsubscribeServicer(
        wire.people.service, addresses=None, metrics=Metrics(CollectorRegistry())
    )
    assert wire.describe(token).controller == FRANCE
    assert wire.unsubscribe(token).entry_ids


FAULTY: Final = {
    "nothing known": (Subject(), "MISSING_FIELD", "contact_points"),
    "an empty contact point": (
        Subject(contact_points=[ContactPoint()]),
        "MISSING_FIELD",
        "contact_points[0]",
    ),
    "no email": (Subject(contact_points=[BY_PHONE]), "MISSING_FIELD", "contact_points"),
    "an email that is none": (
        Subject(contact_points=[BY_EMAIL, ContactPoint(email="camille")]),
        "INVALID_CONTACT_POINT",
        "contact_points[1]",
    ),
    "a control character": (
        Subject(contact_points=[BY_EMAIL], name="Camille\x07"),
        "CONTROL_CHARACTER",
        "name",
    ),
    "too many contact points": (
        Subject(contact_points=[BY_EMAIL] * 21),
        "TOO_LONG",
        "contact_points",
    ),
}


@pytest.mark.parametrize("faulty, reason, field", FAULTY.values(), ids=FAULTY)
def test_a_faulty_subject_spoils_no_other(
    wire: Wire, faulty: Subject, reason: str, field: str
) -> None:
    """It has its own error in its own place."""
    first, fault, last = wire.create(CAMILLE, faulty, CAMILLE).results
    assert first == last
    assert fault.WhichOneof("result") == "error"
    assert (fault.error.reason, fault.error.field) == (reason, field)
    assert not any(clear in fault.error.message for clear in CLEAR)


ASKED_WRONGLY: Final[dict[str, tuple[dict[str, Any], tuple[str, str]]]] = {
    "no controller": ({"controller": ""}, ("MISSING_FIELD", "controller")),
    "an unknown controller": ({"controller": "nobody"}, ("UNKNOWN_CONTROLLER", "controller")),
    "the group": ({"controller": "group"}, ("UNKNOWN_CONTROLLER", "controller")),
    "no channel": ({"channel": 0}, ("MISSING_FIELD", "channel")),
    "no purpose": ({"purpose": ""}, ("MISSING_FIELD", "purpose")),
    "no marketing": ({"purpose": "service"}, ("INVALID_FIELD", "purpose")),
    "an unknown purpose": ({"purpose": "fun"}, ("UNKNOWN_PURPOSE", "purpose")),
    "a campaign that tells a person": (
        {"campaign": "to camille@example.com"},
        ("INVALID_FIELD", "campaign"),
    ),
}


@pytest.mark.parametrize("changes, expected", ASKED_WRONGLY.values(), ids=ASKED_WRONGLY)
def test_what_no_link_can_be_for_is_refused(
    wire: Wire, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    """By the field, before anybody's link is made."""
    assert refused(lambda: wire.create(CAMILLE, **changes)) == expected


def test_nobody_to_make_a_link_for_is_refused(wire: Wire) -> None:
    """As is more than a thousand."""
    assert refused(wire.create) == ("MISSING_FIELD", "subjects")
    assert refused(lambda: wire.create(*[Subject()] * 1_001))[1] == "subjects"


# What a link is for.


def test_a_link_tells_whose_it_is_and_what_it_stops(wire: Wire) -> None:
    """In the order of the enumeration."""
    described = wire.describe(wire.token().upper())
    policy = wire.people.desk.policies.in_force
    declared = next(each for key, each in policy.controllers.items() if key == FRANCE)
    assert described == DescribeUnsubscribeResponse(
        controller=FRANCE,
        legal_name=declared.legal_name,
        country="FR",
        channel=Channel.CHANNEL_EMAIL,
        purpose=MARKETING,
        choices=_choices("LINK", "EMAIL", "SMS", "MESSAGING", "CALLS", "RECORDING", "EVERYTHING"),
    )


def test_a_description_tells_nothing_of_the_person(wire: Wire) -> None:
    """The same octets for one of whom nothing is known and one who said all there is to say."""
    token = wire.token()
    before = wire.describe(token).SerializeToString(deterministic=True)
    people = wire.people
    people.desk.consents(EMAIL, PHONE)
    people.click(token, *EVERYTHING)
    people.desk.opts_out(EMAIL)
    people.officer.restrict(PHONE)
    people.later(MINUTE_US)
    people.officer.erase(EMAIL)
    assert wire.describe(token).SerializeToString(deterministic=True) == before


def test_a_controller_that_is_gone_is_told_by_its_id(wire: Wire) -> None:
    """Nobody is left without a name on the page."""
    token = wire.token()
    policies = wire.people.desk.policies
    policies.since.append((NOW_US, replace(policies.in_force, controllers={})))
    described = wire.describe(token)
    assert (described.legal_name, described.country) == (FRANCE, "")


NO_TOKENS: Final = {
    "a word": "unsubscribe",
    "too long": "a" * 300,
    "an address": "camille.desiree@example.com",
    "of another alphabet": "ⓐ" * 60,
    "well-formed": "a" * 100,
}


@pytest.mark.parametrize("token", NO_TOKENS.values(), ids=NO_TOKENS)
@pytest.mark.parametrize("method", ["describe", "unsubscribe", "undo"])
def test_what_is_no_token_is_refused_for_one_reason(wire: Wire, method: str, token: str) -> None:
    """By each method, and nothing of it is said back."""
    ask: dict[str, Callable[[], object]] = {
        "describe": lambda: wire.describe(token),
        "unsubscribe": lambda: wire.unsubscribe(token),
        "undo": lambda: wire.undo(token, b"undo"),
    }
    assert refused(ask[method]) == ("INVALID_UNSUBSCRIBE_TOKEN", "token")
    assert wire.counted("ONE_CLICK") == 0


def test_a_token_must_be_given(wire: Wire) -> None:
    """Before anything is asked of the database."""
    for ask in (lambda: wire.describe(""), lambda: wire.unsubscribe("")):
        assert refused(ask) == ("MISSING_FIELD", "token")


def _choices(*names: str) -> list[UnsubscribeChoice.ValueType]:
    return [UnsubscribeChoice.Value(f"UNSUBSCRIBE_CHOICE_{name}") for name in names]
