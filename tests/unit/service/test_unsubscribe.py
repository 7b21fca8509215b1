"""Unsubscribe: what a person wants to stop is stopped, once and for all their contact points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from consent_registry_server.domain.contact import Email, Handle, Phone
from consent_registry_server.domain.errors import AlreadyExists, InvalidRequest, Unavailable
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    EntryKind,
    PurposeId,
    Reason,
    Source,
    UnsubscribeChoice,
    UnsubscribeMethod,
    Verdict,
)
from tests.past_desk import EMAIL, FRANCE, MARKETING, MINUTE_US, NEWSLETTER, OTHER_EMAIL, PHONE
from tests.unsubscribe_desk import HOME, MemoryUnsubscribers

LINK, EVERYTHING = UnsubscribeChoice.LINK, UnsubscribeChoice.EVERYTHING
SMS, CALLS = UnsubscribeChoice.SMS, UnsubscribeChoice.CALLS
RECORDING = UnsubscribeChoice.RECORDING
ALLOWED = (Verdict.ALLOW, Reason.CONSENT)
OBJECTED = (Verdict.DENY, Reason.OBJECTION)
ALL_CHANNELS_OF_A_PHONE: Final = (Channel.SMS, Channel.VOICE_CALL, Channel.MESSAGING)
HOUR_US: Final = 60 * MINUTE_US


@pytest.fixture
def people() -> MemoryUnsubscribers:
    """People who consented to everything an hour ago."""
    people = MemoryUnsubscribers()
    people.desk.consents(
        EMAIL,
        PHONE,
        HOME,
        channels=(Channel.EMAIL, *ALL_CHANNELS_OF_A_PHONE, Channel.DOOR_TO_DOOR, Channel.POST),
        purposes=(MARKETING, NEWSLETTER),
    )
    people.later(HOUR_US)
    return people


def gist(people: MemoryUnsubscribers, *question: Any, **changes: Any) -> tuple[Verdict, Reason]:  # noqa: ANN401 - of `check`
    """The answer, and its reason."""
    decision = people.check(*question, **changes)
    return decision.verdict, decision.reason


def test_one_click_stops_the_purpose_on_the_channel(people: MemoryUnsubscribers) -> None:
    """With what is below the purpose; nothing else."""
    token = people.link(EMAIL, PHONE)
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED
    people.click(token)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED
    assert gist(people, EMAIL, Channel.EMAIL, purpose=NEWSLETTER) == OBJECTED
    assert gist(people, PHONE, Channel.SMS) == ALLOWED


def test_a_click_for_a_part_leaves_the_rest(people: MemoryUnsubscribers) -> None:
    """Who wants no newsletter may still want offers."""
    people.click(people.link(purpose=NEWSLETTER))
    assert gist(people, EMAIL, Channel.EMAIL, purpose=NEWSLETTER) == OBJECTED
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED


@pytest.mark.parametrize("spelling", ["06 39 98 00 01", "0033639980001", "+33 (0)6 39 98 00 01"])
def test_no_more_calls_reaches_who_asks_by_phone(
    people: MemoryUnsubscribers, spelling: str
) -> None:
    """Said behind the link of an email, to a dialer that knows the number alone."""
    token = people.link(EMAIL, PHONE)
    people.click(token, CALLS)
    number = Phone(spelling, "FR")
    assert gist(people, number, Channel.VOICE_CALL) == OBJECTED
    assert gist(people, number, Channel.AUTOMATED_CALL) == OBJECTED
    assert gist(people, number, Channel.SMS) == ALLOWED
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED


def test_an_opt_out_reaches_whoever_shares_a_contact_point(people: MemoryUnsubscribers) -> None:
    """The same mailbox under another tag, and another address that is asked with the number."""
    variant = Email("camille.desiree+shop@example.com")
    people.desk.consents(variant)
    people.desk.consents(OTHER_EMAIL)
    people.later(1)
    assert gist(people, variant, Channel.EMAIL) == ALLOWED
    people.click(people.link(EMAIL, PHONE), UnsubscribeChoice.EMAIL)
    assert gist(people, variant, Channel.EMAIL) == OBJECTED
    assert gist(people, OTHER_EMAIL, Channel.EMAIL, PHONE) == OBJECTED
    assert gist(people, OTHER_EMAIL, Channel.EMAIL) == ALLOWED


def test_everything_stops_every_channel_and_the_recording(people: MemoryUnsubscribers) -> None:
    """Of all contact points that the link knows."""
    people.click(people.link(EMAIL, PHONE, HOME), EVERYTHING)
    questions = [
        (EMAIL, Channel.EMAIL),
        *((PHONE, channel) for channel in ALL_CHANNELS_OF_A_PHONE),
        (HOME, Channel.DOOR_TO_DOOR),
        (HOME, Channel.POST),
    ]
    assert {gist(people, *question) for question in questions} == {OBJECTED}
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION


def test_no_recording_leaves_contact_alone(people: MemoryUnsubscribers) -> None:
    """And the other way round."""
    token = people.link(EMAIL, PHONE)
    people.click(token, CALLS)
    assert people.check_recording(PHONE).reason is Reason.RECORDING_NOT_OBJECTED
    people.click(token, RECORDING)
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED


def test_an_alarm_call_goes_through(people: MemoryUnsubscribers) -> None:
    """A purpose that is no marketing is beyond every opt-out."""
    people.click(people.link(EMAIL, PHONE), EVERYTHING)
    decision = people.check(PHONE, Channel.VOICE_CALL, purpose=PurposeId("service"))
    assert decision.reason is Reason.NOT_MARKETING


# What is stored.


def test_an_entry_names_how_it_was_said_and_nobody(people: MemoryUnsubscribers) -> None:
    """Its proof is the page or the way, and the campaign; who it was is told by the link."""
    token = people.link(campaign="spring-2026")
    people.click(token)
    people.click(token, LINK, form_id="start/3/fr")
    people.click(token, EVERYTHING, method=UnsubscribeMethod.MAIL)
    one_click, on_page, *by_mail = list(people.store.written())[-4:]
    said = {
        each.entry_id: (each.new.expression.source, each.new.evidence.form_id)
        for each in (one_click, on_page, *by_mail)
    }
    assert list(said.values()) == [
        (Source.UNSUBSCRIBE_LINK, "ONE_CLICK"),
        (Source.PREFERENCE_PAGE, "start/3/fr"),
        (Source.UNSUBSCRIBE_LINK, "MAIL"),
        (Source.UNSUBSCRIBE_LINK, "MAIL"),
    ]
    for each in (one_click, on_page, *by_mail):
        assert each.new.evidence.note == "campaign spring-2026"
        assert not each.new.subject.contact_points
        assert each.new.unsubscribe_link_id == people.opened(token).link.link_id
        assert {int(point.kind) for point in each.contact_points} == {1, 2}


def test_an_answer_tells_its_entries_and_when(people: MemoryUnsubscribers) -> None:
    """They are stored by then."""
    answer = people.click(people.link(EMAIL, PHONE), LINK, SMS, RECORDING)
    stored = [people.store.state.find(entry_id) for entry_id in answer.entry_ids]
    assert sorted((each.kind, each.channels) for each in stored if each) == [
        (EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask),
        (EntryKind.DO_NOT_CONTACT, Channel.SMS.mask),
        (EntryKind.RECORDING_OBJECTION, ALL_CHANNELS),
    ]
    assert answer.recorded_at_us == people.desk.clock.now_us
    assert answer.undo_until_us == answer.recorded_at_us + 15 * MINUTE_US


def test_all_choices_or_nothing(people: MemoryUnsubscribers) -> None:
    """What the link does not offer spoils the request: nobody is told half of it is done."""
    token = people.link(EMAIL)
    with pytest.raises(InvalidRequest) as refusal:
        people.click(token, LINK, CALLS)
    assert (refusal.value.reason, refusal.value.field) == ("INVALID_FIELD", "choices")
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED


def test_an_unreachable_store_acknowledges_nothing(people: MemoryUnsubscribers) -> None:
    """Neither the opening nor the click."""
    token = people.link()
    opened = people.opened(token)
    people.store.is_down = True
    for use in (lambda: people.opened(token), lambda: people.click(token)):
        with pytest.raises(Unavailable):
            use()
    people.store.is_down = False
    assert people.opened(token) == opened
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED


# Repetitions.


def entries(people: MemoryUnsubscribers) -> int:
    """How many entries there are."""
    return len(people.store.state.entries)


def test_a_repeated_request_gets_the_first_answer(people: MemoryUnsubscribers) -> None:
    """With an undo token for the same entries, until the same time."""
    token, write = people.link(), people.write("Unsubscribe")
    first = people.click(token, write=write)
    people.later(HOUR_US)
    again = people.click(token, write=write)
    assert replace(again, undo_token=b"") == replace(first, undo_token=b"")
    link_id = people.opened(token).link.link_id
    read = people.undo_tokens.read
    assert read(again.undo_token, link_id) == read(first.undo_token, link_id)


def test_a_request_id_is_for_one_wish(people: MemoryUnsubscribers) -> None:
    """The second is refused, and not taken for stored."""
    token, write = people.link(), people.write("Unsubscribe")
    people.click(token, write=write)
    with pytest.raises(AlreadyExists) as refusal:
        people.click(token, EVERYTHING, write=replace(write, content=b"another"))
    assert refusal.value.reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize("choices", [(), (LINK, SMS, RECORDING), (EVERYTHING,)], ids=len)
def test_a_repeated_click_is_one_event(
    people: MemoryUnsubscribers, choices: tuple[UnsubscribeChoice, ...]
) -> None:
    """With the first time: mailboxes send again what was not answered in time."""
    token = people.link()
    method = UnsubscribeMethod.ONE_CLICK
    first = people.click(token, *choices, method=method)
    stored = entries(people)
    for _ in range(3):
        people.later(5 * MINUTE_US)
        again = people.click(token, *choices, method=method)
        assert again.entry_ids == first.entry_ids
        assert again.recorded_at_us == first.recorded_at_us
    assert entries(people) == stored


REPEATED: Final = {
    "the mailbox after a quarter of an hour": (UnsubscribeMethod.ONE_CLICK, 15 * MINUTE_US, 1),
    "the mailbox after more than that": (UnsubscribeMethod.ONE_CLICK, 15 * MINUTE_US + 1, 2),
    "the mail server after a quarter of an hour": (UnsubscribeMethod.MAIL, 15 * MINUTE_US, 1),
    "the mail server after more than that": (UnsubscribeMethod.MAIL, 15 * MINUTE_US + 1, 2),
    "the page after a minute": (UnsubscribeMethod.PAGE, MINUTE_US, 1),
    "the page after more than a minute": (UnsubscribeMethod.PAGE, MINUTE_US + 1, 2),
}


@pytest.mark.parametrize("method, after_us, events", REPEATED.values(), ids=REPEATED)
def test_what_is_said_again_later_is_another_event(
    people: MemoryUnsubscribers, method: UnsubscribeMethod, after_us: int, events: int
) -> None:
    """It may be newer than a consent that is not recorded yet."""
    token, before = people.link(), entries(people)
    people.click(token, LINK, method=method)
    people.later(after_us)
    people.click(token, LINK, method=method)
    assert entries(people) - before == events


def test_the_page_and_the_mailbox_do_not_repeat_each_other(people: MemoryUnsubscribers) -> None:
    """The page's word can be undone, the mailbox's not; two mailboxes are one."""
    token, before = people.link(), entries(people)
    people.click(token)
    people.click(token, LINK)
    people.click(token, LINK, method=UnsubscribeMethod.MAIL)
    assert entries(people) - before == 2


def test_a_click_from_another_campaign_is_the_same_event(people: MemoryUnsubscribers) -> None:
    """The same person, link, channel and purpose."""
    first = people.click(people.link(campaign="spring"))
    assert people.click(people.link(campaign="autumn")).entry_ids == first.entry_ids


def test_a_wider_wish_is_another_event(people: MemoryUnsubscribers) -> None:
    """And the narrower one stays said."""
    token = people.link()
    method = UnsubscribeMethod.ONE_CLICK
    narrow, wide = people.click(token), people.click(token, EVERYTHING, method=method)
    assert not set(narrow.entry_ids) & set(wide.entry_ids)
    assert people.click(token).entry_ids == narrow.entry_ids


def test_who_consents_again_and_finds_an_old_message_stops_the_next_one(
    people: MemoryUnsubscribers,
) -> None:
    """The same link, a new entry."""
    token = people.link()
    first = people.click(token)
    people.later(HOUR_US)
    people.desk.consents(EMAIL)
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED
    people.later(1)
    second = people.click(token)
    assert not set(first.entry_ids) & set(second.entry_ids)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED


def test_a_click_counts_after_a_consent_that_is_dated_ahead(people: MemoryUnsubscribers) -> None:
    """By the clock of the form, which may be some minutes fast; whoever clicks came after."""
    token = people.link()
    ahead = replace(people.desk.now(), expressed_at_us=people.desk.clock.now_us + 4 * MINUTE_US)
    people.desk.consents(EMAIL, said=ahead)
    people.later(MINUTE_US)
    people.click(token)
    for _ in range(3):
        assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED
        people.later(5 * MINUTE_US)


@pytest.mark.parametrize(
    "spelling", ["camille.desiree+x@example.com", "CAMILLE.desiree@example.com"]
)
def test_a_consent_under_another_spelling_is_stopped_again(
    people: MemoryUnsubscribers, spelling: str
) -> None:
    """An opt-out matches widely; what is newer than it must not hide behind a tag."""
    token = people.link()
    people.click(token)
    people.later(HOUR_US)
    people.desk.consents(Email(spelling))
    people.later(HOUR_US)
    people.click(token)
    assert gist(people, Email(spelling), Channel.EMAIL) == OBJECTED


def test_what_customer_service_lifted_is_said_anew(people: MemoryUnsubscribers) -> None:
    """A lift cancels that entry, and the next click is another."""
    token = people.link()
    [entry_id] = people.click(token).entry_ids
    people.later(HOUR_US)
    people.desk.lifts(entry_id)
    assert gist(people, EMAIL, Channel.EMAIL) == ALLOWED
    people.later(HOUR_US)
    assert people.click(token).entry_ids != (entry_id,)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED


# A policy that changed since the link was made.


def test_the_policy_need_not_declare_the_controller_still(people: MemoryUnsubscribers) -> None:
    """The opt-out is recorded, and counts as soon as the controller is back."""
    token = people.link()
    policy = people.desk.policies.in_force
    people.desk.policies.since.append((0, replace(policy, controllers={})))
    answer = people.click(token)
    people.desk.policies.since.append((0, policy))
    assert len(answer.entry_ids) == 1
    assert people.store.state.entries[-1].new.controller == FRANCE
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED


def test_a_link_for_a_purpose_that_is_gone_stops_its_channel(people: MemoryUnsubscribers) -> None:
    """The purpose was split or renamed: whoever sends now sends for another one."""
    token = people.link(purpose=NEWSLETTER)
    policy = people.desk.policies.in_force
    kept = {key: each for key, each in policy.purposes.items() if key != NEWSLETTER}
    people.desk.policies.since.append((0, replace(policy, purposes=kept)))
    people.click(token)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED
    assert gist(people, PHONE, Channel.SMS) == ALLOWED


def test_a_link_for_a_purpose_that_is_no_marketing_any_more_stops_its_channel(
    people: MemoryUnsubscribers,
) -> None:
    """An opt-out of that purpose alone would stop nothing at all."""
    token = people.link(purpose=NEWSLETTER)
    policy = people.desk.policies.in_force
    changed = replace(policy.purposes[NEWSLETTER], is_marketing=False)
    purposes = {**policy.purposes, NEWSLETTER: changed}
    people.desk.policies.since.append((0, replace(policy, purposes=purposes)))
    people.click(token)
    assert gist(people, EMAIL, Channel.EMAIL) == OBJECTED


def test_a_link_of_a_handle_stops_messages_to_it(people: MemoryUnsubscribers) -> None:
    """A link need not know an email."""
    handle = Handle("messenger", "camille.desiree")
    people.desk.consents(handle, channels=(Channel.MESSAGING,))
    people.later(1)
    people.click(people.link(handle, channel=Channel.MESSAGING))
    assert gist(people, handle, Channel.MESSAGING) == OBJECTED
