"""Attempts on PostgreSQL: under any concurrency no more than the cap, and every refusal kept."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pytest

from consent_registry_server.domain.errors import PreconditionFailed
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    EntryId,
    EntryKind,
    Verdict,
)
from consent_registry_server.service.attempts import RESERVED_FOR_US
from consent_registry_server.service.reservation import Reservation
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.rebuild import compare_standing
from consent_registry_server.storage.store import Store
from tests.attempt_desk import (
    CAP,
    CAPPED,
    DOOR,
    HOUR_US,
    MINUTE_US,
    NORWAY,
    NOW_US,
    OBJECTED,
    OPEN,
    OTHER_NUMBER,
    SPELLINGS,
    WINDOW_US,
    AttemptDesk,
    Made,
    asked,
    most_in_a_window,
    outcome_of,
    try_steps,
)
from tests.conftest import run_sql
from tests.fakes.ambience import SetClock

CALLERS = 16
LONGEST_WAIT_S = 30.0

T = TypeVar("T")


@pytest.fixture
def desk(store: Store, keyring: Keyring) -> AttemptDesk:
    """A desk on an empty registry."""
    return AttemptDesk(store, keyring)


def at_once(work: Callable[[int], T], callers: int = CALLERS) -> list[T]:
    """Runs the work on as many threads, all let go at the same moment."""
    barrier = threading.Barrier(callers)

    def run(number: int) -> T:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(callers) as executor:
        return list(executor.map(run, range(callers)))


def is_granted(reservation: Reservation) -> bool:
    """Whether the attempt may be made."""
    return reservation.decision.verdict is Verdict.ALLOW


def number_of(url: str, kind: EntryKind) -> int:
    """How many entries of a kind there are."""
    [(number,)] = run_sql(url, f"SELECT count(*) FROM entry WHERE kind = {kind:d}")  # noqa: S608
    assert isinstance(number, int)
    return number


def test_of_sixteen_callers_at_once_as_many_as_the_cap_are_granted(
    desk: AttemptDesk, store: Store, postgres_url: str
) -> None:
    """However they spell the number, and whichever kind of call it is."""
    calls = (Channel.VOICE_CALL, Channel.AUTOMATED_CALL)

    def ask(number: int) -> Reservation:
        spelling = SPELLINGS[number % len(SPELLINGS)]
        return desk.reserve(asked(spelling, channel=calls[number % 2]))

    answers = at_once(ask)

    denied = [each.decision for each in answers if not is_granted(each)]
    assert len(denied) == CALLERS - CAP
    assert {outcome_of(each) for each in denied} == {CAPPED}
    assert {each.retry_at_us for each in denied} == {
        desk.clock.now_us + RESERVED_FOR_US + WINDOW_US
    }
    assert number_of(postgres_url, EntryKind.CONTACT_ATTEMPT) == CAP
    assert compare_standing(store.database.engine) == 0


def test_of_two_callers_at_once_for_the_last_attempt_one_is_denied(desk: AttemptDesk) -> None:
    """The worked example: three attempts granted, two call centres at the same moment."""
    for _ in range(10):
        desk.clock.now_us += RESERVED_FOR_US + WINDOW_US
        for _ in range(CAP - 1):
            desk.granted()
        answers = at_once(lambda _: desk.answer(), callers=2)
        assert sorted(answers) == sorted([OPEN, CAPPED])


@dataclass
class InterruptedClock(SetClock):
    """A clock that does something when this thread reads it under the lock: the second time."""

    interrupt: Callable[[], None] | None = None
    readings: int = 0

    def __call__(self) -> int:
        """See `Clock`."""
        if self.interrupt is not None and threading.current_thread() is threading.main_thread():
            self.readings += 1
            if self.readings == 2:
                self.interrupt()
        return self.now_us


def test_whoever_waited_sees_what_the_one_before_wrote(
    store: Store, keyring: Keyring, postgres_url: str
) -> None:
    """The read comes after the wait, in a state of its own."""
    clock = InterruptedClock(NOW_US)
    desk = AttemptDesk(store, keyring, clock=clock)
    for _ in range(CAP - 1):
        desk.granted()
    second: list[Future[Reservation]] = []

    with ThreadPoolExecutor(1) as executor:

        def let_another_ask() -> None:
            second.append(executor.submit(desk.reserve))
            wait_until_one_waits_for_a_lock(postgres_url)

        clock.interrupt = let_another_ask
        first = desk.reserve()

    assert is_granted(first)
    assert outcome_of(second[0].result().decision) == CAPPED


def wait_until_one_waits_for_a_lock(url: str) -> None:
    """Returns when a session of this database waits for another's lock."""
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """
    until_s = time.monotonic() + LONGEST_WAIT_S
    while not run_sql(url, waiting):
        assert time.monotonic() < until_s, "nobody waits for the lock"


def test_reservations_of_others_do_not_wait(store: Store, keyring: Keyring) -> None:
    """Another controller, number or door has a lock of its own."""
    clock = InterruptedClock(NOW_US)
    desk = AttemptDesk(store, keyring, clock=clock)
    others = [
        asked(OTHER_NUMBER),
        asked(controller=NORWAY),
        asked(DOOR, channel=Channel.DOOR_TO_DOOR),
    ]
    answers: list[Reservation] = []

    with ThreadPoolExecutor(len(others)) as executor:

        def let_others_ask() -> None:
            asking = [executor.submit(desk.reserve, other) for other in others]
            answers.extend(each.result(LONGEST_WAIT_S) for each in asking)

        clock.interrupt = let_others_ask
        assert is_granted(desk.reserve())

    assert len(answers) == len(others)
    assert all(is_granted(each) for each in answers)


def test_one_request_sent_by_many_at_once_is_one_attempt(
    desk: AttemptDesk, postgres_url: str
) -> None:
    """All get the same answer, to the last ground, and so do those who come later."""
    answers = at_once(lambda _: desk.reserve(request_id="r-1"))

    assert all(each == answers[0] for each in answers)
    assert is_granted(answers[0])
    desk.clock.now_us += HOUR_US
    assert desk.reserve(request_id="r-1") == answers[0]
    assert number_of(postgres_url, EntryKind.CONTACT_ATTEMPT) == 1


def test_a_repeated_denial_stays_one(desk: AttemptDesk) -> None:
    """Read back whole from the database: reason, grounds and the instant to retry at."""
    desk.use_up()
    denied = desk.reserve(request_id="r-1")
    assert outcome_of(denied.decision) == CAPPED
    desk.clock.now_us += RESERVED_FOR_US + WINDOW_US
    assert desk.reserve(request_id="r-1") == denied
    assert desk.answer() == OPEN


@pytest.mark.parametrize("early_us, expected", [(1, CAPPED), (0, OPEN)])
def test_the_next_attempt_is_free_at_the_instant_named(
    desk: AttemptDesk, early_us: int, expected: tuple[object, object]
) -> None:
    """To the microsecond."""
    desk.clock.now_us += 123_456
    desk.use_up()
    retry_at_us = desk.check().retry_at_us
    assert retry_at_us is not None
    desk.clock.now_us = retry_at_us - early_us
    assert desk.answer() == expected


def test_a_released_attempt_counts_no_more(desk: AttemptDesk, store: Store) -> None:
    """Another may be made in its stead, and no more than one."""
    attempts = desk.use_up()
    desk.report(attempts[1], AttemptOutcome.RELEASED)
    assert desk.answer() == OPEN
    assert desk.answer() == CAPPED
    assert compare_standing(store.database.engine) == 0


@pytest.mark.parametrize(
    "channel, target",
    [(Channel.VOICE_CALL, SPELLINGS[4]), (Channel.DOOR_TO_DOOR, DOOR)],
)
def test_a_refusal_is_an_opt_out(
    desk: AttemptDesk, store: Store, channel: Channel, target: object
) -> None:
    """CheckContact denies at once, by every spelling."""
    question = asked(target, channel=channel)  # type: ignore[arg-type]
    desk.refuse(desk.granted(question))
    assert outcome_of(desk.check(question)) == OBJECTED
    assert desk.answer(question) == OBJECTED
    if channel is Channel.VOICE_CALL:
        assert {outcome_of(desk.check(asked(each))) for each in SPELLINGS} == {OBJECTED}
    assert compare_standing(store.database.engine) == 0


def test_a_refusal_is_kept_when_the_identity_is_gone(
    desk: AttemptDesk, store: Store, postgres_url: str
) -> None:
    """Erased from the vault, as it will be in time."""
    attempt_id = desk.granted()
    run_sql(postgres_url, f"DELETE FROM vault WHERE entry_id = '{attempt_id}'")  # noqa: S608
    desk.refuse(attempt_id)
    assert {outcome_of(desk.check(asked(each))) for each in SPELLINGS} == {OBJECTED}
    assert compare_standing(store.database.engine) == 0


def test_of_different_outcomes_at_once_one_is_taken(desk: AttemptDesk) -> None:
    """Whoever says the same is taken, too; whoever says otherwise is refused."""
    said = (AttemptOutcome.REACHED, AttemptOutcome.RELEASED)
    for _ in range(5):
        desk.clock.now_us += WINDOW_US
        attempt_id = desk.granted()

        def report(number: int, attempt_id: EntryId = attempt_id) -> AttemptOutcome | None:
            outcome = said[number % 2]
            try:
                desk.report(attempt_id, outcome)
            except PreconditionFailed:
                return None
            return outcome

        taken = at_once(report)
        assert len({*taken} - {None}) == 1
        assert taken.count(None) == CALLERS // 2


def test_a_refusal_is_taken_whatever_others_report_at_once(desk: AttemptDesk) -> None:
    """An opt-out is never lost."""
    attempt_id = desk.granted()

    def report(number: int) -> None:
        outcome = list(AttemptOutcome)[number % len(AttemptOutcome)]
        try:
            desk.report(attempt_id, outcome)
        except PreconditionFailed:
            assert outcome is not AttemptOutcome.REFUSED

    at_once(report)
    assert outcome_of(desk.check()) == OBJECTED


@pytest.mark.parametrize("seed", range(5))
def test_no_window_ever_holds_more_than_the_cap(desk: AttemptDesk, store: Store, seed: int) -> None:
    """Whatever is reserved and released, whatever the clock does; and nothing less is granted."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    moves = [0, 1, -1, -5 * MINUTE_US, HOUR_US, WINDOW_US // 4, WINDOW_US // 3, WINDOW_US - 1]
    steps = [(chance.choice(moves), chance.randrange(4)) for _ in range(60)]
    try_steps(desk, steps)
    assert compare_standing(store.database.engine) == 0


@pytest.mark.parametrize("seed", range(3))
def test_no_window_ever_holds_more_than_the_cap_whoever_asks_at_once(
    desk: AttemptDesk, store: Store, seed: int
) -> None:
    """In every round as many are granted as are free, and some of them are released."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    made: list[Made] = []
    for _ in range(12):
        desk.clock.now_us += chance.choice([MINUTE_US, WINDOW_US // 5, WINDOW_US // 2])
        now_us = desk.clock.now_us
        counted = [each for each in made if not each.is_released]
        used = sum(each.until_us > now_us - WINDOW_US for each in counted)
        answers = at_once(lambda _: desk.reserve(), callers=6)
        granted = [
            Made(each.attempt_id, now_us, each.expires_at_us)
            for each in answers
            if each.attempt_id is not None and each.expires_at_us is not None
        ]
        assert len(granted) == CAP - used
        made += granted
        assert most_in_a_window(made) <= CAP
        for each in chance.sample(made, k=min(2, len(made))):
            desk.report(each.attempt_id, AttemptOutcome.RELEASED)
            each.is_released = True
    assert compare_standing(store.database.engine) == 0
