"""What a link shows is the same for everybody: its holder learns nothing of the person."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from consent_registry.v1.registry_service_pb2 import ObjectToCallRecordingRequest
from consent_registry.v1.subject_service_pb2 import RestrictionGround, RestrictProcessingRequest
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.examples import EMAIL, VOICE_CALL
from tests.e2e.handler_process import HandlerProcess
from tests.e2e.people import FRANCE, Person, consent, opt_out, said, somebody, subject, withdrawal
from tests.e2e.unsubscribing import (
    Answer,
    exchange,
    get,
    path_of,
    post,
    press,
    request,
    submit,
    token_of,
)

History = Callable[[HandlerProcess, Connection, Person], None]
"""What happened before somebody opens the link."""


def _nothing(_: HandlerProcess, __: Connection, ___: Person) -> None:
    pass


def _has_consented(_: HandlerProcess, connection: Connection, person: Person) -> None:
    connection.write(consent(person.email, person.phone, channels=[EMAIL, VOICE_CALL]))


def _has_objected(_: HandlerProcess, connection: Connection, person: Person) -> None:
    connection.write(opt_out(person.email, person.phone))
    connection.write(withdrawal(person.email))


def _is_not_to_be_recorded(_: HandlerProcess, connection: Connection, person: Person) -> None:
    connection.write(
        ObjectToCallRecordingRequest(
            controller=FRANCE,
            request_id=str(uuid4()),
            subject=subject(person.phone),
            expression=said(),
        )
    )


def _is_restricted(_: HandlerProcess, connection: Connection, person: Person) -> None:
    connection.write(opt_out(person.email))
    connection.subjects.RestrictProcessing(
        RestrictProcessingRequest(
            controller=FRANCE,
            request_id=str(uuid4()),
            subject=subject(person.email),
            ground=RestrictionGround.RESTRICTION_GROUND_ACCURACY_CONTESTED,
            expression=said(),
            access=filled.access(),
        )
    )


def _has_pressed(web: HandlerProcess, connection: Connection, person: Person) -> None:
    token = token_of(connection, person)
    press(web.port, token)
    submit(web.port, token, "preferences", choice=["everything"])


def _has_pressed_and_taken_it_back(
    web: HandlerProcess, connection: Connection, person: Person
) -> None:
    token = token_of(connection, person)
    pressed = submit(web.port, token, "unsubscribe")
    submit(web.port, token, "undo", undo=pressed.undo)


def _has_pressed_and_consented_since(
    web: HandlerProcess, connection: Connection, person: Person
) -> None:
    press(web.port, token_of(connection, person))
    connection.write(consent(person.email, channels=[EMAIL]))


def _visit(web: HandlerProcess, token: str) -> list[Answer]:
    """All that can be done through a link, in one go; the last undo is of a click that repeats."""
    path = path_of(token)
    seen = [
        exchange(web.port, request("HEAD", path)),
        get(web.port, path),
        get(web.port, path, "Accept-Language: fi"),
        post(web.port, path, b"nonsense"),
        press(web.port, token),
        submit(web.port, token, "unsubscribe"),
        submit(web.port, token, "preferences", choice=["calls", "recording"]),
    ]
    seen.append(submit(web.port, token, "undo", undo=seen[-1].undo))
    seen.append(submit(web.port, token, "preferences", choice=["everything"]))
    seen.append(submit(web.port, token, "preferences", choice=["everything"]))
    seen.append(submit(web.port, token, "undo", undo=seen[-1].undo))
    seen.append(submit(web.port, token, "undo", undo=seen[-3].undo))
    seen.append(get(web.port, path))
    return seen


def _shown(answers: list[Answer], token: str) -> list[tuple[object, ...]]:
    return [
        (
            answer.status,
            [header for header in answer.headers if header[0] != "date"],
            answer.masked(token),
        )
        for answer in answers
    ]


@pytest.fixture(scope="module")
def stranger(web: HandlerProcess, connection: Connection) -> list[tuple[object, ...]]:
    """What somebody sees of whom nothing is known."""
    token = token_of(connection, somebody())
    answers = _visit(web, token)
    assert [answer.status for answer in answers] == [200] * 3 + [400] + [200] * 9
    return _shown(answers, token)


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(_nothing, id="nobody knows either"),
        pytest.param(_has_consented, id="who consented"),
        pytest.param(_has_objected, id="who objected"),
        pytest.param(_is_not_to_be_recorded, id="who is not to be recorded"),
        pytest.param(_is_restricted, id="whose data is restricted"),
        pytest.param(_has_pressed, id="who pressed before"),
        pytest.param(_has_pressed_and_taken_it_back, id="who took it back"),
        pytest.param(_has_pressed_and_consented_since, id="who consented since"),
    ],
)
def test_everybody_is_shown_the_same(
    web: HandlerProcess,
    connection: Connection,
    stranger: list[tuple[object, ...]],
    history: History,
) -> None:
    """To the octet, headers and lengths included, but for the token and the undo form's value."""
    person = somebody()
    history(web, connection, person)
    token = token_of(connection, person)

    answers = _visit(web, token)

    assert _shown(answers, token) == stranger
