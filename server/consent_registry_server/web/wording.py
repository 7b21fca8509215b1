"""The words of the pages for channels, choices and refusals, in English.

They stand here and not in the templates because data decides on them; the catalogues hold them in
the other languages. Each is a whole sentence: what is put together from parts can be translated
into few languages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from consent_registry.v1.unsubscribe_service_pb2 import DescribeUnsubscribeResponse
from consent_registry_client import Channel, UnsubscribeChoice

Choice: TypeAlias = UnsubscribeChoice.ValueType

_CHOICE_PREFIX: Final = "UNSUBSCRIBE_CHOICE_"
_EVERYTHING: Final = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_EVERYTHING


def message(text: str) -> str:
    """The text itself; tells `make messages` that it is to be translated."""
    return text


class ChannelWords(NamedTuple):
    """What the pages call the channel of a link."""

    question: str
    offer: str
    """Who wrote, and what one click stops; with `name`."""
    stopped: str


_OF_CALLS: Final = ChannelWords(
    message("Stop these calls?"),
    message("%(name)s called you. One click stops calls of this kind."),
    message("You will get no more calls of this kind."),
)
_OF_CHANNELS: Final[Mapping[int, ChannelWords]] = {
    Channel.CHANNEL_EMAIL: ChannelWords(
        message("Stop these emails?"),
        message("%(name)s wrote to you by email. One click stops emails of this kind."),
        message("You will get no more emails of this kind."),
    ),
    Channel.CHANNEL_SMS: ChannelWords(
        message("Stop these text messages?"),
        message("%(name)s sent you a text message. One click stops text messages of this kind."),
        message("You will get no more text messages of this kind."),
    ),
    Channel.CHANNEL_MESSAGING: ChannelWords(
        message("Stop these messages?"),
        message("%(name)s wrote to you in a messaging app. One click stops messages of this kind."),
        message("You will get no more messages of this kind in messaging apps."),
    ),
    Channel.CHANNEL_VOICE_CALL: _OF_CALLS,
    Channel.CHANNEL_AUTOMATED_CALL: _OF_CALLS,
    Channel.CHANNEL_DOOR_TO_DOOR: ChannelWords(
        message("Stop these visits?"),
        message("%(name)s came to your door. One click stops visits of this kind."),
        message("You will get no more visits of this kind."),
    ),
    Channel.CHANNEL_POST: ChannelWords(
        message("Stop these letters?"),
        message("%(name)s wrote to you by post. One click stops letters of this kind."),
        message("You will get no more letters of this kind."),
    ),
}
_OF_OTHER_CHANNELS: Final = ChannelWords(
    message("Unsubscribe?"),
    message("This link is from %(name)s. One click stops what it was sent for."),
    message("What this link was sent for will stop."),
)


class ChoiceWords(NamedTuple):
    """What the pages call a choice."""

    label: str
    """Beside its check box, as the person says it."""
    stopped: str


_RECORDING_STOPPED: Final = message("Your calls to customer service will not be recorded.")
_EVERYTHING_OF_THE_LINK: Final = ChoiceWords(
    message("Everything that this link can stop"),
    message("Everything that this link can stop has stopped."),
)
"""Of a link that does not know enough of the person to stop all marketing."""

_OF_CHOICES: Final[Mapping[int, ChoiceWords]] = {
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_EMAIL: ChoiceWords(
        message("All marketing emails"),
        message("You will get no more marketing emails."),
    ),
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_SMS: ChoiceWords(
        message("All marketing text messages (SMS)"),
        message("You will get no more marketing text messages (SMS)."),
    ),
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_MESSAGING: ChoiceWords(
        message("All marketing in messaging apps"),
        message("You will get no more marketing in messaging apps."),
    ),
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_CALLS: ChoiceWords(
        message("All marketing calls"),
        message("You will get no more marketing calls."),
    ),
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_VISITS: ChoiceWords(
        message("All sales visits to my home"),
        message("You will get no more sales visits to your home."),
    ),
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_POST: ChoiceWords(
        message("All marketing by post"),
        message("You will get no more marketing by post."),
    ),
    UnsubscribeChoice.UNSUBSCRIBE_CHOICE_RECORDING: ChoiceWords(
        message("Do not record my calls to customer service"),
        _RECORDING_STOPPED,
    ),
    _EVERYTHING: ChoiceWords(
        message("All marketing of every kind, and the recording of my calls to customer service"),
        message("You will get no more marketing of any kind."),
    ),
}


class RefusalWords(NamedTuple):
    """Why a request was refused, and what now."""

    heading: str
    explanation: str


_OF_REFUSALS: Final[Mapping[int, RefusalWords]] = {
    404: RefusalWords(
        message("There is nothing here"),
        message("This address leads nowhere. Please open the link in the message again."),
    ),
    429: RefusalWords(
        message("Please wait a moment"),
        message("Too many requests came at once. Nothing was recorded. Try again in a minute."),
    ),
}
_OF_OTHER_REFUSALS: Final = RefusalWords(
    message("Nothing was changed"),
    message("Nothing was ticked, or your browser sent what this page does not understand."),
)


def channel_words(channel: int) -> ChannelWords:
    """The words for a link's channel, one of later versions included."""
    return _OF_CHANNELS.get(channel, _OF_OTHER_CHANNELS)


def refusal_words(status: int) -> RefusalWords:
    """The words for a status of HTTP."""
    return _OF_REFUSALS.get(status, _OF_OTHER_REFUSALS)


def choice_field(choice: Choice) -> str:
    """The value of a choice in forms, such as `sms`."""
    return UnsubscribeChoice.Name(choice).removeprefix(_CHOICE_PREFIX).lower()


def choice_label(choice: Choice, link: DescribeUnsubscribeResponse | None) -> str:
    """The words beside the check box of a choice; those of `LINK` ask."""
    if choice == UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK:
        return channel_words(link.channel if link else 0).question
    return _choice_words(choice, link).label


def stopped_sentences(
    chosen: Sequence[Choice], link: DescribeUnsubscribeResponse | None
) -> tuple[str, ...]:
    """What has stopped by some choices, a sentence each, in the contract's order."""
    sentences: list[str] = []
    for choice in sorted(chosen):
        if choice == UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK:
            sentences.append(channel_words(link.channel if link else 0).stopped)
            continue
        sentences.append(_choice_words(choice, link).stopped)
        if choice == _EVERYTHING and _offers_recording(link):
            sentences.append(_RECORDING_STOPPED)
    return tuple(dict.fromkeys(sentences))


def further_choices(
    chosen: Sequence[Choice], link: DescribeUnsubscribeResponse | None
) -> tuple[Choice, ...]:
    """What a link offers besides its own purpose and some choices; nothing besides everything."""
    if link is None or _EVERYTHING in chosen:
        return ()
    return tuple(
        choice for choice in link.choices if choice in _OF_CHOICES and choice not in chosen
    )


def offers_all(link: DescribeUnsubscribeResponse | None) -> bool:
    """Whether a link offers every choice that there is."""
    return link is not None and set(_OF_CHOICES) <= set(link.choices)


def _choice_words(choice: Choice, link: DescribeUnsubscribeResponse | None) -> ChoiceWords:
    is_partial = choice == _EVERYTHING and not offers_all(link)
    return _EVERYTHING_OF_THE_LINK if is_partial else _OF_CHOICES[choice]


def _offers_recording(link: DescribeUnsubscribeResponse | None) -> bool:
    return link is not None and UnsubscribeChoice.UNSUBSCRIBE_CHOICE_RECORDING in link.choices
