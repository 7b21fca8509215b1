"""Whatever a browser does by itself changes nothing, and the pages make it do nothing else."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from playwright.async_api import Browser, Error, Route, expect

from consent_registry_client import UnsubscribeChoice
from tests.browser.conftest import NewVisit
from tests.browser.handler import Handler
from tests.browser.states import State, reach
from tests.browser.visit import SAVE, UNDO, UNSUBSCRIBE, Visit
from tests.fakes import unsubscribe_service as registry

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK

FOREIGN_SCRIPT = """() => {
    const script = document.createElement('script');
    script.textContent = 'window.hasRun = true';
    document.head.append(script);
    const picture = new Image();
    picture.src = 'https://example.com/picture.png';
    document.cookie = 'name=value';
}"""


def speculation(kind: str, link: str) -> str:
    rules = {kind: [{"source": "list", "urls": [link], "eagerness": "immediate"}]}
    return f'<script type="speculationrules">{json.dumps(rules)}</script>'


async def test_a_scanner_that_runs_scripts_and_follows_links_records_nothing(
    visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()

    await visit.open(link)
    hrefs = await visit.page.locator("a[href^='/']").evaluate_all("all => all.map(a => a.href)")
    for href in hrefs:
        await visit.page.goto(href)
        await visit.page.mouse.wheel(0, 2_000)
        await visit.page.locator(UNSUBSCRIBE).hover()

    assert len(handler.asked(link, registry.DESCRIBE)) == 1 + len(hrefs)
    assert handler.asked(link, registry.UNSUBSCRIBE) == []


@pytest.mark.parametrize(
    "hint",
    [
        pytest.param('<link rel="prefetch" href="{link}">', id="prefetch"),
        pytest.param(speculation("prefetch", "LINK"), id="speculative-prefetch"),
        pytest.param(speculation("prerender", "LINK"), id="speculative-prerender"),
        pytest.param('<iframe src="{link}"></iframe>', id="frame"),
        pytest.param('<img src="{link}">', id="picture"),
    ],
)
async def test_a_mail_program_that_loads_links_beforehand_records_nothing(
    hint: str, visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    message = "<!doctype html>" + hint.replace("{link}", link).replace("LINK", link)
    described = len(handler.registry.requests[registry.DESCRIBE])

    async def deliver(route: Route) -> None:
        await route.fulfill(body=message, content_type="text/html")

    await visit.page.route("**/message", deliver)
    await visit.open("/message")
    await asyncio.to_thread(
        handler.registry.wait_for, registry.DESCRIBE, calls=described + 1, timeout_s=10
    )
    # When the next page is there, so is all that came of this one.
    await visit.open(handler.new_link())
    visit.complaints.clear()

    assert len(handler.asked(link, registry.DESCRIBE)) == 1
    assert handler.asked(link, registry.UNSUBSCRIBE) == []


async def test_a_double_click_records_once(visit: Visit, handler: Handler) -> None:
    link = handler.new_link()
    await visit.open(link)

    await visit.page.locator(UNSUBSCRIBE).dblclick()
    await expect(visit.page.locator(UNDO)).to_be_visible()

    assert handler.recorded(link) == [LINK]


async def test_a_second_click_while_the_registry_is_slow_records_once(
    visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    arrived = len(handler.registry.requests[registry.UNSUBSCRIBE])
    await visit.open(link)
    # Not the button's own `click`, which would wait for the answer to the first one.
    button = await visit.page.locator(UNSUBSCRIBE).bounding_box()
    assert button is not None

    with handler.registry.held(registry.UNSUBSCRIBE):
        for clicks in (1, 2):
            await visit.page.mouse.click(button["x"] + 9, button["y"] + 9)
            await asyncio.to_thread(
                handler.registry.wait_for, registry.UNSUBSCRIBE, calls=arrived + clicks
            )
    await expect(visit.page.locator(UNDO)).to_be_visible()

    said = {each.request_id for each in handler.asked(link, registry.UNSUBSCRIBE)}
    assert len(said) == 2
    assert handler.recorded(link) == [LINK]


async def test_a_reload_of_the_confirmation_confirms_again_and_records_once(
    visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    await visit.open(link)
    await visit.page.locator(UNSUBSCRIBE).click()
    await expect(visit.page.locator(UNDO)).to_be_visible()

    await visit.page.reload()

    await expect(visit.page.locator(UNDO)).to_be_visible()
    assert handler.recorded(link) == [LINK]


async def test_a_reload_after_undo_takes_nothing_else_back(visit: Visit, handler: Handler) -> None:
    link = handler.new_link()
    await visit.open(link)
    await visit.page.locator(UNSUBSCRIBE).click()
    await visit.page.locator("[value=calls]").check()
    await visit.page.locator(SAVE).click()
    await expect(visit.page.locator("[value=calls]")).to_have_count(0)
    await visit.page.locator(UNDO).click()
    await expect(visit.page.locator(UNDO)).to_have_count(0)
    undone = await visit.page.locator("h1").inner_text()

    await visit.page.reload()

    await expect(visit.page.locator("h1")).to_have_text(undone)
    assert handler.standing(link) == (LINK,)


async def test_the_back_button_leads_to_the_start_and_changes_nothing(
    visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    await visit.open(link)
    await visit.page.locator(UNSUBSCRIBE).click()
    await expect(visit.page.locator(UNDO)).to_be_visible()

    await visit.page.go_back()

    await expect(visit.page.locator(UNSUBSCRIBE)).to_be_visible()
    assert handler.recorded(link) == [LINK]


async def test_the_back_button_after_undo_stops_nothing_again(
    visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    await visit.open(link)
    await visit.page.locator(UNSUBSCRIBE).click()
    await visit.page.locator(UNDO).click()
    await expect(visit.page.locator(UNDO)).to_have_count(0)

    # The browser shows a page of its own, which asks whether to send the form again.
    with suppress(Error):
        await visit.page.go_back()

    assert handler.standing(link) == ()
    assert len(handler.asked(link, registry.UNSUBSCRIBE)) == 1


async def test_nothing_was_recorded_when_the_page_says_so_and_the_same_button_works_later(
    visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    handler.registry.refuse(registry.UNSUBSCRIBE)
    await visit.open(link)
    await visit.page.locator(UNSUBSCRIBE).click()
    await expect(visit.page.locator("[role=status]")).to_have_count(0)
    assert handler.recorded(link) == []

    handler.registry.recover()
    await visit.page.locator(UNSUBSCRIBE).click()

    await expect(visit.page.locator("[role=status]")).to_be_visible()
    assert handler.recorded(link) == [LINK]


async def test_the_pages_load_style_sheets_and_nothing_else(
    new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit()
    for state in (State.UNDONE, State.INVALID_LINK):
        await reach(state, visit, handler)

    assert {each.resource_type for each in visit.requests} == {"document", "stylesheet"}


async def test_a_foreign_script_would_neither_run_nor_load_anything_and_would_be_noticed(
    browser: Browser, handler: Handler
) -> None:
    async with await browser.new_context() as context:
        visit = Visit(context, await context.new_page(), handler.origin)
        await visit.open(handler.new_link())

        await visit.page.evaluate(FOREIGN_SCRIPT)

        assert await visit.page.evaluate("window.hasRun") is None
        assert len(visit.complaints) == 2
        assert all("Content Security Policy" in each for each in visit.complaints)
        assert await visit.kept() != {"cookies": [], "origins": []}
