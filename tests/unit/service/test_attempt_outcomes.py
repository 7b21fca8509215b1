"""What became of an attempt: it goes on counting unless released; a refusal is an opt-out."""

from __future__ import annotations

from uuid import UUID

import pytest

from consent_registry_server.domain.contact import ContactPoint, Phone, Subject
from consent_registry_server.domain.entry import AttemptReport, Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import NotFound, PreconditionFailed
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    AttemptOutcome,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    Reason,
    Source,
)
from consent_registry_server.service.ports import PreparedEntry
from tests.attempt_desk import (
    CAPPED,
    DOOR,
    FRANCE,
    HOUR_US,
    MARKETING,
    MINUTE_US,
    NORWAY,
    NOW_US,
    NUMBER,
    OBJECTED,
    OPEN,
    SPELLINGS,
    AttemptDesk,
    asked,
    outcome_of,
)
from tests.fakes.ambience import HashDigester
from tests.fakes.store import FakeStore
from tests.fakes.transaction import FakeTransaction

OUTCOMES = list(AttemptOutcome)
ON_RECORD = [each for each in AttemptOutcome if each is not AttemptOutcome.RELEASED]


@pytest.fixture
def desk() -> AttemptDesk:
    """A desk where nothing was reserved yet."""
    return AttemptDesk(FakeStore(), HashDigester())


def written(desk: AttemptDesk) -> list[PreparedEntry]:
    """All entries."""
    assert isinstance(desk.store, FakeStore)
    return list(desk.store.written())


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_outcome_is_an_entry_that_names_its_attempt(
    desk: AttemptDesk, outcome: AttemptOutcome
) -> None:
    """And nobody else."""
    attempt_id = desk.granted()
    desk.clock.now_us += MINUTE_US
    recorded = desk.report(attempt_id, outcome)
    entry = written(desk)[1]
    assert str(entry.entry_id) == recorded.details["entry_id"]
    assert entry.new == NewEntry(
        kind=EntryKind.ATTEMPT_OUTCOME,
        controller=FRANCE,
        expression=Expression(Source.CALL_CENTRE, Precision.INSTANT, NOW_US + MINUTE_US),
        subject=Subject(),
        evidence=Evidence(),
        channels=Channel.VOICE_CALL.mask,
        purposes=frozenset({MARKETING}),
        lifts_entry_id=attempt_id if outcome is AttemptOutcome.RELEASED else None,
        attempt=AttemptReport(attempt_id, outcome),
    )
    assert entry.contact_points == ()
    assert recorded.recorded_at_us == entry.recorded_at_us == NOW_US + MINUTE_US
    assert ("opt_out_entry_id" in recorded.details) == (outcome is AttemptOutcome.REFUSED)


@pytest.mark.parametrize("outcome", ON_RECORD)
def test_an_attempt_that_was_made_goes_on_counting(
    desk: AttemptDesk, outcome: AttemptOutcome
) -> None:
    """Unanswered ones included."""
    desk.use_up(asked(channel=Channel.AUTOMATED_CALL))
    attempt_id = written(desk)[0].entry_id
    desk.report(attempt_id, outcome)
    grounds = [ground.reason for ground in desk.reserve().decision.grounds]
    assert Reason.ATTEMPT_CAP in grounds


def test_an_attempt_that_nobody_reported_on_goes_on_counting(desk: AttemptDesk) -> None:
    """Long after the reservation expired: nobody said that the call was not made."""
    desk.use_up()
    desk.clock.now_us += 20 * 24 * HOUR_US
    assert desk.answer() == CAPPED


def test_a_released_attempt_counts_no_more(desk: AttemptDesk) -> None:
    """However late it is released; another may be made in its stead, and no more than one."""
    attempts = desk.use_up()
    desk.clock.now_us += 20 * 24 * HOUR_US
    desk.report(attempts[1], AttemptOutcome.RELEASED)
    assert desk.answer() == OPEN
    assert desk.answer() == CAPPED


@pytest.mark.parametrize(
    "channel, target, stopped",
    [
        (Channel.VOICE_CALL, NUMBER, {Channel.VOICE_CALL, Channel.AUTOMATED_CALL}),
        (Channel.AUTOMATED_CALL, NUMBER, {Channel.VOICE_CALL, Channel.AUTOMATED_CALL}),
        (Channel.DOOR_TO_DOOR, DOOR, {Channel.DOOR_TO_DOOR}),
    ],
)
def test_a_refusal_is_an_opt_out(
    desk: AttemptDesk, channel: Channel, target: ContactPoint, stopped: set[Channel]
) -> None:
    """For all purposes, on the way that was taken, from where the attempt was made."""
    attempt_id = desk.granted(asked(target, channel=channel))
    opt_out_id = desk.refuse(attempt_id)
    entry = written(desk)[-1]
    assert entry.entry_id == opt_out_id
    assert (entry.new.kind, entry.new.purposes) == (EntryKind.DO_NOT_CONTACT, None)
    assert entry.new.channels != ALL_CHANNELS
    assert entry.new.subject == Subject((target,))
    assert entry.new.expression.source is written(desk)[0].new.expression.source
    for each in stopped:
        assert outcome_of(desk.check(asked(target, channel=each))) == OBJECTED
    reached = {each for each in Channel if entry.new.channels & each.mask}
    assert reached == stopped - {Channel.AUTOMATED_CALL}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_refusal_stops_every_spelling(desk: AttemptDesk, spelling: Phone) -> None:
    """Whichever was called."""
    desk.refuse(desk.granted(asked(Phone("06 39 98 00 01", "FR"))))
    assert desk.answer(asked(spelling)) == OBJECTED


