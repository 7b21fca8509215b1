"""What is refused of unsubscribe links, and of what is said through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from consent_registry.v1.unsubscribe_service_pb2 import UnsubscribeChoice
from tests.e2e import filled
from tests.e2e.bad_request import BY_TOKEN, BadRequest, clear, invalid, put

_CREATE: Final = "UnsubscribeService/CreateUnsubscribeLinks"
_UNSUBSCRIBE: Final = "UnsubscribeService/Unsubscribe"
_UNDO: Final = "UnsubscribeService/UndoUnsubscribe"
_NO_TOKENS: Final = {
    "a forged token": filled.TOKEN,
    "a word": "stop",
    "a long token": "a" * 1_000,
    "no ASCII": "é" * 60,
    "padding": "=" * 64,
    "a path": "../" * 30,
}
_NO_CAMPAIGNS: Final = ("spring 2026", "marie@example.com", "printemps-é", "x" * 41)


def bad_unsubscribing() -> Iterator[BadRequest]:
    """What is refused whatever links there are."""
    for path in ("controller", "channel", "purpose", "subjects"):
        yield invalid(_CREATE, f"no {path}", clear(path), path, "MISSING_FIELD")
    purpose = put("purpose", "world_domination")
    yield invalid(_CREATE, "an unknown purpose", purpose, "purpose", "UNKNOWN_PURPOSE")
    yield invalid(_CREATE, "an alarm", put("purpose", "service"), "purpose")
    for campaign in _NO_CAMPAIGNS:
        change = put("campaign", campaign)
        yield invalid(_CREATE, f"the campaign {campaign}", change, "campaign")
    yield invalid(_CREATE, "1,001 people", _crowd, "subjects", "TOO_LONG")
    for method in BY_TOKEN:
        yield invalid(method, "no token", clear("token"), "token", "MISSING_FIELD")
        for fault, token in _NO_TOKENS.items():
            change = put("token", token)
            yield invalid(method, fault, change, "token", "INVALID_UNSUBSCRIBE_TOKEN")


def bad_through_a_link() -> Iterator[BadRequest]:
    """What is refused of a request with the token of a link that there is, of an email address."""
    for method in (_UNSUBSCRIBE, _UNDO):
        yield invalid(method, "no request_id", clear("request_id"), "request_id", "MISSING_FIELD")
    yield invalid(_UNSUBSCRIBE, "no method", clear("method"), "method", "MISSING_FIELD")
    nothing = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_UNSPECIFIED
    yield invalid(_UNSUBSCRIBE, "no choice", _choosing(nothing), "choices[1]", "MISSING_FIELD")
    again = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK
    yield invalid(_UNSUBSCRIBE, "twice", _choosing(again), "choices[1]", "CONTRADICTION")
    not_offered = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_POST
    yield invalid(_UNSUBSCRIBE, "what is not offered", _choosing(not_offered), "choices")
    yield invalid(_UNDO, "no undo_token", clear("undo_token"), "undo_token", "MISSING_FIELD")
    for fault, token in {"a forged undo token": filled.UNDO_TOKEN, "a short one": b"7"}.items():
        change = put("undo_token", token)
        yield invalid(_UNDO, fault, change, "undo_token", "INVALID_UNDO_TOKEN")


def _choosing(choice: UnsubscribeChoice.ValueType) -> Callable[[Any], None]:
    def change(request: Any) -> None:  # noqa: ANN401 - the request's own class says no more
        request.choices[1] = choice

    return change


def _crowd(request: Any) -> None:  # noqa: ANN401
    request.subjects.extend([filled.person()] * 1_000)
