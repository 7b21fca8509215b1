"""Requests that make no sense: told why, nothing written, nothing given away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import grpc
import pytest

from consent_registry.v1.contact_pb2 import Subject
from consent_registry.v1.entry_pb2 import Source
from consent_registry.v1.error_reason_pb2 import ErrorReason
from tests.e2e import filled
from tests.e2e.bad_everywhere import bad_everywhere
from tests.e2e.bad_intake import bad_intake
from tests.e2e.bad_officer import bad_officer
from tests.e2e.bad_request import NOT_FOUND, PRECONDITION, BadRequest
from tests.e2e.bad_unsubscribing import bad_through_a_link, bad_unsubscribing
from tests.e2e.connection import Connection, Refusal, refusal
from tests.e2e.people import (
    email,
    opt_out,
    paris,
    proof,
    said,
    somebody,
    subject,
    withdrawal,
)
from tests.e2e.registry_process import RegistryProcess

_REASONS = frozenset(ErrorReason.keys())
_TABLE = [*bad_everywhere(), *bad_intake(), *bad_officer(), *bad_unsubscribing()]
_THROUGH_A_LINK = list(bad_through_a_link())


@pytest.fixture(scope="module", autouse=True)
def partner(connection: Connection) -> None:
    """The partner whose leads are tried."""
    connection.write(filled.register_partner())


@pytest.fixture
def nothing_is_written(registry: RegistryProcess, partner: None) -> Iterator[None]:  # noqa: ARG001 - it is written first
    """Not a row."""
    before = registry.row_counts()
    yield
    assert registry.row_counts() == before


@pytest.mark.usefixtures("nothing_is_written")
@pytest.mark.parametrize("bad", _TABLE, ids=[each.name for each in _TABLE])
def test_what_makes_no_sense_is_refused(connection: Connection, bad: BadRequest) -> None:
    refused = refusal(lambda: connection.method(bad.method)(bad.message))

    assert (refused.code, refused.reason, refused.field) == (bad.code, bad.reason, bad.field)
    assert f"ERROR_REASON_{refused.reason}" in _REASONS
    assert not [each for each in filled.IDENTITY.values() if each in refused.everything]


@pytest.fixture(scope="module")
def token(connection: Connection) -> str:
    """The token of a link through which emails can be stopped, and no letters."""
    request = filled.create_unsubscribe_links()
    request.subjects[0].CopyFrom(subject(somebody().email))
    (result,) = connection.unsubscribing.CreateUnsubscribeLinks(request).results
    return result.link.token


@pytest.mark.usefixtures("token", "nothing_is_written")
@pytest.mark.parametrize("bad", _THROUGH_A_LINK, ids=[each.name for each in _THROUGH_A_LINK])
def test_what_makes_no_sense_is_refused_through_a_link_too(
    connection: Connection, token: str, bad: BadRequest
) -> None:
    message: Any = bad.message
    message.token = token

    refused = refusal(lambda: connection.method(bad.method)(message))

    assert (refused.code, refused.reason, refused.field) == (bad.code, bad.reason, bad.field)
    assert f"ERROR_REASON_{refused.reason}" in _REASONS
    assert token not in refused.everything


def test_a_person_who_can_have_no_link_spoils_no_other(connection: Connection) -> None:
    """One with a malformed address, one without an address for the channel, a name too long."""
    request = filled.create_unsubscribe_links()
    request.subjects.extend([subject(email("zephyrine")), subject(somebody().phone), Subject()])
    request.subjects.add(name="x" * 1_001).contact_points.append(somebody().email)

    results = connection.unsubscribing.CreateUnsubscribeLinks(request).results

    assert results[0].link.token
    told = [(each.error.reason, each.error.field) for each in results[1:]]
    assert told == [
        ("INVALID_CONTACT_POINT", "contact_points[0]"),
        ("MISSING_FIELD", "contact_points"),
        ("MISSING_FIELD", "contact_points"),
        ("TOO_LONG", "name"),
    ]
    assert not [each for each in filled.IDENTITY.values() if each in str(results[1:])]


@pytest.fixture
def objection(connection: Connection) -> str:
    """The id of a do-not-contact entry of May 2025."""
    request = opt_out(somebody().email, expression=said(paris(2025, 5, 6)))
    entry_id: str = connection.write(request).entry_id
    return entry_id


def _lift(
    connection: Connection, entry_id: str, *, month: int = 6, controller: str = "alarm-fr"
) -> Refusal:
    request = filled.lift_do_not_contact()
    request.controller = controller
    request.entry_id = entry_id
    request.expression.CopyFrom(said(paris(2025, month, 1), Source.SOURCE_LETTER))
    return refusal(lambda: connection.write(request))


def test_a_controller_cannot_lift_the_entry_of_another(
    connection: Connection, objection: str
) -> None:
    refused = _lift(connection, objection, controller="alarm-no")

    assert (refused.code, refused.reason) == (NOT_FOUND, "UNKNOWN_ENTRY")


def test_what_is_no_do_not_contact_entry_cannot_be_lifted(connection: Connection) -> None:
    withdrawn = connection.write(withdrawal(somebody().email, at=paris(2025, 5, 6)))

    refused = _lift(connection, withdrawn.entry_id)

    assert (refused.code, refused.reason) == (PRECONDITION, "ENTRY_NOT_LIFTABLE")


def test_a_lift_that_was_said_before_the_entry_is_refused(
    connection: Connection, objection: str
) -> None:
    refused = _lift(connection, objection, month=4)

    assert (refused.code, refused.reason, refused.field) == (
        PRECONDITION,
        "LIFT_BEFORE_ENTRY",
        "expression.expressed_at",
    )


def test_a_request_id_cannot_be_used_for_something_else(connection: Connection) -> None:
    request = opt_out(somebody().email)
    connection.write(request)
    request.evidence.CopyFrom(proof())

    refused = refusal(lambda: connection.write(request))

    assert (refused.code, refused.reason, refused.field) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "REQUEST_ID_REUSED",
        "request_id",
    )


def test_a_request_id_cannot_be_used_by_another_method(connection: Connection) -> None:
    person = somebody()
    request = opt_out(person.email)
    connection.write(request)
    other = withdrawal(person.email)
    other.request_id = request.request_id

    assert refusal(lambda: connection.write(other)).reason == "REQUEST_ID_REUSED"


def test_a_page_token_is_good_for_its_own_question_only(connection: Connection) -> None:
    person = somebody()
    for _ in range(2):
        connection.write(opt_out(person.email, person.phone))
    question = filled.list_entries()
    question.contact_point.CopyFrom(person.email)
    question.page_size = 1
    token = connection.history.ListEntries(question).next_page_token

    question.contact_point.CopyFrom(person.phone)
    question.page_token = token

    assert token
    assert refusal(lambda: connection.history.ListEntries(question)).reason == "INVALID_PAGE_TOKEN"


def test_a_method_that_does_not_exist_is_told_so(connection: Connection) -> None:
    refused = refusal(lambda: connection.octets("RegistryService/ForgetEverything")(uuid4().bytes))

    assert refused.code is grpc.StatusCode.UNIMPLEMENTED
