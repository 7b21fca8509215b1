"""UndoUnsubscribe: a slip is taken back for a while, and nothing else ever is."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from consent_registry_server.domain.errors import (
    AlreadyExists,
    InvalidRequest,
    PreconditionFailed,
    Unavailable,
)
from consent_registry_server.domain.vocabulary import (
    Channel,
    EntryId,
    EntryKind,
    Reason,
    UnsubscribeChoice,
    UnsubscribeMethod,
    Verdict,
)
from consent_registry_server.service.undo_tokens import UNDO_FOR_US
from tests.past_desk import EMAIL, MINUTE_US, OTHER_EMAIL, PHONE
from tests.unsubscribe_desk import MemoryUnsubscribers

LINK, EVERYTHING = UnsubscribeChoice.LINK, UnsubscribeChoice.EVERYTHING
SMS, RECORDING = UnsubscribeChoice.SMS, UnsubscribeChoice.RECORDING
ALLOWED = (Verdict.ALLOW, Reason.CONSENT)
OBJECTED = (Verdict.DENY, Reason.OBJECTION)
HOUR_US: Final = 60 * MINUTE_US


@pytest.fixture
def people() -> MemoryUnsubscribers:
    """People who consented to emails and text messages an hour ago."""
    people = MemoryUnsubscribers()
    people.desk.consents(EMAIL, PHONE, channels=(Channel.EMAIL, Channel.SMS))
    people.later(HOUR_US)
    return people


def email(people: MemoryUnsubscribers) -> tuple[Verdict, Reason]:
    """May they be written to?"""
    decision = people.check(EMAIL, Channel.EMAIL)
    return decision.verdict, decision.reason


def test_a_slip_is_taken_back(people: MemoryUnsubscribers) -> None:
    """What was allowed before is allowed again."""
    token = people.link()
    answer = people.click(token, LINK)
    assert email(people) == OBJECTED
    people.later(MINUTE_US)
    assert len(people.undo(token, answer)) == 1
    assert email(people) == ALLOWED


def test_just_what_the_click_recorded_is_lifted(people: MemoryUnsubscribers) -> None:
    """Neither what the link said before nor what somebody said otherwise."""
    token = people.link()
    people.click(token, SMS)
    people.later(HOUR_US)
    by_letter = people.desk.opts_out(PHONE, channels=(Channel.SMS,))
    answer = people.click(token, LINK, SMS, RECORDING)
    lifts = people.undo(token, answer)
    lifted = {each.new.lifts_entry_id for each in people.store.written() if each.entry_id in lifts}
    assert lifted == {
        each.entry_id
        for each in people.store.written()
        if each.entry_id in answer.entry_ids and each.recorded_at_us == people.desk.clock.now_us
    }
    assert by_letter not in lifted
    assert email(people) == ALLOWED
    assert people.check(PHONE, Channel.SMS).reason is Reason.OBJECTION
    assert people.check_recording(PHONE).reason is Reason.RECORDING_NOT_OBJECTED


def test_an_older_objection_to_recording_stays(people: MemoryUnsubscribers) -> None:
    """A lift of objections lifts all on a contact point; this one is of a single entry."""
    token = people.link()
    people.click(people.link(PHONE, channel=Channel.SMS), RECORDING)
    people.later(HOUR_US)
    people.undo(token, people.click(token, EVERYTHING))
    assert email(people) == ALLOWED
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION


def test_everything_is_taken_back_at_once(people: MemoryUnsubscribers) -> None:
    """Each entry by a lift of its own kind, on the page's behalf."""
    token = people.link()
    answer = people.click(token, EVERYTHING)
    lifts = people.undo(token, answer)
    stored = [each for each in people.store.written() if each.entry_id in lifts]
    assert {each.new.kind for each in stored} == {
        EntryKind.DO_NOT_CONTACT_LIFT,
        EntryKind.RECORDING_OBJECTION_LIFT,
    }
    assert {each.new.lifts_entry_id for each in stored} == set(answer.entry_ids)
    assert not any(each.contact_points for each in stored)
    assert {each.new.evidence.form_id for each in stored} == {"undo"}
    assert email(people) == ALLOWED
    assert people.check_recording(PHONE).reason is Reason.RECORDING_NOT_OBJECTED


