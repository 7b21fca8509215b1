"""Rights requests: due in 30 days, delayed once and in time, closed once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    PreconditionFailed,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    ControllerId,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.service.ports import Page
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.rights_requests import (
    RightsRequests,
    ShownRightsRequest,
    local_day_of,
)
from consent_registry_server.service.subject_ports import (
    Access,
    Accessor,
    RightsNote,
    RightsRequest,
    RightsRequestCount,
    RightsRequestState,
    TakenDown,
)
from tests.fakes.ambience import NO_DEADLINE, HashDigester
from tests.unit.service.desk import FRANCE, NORWAY, NOW_US, Desk, paris

TODAY = date(2026, 11, 23)
DUE = date(2026, 12, 23)
LATEST = date(2027, 2, 21)
NOTE = RightsNote(Subject(name="Camille"), "Robin Officer", "A copy, please.")
BY = Accessor("key-7", "Sam Officer", "request 2026/117")
CONFIRMED, UNCONFIRMED = True, False


class RightsDesk:
    """Rights requests at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        numbers = count(1)
        self.requests = RightsRequests(
            desk.store.ledger,
            desk.store.subject_history,
            HashDigester(),
            policy=lambda: desk.policy,
            clock=desk.clock,
            ids=lambda: UUID(int=next(numbers)),
        )

    def open(
        self,
        kind: RightsRequestKind = RightsRequestKind.ACCESS,
        *,
        received_on: date = TODAY,
        controller: ControllerId = FRANCE,
        write: Write | None = None,
        note: RightsNote = NOTE,
    ) -> RightsRequest:
        """Takes down a request."""
        return self.requests.open(
            write or self.desk.write(controller),
            controller,
            kind,
            received_on=received_on,
            note=note,
            deadline=NO_DEADLINE,
        )

    def delay(
        self,
        one: RightsRequest,
        due_on: date = LATEST,
        *,
        write: Write | None = None,
        note: RightsNote = NOTE,
        controller: ControllerId = FRANCE,
    ) -> RightsRequest:
        """Takes down a delay."""
        return self.requests.announce_delay(
            write or self.desk.write(),
            controller,
            one.rights_request_id,
            due_on=due_on,
            note=note,
            deadline=NO_DEADLINE,
        )

    def close(
        self,
        one: RightsRequest,
        outcome: RightsRequestOutcome = RightsRequestOutcome.FULFILLED,
        *,
        confirmed: bool = CONFIRMED,
        write: Write | None = None,
        note: RightsNote = NOTE,
        controller: ControllerId = FRANCE,
    ) -> RightsRequest:
        """Takes down how a request ended."""
        return self.requests.close(
            write or self.desk.write(),
            controller,
            one.rights_request_id,
            outcome,
            identity_confirmed=confirmed,
            note=note,
            deadline=NO_DEADLINE,
        )

    def listed(
        self, which: RightsRequestState = RightsRequestState.ALL, controller: ControllerId = FRANCE
    ) -> list[RightsRequest]:
        """The requests of a controller."""
        return self.requests.list(controller, Page(50, None), which, deadline=NO_DEADLINE)

    def show(
        self, one: RightsRequest, by: Accessor = BY, *, controller: ControllerId = FRANCE
    ) -> ShownRightsRequest:
        """Shows whom a request is of."""
        return self.requests.show(controller, one.rights_request_id, by, deadline=NO_DEADLINE)

    @property
    def trail(self) -> list[Access]:
        """Who looked."""
        history = self.desk.store.subject_history
        return history.accesses(FRANCE, Page(50, None), deadline=NO_DEADLINE)

    def at(self, now_us: int) -> None:
        """Sets the clock."""
        self.desk.clock.now_us = now_us


@pytest.fixture
def rights(desk: Desk) -> RightsDesk:
    """Nobody has asked for anything yet."""
    return RightsDesk(desk)


