"""What a link offers, and by which entries a choice is stated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.matching import TARGET_KINDS
from consent_registry_server.domain.unsubscribe import CHANNELS, OptOut, choices_of, opt_outs_of
from consent_registry_server.domain.vocabulary import (
    Channel,
    EntryKind,
    PurposeId,
    UnsubscribeChoice,
    channel_mask,
)

LINK, EVERYTHING = UnsubscribeChoice.LINK, UnsubscribeChoice.EVERYTHING
EMAIL, SMS, MESSAGING = UnsubscribeChoice.EMAIL, UnsubscribeChoice.SMS, UnsubscribeChoice.MESSAGING
CALLS, VISITS = UnsubscribeChoice.CALLS, UnsubscribeChoice.VISITS
POST, RECORDING = UnsubscribeChoice.POST, UnsubscribeChoice.RECORDING

MARKETING: Final = PurposeId("direct_marketing")
ONE_PURPOSE: Final = frozenset({MARKETING})
ALL_KINDS: Final = tuple(ContactKind)
DO_NOT_CONTACT: Final = EntryKind.DO_NOT_CONTACT
OBJECTION: Final = OptOut(EntryKind.RECORDING_OBJECTION)

OFFERED: Final = {
    "nothing": ((), (LINK, EVERYTHING)),
    "email": ((ContactKind.EMAIL,), (LINK, EMAIL, EVERYTHING)),
    "phone": ((ContactKind.PHONE,), (LINK, SMS, MESSAGING, CALLS, RECORDING, EVERYTHING)),
    "address": ((ContactKind.ADDRESS,), (LINK, VISITS, POST, EVERYTHING)),
    "handle": ((ContactKind.HANDLE,), (LINK, MESSAGING, EVERYTHING)),
    "customer number": ((ContactKind.CUSTOMER_NUMBER,), (LINK, RECORDING, EVERYTHING)),
    "all of them": (
        ALL_KINDS,
        (LINK, EMAIL, SMS, MESSAGING, CALLS, VISITS, POST, RECORDING, EVERYTHING),
    ),
}


@pytest.mark.parametrize("kinds, choices", OFFERED.values(), ids=OFFERED)
def test_a_link_offers_what_its_contact_points_can_enforce(
    kinds: Sequence[ContactKind], choices: Sequence[UnsubscribeChoice]
) -> None:
    """In the contract's order; nobody is promised an end of calls by a link without a number."""
    assert choices_of(kinds) == choices


def test_more_contact_points_never_offer_less() -> None:
    """Whatever is known of a person besides."""
    for size in range(len(ALL_KINDS)):
        for fewer in combinations(ALL_KINDS, size):
            for more in ALL_KINDS:
                assert set(choices_of(fewer)) <= set(choices_of((*fewer, more)))


def test_every_choice_of_channels_is_enforced_by_a_target_of_each() -> None:
    """A choice of calls ends those of a machine too."""
    for kinds in (ALL_KINDS[:1], ALL_KINDS[1:2], ALL_KINDS[2:3], ALL_KINDS[3:4], ALL_KINDS):
        for choice in choices_of(kinds):
            for channel in CHANNELS.get(choice, ()):
                assert TARGET_KINDS[channel] & set(kinds)


def mask(*channels: Channel) -> int:
    """Some channels as a bit set."""
    return channel_mask(channels)


STATED: Final = {
    "one click": ((LINK,), [OptOut(DO_NOT_CONTACT, mask(Channel.EMAIL), ONE_PURPOSE)]),
    "one channel": ((SMS,), [OptOut(DO_NOT_CONTACT, mask(Channel.SMS))]),
    "calls": ((CALLS,), [OptOut(DO_NOT_CONTACT, mask(Channel.VOICE_CALL, Channel.AUTOMATED_CALL))]),
    "several channels in one entry": (
        (SMS, VISITS, POST),
        [OptOut(DO_NOT_CONTACT, mask(Channel.SMS, Channel.DOOR_TO_DOOR, Channel.POST))],
    ),
    "the link beside another channel": (
        (LINK, SMS),
        [
            OptOut(DO_NOT_CONTACT, mask(Channel.SMS)),
            OptOut(DO_NOT_CONTACT, mask(Channel.EMAIL), ONE_PURPOSE),
        ],
    ),
    "the link within its channel": (
        (LINK, EMAIL),
        [OptOut(DO_NOT_CONTACT, mask(Channel.EMAIL))],
    ),
    "recording": ((RECORDING,), [OBJECTION]),
    "the link and recording": (
        (LINK, RECORDING),
        [OptOut(DO_NOT_CONTACT, mask(Channel.EMAIL), ONE_PURPOSE), OBJECTION],
    ),
    "everything": ((EVERYTHING,), [OptOut(DO_NOT_CONTACT), OBJECTION]),
    "everything and all of it": (
        tuple(UnsubscribeChoice),
        [OptOut(DO_NOT_CONTACT), OBJECTION],
    ),
}


@pytest.mark.parametrize("choices, expected", STATED.values(), ids=STATED)
def test_choices_are_stated_by_as_few_entries_as_can_be(
    choices: Sequence[UnsubscribeChoice], expected: Sequence[OptOut]
) -> None:
    """None is covered by another."""
    stated = opt_outs_of(choices, kinds=ALL_KINDS, channel=Channel.EMAIL, purpose=MARKETING)
    assert sorted(stated, key=str) == sorted(expected, key=str)


def test_everything_is_no_recording_where_nobody_could_be_recognised() -> None:
    """The objection would never be found by who calls."""
    kinds = (ContactKind.EMAIL,)
    stated = opt_outs_of((EVERYTHING,), kinds=kinds, channel=Channel.EMAIL, purpose=MARKETING)
    assert stated == (OptOut(DO_NOT_CONTACT),)


def test_a_link_whose_purpose_is_gone_stops_all_of_them() -> None:
    """On its channel: nobody asks for the old purpose any more."""
    stated = opt_outs_of((LINK,), kinds=ALL_KINDS, channel=Channel.EMAIL, purpose=None)
    assert stated == (OptOut(DO_NOT_CONTACT, mask(Channel.EMAIL)),)


@given(
    chosen=st.sets(st.sampled_from(UnsubscribeChoice), min_size=1),
    kinds=st.sets(st.sampled_from(ContactKind)),
    channel=st.sampled_from(Channel),
)
def test_whatever_is_chosen_is_stated(
    chosen: set[UnsubscribeChoice], kinds: set[ContactKind], channel: Channel
) -> None:
    """At least one entry, never more than an undo token has room for, and each channel covered."""
    offered = chosen & set(choices_of(kinds))
    if not offered:
        return
    stated = opt_outs_of(offered, kinds=kinds, channel=channel, purpose=MARKETING)
    assert 1 <= len(stated) <= 3
    assert len(set(stated)) == len(stated)
    covered = 0
    for each in stated:
        if each.kind is DO_NOT_CONTACT and each.purposes is None:
            covered |= each.channels
    for choice in offered:
        assert all(covered & stopped.mask for stopped in CHANNELS.get(choice, ()))
    stops_link = any(
        each.kind is DO_NOT_CONTACT
        and each.channels & channel.mask
        and (each.purposes is None or MARKETING in each.purposes)
        for each in stated
    )
    assert stops_link or not offered & {LINK, EVERYTHING}
    assert (OBJECTION in stated) or RECORDING not in offered
