"""A person at a browser of their own, and all that the pages made it do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    WebError,
)

UNSUBSCRIBE: Final = "form:has([value=unsubscribe]) button"
SAVE: Final = "form:has([value=preferences]) button"
UNDO: Final = "form:has([value=undo]) button"

_MOST_STOPS: Final = 60


class Visit:
    """One page in a context of its own."""

    def __init__(self, context: BrowserContext, page: Page, origin: str) -> None:
        self.page = page
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        """What the browser's console says: errors, and whatever the security policy forbade."""
        self._context = context
        self._origin = origin
        context.on("request", self._note_request)
        context.on("console", self._note)
        context.on("weberror", self._note_error)

    async def open(self, link: str, **query: str) -> None:
        """Opens a path of the server."""
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        await self.page.goto(f"{self._origin}{link}?{asked}" if asked else self._origin + link)

    def strays(self) -> list[str]:
        """The addresses that were asked for and are not the server's."""
        return [each.url for each in self.requests if not each.url.startswith(f"{self._origin}/")]

    async def kept(self) -> object:
        """What the browser would keep: cookies and storage of every kind."""
        return await self._context.storage_state(indexed_db=True)

    def _note_request(self, request: Request) -> None:
        self.requests.append(request)

    def _note(self, message: ConsoleMessage) -> None:
        # A page with a status of 400 and more is an error to the console, and what is wanted here.
        is_status = message.text.startswith("Failed to load resource: the server responded with")
        documents = [each.url for each in self.requests if each.is_navigation_request()]
        if not (is_status and message.location["url"] in documents):
            self.complaints.append(f"{message.type}: {message.text}")

    def _note_error(self, error: WebError) -> None:
        self.complaints.append(f"uncaught: {error.error}")


@asynccontextmanager
async def visiting(
    browser: Browser,
    origin: str,
    **options: Any,  # noqa: ANN401 - those of Browser.new_context
) -> AsyncIterator[Visit]:
    """A visit that at its end must have asked nobody else, complained and kept nothing."""
    async with await browser.new_context(**options) as context:
        visit = Visit(context, await context.new_page(), origin)
        yield visit
        assert visit.strays() == []
        assert visit.complaints == []
        assert await visit.kept() == {"cookies": [], "origins": []}


class Mouse:
    """Presses and ticks as most people do."""

    async def press(self, button: Locator) -> None:
        await button.click()

    async def tick(self, box: Locator) -> None:
        await box.check()


class Keyboard:
    """Goes from one thing to the next with the tabulator, and has no mouse."""

    async def press(self, button: Locator) -> None:
        await self._go_to(button)
        await button.page.keyboard.press("Enter")

    async def tick(self, box: Locator) -> None:
        await self._go_to(box)
        await box.page.keyboard.press("Space")

    async def _go_to(self, wanted: Locator) -> None:
        for _ in range(_MOST_STOPS):
            await wanted.page.keyboard.press("Tab")
            if await wanted.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"the keyboard does not reach {wanted}")