@pytest.mark.parametrize("late_us, is_undone", [(-1, True), (0, False), (1, False)])
def test_undo_ends_after_fifteen_minutes(
    people: MemoryUnsubscribers, late_us: int, *, is_undone: bool
) -> None:
    """Exclusively."""
    token = people.link()
    answer = people.click(token, LINK)
    people.desk.clock.now_us = answer.undo_until_us + late_us
    assert answer.undo_until_us - answer.recorded_at_us == UNDO_FOR_US == 15 * MINUTE_US
    if is_undone:
        people.undo(token, answer)
        assert email(people) == ALLOWED
        return
    with pytest.raises(PreconditionFailed) as refusal:
        people.undo(token, answer)
    assert (refusal.value.reason, refusal.value.field) == ("UNDO_EXPIRED", "undo_token")
    assert email(people) == OBJECTED


@pytest.mark.parametrize("method", [UnsubscribeMethod.ONE_CLICK, UnsubscribeMethod.MAIL])
def test_what_a_mailbox_said_is_not_taken_back(
    people: MemoryUnsubscribers, method: UnsubscribeMethod
) -> None:
    """By whoever holds the link and says it again; it succeeds, and tells nothing."""
    token = people.link()
    answers = [people.click(token, method=method) for _ in range(2)]
    assert [people.undo(token, answer) for answer in answers] == [[], []]
    assert email(people) == OBJECTED


def test_undo_twice_lifts_once(people: MemoryUnsubscribers) -> None:
    """The second has nothing left to lift, and is no error."""
    token = people.link()
    answer = people.click(token, LINK)
    assert len(people.undo(token, answer)) == 1
    assert people.undo(token, answer) == []
    people.later(1)
    people.click(token, LINK)
    assert people.undo(token, answer) == []
    assert email(people) == OBJECTED


def test_a_click_after_an_undo_stands(people: MemoryUnsubscribers) -> None:
    """The last word counts; it is an entry of its own."""
    token = people.link()
    first = people.click(token, LINK)
    people.undo(token, first)
    people.later(1)
    second = people.click(token, LINK)
    assert first.entry_ids != second.entry_ids
    assert email(people) == OBJECTED


def test_a_repeated_undo_gets_the_first_answer(people: MemoryUnsubscribers) -> None:
    """However late the repetition comes: it was taken back in time."""
    token, write = people.link(), people.write("UndoUnsubscribe")
    answer = people.click(token, LINK)
    first = people.undo(token, answer, write=write)
    people.later(HOUR_US)
    assert people.undo(token, answer, write=write) == first
    with pytest.raises(AlreadyExists):
        people.undo(token, answer, write=replace(write, content=b"another"))


def test_what_was_lifted_otherwise_is_not_lifted_again(people: MemoryUnsubscribers) -> None:
    """Customer service may have been faster."""
    token = people.link()
    answer = people.click(token, LINK)
    people.desk.lifts(answer.entry_ids[0])
    assert people.undo(token, answer) == []


def test_an_unreachable_store_takes_nothing_back(people: MemoryUnsubscribers) -> None:
    """It says so, and the same undo works later."""
    token = people.link()
    answer = people.click(token, LINK)
    people.store.is_down = True
    with pytest.raises(Unavailable):
        people.undo(token, answer)
    people.store.is_down = False
    assert len(people.undo(token, answer)) == 1