def test_a_request_is_due_thirty_days_after_it_was_received(rights: RightsDesk) -> None:
    """Whenever it is taken down; and it is kept as long as the policy says."""
    one = rights.open(received_on=TODAY - timedelta(3))
    assert one == RightsRequest(
        rights_request_id=UUID(int=1),
        controller=FRANCE,
        kind=RightsRequestKind.ACCESS,
        received_on=date(2026, 11, 20),
        first_due_on=date(2026, 12, 20),
        due_on=date(2026, 12, 20),
        opened_at_us=NOW_US,
        expires_on=date(2031, 11, 20),
    )
    assert rights.listed() == [one]


@pytest.mark.parametrize(
    "received_on",
    [TODAY + timedelta(1), TODAY - timedelta(367)],
    ids=["tomorrow", "too long ago"],
)
def test_a_request_was_received_lately(rights: RightsDesk, received_on: date) -> None:
    """Not in the future, and within the last year."""
    with pytest.raises(InvalidRequest) as refused:
        rights.open(received_on=received_on)
    assert (refused.value.reason, refused.value.field) == ("INVALID_DAY", "received_on")
    assert rights.listed() == []


def test_today_is_the_controllers(rights: RightsDesk) -> None:
    """Half past midnight in Paris is still yesterday in London."""
    rights.at(paris(2026, 11, 24, 0, 30))
    rights.open(received_on=date(2026, 11, 24))
    with pytest.raises(InvalidRequest):
        rights.open(received_on=date(2026, 11, 24), controller=ControllerId("alarm-ie"))


def test_who_takes_it_down_is_said(rights: RightsDesk) -> None:
    """By all three writes."""
    one = rights.open()
    nobody = NOTE._replace(actor=" ")
    writes: list[Callable[[], RightsRequest]] = [
        lambda: rights.open(note=nobody),
        lambda: rights.delay(one, note=nobody),
        lambda: rights.close(one, note=nobody),
    ]
    for write in writes:
        with pytest.raises(InvalidRequest) as refused:
            write()
        assert (refused.value.reason, refused.value.field) == ("MISSING_FIELD", "actor")


def test_a_delay_moves_the_day(rights: RightsDesk) -> None:
    """Up to 90 days after the receipt; the first day stays known."""
    one = rights.open()
    delayed = rights.delay(one, LATEST)
    assert (delayed.due_on, delayed.first_due_on, delayed.delayed_at_us) == (LATEST, DUE, NOW_US)
    assert rights.listed() == [delayed]


@pytest.mark.parametrize(
    "due_on", [DUE, DUE - timedelta(1), LATEST + timedelta(1)], ids=["same", "sooner", "too late"]
)
def test_a_delay_is_to_a_later_day_within_ninety(rights: RightsDesk, due_on: date) -> None:
    """Any other is refused, and nothing changes."""
    one = rights.open()
    with pytest.raises(PreconditionFailed) as refused:
        rights.delay(one, due_on)
    assert refused.value.reason == "DELAY_NOT_ANNOUNCEABLE"
    assert rights.listed() == [one]


def test_a_delay_is_announced_by_the_first_day(rights: RightsDesk) -> None:
    """Until its last minute in the controller's country, and not a minute later."""
    first, second = rights.open(), rights.open()
    rights.at(paris(2026, 12, 23, 23, 59))
    rights.delay(first)
    rights.at(paris(2026, 12, 24, 0, 0))
    with pytest.raises(PreconditionFailed) as refused:
        rights.delay(second)
    assert refused.value.reason == "DELAY_NOT_ANNOUNCEABLE"


def test_a_delay_is_announced_once(rights: RightsDesk) -> None:
    """However early, and however little is asked for."""
    one = rights.open()
    rights.delay(one, DUE + timedelta(1))
    with pytest.raises(PreconditionFailed) as refused:
        rights.delay(one, DUE + timedelta(2))
    assert refused.value.reason == "DELAY_NOT_ANNOUNCEABLE"


def test_a_delay_has_a_reason(rights: RightsDesk) -> None:
    """The one that the person was told."""
    one = rights.open()
    with pytest.raises(InvalidRequest) as refused:
        rights.delay(one, note=NOTE._replace(text="\n"))
    assert refused.value.field == "explanation"


