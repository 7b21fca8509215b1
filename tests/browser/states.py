"""Every page that a person can come to, and the way there."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from playwright.async_api import Page, expect

from tests.browser.handler import INVALID_LINK, Handler
from tests.browser.visit import SAVE, UNDO, UNSUBSCRIBE, Visit
from tests.fakes import unsubscribe_service as registry


class State(StrEnum):
    """A page."""

    START = "start"
    STOPPED = "stopped"
    EVERYTHING_STOPPED = "everything-stopped"
    UNDONE = "undone"
    UNDO_EXPIRED = "undo-expired"
    INVALID_LINK = "invalid-link"
    REGISTRY_AWAY = "registry-away"
    NOT_STORED = "not-stored"
    CHOICES_NOT_STORED = "choices-not-stored"
    NOT_UNDONE = "not-undone"
    NOTHING_TICKED = "nothing-ticked"
    NO_PAGE = "no-page"


_HEADINGS: Final = {
    State.START: "Stop these emails?",
    State.STOPPED: "Your choice is saved",
    State.EVERYTHING_STOPPED: "Your choice is saved",
    State.UNDONE: "Your choice is taken back",
    State.UNDO_EXPIRED: "Too late to take it back",
    State.INVALID_LINK: "This link does not work",
    State.REGISTRY_AWAY: "Not saved yet",
    State.NOT_STORED: "Not saved yet",
    State.CHOICES_NOT_STORED: "Not saved yet",
    State.NOT_UNDONE: "Not taken back yet",
    State.NOTHING_TICKED: "Nothing was changed",
    State.NO_PAGE: "There is nothing here",
}


async def reach(
    state: State,
    visit: Visit,
    handler: Handler,
    *,
    language: str = "en",
    **described: Any,  # noqa: ANN401 - as `add_link` takes them
) -> None:
    """Leads a visit to a page as people come to it, through a new link."""
    match state:
        case State.INVALID_LINK:
            await visit.open(INVALID_LINK, lang=language)
        case State.NO_PAGE:
            await visit.page.set_extra_http_headers({"Accept-Language": language})
            await visit.open("/nothing-here")
        case _:
            if state is State.REGISTRY_AWAY:
                handler.registry.refuse(registry.DESCRIBE)
            await visit.open(handler.new_link(**described), lang=language)
            await _press(state, visit, handler)
    if language == "en":
        await expect(visit.page.locator("h1")).to_have_text(_HEADINGS[state])


async def _press(state: State, visit: Visit, handler: Handler) -> None:
    """Goes on from the start page."""
    page = visit.page
    if state in {State.START, State.REGISTRY_AWAY}:
        return
    if state is State.NOT_STORED:
        handler.registry.refuse(registry.UNSUBSCRIBE)
    await _next(page, UNSUBSCRIBE)
    match state:
        case State.EVERYTHING_STOPPED:
            await page.locator("[value=everything]").check()
            await _next(page, SAVE)
        case State.NOTHING_TICKED:
            await _next(page, SAVE)
        case State.CHOICES_NOT_STORED:
            await page.locator("[value=calls]").check()
            handler.registry.refuse(registry.UNSUBSCRIBE)
            await _next(page, SAVE)
        case State.UNDONE:
            await _next(page, UNDO)
        case State.NOT_UNDONE:
            handler.registry.refuse(registry.UNDO)
            await _next(page, UNDO)
        case State.UNDO_EXPIRED:
            handler.registry.now_s += registry.UNDO_FOR_S
            await _next(page, UNDO)


async def _next(page: Page, button: str) -> None:
    """Returns when the page that a button leads to is there."""
    async with page.expect_navigation():
        await page.locator(button).click()
