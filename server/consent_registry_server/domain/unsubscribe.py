"""What a person can stop through an unsubscribe link, and by which entries."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.matching import TARGET_KINDS
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    EntryKind,
    PurposeId,
    UnsubscribeChoice,
    channel_mask,
)

CHANNELS: Final[dict[UnsubscribeChoice, tuple[Channel, ...]]] = {
    UnsubscribeChoice.EMAIL: (Channel.EMAIL,),
    UnsubscribeChoice.SMS: (Channel.SMS,),
    UnsubscribeChoice.MESSAGING: (Channel.MESSAGING,),
    UnsubscribeChoice.CALLS: (Channel.VOICE_CALL, Channel.AUTOMATED_CALL),
    UnsubscribeChoice.VISITS: (Channel.DOOR_TO_DOOR,),
    UnsubscribeChoice.POST: (Channel.POST,),
}
"""The channels of the choices that name channels."""

_TELLING_A_CALLER: Final = frozenset({ContactKind.PHONE, ContactKind.CUSTOMER_NUMBER})
"""What customer service knows of whoever calls."""


class OptOut(NamedTuple):
    """What one entry says: a do-not-contact request or an objection to recording.

    `channels` is a bit set; `purposes` None for all.
    """

    kind: EntryKind
    channels: int = ALL_CHANNELS
    purposes: frozenset[PurposeId] | None = None


def choices_of(kinds: Collection[ContactKind]) -> tuple[UnsubscribeChoice, ...]:
    """What a link with contact points of these kinds offers, in the contract's order.

    Only what one of them enforces by itself, whatever else a question carries: nobody is promised
    an end of calls by a link that knows no number.
    """
    return tuple(choice for choice in UnsubscribeChoice if _is_offered(choice, frozenset(kinds)))


def opt_outs_of(
    choices: Collection[UnsubscribeChoice],
    *,
    kinds: Collection[ContactKind],
    channel: Channel,
    purpose: PurposeId | None,
) -> tuple[OptOut, ...]:
    """The entries that state some choices, at most three; none is covered by another.

    `kinds` are those of the link's contact points, `channel` and `purpose` are what it was sent
    for; without a purpose it stops all of them.
    """
    everything = UnsubscribeChoice.EVERYTHING in choices
    wide = [each for choice in choices for each in CHANNELS.get(choice, ())]
    found = []
    if everything:
        found.append(OptOut(EntryKind.DO_NOT_CONTACT))
    elif wide:
        found.append(OptOut(EntryKind.DO_NOT_CONTACT, channel_mask(tuple(wide))))
    if UnsubscribeChoice.LINK in choices and not everything and channel not in wide:
        purposes = None if purpose is None else frozenset({purpose})
        found.append(OptOut(EntryKind.DO_NOT_CONTACT, channel.mask, purposes))
    offers_recording = _is_offered(UnsubscribeChoice.RECORDING, frozenset(kinds))
    if UnsubscribeChoice.RECORDING in choices or (everything and offers_recording):
        found.append(OptOut(EntryKind.RECORDING_OBJECTION))
    return tuple(found)


def _is_offered(choice: UnsubscribeChoice, kinds: frozenset[ContactKind]) -> bool:
    if choice is UnsubscribeChoice.RECORDING:
        return bool(kinds & _TELLING_A_CALLER)
    return all(kinds & TARGET_KINDS[channel] for channel in CHANNELS.get(choice, ()))
