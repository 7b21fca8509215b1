"""The words of the sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from consent_registry_server.domain.decision import Fact
from consent_registry_server.domain.explanation.account import Account
from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    EntryKind,
    PurposeId,
    RecipientType,
    Source,
    channels_in,
)

CHANNELS: Final = {
    Channel.EMAIL: "email",
    Channel.SMS: "text messages",
    Channel.VOICE_CALL: "calls",
    Channel.AUTOMATED_CALL: "automated calls",
    Channel.MESSAGING: "messengers",
    Channel.DOOR_TO_DOOR: "visits at the door",
    Channel.POST: "post",
    Channel.ONLINE_ADVERTISING: "online advertising",
    Channel.PROCESSING: "profiling",
}
LINES: Final = {
    LineType.ANY: "phone lines of any kind",
    LineType.MOBILE: "mobile lines",
    LineType.LANDLINE: "landlines",
}
RECIPIENTS: Final = {
    RecipientType.CONSUMER: "consumers",
    RecipientType.BUSINESS: "business recipients",
}
SOURCES: Final = {
    Source.WEB_FORM: "on the controller's own form",
    Source.THIRD_PARTY_FORM: "on a third party's form",
    Source.CALL_CENTRE: "in a call with customer service",
    Source.UNSUBSCRIBE_LINK: "by the unsubscribe link",
    Source.PREFERENCE_PAGE: "on the preference page",
    Source.DOORSTEP: "at the door",
    Source.LETTER: "by letter",
    Source.CHAT: "in a chat",
    Source.PARTNER: "through a partner",
    Source.IMPORT: "in an imported file",
    Source.NATIONAL_REGISTER: "in a national register",
    Source.REGISTRY: "by the registry itself",
}
_KINDS: Final = {
    EntryKind.CONSENT: "The consent",
    EntryKind.PARTNER_CONSENT: "The consent collected by a partner",
    EntryKind.WITHDRAWAL: "The withdrawal",
    EntryKind.DO_NOT_CONTACT: "The do-not-contact request",
    EntryKind.RESTRICTION: "The restriction of processing",
}


def named(fact: Fact, account: Account) -> str:
    """An entry as a sentence begins with it: what it is, since when, and how it came.

    What counts from another instant than the one it was expressed at says both: an opt-out of
    which only the day is known counts from the end of that day.
    """
    counts = account.when(fact.counts_at_us)
    if fact.expressed_at_us == fact.counts_at_us:
        dated, counted = f"of {counts}", ""
    elif fact.expressed_at_us is None:
        dated, counted = "of an unknown time", f", counted from {counts},"
    else:
        dated, counted = f"of {account.day(fact.expressed_at_us)}", f", counted from {counts},"
    source = "" if fact.kind is EntryKind.PARTNER_CONSENT else f" {SOURCES[fact.source]}"
    return f"{_KINDS[fact.kind]} {dated}{source}{counted}"


def channels(mask: int) -> str:
    """A set of channels."""
    if mask == ALL_CHANNELS:
        return "every channel"
    return listed(CHANNELS[channel] for channel in channels_in(mask))


def purposes(stated: frozenset[PurposeId] | None) -> str:
    """The purposes that an entry names."""
    return "all marketing" if stated is None else listed(sorted(stated))


def listed(items: Iterable[str]) -> str:
    """Some things: `a, b and c`."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def days(number: int) -> str:
    """A number of days."""
    return "1 day" if number == 1 else f"{number} days"


def unless_verified(*, is_verified: bool) -> str:
    """What is said of a number that no lawyer has confirmed."""
    return "" if is_verified else " (the strictest there is, for the law's own is not verified)"
