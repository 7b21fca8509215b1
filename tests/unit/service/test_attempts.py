"""Attempts: granted up to the cap and counted once, however often and by whomever asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import ContactPoint, Email, Phone, Subject
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import (
    AlreadyExists,
    InvalidRequest,
    NotFound,
    RegistryError,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AttemptOutcome,
    Channel,
    ControllerId,
    EntryKind,
    Precision,
    PurposeId,
    Reason,
    Source,
    Verdict,
)
from consent_registry_server.service.attempts import RESERVED_FOR_US
from consent_registry_server.service.ports import (
    Deadline,
    PreparedEntry,
    Recorded,
    RequestKey,
)
from consent_registry_server.service.questions import AskedContact
from tests.attempt_desk import (
    CAP,
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
    OTHER_NUMBER,
    SERVICE,
    SPELLINGS,
    WINDOW_US,
    AttemptDesk,
    asked,
    capped_policy,
    outcome_of,
    try_steps,
)
from tests.fakes.ambience import NO_DEADLINE, HashDigester
from tests.fakes.store import FakeStore
from tests.fakes.transaction import FakeSubjectTransaction, FakeTransaction

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


def test_attempts_are_granted_up_to_the_cap(desk: AttemptDesk) -> None:
    """The next one is denied, with the instant at which the first leaves the window."""
    desk.use_up()
    reservation = desk.reserve()
    assert outcome_of(reservation.decision) == CAPPED
    assert reservation.decision.retry_at_us == NOW_US + RESERVED_FOR_US + WINDOW_US
    assert (reservation.attempt_id, reservation.expires_at_us) == (None, None)
    assert len(written(desk)) == CAP


@pytest.mark.parametrize("early_us, expected", [(1, CAPPED), (0, OPEN)])
def test_the_next_attempt_is_free_at_the_instant_named(
    desk: AttemptDesk, early_us: int, expected: tuple[Verdict, Reason]
) -> None:
    """Not a microsecond before."""
    desk.use_up()
    retry_at_us = desk.reserve().decision.retry_at_us
    assert retry_at_us is not None
    desk.clock.now_us = retry_at_us - early_us
    assert desk.answer() == expected


def test_a_check_tells_what_a_reservation_would(desk: AttemptDesk) -> None:
    """Without counting anything."""
    assert outcome_of(desk.check()) == OPEN
    desk.use_up()
    assert outcome_of(desk.check()) == CAPPED
    assert desk.check().retry_at_us == NOW_US + RESERVED_FOR_US + WINDOW_US


def test_a_reservation_tells_what_it_rests_on(desk: AttemptDesk) -> None:
    """Grounds, policy and instant, as a check does; its decision has an id of its own."""
    first, second = desk.reserve(), desk.reserve()
    assert [ground.rule_id for ground in first.decision.grounds] == ["fr.voice_call"]
    assert first.decision.grounds[0].citation == "Example Act s. 1"
    assert (first.policy_version, first.checked_at_us) == ("capped", NOW_US)
    assert first.decision_id != second.decision_id


def test_an_attempt_is_an_entry_that_names_the_target_alone(desk: AttemptDesk) -> None:
    """What else is known of the person is asked about, and not kept."""
    reservation = desk.reserve(asked(NUMBER, Email("camille.desiree@example.com")))
    [entry] = written(desk)
    assert entry.entry_id == reservation.attempt_id
    assert entry.new == NewEntry(
        kind=EntryKind.CONTACT_ATTEMPT,
        controller=FRANCE,
        expression=Expression(Source.CALL_CENTRE, Precision.INSTANT, NOW_US),
        subject=Subject((NUMBER,)),
        evidence=Evidence(),
        channels=Channel.VOICE_CALL.mask,
        purposes=frozenset({MARKETING}),
        expires_at_us=NOW_US + 15 * MINUTE_US,
    )
    assert len(entry.contact_points) == 1
    assert (entry.recorded_at_us, entry.counts_at_us) == (NOW_US, NOW_US)


@pytest.mark.parametrize(
    "channel, target, source",
    [
        (Channel.VOICE_CALL, NUMBER, Source.CALL_CENTRE),
        (Channel.AUTOMATED_CALL, NUMBER, Source.CALL_CENTRE),
        (Channel.DOOR_TO_DOOR, DOOR, Source.DOORSTEP),
    ],
)
def test_calls_and_visits_are_counted(
    desk: AttemptDesk, channel: Channel, target: ContactPoint, source: Source
) -> None:
    """Each with where it is made."""
    desk.use_up(asked(target, channel=channel))
    assert desk.answer(asked(target, channel=channel)) == CAPPED
    assert {entry.new.expression.source for entry in written(desk)} == {source}
    assert {entry.new.channels for entry in written(desk)} == {channel.mask}


@pytest.mark.parametrize(
    "holds_for_us, expires_after_us",
    [
        pytest.param(HOUR_US, RESERVED_FOR_US, id="the answer holds longer"),
        pytest.param(RESERVED_FOR_US, RESERVED_FOR_US, id="as long"),
        pytest.param(5 * MINUTE_US, 5 * MINUTE_US, id="less long"),
    ],
)
def test_a_reservation_lasts_no_longer_than_the_answer_holds(
    desk: AttemptDesk, holds_for_us: int, expires_after_us: int
) -> None:
    """A quarter of an hour at most."""
    desk.policy = capped_policy(holds_until_us=NOW_US + holds_for_us)
    assert desk.reserve().expires_at_us == NOW_US + expires_after_us


def test_all_spellings_of_a_target_count_together(desk: AttemptDesk) -> None:
    """National or international, with or without the trunk prefix."""
    answers = [desk.reserve(asked(spelling)).decision for spelling in SPELLINGS]
    assert [each.verdict for each in answers] == [Verdict.ALLOW] * CAP + [Verdict.DENY] * 2


def test_all_spellings_of_a_target_wait_for_one_another(
    desk: AttemptDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Controllers and other targets do not."""
    names: list[bytes] = []
    monkeypatch.setattr(FakeTransaction, "lock", lambda _, name: names.append(name))
    for spelling in SPELLINGS:
        desk.reserve(asked(spelling))
    assert len(set(names)) == 1
    assert len(names) == len(SPELLINGS)
    desk.reserve(asked(controller=NORWAY))
    desk.reserve(asked(OTHER_NUMBER))
    assert len(set(names)) == 3
    assert not any(b"639980" in name for name in names)


