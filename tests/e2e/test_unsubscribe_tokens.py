"""Unsubscribe tokens: no other than those issued, and those for ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, cast
from urllib.parse import quote

import grpc
import pytest

from consent_registry.v1.decision_pb2 import Reason
from consent_registry.v1.unsubscribe_service_pb2 import (
    DescribeUnsubscribeRequest,
    UndoUnsubscribeRequest,
    UnsubscribeMethod,
    UnsubscribeRequest,
)
from tests.e2e import filled
from tests.e2e.connection import Connection, refusal_of
from tests.e2e.examples import ALLOW, DENY, EMAIL
from tests.e2e.forged_tokens import forged
from tests.e2e.handler_process import HandlerProcess
from tests.e2e.people import FRANCE, consent, paris, somebody
from tests.e2e.registry_process import RegistryProcess
from tests.e2e.unsubscribing import (
    LANGUAGES,
    ONE_CLICK,
    Answer,
    entries_of,
    get,
    may_write_to,
    outcome,
    path_of,
    post,
    press,
    submit,
    token_of,
)

_FORGED: Final = 10_500
_PATH: Final = re.compile(rb'(?<=")/u/[^"?]*')
_ON_THE_WEB: Final = 30
"""Every so manieth of them is tried over HTTP too."""


@pytest.fixture(scope="module")
def tokens(connection: Connection) -> list[str]:
    """Of two people."""
    return [token_of(connection, somebody()) for _ in range(2)]


@pytest.fixture(scope="module")
def no_tokens(tokens: Sequence[str]) -> list[str]:
    return forged(tokens, _FORGED)


def _attempt(connection: Connection, number: int, token: str) -> grpc.RpcError | None:
    """How a call fails that names a token which is none; each method in turn."""
    service = connection.unsubscribing
    request_id = f"forged {number}"
    one_click = UnsubscribeMethod.UNSUBSCRIBE_METHOD_ONE_CLICK
    calls: tuple[Callable[[], object], ...] = (
        lambda: service.Unsubscribe(
            UnsubscribeRequest(token=token, request_id=request_id, method=one_click)
        ),
        lambda: service.DescribeUnsubscribe(DescribeUnsubscribeRequest(token=token)),
        lambda: service.UndoUnsubscribe(
            UndoUnsubscribeRequest(token=token, request_id=request_id, undo_token=filled.UNDO_TOKEN)
        ),
    )
    try:
        calls[number % len(calls)]()
    except grpc.RpcError as error:
        return error
    return None


def test_no_token_but_an_issued_one_is_accepted(
    registry: RegistryProcess, connection: Connection, no_tokens: Sequence[str]
) -> None:
    """Nor does what is answered tell what is wrong with it."""
    before = registry.row_counts()
    numbers = range(len(no_tokens))

    with ThreadPoolExecutor(4) as pool:
        failures = pool.map(lambda each: _attempt(connection, each, no_tokens[each]), numbers)
        accepted, learnt = [], {}
        for token, failure in zip(no_tokens, failures, strict=True):
            if failure is None:
                accepted.append(token)
            else:
                call = cast("grpc.Call", failure)
                details = dict(call.trailing_metadata() or ())["grpc-status-details-bin"]
                learnt[call.code(), call.details(), details] = failure

    assert accepted == []
    refusals = [refusal_of(failure) for failure in learnt.values()]
    assert [(each.code.name, each.reason, each.field) for each in refusals] == [
        ("INVALID_ARGUMENT", "INVALID_UNSUBSCRIBE_TOKEN", "token")
    ]
    assert registry.row_counts() == before


def test_the_page_of_a_broken_link_is_one_and_never_says_done(
    web: HandlerProcess, connection: Connection, no_tokens: Sequence[str]
) -> None:
    """The same octets for each, whatever is wrong with it, asked for or pressed."""
    tried = [quote(each, safe="") for each in no_tokens[::_ON_THE_WEB]]

    answers = [
        answer
        for token in tried
        for answer in (get(web.port, path_of(token)), press(web.port, token))
    ]

    assert len(tried) >= 300
    assert {answer.status for answer in answers} == {200}
    pages = {_PATH.sub(b"PATH", answer.body) for answer in answers}
    assert len(pages) == 1, sorted(pages, key=len)
    assert not pages & {answer.body for answer in _confirmations(web, connection).values()}


def _confirmations(web: HandlerProcess, connection: Connection) -> dict[str, Answer]:
    """What is said, by language, when something was stored."""
    return {
        language: post(
            web.port, f"{path_of(token_of(connection, somebody()))}?lang={language}", ONE_CLICK
        )
        for language in LANGUAGES
    }


def test_the_page_of_a_broken_link_says_done_in_no_language(
    web: HandlerProcess, connection: Connection, tokens: Sequence[str]
) -> None:
    broken = tokens[0][:-1]
    for language, confirmed in _confirmations(web, connection).items():
        path = f"{path_of(broken)}?lang={language}"
        for answer in (get(web.port, path), post(web.port, path, ONE_CLICK)):
            assert answer.status == 200
            assert answer.header("content-language") == language
            assert answer.heading != confirmed.heading
            assert confirmed.heading not in answer.body
            assert b'role="status"' in confirmed.body
            assert b'role="status"' not in answer.body


def test_a_click_that_comes_again_is_one_entry_of_the_first_moment(
    web: HandlerProcess, connection: Connection
) -> None:
    """At once or later, in capitals; the person's own click on the page is one more."""
    person = somebody()
    token = token_of(connection, person)
    first = press(web.port, token)
    (entry,) = entries_of(connection, person)

    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda each: press(web.port, each), [token, token.upper()] * 4))
    by_mailbox = entries_of(connection, person)
    on_page = [submit(web.port, token, "unsubscribe") for _ in range(3)]

    assert {answer.status for answer in (first, *again, *on_page)} == {200}
    assert by_mailbox == [entry]
    _, *older = entries_of(connection, person)
    assert older == [entry]


