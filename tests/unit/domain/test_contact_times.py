"""Step 9: the hour of the day and the number of attempts, and when to try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from consent_registry_server.domain.calendar import DAY_US, to_us
from consent_registry_server.domain.contact_hours import ContactHours, DayKind, Window
from consent_registry_server.domain.decision import Decision, Fact, Match, Question
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.policy import (
    NEVER_US,
    AttemptCap,
    LineType,
    Policy,
    Purpose,
    Regime,
    Rule,
)
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    PurposeId,
    Reason,
    RecipientType,
    RuleId,
    Verdict,
)

ANYWHERE = CountryCode("IE")
MARKETING = PurposeId("direct_marketing")
WEEKDAYS = (DayKind.MON, DayKind.TUE, DayKind.WED, DayKind.THU, DayKind.FRI)
HOURS = ContactHours(dict.fromkeys(WEEKDAYS, (Window(600, 780), Window(840, 1200))))
CAP = AttemptCap(2, 30)


def at(day: int, hour: int, minute: int = 0) -> int:
    """An instant of November 2026, of which the 23rd is a Monday."""
    return to_us(datetime(2026, 11, day, hour, minute, tzinfo=UTC))


NOON_US = at(23, 12)


def answer(
    *facts: Fact,
    at_us: int = NOON_US,
    hours: ContactHours | None = HOURS,
    cap: AttemptCap | None = CAP,
    regime: Regime | None = Regime.OPT_OUT,
) -> Decision:
    """What hours and cap make of a call in a place where it is as late as in UTC."""
    rule = Rule(
        RuleId("calls"),
        ANYWHERE,
        Channel.VOICE_CALL,
        regime,
        contact_hours=hours,
        attempt_cap=cap,
    )
    return ask(rule, facts=facts, at_us=at_us)


def ask(*rules: Rule, facts: Sequence[Fact] = (), at_us: int) -> Decision:
    """What some rules, one after the other, make of it."""
    slot = (ANYWHERE, Channel.VOICE_CALL, LineType.ANY, RecipientType.CONSUMER)
    policy = Policy(
        version="test",
        controllers={},
        purposes={MARKETING: Purpose(MARKETING, "offers")},
        rules={slot: rules},
        recording_rules={},
        territories={},
        time_zones={ANYWHERE: ("UTC",)},
    )
    question = Question(ControllerId("one"), Channel.VOICE_CALL, MARKETING, at_us, ANYWHERE)
    return decide(question, list(facts), policy)


def attempt(at_us: int) -> Fact:
    """A call that was granted."""
    return Fact(
        EntryKind.CONTACT_ATTEMPT,
        EntryId(UUID(int=at_us)),
        Match.TARGET,
        Channel.VOICE_CALL.mask,
        frozenset({MARKETING}),
        at_us,
    )


def consent(*, until_us: int) -> Fact:
    """A proven consent to this call, for a while."""
    return Fact(
        EntryKind.CONSENT,
        EntryId(UUID(int=1)),
        Match.TARGET,
        Channel.VOICE_CALL.mask,
        frozenset({MARKETING}),
        at(1, 12),
        expires_at_us=until_us,
        proven=True,
    )


@pytest.mark.parametrize(
    "at_us, valid_until_us, retry_at_us",
    [
        pytest.param(at(23, 12), at(23, 13), None, id="in the morning"),
        pytest.param(at(23, 13), at(23, 14), at(23, 14), id="at 13:00 sharp"),
        pytest.param(at(23, 13) - 1, at(23, 13), None, id="a microsecond before"),
        pytest.param(at(23, 14), at(23, 20), None, id="at 14:00 sharp"),
        pytest.param(at(23, 20), at(24, 10), at(24, 10), id="in the evening"),
        pytest.param(at(27, 20), at(30, 10), at(30, 10), id="on Friday evening"),
    ],
)
def test_hours_are_half_open_and_tell_when_they_change(
    at_us: int, valid_until_us: int, retry_at_us: int | None
) -> None:
    """Open from the first minute, closed from the last on."""
    decision = answer(at_us=at_us)
    expected = Reason.OPT_OUT_REGIME if retry_at_us is None else Reason.OUTSIDE_CONTACT_HOURS
    assert decision.reason is expected
    assert decision.valid_until_us == valid_until_us
    assert decision.retry_at_us == retry_at_us


def test_the_cap_frees_an_attempt_when_the_oldest_of_them_leaves_the_window() -> None:
    """Here in the night, so that the first permitted instant is the next morning."""
    attempts = [attempt(at(2, 18) - 30 * DAY_US), attempt(at(1, 22)), attempt(at(5, 11))]
    decision = answer(*attempts)
    assert decision.reason is Reason.ATTEMPT_CAP
    assert decision.valid_until_us == at(23, 13)
    assert decision.retry_at_us == at(1, 22) + 30 * DAY_US + 12 * 3_600_000_000


def test_an_attempt_counts_from_when_it_may_last_have_been_made() -> None:
    """Five calls at the ends of their reservations are no more than the law allows either."""
    reserved = [replace(attempt(at(1, 11)), expires_at_us=at(1, 11, 15)), attempt(at(2, 11))]
    last_us = at(1, 11, 15) + 30 * DAY_US
    assert answer(*reserved, at_us=last_us - 1, hours=None).reason is Reason.ATTEMPT_CAP
    assert answer(*reserved, at_us=last_us, hours=None).reason is Reason.OPT_OUT_REGIME


def test_an_attempt_dated_ahead_counts() -> None:
    """The clock of the server that granted it is ahead of ours."""
    assert answer(attempt(NOON_US + 1), attempt(NOON_US)).reason is Reason.ATTEMPT_CAP


def test_a_released_attempt_does_not_count() -> None:
    """It was never made."""
    released = replace(attempt(NOON_US), lifted_at_us=NOON_US + 1)
    assert answer(attempt(NOON_US), released).reason is Reason.OPT_OUT_REGIME


def test_a_consent_that_ends_before_the_hours_open_leaves_nothing_to_retry() -> None:
    """Asking again at that hour would be refused for another reason."""
    until_tonight = consent(until_us=at(23, 23))
    decision = answer(until_tonight, at_us=at(23, 21), regime=Regime.OPT_IN)
    assert decision.reason is Reason.OUTSIDE_CONTACT_HOURS
    assert decision.retry_at_us is None
    assert decision.valid_until_us == at(23, 23)


def test_outside_unverified_hours_a_human_must_look_and_nothing_is_promised() -> None:
    """REVIEW has no time at which to try again."""
    hours = ContactHours(HOURS.by_day, is_verified=False)
    decision = answer(at_us=at(23, 13), hours=hours)
    assert (decision.verdict, decision.reason) == (Verdict.REVIEW, Reason.RULE_UNVERIFIED)
    assert decision.retry_at_us is None
    assert decision.valid_until_us == at(23, 14)


def test_beyond_an_unverified_cap_a_human_must_look() -> None:
    """As with the hours."""
    cap = AttemptCap(1, 30, is_verified=False)
    decision = answer(attempt(NOON_US), cap=cap)
    assert (decision.verdict, decision.reason) == (Verdict.REVIEW, Reason.RULE_UNVERIFIED)


def test_what_is_unverified_three_times_is_said_once() -> None:
    """Regime, hours and cap of one rule that nobody has looked up."""
    hours = ContactHours(HOURS.by_day, is_verified=False)
    cap = AttemptCap(1, 30, is_verified=False)
    decision = answer(attempt(NOON_US), at_us=at(23, 13), hours=hours, cap=cap, regime=None)
    assert [ground.reason for ground in decision.grounds] == [Reason.RULE_UNVERIFIED]


def test_where_the_answer_is_no_anyway_the_hours_do_not_bound_it() -> None:
    """A campaign need not ask again at lunch for somebody who never consented."""
    decision = answer(regime=Regime.OPT_IN)
    assert decision.reason is Reason.NO_CONSENT
    assert decision.valid_until_us is None


def test_a_law_that_lets_the_hours_go_is_the_first_chance() -> None:
    """Sooner than the hours of the law before it would have opened."""
    strict = Rule(
        RuleId("calls"),
        ANYWHERE,
        Channel.VOICE_CALL,
        Regime.OPT_OUT,
        contact_hours=HOURS,
        holds_until_us=at(28, 9),
    )
    lax = replace(strict, contact_hours=None, holds_from_us=at(28, 9), holds_until_us=NEVER_US)
    decision = ask(strict, lax, at_us=at(27, 20))
    assert decision.reason is Reason.OUTSIDE_CONTACT_HOURS
    assert decision.valid_until_us == decision.retry_at_us == at(28, 9)