@pytest.mark.parametrize("outcome", RightsRequestOutcome, ids=lambda each: each.name)
def test_a_request_is_closed_with_its_outcome(
    rights: RightsDesk, outcome: RightsRequestOutcome
) -> None:
    """And is open no more."""
    closed = rights.close(rights.open(), outcome)
    assert (closed.outcome, closed.closed_at_us) == (outcome, NOW_US)
    assert rights.listed() == [closed]
    assert rights.listed(RightsRequestState.OPEN) == []


def test_what_was_closed_stays_as_it_is(rights: RightsDesk) -> None:
    """Neither closed again nor delayed."""
    one = rights.open()
    closed = rights.close(one)
    changes: list[Callable[[], RightsRequest]] = [
        lambda: rights.close(one, RightsRequestOutcome.REFUSED),
        lambda: rights.delay(one),
    ]
    for change in changes:
        with pytest.raises(PreconditionFailed) as refused:
            change()
        assert refused.value.reason == "RIGHTS_REQUEST_CLOSED"
    assert rights.listed() == [closed]


@pytest.mark.parametrize("kind", RightsRequestKind, ids=lambda each: each.name)
@pytest.mark.parametrize("outcome", RightsRequestOutcome, ids=lambda each: each.name)
def test_nothing_is_done_for_somebody_unknown_but_to_stop(
    rights: RightsDesk, kind: RightsRequestKind, outcome: RightsRequestOutcome
) -> None:
    """An objection needs no identity check, nor does what ends without anything done."""
    one = rights.open(kind)
    is_done = outcome in (
        RightsRequestOutcome.FULFILLED,
        RightsRequestOutcome.PARTLY_FULFILLED,
    )
    if is_done and kind is not RightsRequestKind.OBJECTION:
        with pytest.raises(PreconditionFailed) as refused:
            rights.close(one, outcome, confirmed=UNCONFIRMED)
        assert refused.value.reason == "IDENTITY_NOT_CONFIRMED"
        assert rights.listed() == [one]
    else:
        assert rights.close(one, outcome, confirmed=UNCONFIRMED).outcome is outcome


@pytest.mark.parametrize(
    "outcome, is_explained",
    [
        (RightsRequestOutcome.FULFILLED, False),
        (RightsRequestOutcome.PARTLY_FULFILLED, True),
        (RightsRequestOutcome.REFUSED, True),
        (RightsRequestOutcome.WITHDRAWN, False),
    ],
    ids=["fulfilled", "partly", "refused", "withdrawn"],
)
def test_whoever_does_not_get_all_is_told_why(
    rights: RightsDesk, outcome: RightsRequestOutcome, is_explained: bool
) -> None:
    """GDPR art. 12(4)."""
    one = rights.open()
    silent = NOTE._replace(text=" ")
    if is_explained:
        with pytest.raises(InvalidRequest) as refused:
            rights.close(one, outcome, note=silent)
        assert (refused.value.reason, refused.value.field) == ("MISSING_FIELD", "explanation")
    else:
        rights.close(one, outcome, note=silent)


def test_a_request_is_overdue_on_the_day_after(rights: RightsDesk) -> None:
    """By the controller's clock; after a delay, on the day after the later one."""
    one, delayed = rights.open(), rights.open()
    delayed = rights.delay(delayed)
    overdue = RightsRequestState.OVERDUE
    rights.at(paris(2026, 12, 23, 23, 59))
    assert (rights.requests.is_overdue(one), rights.listed(overdue)) == (False, [])
    rights.at(paris(2026, 12, 24, 0, 0))
    assert (rights.requests.is_overdue(one), rights.listed(overdue)) == (True, [one])
    assert not rights.requests.is_overdue(delayed)
    rights.at(paris(2027, 2, 22, 0, 0))
    assert rights.requests.is_overdue(delayed)
    closed = rights.close(one)
    assert not rights.requests.is_overdue(closed)
    assert rights.listed(overdue) == [delayed]


