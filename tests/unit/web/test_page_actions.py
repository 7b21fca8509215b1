"""What people choose on the pages: to stop this, to stop more, and to take it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest

from consent_registry.v1 import unsubscribe_service_pb2 as pb
from tests.fakes.unsubscribe_service import (
    ALL_CHOICES,
    LINK,
    UNDO,
    UNDO_FOR_S,
    UNSUBSCRIBE,
    Choice,
    FakeUnsubscribeService,
)
from tests.unit.web.handler import ONE_CLICK, UNSUBSCRIBE_FORM, Handler
from tests.unit.web.page_document import forms, parse

SMS: Final = pb.UNSUBSCRIBE_CHOICE_SMS
CALLS: Final = pb.UNSUBSCRIBE_CHOICE_CALLS
EVERYTHING: Final = pb.UNSUBSCRIBE_CHOICE_EVERYTHING
PREFERENCES: Final = "preferences"


def heading(answer: httpx.Response) -> str:
    return parse(answer.text).one("h1").text


def form_of(answer: httpx.Response, action: str) -> dict[str, list[str]]:
    """The form of a page with this action, every box ticked."""
    (form,) = (each for each in forms(parse(answer.text)) if ("action", action) in each.fields)
    fields: dict[str, list[str]] = {}
    for name, value in form.fields:
        fields.setdefault(name, []).append(value)
    return fields


async def test_the_button_stops_what_the_link_is_for_and_confirms(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    answer = await handler.post(f"/u/{token}?lang=fr", data=UNSUBSCRIBE_FORM)
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == "fr"
    (request,) = service.requests[UNSUBSCRIBE]
    assert request.method == pb.UNSUBSCRIBE_METHOD_PAGE
    assert list(request.choices) == [LINK]
    assert request.form_id == "unsubscribe-1/fr"
    assert heading(answer) == "Votre choix est enregistré"


async def test_the_page_s_own_form_is_understood(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """As a browser sends it: to its own address, with its hidden fields."""
    start = await handler.get(f"/u/{token}")
    (form,) = forms(parse(start.text))
    answer = await handler.request(form.method, form.action, data=dict(form.fields))
    assert answer.status_code == 200
    assert service.standing(token) == (LINK,)


async def test_every_choice_that_the_confirmation_offers_can_be_stored(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    confirmation = await handler.post(f"/u/{token}", data=UNSUBSCRIBE_FORM)
    fields = form_of(confirmation, PREFERENCES)
    answer = await handler.post(f"/u/{token}?lang=nb", data=fields)
    assert answer.status_code == 200
    assert service.standing(token) == ALL_CHOICES
    assert service.requests[UNSUBSCRIBE][-1].form_id == "preferences-1/nb"


@pytest.mark.parametrize(
    "names, choices",
    [
        (["sms"], [SMS]),
        (["calls", "sms"], [CALLS, SMS]),
        (["sms", "sms"], [SMS]),
        (["SMS "], None),
        (["everything"], [EVERYTHING]),
        (["unspecified"], None),
        (["fax"], None),
        (["sms", "fax"], None),
        (["1"], None),
        ([""], None),
        ([], None),
    ],
    ids=str,
)
async def test_choices_are_told_by_their_names(
    handler: Handler,
    service: FakeUnsubscribeService,
    token: str,
    names: list[str],
    choices: list[Choice] | None,
) -> None:
    """All of them or none."""
    answer = await handler.post(f"/u/{token}", data={"action": PREFERENCES, "choice": names})
    assert answer.status_code == (400 if choices is None else 200)
    stored = [list(request.choices) for request in service.requests[UNSUBSCRIBE]]
    assert stored == ([] if choices is None else [choices])


async def test_a_choice_that_the_link_does_not_offer_changes_nothing(
    handler: Handler, service: FakeUnsubscribeService
) -> None:
    token = service.add_link(choices=[LINK, EVERYTHING])
    answer = await handler.post(f"/u/{token}", data={"action": PREFERENCES, "choice": "sms"})
    assert answer.status_code == 400
    assert heading(answer) == "Nothing was changed"
    assert not service.entries
    assert handler.counted("unsubscribes") == {"page refused": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"action": ""},
        {"action": "delete"},
        {"action": ["unsubscribe", "unsubscribe"]},
        {"action": ["unsubscribe", "undo"]},
        {"action": "unsubscribe", **ONE_CLICK},
        {"List-Unsubscribe": ["One-Click", "One-Click"]},
        {"List-Unsubscribe": "Two-Clicks"},
        {"List-Unsubscribe": ""},
        {"action": "undo"},
        {"action": "undo", "undo": ""},
        {"action": "undo", "undo": "not base64!"},
        {"action": "undo", "undo": "A"},
        {"action": "undo", "undo": ["QUJD", "QUJD"]},
        {"action": "undo", "undo": "A" * 2_000},
    ],
    ids=lambda fields: str(fields)[:60],
)
async def test_what_no_form_of_ours_says_changes_nothing_and_offers_the_button(
    handler: Handler, service: FakeUnsubscribeService, token: str, fields: Mapping[str, Any]
) -> None:
    answer = await handler.post(f"/u/{token}", data=fields)
    assert answer.status_code == 400
    assert heading(answer) == "Nothing was changed"
    assert form_of(answer, "unsubscribe")
    assert not service.requests[UNSUBSCRIBE]
    assert not service.requests[UNDO]


async def test_the_confirmation_takes_its_own_choice_back(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    await handler.post(f"/u/{token}", data=UNSUBSCRIBE_FORM)
    chosen = await handler.post(f"/u/{token}", data={"action": PREFERENCES, "choice": "sms"})
    service.entries[0].recorded_at_s -= UNDO_FOR_S
    service.now_s += UNDO_FOR_S - 1
    answer = await handler.post(f"/u/{token}", data=form_of(chosen, "undo"))
    assert answer.status_code == 200
    assert heading(answer) == "Your choice is taken back"
    assert service.standing(token) == (LINK,)
    assert handler.counted("undos") == {"undone": 1}


async def test_a_choice_that_is_taken_back_twice_is_taken_back_once(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    """Another click of an impatient person, or the page loaded again."""
    chosen = await handler.post(f"/u/{token}", data=UNSUBSCRIBE_FORM)
    answers = [await handler.post(f"/u/{token}", data=form_of(chosen, "undo")) for _ in range(2)]
    assert [heading(answer) for answer in answers] == ["Your choice is taken back"] * 2
    assert service.standing(token) == ()


async def test_after_fifteen_minutes_it_is_too_late_to_take_a_choice_back(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    chosen = await handler.post(f"/u/{token}", data=UNSUBSCRIBE_FORM)
    service.now_s += UNDO_FOR_S
    answer = await handler.post(f"/u/{token}", data=form_of(chosen, "undo"))
    assert answer.status_code == 200
    assert heading(answer) == "Too late to take it back"
    assert service.standing(token) == (LINK,)
    assert handler.counted("undos") == {"expired": 1}


async def test_the_undo_of_another_link_takes_nothing_back(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    chosen = await handler.post(f"/u/{token}", data=UNSUBSCRIBE_FORM)
    other = service.add_link()
    answer = await handler.post(f"/u/{other}", data=form_of(chosen, "undo"))
    assert answer.status_code == 400
    assert heading(answer) == "Nothing was changed"
    assert service.standing(token) == (LINK,)
    assert handler.counted("undos") == {"refused": 1}


@pytest.mark.parametrize("form", [UNSUBSCRIBE_FORM, {"action": "undo", "undo": "QUJD"}], ids=str)
async def test_a_broken_link_stores_and_takes_back_nothing(
    handler: Handler, service: FakeUnsubscribeService, token: str, form: dict[str, str]
) -> None:
    answer = await handler.post(f"/u/{token[:-2]}", data=form)
    assert answer.status_code == 200
    assert heading(answer) == "This link does not work"
    assert not service.entries
    assert handler.counted("invalid_tokens") == {"invalid": 1}
