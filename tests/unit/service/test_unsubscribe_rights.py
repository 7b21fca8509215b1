"""Links and people's rights: what is corrected or erased, an old message goes on stopping."""

from __future__ import annotations

from typing import Final

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import ContactPoint, Phone
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.vocabulary import (
    Channel,
    EntryKind,
    ErasureOutcome,
    Precision,
    Reason,
    Source,
    UnsubscribeChoice,
    Verdict,
)
from tests.officer_desk import NEW_EMAIL, NEW_PHONE
from tests.past_desk import EMAIL, MINUTE_US, NOW_US, PARIS, PHONE
from tests.unsubscribe_desk import MemoryUnsubscribers

EVERYTHING: Final = UnsubscribeChoice.EVERYTHING
LINK: Final = UnsubscribeChoice.LINK
OBJECTED: Final = (Verdict.DENY, Reason.OBJECTION)


@pytest.fixture
def people() -> MemoryUnsubscribers:
    """People of whom nothing is known."""
    return MemoryUnsubscribers()


def gist(
    people: MemoryUnsubscribers, target: ContactPoint, channel: Channel = Channel.EMAIL
) -> tuple[Verdict, Reason]:
    """The answer, and its reason."""
    decision = people.check(target, channel)
    return decision.verdict, decision.reason


# Corrections.

CORRECTIONS: Final[dict[str, tuple[ContactPoint, ContactPoint, Channel]]] = {
    "email": (EMAIL, NEW_EMAIL, Channel.EMAIL),
    "phone": (PHONE, NEW_PHONE, Channel.SMS),
}


@pytest.mark.parametrize("wrong, corrected, channel", CORRECTIONS.values(), ids=CORRECTIONS)
def test_what_only_a_link_knows_is_corrected_too(
    people: MemoryUnsubscribers, wrong: ContactPoint, corrected: ContactPoint, channel: Channel
) -> None:
    """Its entry has no identity; the corrected contact point is denied all the same."""
    people.click(people.link(EMAIL, PHONE), EVERYTHING)
    people.later(MINUTE_US)
    people.officer.rectify(wrong, corrected)
    people.desk.consents(corrected, channels=(channel,), said=_said_before_the_click())
    assert gist(people, wrong, channel) == OBJECTED
    assert gist(people, corrected, channel) == OBJECTED


def test_a_corrected_objection_to_recording_holds(people: MemoryUnsubscribers) -> None:
    """For the corrected number as for the wrong one."""
    people.click(people.link(EMAIL, PHONE), UnsubscribeChoice.RECORDING)
    people.officer.rectify(PHONE, NEW_PHONE)
    for phone in (PHONE, NEW_PHONE):
        assert people.check_recording(phone).reason is Reason.RECORDING_OBJECTION


def test_what_was_undone_is_not_restated(people: MemoryUnsubscribers) -> None:
    """A correction brings nothing back."""
    token = people.link(EMAIL, PHONE)
    people.undo(token, people.click(token, EVERYTHING))
    people.later(MINUTE_US)
    assert people.officer.rectify(EMAIL, NEW_EMAIL) == {}
    people.desk.consents(NEW_EMAIL)
    assert gist(people, NEW_EMAIL) == (Verdict.ALLOW, Reason.CONSENT)


def test_an_undo_leaves_what_was_restated_meanwhile(people: MemoryUnsubscribers) -> None:
    """It lifts the very entry of the click: on the corrected contact point the opt-out stays."""
    token = people.link(EMAIL, PHONE)
    people.desk.consents(EMAIL)
    people.later(MINUTE_US)
    answer = people.click(token, LINK)
    people.later(MINUTE_US)
    people.officer.rectify(EMAIL, NEW_EMAIL)
    people.undo(token, answer)
    assert gist(people, NEW_EMAIL) == OBJECTED


def test_a_link_knows_no_correction(people: MemoryUnsubscribers) -> None:
    """An old message stops the address it was sent to, and whoever is asked for with its number."""
    token = people.link(EMAIL, PHONE)
    people.desk.consents(EMAIL)
    people.officer.rectify(EMAIL, NEW_EMAIL)
    people.later(MINUTE_US)
    people.click(token)
    assert gist(people, EMAIL) == OBJECTED
    assert gist(people, NEW_EMAIL) == (Verdict.ALLOW, Reason.CONSENT)
    assert people.check(NEW_EMAIL, Channel.EMAIL, PHONE).reason is Reason.OBJECTION


# Erasures.


def test_who_was_erased_stops_the_next_message_by_an_old_one(people: MemoryUnsubscribers) -> None:
    """Nobody knows any more whose the link is, and it works."""
    token = people.link(EMAIL, PHONE)
    people.desk.consents(EMAIL, PHONE, channels=(Channel.EMAIL, Channel.VOICE_CALL))
    people.later(DAY_US)
    people.officer.erase(EMAIL, PHONE)
    people.desk.consents(EMAIL, PHONE, channels=(Channel.EMAIL, Channel.VOICE_CALL))
    people.later(DAY_US)
    assert gist(people, EMAIL) == (Verdict.ALLOW, Reason.CONSENT)
    people.click(token, EVERYTHING)
    assert gist(people, EMAIL) == OBJECTED
    assert gist(people, Phone("06 39 98 00 01", "FR"), Channel.VOICE_CALL) == OBJECTED
    assert people.check_recording(PHONE).reason is Reason.RECORDING_OBJECTION


def test_an_opt_out_through_a_link_outlives_the_erasure(people: MemoryUnsubscribers) -> None:
    """Its proof goes, and is told as an opt-out that is kept."""
    people.click(people.link(EMAIL, PHONE), LINK)
    people.later(DAY_US)
    outcomes = people.officer.erase(EMAIL, PHONE)
    assert [(kind, outcome) for kind, outcome, _ in outcomes] == [
        (EntryKind.DO_NOT_CONTACT, ErasureOutcome.OPT_OUT_KEPT)
    ]
    people.desk.consents(EMAIL, said=_said_before_the_click())
    assert gist(people, EMAIL) == OBJECTED


def test_a_person_found_by_a_link_alone_can_be_erased(people: MemoryUnsubscribers) -> None:
    """By the phone that only the link knew."""
    people.click(people.link(EMAIL, PHONE), EVERYTHING)
    kinds = {kind for kind, _, _ in people.officer.erase(PHONE)}
    assert kinds == {EntryKind.DO_NOT_CONTACT, EntryKind.RECORDING_OBJECTION}


def _said_before_the_click() -> Expression:
    return Expression(Source.WEB_FORM, Precision.INSTANT, NOW_US - DAY_US, PARIS)
