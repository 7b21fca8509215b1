"""Unsubscribe and UndoUnsubscribe as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import pytest
from prometheus_client import generate_latest

from consent_registry.v1.contact_pb2 import Subject
from consent_registry.v1.unsubscribe_service_pb2 import (
    UnsubscribeChoice,
    UnsubscribeResponse,
)
from consent_registry_server.domain.vocabulary import Channel as DomainChannel
from consent_registry_server.domain.vocabulary import EntryKind, PurposeId
from consent_registry_server.rpc.authentication import Caller
from tests.past_desk import MINUTE_US, NOW_US
from tests.unit.rpc.unsubscribe_wire import (
    BY_EMAIL,
    BY_MAIL,
    BY_PAGE,
    CAMILLE,
    LINK,
    MARKETING,
    ONE_CLICK,
    SMS,
    Wire,
    refused,
)


@pytest.fixture
def wire() -> Wire:
    """A registry that knows nobody."""
    return Wire()


def test_a_press_is_answered_with_what_is_stored(wire: Wire) -> None:
    """And counted by its method."""
    token = wire.token()
    response = wire.unsubscribe(token)
    entry = wire.people.store.state.entries[-1]
    assert list(response.entry_ids) == [str(entry.entry_id)]
    assert entry.new.kind is EntryKind.DO_NOT_CONTACT
    assert (entry.new.channels, entry.new.purposes) == (
        DomainChannel.EMAIL.mask,
        frozenset({PurposeId(MARKETING)}),
    )
    assert response.recorded_at.ToMicroseconds() == NOW_US
    assert response.undo_until.ToMicroseconds() == NOW_US + 15 * MINUTE_US
    assert response.revision == wire.people.store.state.revision
    assert (wire.counted("ONE_CLICK"), wire.counted("PAGE"), wire.counted("MAIL")) == (1, 0, 0)


def test_an_answer_to_a_repetition_is_as_large(wire: Wire) -> None:
    """Whoever only sees how much goes over the wire learns nothing."""
    token = wire.token()
    sizes = {
        wire.unsubscribe(token, request_id=str(number), method=ONE_CLICK).ByteSize()
        for number in range(3)
    }
    wire.people.later(MINUTE_US * 20)
    sizes.add(wire.unsubscribe(token, request_id="later").ByteSize())
    assert len(sizes) == 1


def test_choices_are_stored_all_at_once(wire: Wire) -> None:
    """With the form that the person saw."""
    response = wire.unsubscribe(wire.token(), method=BY_PAGE, choices=[LINK, SMS], form_id="p/3")
    assert len(response.entry_ids) == 2
    stored = list(wire.people.store.written())[-2:]
    assert {each.new.evidence.form_id for each in stored} == {"p/3"}
    assert wire.counted("PAGE") == 1


SAID_WRONGLY: Final[dict[str, tuple[dict[str, Any], tuple[str, str]]]] = {
    "no request id": ({"request_id": ""}, ("MISSING_FIELD", "request_id")),
    "no method": ({"method": 0}, ("MISSING_FIELD", "method")),
    "an unknown method": ({"method": 9}, ("UNKNOWN_ENUM_VALUE", "method")),
    "a choice that is none": ({"choices": [LINK, 0]}, ("MISSING_FIELD", "choices[1]")),
    "an unknown choice": ({"choices": [99]}, ("UNKNOWN_ENUM_VALUE", "choices[0]")),
    "a choice made twice": ({"choices": [SMS, LINK, SMS]}, ("CONTRADICTION", "choices[2]")),
    "a choice that is not offered": (
        {"choices": [LINK, UnsubscribeChoice.UNSUBSCRIBE_CHOICE_POST]},
        ("INVALID_FIELD", "choices"),
    ),
}


@pytest.mark.parametrize("changes, expected", SAID_WRONGLY.values(), ids=SAID_WRONGLY)
def test_what_cannot_be_meant_is_refused_and_not_stored(
    wire: Wire, changes: dict[str, Any], expected: tuple[str, str]
) -> None:
    """By the field; nothing is counted."""
    token = wire.token()
    assert refused(lambda: wire.unsubscribe(token, **changes)) == expected
    assert not wire.people.store.state.entries
    assert wire.counted("ONE_CLICK") == 0


def test_a_request_id_is_idempotent(wire: Wire) -> None:
    """The same content gets the first answer, other content is refused, a link is another scope."""
    token = wire.token()
    first = wire.unsubscribe(token, method=BY_MAIL)
    again = wire.unsubscribe(token, method=BY_MAIL)
    assert _without_undo(first) == _without_undo(again)
    assert refused(lambda: wire.unsubscribe(token, method=BY_PAGE))[0] == "REQUEST_ID_REUSED"
    assert len(wire.people.store.state.entries) == 1


def test_no_metric_tells_a_token(wire: Wire) -> None:
    """Whoever reads it could use it."""
    token = wire.token()
    wire.undo(token, wire.unsubscribe(token, method=BY_PAGE).undo_token)
    exposed = generate_latest(wire.metrics).decode()
    assert token[:20] not in exposed
    assert 'method="PAGE"' in exposed


# What is taken back.


def test_an_answer_is_taken_back(wire: Wire) -> None:
    """The lifts are told."""
    token = wire.token()
    answer = wire.unsubscribe(token, method=BY_PAGE)
    response = wire.undo(token, answer.undo_token)
    lifts = [each for each in wire.people.store.written() if each.new.lifts_entry_id]
    assert list(response.entry_ids) == [str(each.entry_id) for each in lifts]
    assert [each.new.lifts_entry_id for each in lifts] == [UUID(answer.entry_ids[0])]
    assert response.recorded_at.ToMicroseconds() == NOW_US
    assert response.revision == wire.people.store.state.revision
    assert wire.undo(token, answer.undo_token) == response


def test_what_cannot_be_taken_back_is_told_apart(wire: Wire) -> None:
    """No token, one that is none, another link's, and one that came too late."""
    token = wire.token()
    other = wire.create(Subject(contact_points=[BY_EMAIL])).results[0].link.token
    undo_token = wire.unsubscribe(token, method=BY_PAGE).undo_token
    assert refused(lambda: wire.undo(token, b"")) == ("MISSING_FIELD", "undo_token")
    invalid = ("INVALID_UNDO_TOKEN", "undo_token")
    assert refused(lambda: wire.undo(token, b"undo")) == invalid
    assert refused(lambda: wire.undo(other, undo_token)) == invalid
    wire.people.later(15 * MINUTE_US)
    assert refused(lambda: wire.undo(token, undo_token)) == ("UNDO_EXPIRED", "undo_token")


# Who may.


def test_a_key_is_for_its_controllers(wire: Wire) -> None:
    """A link of another one is neither made nor shown nor used."""
    token, undo_token = wire.token(), wire.unsubscribe(wire.token(), method=BY_PAGE).undo_token
    of_norway = frozenset({"alarm-no"})
    wire.caller = Caller("page", frozenset(), of_norway, full_view=False, service_purpose=False)
    expected = ("CONTROLLER_NOT_GRANTED", "controller")
    asks: Sequence[Callable[[], object]] = (
        lambda: wire.create(CAMILLE),
        lambda: wire.describe(token),
        lambda: wire.unsubscribe(token, request_id="3"),
        lambda: wire.undo(token, undo_token),
    )
    assert [refused(ask) for ask in asks] == [expected] * len(asks)
    assert wire.create(CAMILLE, controller="alarm-no").results[0].link.token


def _without_undo(response: UnsubscribeResponse) -> UnsubscribeResponse:
    copy = UnsubscribeResponse()
    copy.CopyFrom(response)
    copy.undo_token = b""
    return copy