def test_what_counts_from_a_consent_that_is_dated_ahead_is_lifted_from_then_on(
    people: MemoryUnsubscribers,
) -> None:
    """An opt-out is never lifted before it counts."""
    ahead_us = people.desk.clock.now_us + 4 * MINUTE_US
    people.desk.consents(EMAIL, said=replace(people.desk.now(), expressed_at_us=ahead_us))
    token = people.link()
    people.undo(token, people.click(token, LINK, RECORDING))
    people.desk.clock.now_us = ahead_us - 1
    assert email(people) == OBJECTED
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION
    people.desk.clock.now_us = ahead_us
    assert email(people) == ALLOWED
    assert people.check_recording(PHONE).reason is Reason.RECORDING_NOT_OBJECTED


# Undo tokens.


def test_an_undo_token_is_for_its_own_link(people: MemoryUnsubscribers) -> None:
    """Whoever has a link may take back what was said through it, and nothing else."""
    own, other = people.link(), people.link(OTHER_EMAIL)
    answer = people.click(own, LINK)
    with pytest.raises(InvalidRequest) as refusal:
        people.undo(other, answer)
    assert (refusal.value.reason, refusal.value.field) == ("INVALID_UNDO_TOKEN", "undo_token")
    assert email(people) == OBJECTED


def test_an_undo_token_works_with_the_link_of_any_campaign(people: MemoryUnsubscribers) -> None:
    """It is of the link, which both messages share."""
    answer = people.click(people.link(campaign="spring"), LINK)
    assert len(people.undo(people.link(campaign="autumn"), answer)) == 1


def test_nothing_but_an_undo_token_is_one(people: MemoryUnsubscribers) -> None:
    """Whatever octet is altered, missing or added; nor what was sealed for something else."""
    token = people.link()
    genuine = people.click(token, LINK).undo_token
    altered = [
        genuine[:place] + bytes((genuine[place] ^ 1,)) + genuine[place + 1 :]
        for place in range(len(genuine))
    ]
    cut = [genuine[:end] for end in range(len(genuine))]
    alien = people.desk.sealer.seal(bytes(72), purpose="replay")
    for each in (*altered, *cut, genuine + b"\0", b"\0" * len(genuine), alien):
        with pytest.raises(InvalidRequest) as refusal:
            people.undo(token, each)
        assert refusal.value.reason == "INVALID_UNDO_TOKEN"
    assert email(people) == OBJECTED


def test_undo_tokens_are_of_one_length(people: MemoryUnsubscribers) -> None:
    """Whether the click recorded three entries, or none at all; and never the same twice."""
    token = people.link()
    answers = [
        people.click(token, LINK),
        people.click(token, LINK),
        people.click(token, EVERYTHING),
        people.click(token, LINK, SMS, RECORDING),
        people.click(people.link(OTHER_EMAIL), LINK),
    ]
    people.later(HOUR_US)
    answers += [people.click(token, LINK), people.click(token, EVERYTHING)]
    assert len({len(each.undo_token) for each in answers}) == 1
    assert len({each.undo_token for each in answers}) == len(answers)


def test_an_answer_shows_no_token_in_a_log(people: MemoryUnsubscribers) -> None:
    """Whoever reads the log could else undo it."""
    answer = people.click(people.link())
    assert "undo_token" not in repr(answer)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_undo_token_holds_the_entries_of_its_click(
    people: MemoryUnsubscribers, count: int
) -> None:
    """Up to three, which is all that one click records."""
    token = people.link()
    link_id = people.opened(token).link.link_id
    clicks = {0: (LINK,), 1: (LINK,), 3: (LINK, SMS, RECORDING)}
    method = None
    if count == 0:
        method = UnsubscribeMethod.ONE_CLICK
        people.click(token, method=method)
        people.later(HOUR_US)
    answer = people.click(token, *clicks[count], method=method)
    undo = people.undo_tokens.read(answer.undo_token, link_id)
    expected: tuple[EntryId, ...] = answer.entry_ids if count else ()
    assert (undo.entry_ids, undo.until_us) == (expected, answer.undo_until_us)
