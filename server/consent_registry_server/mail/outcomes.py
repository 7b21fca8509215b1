"""What comes of a message, and what its sender's mail server is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum
from typing import Final


class Answer(Enum):
    """What the registry said about one token."""

    STORED = "stored"
    INVALID = "invalid"
    """Not a token of this registry: made up, altered or broken off."""
    UNKNOWN_LINK = "unknown_link"
    """A token that the registry signed and has no link for, as after the loss of its database."""
    UNAVAILABLE = "unavailable"
    """Nothing that can be relied on; it may have been stored all the same."""


class Outcome(StrEnum):
    """What came of a message, or of one recipient of it."""

    UNAVAILABLE = "unavailable"
    """The registry did not store it; the mail server tries again."""
    UNKNOWN_LINK = "unknown_link"
    """The registry lost the link; the mail server tries again while the operator restores it."""
    FAILED = "failed"
    """A fault of ours; the mail server tries again."""
    UNREADABLE = "unreadable"
    """The header cannot be read; the sender is told."""
    NO_TOKEN = "no_token"  # noqa: S105 - an outcome
    """Neither the address nor the subject holds a token; the sender is told."""
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - an outcome
    """No token is valid; the sender is told."""
    STORED = "stored"
    """The registry stored it."""
    AUTOMATIC = "automatic"
    """Not a person's own message; accepted, and nothing changed."""


_AGAIN: Final = "451 4.3.0 Not recorded yet: please try again later"
_BY_LINK: Final = "Please use the link in the message that you received"
_REPLIES: Final = {
    Outcome.UNAVAILABLE: _AGAIN,
    # Tried again for days, and returned to the sender at their end. Nobody is told "done", and a
    # database that comes back from its backup takes it after all.
    Outcome.UNKNOWN_LINK: _AGAIN,
    Outcome.FAILED: _AGAIN,
    Outcome.UNREADABLE: f"554 5.6.0 Not recorded: this message cannot be read. {_BY_LINK}",
    Outcome.NO_TOKEN: (
        f"554 5.6.0 Not recorded: no unsubscribe link in the address or subject. {_BY_LINK}"
    ),
    Outcome.INVALID_TOKEN: (
        f"554 5.6.0 Not recorded: the unsubscribe link is not complete, or not ours. {_BY_LINK}"
    ),
    Outcome.STORED: "250 2.0.0 Recorded",
    Outcome.AUTOMATIC: "250 2.0.0 Accepted; automatic messages change nothing",
}
_BY_ANSWER: Final = {
    Answer.UNAVAILABLE: Outcome.UNAVAILABLE,
    Answer.UNKNOWN_LINK: Outcome.UNKNOWN_LINK,
    Answer.STORED: Outcome.STORED,
    Answer.INVALID: Outcome.INVALID_TOKEN,
}
_SEVERITY: Final = {outcome: -number for number, outcome in enumerate(Outcome)}


def reply(outcome: Outcome) -> str:
    """The reply to a message or recipient with this outcome, one line of the protocol."""
    return _REPLIES[outcome]


def outcome_of(tokens: Iterable[str], answers: Mapping[str, Answer]) -> Outcome:
    """What came of the tokens that speak for one recipient.

    As long as one of them may still succeed the mail server is to try again; else one that was
    stored is enough, for the others may be other readings of it.
    """
    outcomes = {_BY_ANSWER[answers[token]] for token in tokens}
    return next((each for each in _BY_ANSWER.values() if each in outcomes), Outcome.NO_TOKEN)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a message by those of its recipients: what has not succeeded is told."""
    return max(outcomes, key=_SEVERITY.__getitem__)