@pytest.mark.parametrize("unit", ["", "apt 4", "porte à gauche au fond"])
def test_visits_to_a_door_count_whether_or_not_its_unit_can_be_read(
    desk: AttemptDesk, unit: str
) -> None:
    """Else a word that nobody can read would open the door for ever."""
    question = asked(replace(DOOR, unit=unit), channel=Channel.DOOR_TO_DOOR)
    desk.use_up(question)
    assert desk.answer(question) == CAPPED
    neighbour = asked(replace(DOOR, unit="apt 5"), channel=Channel.DOOR_TO_DOOR)
    assert desk.answer(neighbour) == OPEN


def test_calls_of_both_kinds_count_together(desk: AttemptDesk) -> None:
    """The person's phone rings either way."""
    desk.use_up(asked(channel=Channel.AUTOMATED_CALL))
    assert desk.answer() == CAPPED


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(asked(OTHER_NUMBER), id="number"),
        pytest.param(asked(OTHER_NUMBER, NUMBER), id="number of the same person"),
        pytest.param(asked(controller=NORWAY), id="controller"),
        pytest.param(asked(DOOR, NUMBER, channel=Channel.DOOR_TO_DOOR), id="door"),
    ],
)
def test_another_target_or_controller_has_its_own_cap(
    desk: AttemptDesk, other: AskedContact
) -> None:
    """What was used up elsewhere counts only there."""
    desk.use_up()
    assert desk.answer(other) == OPEN


def test_what_is_not_allowed_is_answered_and_not_kept(desk: AttemptDesk) -> None:
    """A denied question is no fact about the person."""
    desk.refuse(desk.granted())
    before = written(desk)
    reservation = desk.reserve()
    assert outcome_of(reservation.decision) == OBJECTED
    assert (reservation.attempt_id, reservation.expires_at_us) == (None, None)
    assert written(desk) == before


@pytest.mark.parametrize("target", [Phone("06 39 98 00 01"), Phone("call me"), DOOR])
def test_a_target_that_cannot_be_used_is_denied(desk: AttemptDesk, target: ContactPoint) -> None:
    """A number without a region, say: who would be called?"""
    reservation = desk.reserve(asked(target))
    assert outcome_of(reservation.decision) == (Verdict.DENY, Reason.INVALID_CONTACT_POINT)
    assert reservation.attempt_id is None
    assert not written(desk)


def test_a_repeated_request_gets_its_first_answer(desk: AttemptDesk) -> None:
    """To the last ground, when the cap is long used up; and it counts once."""
    first = desk.reserve(request_id="r-1")
    for _ in range(CAP - 1):
        desk.granted()
    assert desk.answer() == CAPPED
    desk.clock.now_us += HOUR_US
    assert desk.reserve(request_id="r-1") == first
    assert len(written(desk)) == CAP


def test_a_repeated_denial_stays_one(desk: AttemptDesk) -> None:
    """Whoever was denied asks again under another id."""
    desk.use_up()
    denied = desk.reserve(request_id="r-1")
    desk.clock.now_us += RESERVED_FOR_US + WINDOW_US
    assert desk.reserve(request_id="r-1") == denied
    assert outcome_of(desk.reserve(request_id="r-2").decision) == OPEN