def test_a_repeated_write_answers_the_same(rights: RightsDesk) -> None:
    """Whatever the time or the request by then; and with other content it is refused."""
    writes = [rights.desk.write(request_id=f"r{number}") for number in range(3)]
    one = rights.open(write=writes[0])
    delayed = rights.delay(one, write=writes[1])
    closed = rights.close(one, write=writes[2])
    rights.at(NOW_US + 5 * DAY_US)
    assert rights.open(write=writes[0]) == one
    assert rights.delay(one, write=writes[1]) == delayed
    assert rights.close(one, write=writes[2]) == closed
    assert len(rights.listed()) == 1
    other = Write("test", "Method", FRANCE, "r0", content=b"other")
    with pytest.raises(AlreadyExists):
        rights.open(write=other)


def test_a_request_is_shown_with_whom_it_is_of_and_all_that_was_said(rights: RightsDesk) -> None:
    """As it now is; the subject is that of the opening."""
    one = rights.open()
    assert rights.show(one) == (one, NOTE.subject, (TakenDown(NOW_US, NOTE),))
    said = [NOTE, RightsNote(Subject(), "Jo", "The archive."), RightsNote(Subject(), "Al", "")]
    rights.at(NOW_US + 1)
    rights.delay(one, note=said[1])
    rights.at(NOW_US + 2)
    closed = rights.close(one, note=said[2])
    shown = rights.show(one)
    assert shown.subject == NOTE.subject
    assert shown.request.closed_at_us == closed.closed_at_us == NOW_US + 2
    assert shown.notes == tuple(TakenDown(NOW_US + at, note) for at, note in enumerate(said))


def test_every_look_at_a_request_is_in_the_trail(rights: RightsDesk) -> None:
    """With who looked and why; of no entry."""
    one = rights.open(note=NOTE._replace(subject=Subject()))
    assert rights.show(one).subject == Subject()
    [access] = rights.trail
    assert access == Access(
        access_id=access.access_id,
        accessed_at_us=NOW_US,
        controller=FRANCE,
        caller_id="key-7",
        operation=AccessOperation.SHOW_RIGHTS_REQUEST,
        entry_id=None,
        actor="Sam Officer",
        reason="request 2026/117",
    )


@pytest.mark.parametrize("name", ["actor", "reason"])
def test_without_who_and_why_no_request_is_shown(rights: RightsDesk, name: str) -> None:
    """And nothing is in the trail."""
    one = rights.open()
    with pytest.raises(InvalidRequest) as refused:
        rights.show(one, BY._replace(**{name: " "}))
    assert (refused.value.reason, refused.value.field) == ("MISSING_FIELD", f"access.{name}")
    assert rights.trail == []


def test_a_request_is_its_controllers(rights: RightsDesk) -> None:
    """Nobody else has it; the group has none, and an unknown controller neither."""
    one = rights.open()
    for change in (rights.delay, rights.close, rights.show):
        with pytest.raises(NotFound) as unknown:
            change(one, controller=NORWAY)
        assert unknown.value.reason == "UNKNOWN_RIGHTS_REQUEST"
    for controller in (GROUP, ControllerId("acme")):
        with pytest.raises(NotFound):
            rights.open(controller=controller)
        with pytest.raises(NotFound):
            rights.listed(controller=controller)
        with pytest.raises(NotFound):
            rights.show(one, controller=controller)


def test_open_and_overdue_ones_are_counted_by_each_controllers_day(rights: RightsDesk) -> None:
    """Every controller of the policy is there, with 0 where nobody waits."""
    ireland = ControllerId("alarm-ie")
    for controller in (FRANCE, ireland):
        rights.open(controller=controller)
    rights.at(paris(2026, 12, 24, 0, 30))
    counts = {each.controller: each for each in rights.requests.counts(NO_DEADLINE)}
    assert counts.keys() == rights.desk.policy.controllers.keys()
    assert counts[FRANCE] == RightsRequestCount(FRANCE, 1, 1)
    assert counts[ireland] == RightsRequestCount(ireland, 1, 0)
    assert counts[NORWAY] == RightsRequestCount(NORWAY, 0, 0)


def test_a_controller_that_is_declared_no_more_has_the_day_of_utc(desk: Desk) -> None:
    """Its open requests are still due."""
    at_us = paris(2026, 12, 24, 0, 30)
    assert local_day_of(FRANCE, desk.policy, at_us) == date(2026, 12, 24)
    assert local_day_of(ControllerId("sold"), desk.policy, at_us) == date(2026, 12, 23)
