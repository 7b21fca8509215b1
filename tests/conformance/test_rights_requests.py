"""What the ports promise of rights requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest

from consent_registry_server.domain.contact import Email, Subject
from consent_registry_server.domain.errors import DeadlineExceeded
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import (
    RightsNote,
    RightsRequest,
    RightsRequestCount,
    RightsRequestState,
    SubjectTransaction,
    TakenDown,
)
from tests.conformance.entries import FRANCE, NOON_US, NORWAY, request
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED

T = TypeVar("T")

RECEIVED = date(2026, 9, 21)
DUE = date(2026, 10, 21)
LATER = date(2026, 12, 20)
NOTE = RightsNote(Subject((Email("camille@example.com"),), name="Camille"), "Jo", "All of it.")
ALL, OPEN, OVERDUE = RightsRequestState


def asked(
    *, due_on: date = DUE, controller: ControllerId = FRANCE, request_id: UUID | None = None
) -> RightsRequest:
    """A request for a copy."""
    return RightsRequest(
        rights_request_id=request_id or uuid4(),
        controller=controller,
        kind=RightsRequestKind.ACCESS,
        received_on=RECEIVED,
        first_due_on=due_on,
        due_on=due_on,
        opened_at_us=NOON_US,
        expires_on=date(2031, 9, 21),
    )


def written(ports: Ports, work: Callable[[SubjectTransaction], T]) -> T:
    """What some work in a write returned."""
    returned: list[T] = []

    def do(transaction: SubjectTransaction) -> dict[str, Any]:
        returned.append(work(transaction))
        return {}

    ports.ledger.write(request(), NOON_US, do, deadline=NO_DEADLINE)
    return returned[-1]


def add(ports: Ports, *requests: RightsRequest) -> None:
    """Stores some requests."""

    def work(transaction: SubjectTransaction) -> None:
        for each in requests:
            transaction.add_rights_request(each, NOTE)

    written(ports, work)


def delay(ports: Ports, one: RightsRequest, *, due_on: date = LATER) -> RightsRequest:
    """Stores that an answer is delayed; returns the request as it then is."""
    written(
        ports,
        lambda officer: officer.delay_rights_request(
            one.rights_request_id, delayed_at_us=NOON_US + 1, due_on=due_on, note=NOTE
        ),
    )
    return replace(one, delayed_at_us=NOON_US + 1, due_on=due_on)


def close(
    ports: Ports,
    one: RightsRequest,
    outcome: RightsRequestOutcome = RightsRequestOutcome.FULFILLED,
) -> RightsRequest:
    """Stores how a request ended; returns it as it then is."""
    written(
        ports,
        lambda officer: officer.close_rights_request(
            one.rights_request_id, outcome, closed_at_us=NOON_US + 2, note=NOTE
        ),
    )
    return replace(one, closed_at_us=NOON_US + 2, outcome=outcome)


def known(ports: Ports, one: RightsRequest, of: ControllerId = FRANCE) -> RightsRequest | None:
    """A request as a write sees it."""
    return written(ports, lambda officer: officer.rights_request(of, one.rights_request_id))


def listed(
    ports: Ports,
    which: RightsRequestState = ALL,
    *,
    page: Page | None = None,
    today: date = DUE,
    controller: ControllerId = FRANCE,
) -> list[RightsRequest]:
    """The requests of a controller."""
    return ports.subject_history.rights_requests(
        controller, page or Page(50, None), today=today, which=which, deadline=NO_DEADLINE
    )


def test_a_request_comes_back_as_it_is(ports: Ports) -> None:
    """New, delayed and closed; the first due day stays known."""
    one = asked()
    add(ports, one)
    assert known(ports, one) == one
    one = delay(ports, one)
    assert known(ports, one) == one
    one = close(ports, one)
    assert known(ports, one) == one
    assert listed(ports) == [one]
    assert (one.first_due_on, one.due_on) == (DUE, LATER)


def test_every_kind_and_outcome_comes_back(ports: Ports) -> None:
    """As the numbers they were written by."""
    for kind, outcome in product(RightsRequestKind, RightsRequestOutcome):
        one = replace(asked(), kind=kind)
        add(ports, one)
        assert close(ports, one, outcome) == known(ports, one)


def test_what_was_said_comes_back_in_its_order(ports: Ports) -> None:
    """With when it was taken down; of the request asked for alone."""
    one = asked()
    add(ports, one, asked())

    def notes(of: RightsRequest) -> list[TakenDown]:
        return ports.ledger.transact(
            lambda officer: officer.rights_notes(of.rights_request_id), deadline=NO_DEADLINE
        )

    assert notes(one) == [TakenDown(NOON_US, NOTE)]
    delay(ports, one)
    close(ports, one)
    assert notes(one) == [TakenDown(NOON_US + after, NOTE) for after in range(3)]
    assert notes(asked()) == []


def test_another_controllers_request_does_not_exist(ports: Ports) -> None:
    """Nor does an unknown one."""
    one = asked()
    add(ports, one)
    assert known(ports, one, of=NORWAY) is None
    assert known(ports, asked()) is None
    assert listed(ports, controller=NORWAY) == []


def test_those_due_first_are_listed_first(ports: Ports) -> None:
    """By the first due day, so that a delay does not move one between pages; on a tie by id."""
    tied = [asked(request_id=UUID(int=number)) for number in (3, 1, 2)]
    first, last = (asked(due_on=DUE + timedelta(days)) for days in (-1, 1))
    add(ports, last, *tied, first)
    first = delay(ports, first)
    expected = [first, *sorted(tied, key=lambda each: each.rights_request_id), last]
    assert listed(ports) == expected
    paged: list[RightsRequest] = []
    page = Page(2, None)
    while rows := listed(ports, page=page):
        paged += rows
        page = Page(2, (rows[-1].first_due_on, rows[-1].rights_request_id))
    assert paged == expected


def test_open_ones_are_those_not_closed(ports: Ports) -> None:
    """Whether or not a delay was announced."""
    new, delayed, closed = asked(), asked(), asked()
    add(ports, new, delayed, closed)
    delayed, closed = delay(ports, delayed), close(ports, closed)
    assert {each.rights_request_id for each in listed(ports, OPEN)} == {
        new.rights_request_id,
        delayed.rights_request_id,
    }
    assert len(listed(ports)) == 3


def test_a_request_is_overdue_after_its_day_and_no_longer_when_it_is_closed(ports: Ports) -> None:
    """The day itself is in time; with a delay it is the later day."""
    new, delayed, closed = asked(), asked(), asked()
    add(ports, new, delayed, closed)
    delayed = delay(ports, delayed)
    close(ports, closed)
    days = timedelta(1)
    assert listed(ports, OVERDUE, today=DUE) == []
    assert listed(ports, OVERDUE, today=DUE + days) == [new]
    assert listed(ports, OVERDUE, today=LATER) == [new]
    assert {each.due_on for each in listed(ports, OVERDUE, today=LATER + days)} == {DUE, LATER}


def test_open_and_overdue_ones_are_counted_by_controller(ports: Ports) -> None:
    """A controller without open ones need not be there."""
    closed = asked(controller=NORWAY)
    delayed = asked()
    add(ports, asked(), delayed, asked(controller=NORWAY), closed)
    delay(ports, delayed)
    close(ports, closed)

    def counts(today: date) -> list[RightsRequestCount]:
        found = ports.subject_history.rights_request_counts(today, deadline=NO_DEADLINE)
        return sorted(each for each in found if each.open)

    assert counts(DUE) == [
        RightsRequestCount(FRANCE, 2, 0),
        RightsRequestCount(NORWAY, 1, 0),
    ]
    assert counts(DUE + timedelta(1)) == [
        RightsRequestCount(FRANCE, 2, 1),
        RightsRequestCount(NORWAY, 1, 1),
    ]


def test_the_lists_keep_to_the_deadline(ports: Ports) -> None:
    """Like every read."""
    history = ports.subject_history
    with pytest.raises(DeadlineExceeded):
        history.rights_requests(FRANCE, Page(1, None), today=DUE, which=ALL, deadline=PASSED)
    with pytest.raises(DeadlineExceeded):
        history.rights_request_counts(DUE, deadline=PASSED)