def test_a_request_id_is_for_one_request(desk: AttemptDesk) -> None:
    """Another content under it is refused and counts nothing."""
    desk.reserve(request_id="r-1")
    other = replace(desk.write("r-1"), content=b"other")
    with pytest.raises(AlreadyExists):
        desk.attempts.reserve(other, asked(), deadline=NO_DEADLINE)
    assert len(written(desk)) == 1


def test_the_instant_of_a_grant_is_read_under_the_lock(
    desk: AttemptDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited for another's reservation has a later instant than it."""

    def wait(_: FakeTransaction, name: bytes) -> None:
        del name
        desk.clock.now_us += MINUTE_US

    monkeypatch.setattr(FakeTransaction, "lock", wait)
    reservation = desk.reserve()
    assert reservation.checked_at_us == NOW_US + MINUTE_US
    assert [entry.counts_at_us for entry in written(desk)] == [NOW_US + MINUTE_US]


def test_standing_is_read_under_the_lock(
    desk: AttemptDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before would lack what the last holder wrote."""
    order: list[str] = []
    read = FakeTransaction.standing

    def standing(self: FakeTransaction, controller: ControllerId, digests: Any) -> Any:  # noqa: ANN401
        order.append("read")
        return read(self, controller, digests)

    monkeypatch.setattr(FakeTransaction, "lock", lambda *_: order.append("lock"))
    monkeypatch.setattr(FakeTransaction, "standing", standing)
    desk.reserve()
    assert order == ["lock", "read"]


class Colliding(FakeStore):
    """A store in which the first run of every write is rolled back."""

    clock_moves: Callable[[], None]

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[FakeSubjectTransaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""
        work(FakeSubjectTransaction(self._state, limit=50_000))
        self.clock_moves()
        return super().write(request, recorded_at_us, work, deadline=deadline)


def test_a_run_that_was_rolled_back_leaves_nothing_behind() -> None:
    """Neither its id nor its instant: what is answered is what was stored."""
    store = Colliding()
    desk = AttemptDesk(store, HashDigester())

    def move() -> None:
        desk.clock.now_us += MINUTE_US

    store.clock_moves = move
    reservation = desk.reserve()
    [entry] = written(desk)
    assert entry.entry_id == reservation.attempt_id
    assert entry.counts_at_us == reservation.checked_at_us == NOW_US + MINUTE_US
    assert reservation.expires_at_us == NOW_US + MINUTE_US + RESERVED_FOR_US
    desk.report(entry.entry_id, AttemptOutcome.REFUSED)
    assert len(written(desk)) == 3


@pytest.mark.parametrize(
    "question, kind, reason, field",
    [
        *(
            pytest.param(
                asked(channel=channel), InvalidRequest, "CHANNEL_NOT_COUNTED", "channel", id=name
            )
            for name, channel in Channel.__members__.items()
            if name not in {"VOICE_CALL", "AUTOMATED_CALL", "DOOR_TO_DOOR"}
        ),
        pytest.param(
            asked(purpose=SERVICE), InvalidRequest, "CHANNEL_NOT_COUNTED", "purpose", id="service"
        ),
        pytest.param(
            asked(purpose=PurposeId("gifts")),
            InvalidRequest,
            "UNKNOWN_PURPOSE",
            "purpose",
            id="unknown purpose",
        ),
        pytest.param(
            asked(controller=ControllerId("alarm-xx")),
            NotFound,
            "UNKNOWN_CONTROLLER",
            "controller",
            id="unknown controller",
        ),
        pytest.param(
            asked(controller=GROUP), NotFound, "UNKNOWN_CONTROLLER", "controller", id="group"
        ),
    ],
)
def test_what_is_not_counted_is_refused(
    desk: AttemptDesk, question: AskedContact, kind: type[RegistryError], reason: str, field: str
) -> None:
    """Before any transaction, so that it uses up no request id."""
    assert isinstance(desk.store, FakeStore)
    desk.store.is_down = True
    with pytest.raises(kind) as error:
        desk.reserve(question)
    assert (error.value.reason, error.value.field) == (reason, field)


STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from([0, 1, -1, WINDOW_US, WINDOW_US - 1, WINDOW_US // 4]),
            st.integers(-5 * MINUTE_US, WINDOW_US // 3),
        ),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(STEPS)
def test_no_window_ever_holds_more_than_the_cap(steps: list[tuple[int, int]]) -> None:
    """Whatever is reserved and released, whatever the clock does; and nothing less is granted."""
    try_steps(AttemptDesk(FakeStore(), HashDigester()), steps)