def test_a_refusal_is_kept_when_the_identity_is_gone(
    desk: AttemptDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom the attempt was for may be erased; the opt-out works by what remains."""
    attempt_id = desk.granted()
    monkeypatch.setattr(FakeTransaction, "subject", lambda *_: None)
    desk.refuse(attempt_id)
    assert written(desk)[-1].new.subject == Subject()
    assert desk.answer(asked(SPELLINGS[-1])) == OBJECTED


@pytest.mark.parametrize("second", OUTCOMES, ids=lambda each: f"then {each.name}")
@pytest.mark.parametrize("first", OUTCOMES, ids=lambda each: each.name)
def test_another_outcome_is_refused_unless_it_is_a_refusal(
    desk: AttemptDesk, first: AttemptOutcome, second: AttemptOutcome
) -> None:
    """The same one again does no harm, and an opt-out is never lost."""
    attempt_id = desk.granted()
    desk.report(attempt_id, first)
    before = written(desk)
    if second in {first, AttemptOutcome.REFUSED}:
        desk.report(attempt_id, second)
        assert len(written(desk)) > len(before)
    else:
        with pytest.raises(PreconditionFailed) as error:
            desk.report(attempt_id, second)
        assert (error.value.reason, error.value.field) == ("OUTCOME_REPORTED", "outcome")
        assert written(desk) == before
    if AttemptOutcome.REFUSED in {first, second}:
        assert outcome_of(desk.check()) == OBJECTED


def test_a_refusal_reported_twice_is_two_opt_outs(desk: AttemptDesk) -> None:
    """So that the second report stops contact even where the first was lifted meanwhile."""
    attempt_id = desk.granted()
    assert desk.refuse(attempt_id) != desk.refuse(attempt_id)


def test_what_was_made_cannot_be_released_after_a_refusal(desk: AttemptDesk) -> None:
    """Nor be reported as reached, when nobody said so before."""
    attempt_id = desk.granted()
    desk.report(attempt_id, AttemptOutcome.UNANSWERED)
    desk.refuse(attempt_id)
    desk.report(attempt_id, AttemptOutcome.UNANSWERED)
    for outcome in (AttemptOutcome.REACHED, AttemptOutcome.RELEASED):
        with pytest.raises(PreconditionFailed):
            desk.report(attempt_id, outcome)


def test_a_repeated_report_answers_as_the_first_time(desk: AttemptDesk) -> None:
    """And writes nothing."""
    attempt_id = desk.granted()
    first = desk.report(attempt_id, AttemptOutcome.REFUSED, request_id="r-1")
    before = written(desk)
    desk.clock.now_us += HOUR_US
    assert desk.report(attempt_id, AttemptOutcome.REFUSED, request_id="r-1") == first
    assert written(desk) == before


def test_only_what_the_controller_reserved_can_be_reported(desk: AttemptDesk) -> None:
    """Another's attempt, an opt-out and a made-up id are the same to a stranger: nothing."""
    own, others = desk.granted(), desk.granted(asked(controller=NORWAY))
    no_attempt = desk.refuse(own)
    before = written(desk)
    for attempt_id in (others, no_attempt, EntryId(UUID(int=7))):
        with pytest.raises(NotFound) as error:
            desk.report(attempt_id, AttemptOutcome.REFUSED)
        assert (error.value.reason, error.value.field) == ("UNKNOWN_ATTEMPT", "attempt_id")
    assert written(desk) == before


@pytest.mark.parametrize("controller", [GROUP, ControllerId("alarm-xx")])
def test_a_controller_that_the_policy_does_not_declare_reports_nothing(
    desk: AttemptDesk, controller: ControllerId
) -> None:
    """`group` never asks, so it has made no attempt."""
    attempt_id = desk.granted()
    with pytest.raises(NotFound) as error:
        desk.report(attempt_id, AttemptOutcome.REACHED, controller=controller)
    assert error.value.reason == "UNKNOWN_CONTROLLER"


@pytest.mark.parametrize("outcome", list(AttemptOutcome))
def test_a_repeated_request_does_not_revive_an_attempt_that_was_reported_on(
    desk: AttemptDesk, outcome: AttemptOutcome
) -> None:
    """Given back or used, its permission is gone; another attempt is another request."""
    reserved = desk.reserve(request_id="r-1")
    assert reserved.attempt_id is not None
    assert desk.reserve(request_id="r-1") == reserved
    desk.report(reserved.attempt_id, outcome)
    with pytest.raises(PreconditionFailed) as error:
        desk.reserve(request_id="r-1")
    assert (error.value.reason, error.value.field) == ("OUTCOME_REPORTED", "request_id")