def test_two_clicks_at_once_are_one_entry(web: HandlerProcess, connection: Connection) -> None:
    for person in [somebody() for _ in range(5)]:
        token = token_of(connection, person)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda each: press(web.port, each), [token] * 6))

        assert {answer.status for answer in answers} == {200}
        assert len(entries_of(connection, person)) == 1


def test_a_link_stops_contact_with_its_own_person_alone(
    web: HandlerProcess, connection: Connection
) -> None:
    """And from its own sender alone: a click for one is none for another."""
    one, other = somebody(), somebody()
    for person in (one, other):
        connection.write(consent(person.email, channels=[EMAIL], at=paris(2026, 1, 9)))
    token, _ = token_of(connection, one), token_of(connection, other)

    assert press(web.port, token).status == 200

    assert outcome(connection, may_write_to(one)) == (DENY, Reason.REASON_OBJECTION)
    assert outcome(connection, may_write_to(other)) == (ALLOW, Reason.REASON_CONSENT)
    assert entries_of(connection, one)[0].controller == FRANCE


def test_an_undo_token_of_another_link_takes_nothing_back(
    web: HandlerProcess, connection: Connection
) -> None:
    one, other = somebody(), somebody()
    tokens = token_of(connection, one), token_of(connection, other)
    stopped = [submit(web.port, token, "unsubscribe") for token in tokens]

    swapped = submit(web.port, tokens[0], "undo", undo=stopped[1].undo)

    assert swapped.status == 400
    for person in (one, other):
        assert outcome(connection, may_write_to(person)) == (DENY, Reason.REASON_OBJECTION)
    assert submit(web.port, tokens[0], "undo", undo=stopped[0].undo).status == 200
    assert [bool(each.lifted_at.seconds) for each in entries_of(connection, one)[1:]] == [True]
