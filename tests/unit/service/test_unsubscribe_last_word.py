"""The last word of a person counts, whatever came in between and in whatever order it arrives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import ContactPoint
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.errors import PreconditionFailed
from consent_registry_server.domain.vocabulary import (
    Channel,
    Precision,
    Reason,
    Source,
    UnsubscribeChoice,
    Verdict,
)
from consent_registry_server.service.unsubscribe import Unsubscribed
from tests.past_desk import EMAIL, MINUTE_US, NOW_US, OTHER_EMAIL, PARIS, PHONE
from tests.unsubscribe_desk import MemoryUnsubscribers

LINK, EVERYTHING = UnsubscribeChoice.LINK, UnsubscribeChoice.EVERYTHING
SMS, CALLS = UnsubscribeChoice.SMS, UnsubscribeChoice.CALLS
OBJECTED: Final = (Verdict.DENY, Reason.OBJECTION)


@pytest.fixture
def people() -> MemoryUnsubscribers:
    """People of whom nothing is known."""
    return MemoryUnsubscribers()


def said_on(day: int) -> Expression:
    """Said on paper some days after the beginning, and typed in whenever."""
    return Expression(Source.LETTER, Precision.INSTANT, NOW_US + day * DAY_US, PARIS)


def email(people: MemoryUnsubscribers) -> tuple[Verdict, Reason]:
    """May they be written to?"""
    decision = people.check(EMAIL, Channel.EMAIL)
    return decision.verdict, decision.reason


def test_a_click_counts_against_a_consent_that_arrives_later(people: MemoryUnsubscribers) -> None:
    """Said before the click and recorded after it: order is by when it was said."""
    token = people.link(EMAIL)
    people.click(token)
    people.later(7 * DAY_US)
    people.click(token)
    people.later(3 * DAY_US)
    people.desk.consents(EMAIL, said=said_on(5))
    assert email(people) == OBJECTED


def test_a_click_counts_against_a_consent_by_another_contact_point(
    people: MemoryUnsubscribers,
) -> None:
    """The link need not know that one: a question that carries both shows that it is one person."""
    token = people.link(EMAIL)
    people.click(token, EVERYTHING)
    people.later(DAY_US)
    people.desk.consents(PHONE, channels=(Channel.SMS,))
    people.later(DAY_US)
    people.click(token, EVERYTHING)
    decision = people.check(PHONE, Channel.SMS, EMAIL)
    assert (decision.verdict, decision.reason) == OBJECTED


def test_an_undo_leaves_the_click_of_somebody_who_did_not_undo(people: MemoryUnsubscribers) -> None:
    """Two people read one mailbox, or one has two tabs: both were told that it is done."""
    token = people.link(EMAIL)
    people.desk.consents(EMAIL)
    people.later(MINUTE_US)
    one = people.click(token, LINK)
    people.later(MINUTE_US + 1)
    people.click(token, LINK)
    people.undo(token, one)
    assert email(people) == OBJECTED


def test_a_double_click_is_one_slip(people: MemoryUnsubscribers) -> None:
    """The undo of either takes it back."""
    token = people.link(EMAIL)
    people.desk.consents(EMAIL)
    people.later(MINUTE_US)
    first = people.click(token, LINK)
    people.later(MINUTE_US)
    second = people.click(token, LINK)
    assert second.entry_ids == first.entry_ids
    people.undo(token, second)
    assert email(people) == (Verdict.ALLOW, Reason.CONSENT)


def test_an_undo_leaves_what_the_mailbox_said_before(people: MemoryUnsubscribers) -> None:
    """It lifts the entries that its answer recorded, and this one recorded none."""
    token = people.link(EMAIL)
    people.desk.consents(EMAIL)
    people.later(MINUTE_US)
    people.click(token)
    people.later(MINUTE_US)
    people.undo(token, people.click(token, LINK))
    assert email(people) == OBJECTED


def test_undo_is_for_fifteen_minutes_from_its_own_click(people: MemoryUnsubscribers) -> None:
    """Else how long is left would tell when the link was used before."""
    token = people.link(EMAIL)
    people.click(token)
    people.click(token, LINK)
    people.later(14 * MINUTE_US)
    answer = people.click(token, LINK)
    assert answer.undo_until_us == people.desk.clock.now_us + 15 * MINUTE_US


# Whatever happens.

QUESTIONS: Final[tuple[tuple[ContactPoint, Channel], ...]] = (
    (EMAIL, Channel.EMAIL),
    (PHONE, Channel.SMS),
    (PHONE, Channel.VOICE_CALL),
)
STOPS: Final = {
    LINK: {Channel.EMAIL},
    SMS: {Channel.SMS},
    CALLS: {Channel.VOICE_CALL},
    EVERYTHING: {Channel.EMAIL, Channel.SMS, Channel.VOICE_CALL},
}
STRICTNESS: Final = {Verdict.ALLOW: 0, Verdict.REVIEW: 1, Verdict.DENY: 2}


@dataclass
class Click:
    """A click, and whether it was taken back; choices are made on the page only.

    What is sent again counts from the first time.
    """

    at_us: int
    since_us: int
    choices: tuple[UnsubscribeChoice, ...]
    answer: Unsubscribed
    is_undone: bool = False

    def is_one_with(self, other: Click) -> bool:
        """Whether the two are a double click."""
        is_shared = set(self.answer.entry_ids) & set(other.answer.entry_ids)
        return bool(is_shared) and abs(self.at_us - other.at_us) <= MINUTE_US


@dataclass
class Life:
    """What a person says over time, in a registry with links and in one without."""

    people: MemoryUnsubscribers = field(default_factory=MemoryUnsubscribers)
    without: MemoryUnsubscribers = field(default_factory=MemoryUnsubscribers)
    clicks: list[Click] = field(default_factory=list)
    consents: list[tuple[int, Channel]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.token = self.people.link(EMAIL, PHONE)
        for _, channel in QUESTIONS:
            self.consent(channel, DAY_US)

    def click(self, *choices: UnsubscribeChoice) -> None:
        """Through the link."""
        answer = self.people.click(self.token, *choices)
        stored = [self.people.store.state.find(entry_id) for entry_id in answer.entry_ids]
        since_us = min(each.recorded_at_us for each in stored if each)
        self.clicks.append(Click(self.now_us, since_us, choices, answer))

    def undo(self, number: int) -> None:
        """Takes one of the last clicks back, if it was on the page and is not too late."""
        for click in self.clicks[-number:][:1]:
            if not click.choices:
                continue
            try:
                self.people.undo(self.token, click.answer)
            except PreconditionFailed:
                continue
            for each in self.clicks:
                each.is_undone |= each is click or (bool(each.choices) and each.is_one_with(click))

    def consent(self, channel: Channel, ago_us: int) -> None:
        """A while ago, and recorded now."""
        point: ContactPoint = EMAIL if channel is Channel.EMAIL else PHONE
        said_us = self.now_us - ago_us
        said = Expression(Source.WEB_FORM, Precision.INSTANT, said_us, PARIS)
        for each in (self.people, self.without):
            each.desk.consents(point, said=said, channels=(channel,))
        self.consents.append((said_us, channel))

    def later(self, us: int) -> None:
        """Lets time pass."""
        for each in (self.people, self.without):
            each.later(us)

    @property
    def now_us(self) -> int:
        """The time now."""
        return self.people.desk.clock.now_us

    def is_stopped(self, channel: Channel) -> bool:
        """Whether a click that was not undone is the last word on a channel."""
        last_us = max((said_us for said_us, to in self.consents if to is channel), default=-1)
        return any(
            click.since_us >= last_us
            for click in self.clicks
            if not click.is_undone
            and any(channel in STOPS[each] for each in click.choices or (LINK,))
        )


Step = Callable[[Life], None]


def _clicks(*choices: UnsubscribeChoice) -> Step:
    return lambda life: life.click(*choices)


def _waits(us: int) -> Step:
    return lambda life: life.later(us)


def _undoes(number: int) -> Step:
    return lambda life: life.undo(number)


def _consents(channel: Channel, ago_us: int) -> Step:
    return lambda life: life.consent(channel, ago_us)


page_clicks = st.sampled_from([(LINK,), (SMS,), (CALLS,), (LINK, SMS), (EVERYTHING,)]).map(
    lambda choices: _clicks(*choices)
)
other_steps = st.one_of(
    st.sampled_from([0, 1, MINUTE_US, 14 * MINUTE_US, 15 * MINUTE_US, DAY_US]).map(_waits),
    st.integers(1, 3).map(_undoes),
    st.builds(
        _consents,
        st.sampled_from([channel for _, channel in QUESTIONS]),
        st.sampled_from([0, MINUTE_US, 20 * MINUTE_US, 2 * DAY_US]),
    ),
)
steps = st.one_of(page_clicks, st.builds(_clicks), other_steps)
page_steps = st.one_of(page_clicks, other_steps)


@settings(max_examples=400)
@given(sequence=st.lists(steps, max_size=14))
def test_the_last_click_that_was_not_undone_is_the_last_word(sequence: list[Step]) -> None:
    """On every channel that was chosen, until a later consent."""
    life = Life()
    for step in sequence:
        step(life)
        for target, channel in QUESTIONS:
            if life.is_stopped(channel):
                assert life.people.check(target, channel).verdict is Verdict.DENY


@given(sequence=st.lists(steps, max_size=14))
def test_clicks_and_undos_never_permit_more_than_there_was(sequence: list[Step]) -> None:
    """Compared with the same life in which nobody ever clicked."""
    life = Life()
    for step in sequence:
        step(life)
    for target, channel in (*QUESTIONS, (OTHER_EMAIL, Channel.EMAIL)):
        verdict = life.people.check(target, channel, EMAIL).verdict
        assert STRICTNESS[verdict] >= STRICTNESS[life.without.check(target, channel, EMAIL).verdict]


@given(sequence=st.lists(page_steps, max_size=14))
def test_what_was_all_undone_is_as_it_was(sequence: list[Step]) -> None:
    """Nothing of a slip stays behind."""
    life = Life()
    for step in sequence:
        step(life)
        life.undo(1)
    assert all(click.is_undone for click in life.clicks)
    for target, channel in QUESTIONS:
        decisions = [each.check(target, channel) for each in (life.people, life.without)]
        assert len({(each.verdict, each.reason) for each in decisions}) == 1
