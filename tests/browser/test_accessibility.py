"""Every page can be used by everybody: WCAG 2.2, A and AA."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from consent_registry_server.web.colour import Colour, contrast
from consent_registry_server.web.languages import Language
from tests.browser.conftest import NewVisit
from tests.browser.handler import NIGHT, PALE, VIVID, Handler
from tests.browser.looking import (
    DESKTOP,
    NARROWEST,
    PHONE,
    PRESSABLE,
    SCHEMES,
    SPACED,
    TWICE_AS_LARGE,
    Scheme,
    findings,
    focus,
    overflowing,
    show,
    smaller_than,
)
from tests.browser.states import State, reach
from tests.browser.visit import UNSUBSCRIBE, Visit, visiting

pytestmark = pytest.mark.asyncio(loop_scope="session")

_IN_EVERY_LANGUAGE = list(
    itertools.product(Language, (State.START, State.STOPPED, State.INVALID_LINK))
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spectator(browser: Browser, shared_handler: Handler) -> AsyncIterator[Visit]:
    """The visit of all tests that only look: pages that keep nothing can share it."""
    async with visiting(browser, shared_handler.origin) as visit:
        yield visit


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=list(State))
async def shown(request: pytest.FixtureRequest, spectator: Visit, shared_handler: Handler) -> Page:
    """Each page in turn."""
    await show(spectator.page, DESKTOP)
    await reach(request.param, spectator, shared_handler)
    shared_handler.registry.recover()
    return spectator.page


@pytest_asyncio.fixture(
    scope="module", loop_scope="session", params=_IN_EVERY_LANGUAGE, ids="-".join
)
async def translated(
    request: pytest.FixtureRequest, spectator: Visit, shared_handler: Handler
) -> Page:
    """The main pages in each language in turn."""
    language, state = request.param
    await show(spectator.page, DESKTOP)
    await reach(state, spectator, shared_handler, language=language)
    return spectator.page


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_axe_finds_nothing(shown: Page, size: ViewportSize, scheme: Scheme) -> None:
    await show(shown, size, scheme=scheme)

    assert await findings(shown) == []


async def test_axe_finds_nothing_in_any_language(translated: Page) -> None:
    await show(translated, PHONE)

    assert await findings(translated) == []


@pytest.mark.parametrize("controller", [PALE, VIVID, NIGHT])
async def test_axe_finds_nothing_whatever_the_colour_of_the_controller(
    controller: str, visit: Visit, handler: Handler
) -> None:
    await reach(State.STOPPED, visit, handler, controller=controller)

    for scheme in SCHEMES:
        await show(visit.page, PHONE, scheme=scheme)
        assert await findings(visit.page) == [], scheme


async def test_a_logo_is_shown_and_named(visit: Visit, handler: Handler) -> None:
    await reach(State.START, visit, handler, controller=PALE)
    logo = visit.page.locator("header img")

    assert await logo.evaluate("image => image.naturalWidth") == 1
    await expect(logo).to_have_attribute("alt", "Pale")


@pytest.mark.parametrize("size", [NARROWEST, DESKTOP], ids=["phone", "desktop"])
async def test_nothing_sticks_out_or_is_cut_off(shown: Page, size: ViewportSize) -> None:
    await show(shown, size)

    assert await overflowing(shown) == []


@pytest.mark.parametrize("size", [NARROWEST, PHONE, DESKTOP], ids=["narrow", "phone", "desktop"])
async def test_text_twice_as_large_has_room(shown: Page, size: ViewportSize) -> None:
    await show(shown, size, text=TWICE_AS_LARGE)

    assert await overflowing(shown) == []


async def test_text_spaced_as_people_need_it_has_room(shown: Page) -> None:
    await show(shown, NARROWEST, text=SPACED)

    assert await overflowing(shown) == []


async def test_no_word_of_any_language_is_too_long(translated: Page) -> None:
    await show(translated, NARROWEST, text=TWICE_AS_LARGE)

    assert await overflowing(translated) == []


@pytest.mark.parametrize("size", [NARROWEST, DESKTOP], ids=["phone", "desktop"])
async def test_whatever_can_be_pressed_is_large_enough_for_a_finger(
    shown: Page, size: ViewportSize
) -> None:
    await show(shown, size)

    assert await smaller_than(44, shown, PRESSABLE) == []


async def test_the_one_main_heading_begins_the_title(shown: Page) -> None:
    heading = shown.locator("h1")

    await expect(heading).to_have_count(1)
    assert (await shown.title()).startswith(await heading.inner_text())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("state", [State.START, State.STOPPED, State.INVALID_LINK])
async def test_the_keyboard_reaches_everything_in_order_and_always_shows_where_it_is(
    state: State, scheme: Scheme, new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit(color_scheme=scheme, viewport=PHONE)
    await reach(state, visit, handler)
    await expect(visit.page.locator("main")).to_be_visible()

    places = []
    for _ in range(await visit.page.locator("button, a[href], input:not([type=hidden])").count()):
        await visit.page.keyboard.press("Tab")
        reached = await focus(visit.page)
        assert reached is not None
        assert reached.outline == "solid"
        assert reached.thickness >= 2
        assert contrast(_colour(reached.colour), _colour(reached.around)) >= 3
        await expect(visit.page.locator(":focus")).to_be_in_viewport()
        places.append(reached.place)

    assert places == sorted(set(places))


async def test_what_is_ticked_can_be_seen_with_forced_colours(
    visit: Visit, handler: Handler
) -> None:
    await visit.page.emulate_media(forced_colors="active")
    await reach(State.STOPPED, visit, handler)
    box = visit.page.locator("[value=sms]")

    before = await box.screenshot()
    await box.check()
    after = await box.screenshot()

    assert before != after


@pytest.mark.parametrize("state", [State.START, State.STOPPED, State.UNDONE])
async def test_with_forced_colours_every_button_and_card_has_an_outline(
    state: State, new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit(forced_colors="active")
    await reach(state, visit, handler)

    drawn = await visit.page.locator("button, main, .choice").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).borderBottomStyle)"
    )

    assert set(drawn) == {"solid"}
    assert await findings(visit.page) == []


async def test_nothing_moves_for_those_who_asked_for_stillness(
    new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit(reduced_motion="reduce")
    await reach(State.STOPPED, visit, handler)
    await visit.page.locator("button").first.hover()

    assert await visit.page.evaluate("document.getAnimations().length") == 0
    moving = await visit.page.locator("*").evaluate_all(
        "all => all.filter((each) => parseFloat(getComputedStyle(each).transitionDuration) > 0"
        " && getComputedStyle(each).transitionProperty !== 'none').length"
    )
    assert moving == 0


async def test_a_person_may_zoom_in(visit: Visit, handler: Handler) -> None:
    await visit.open(handler.new_link())

    viewport = await visit.page.locator("meta[name=viewport]").get_attribute("content")

    assert viewport == "width=device-width, initial-scale=1"


async def test_the_button_is_seen_without_scrolling_on_a_phone(
    new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit(viewport=NARROWEST)

    await visit.open(handler.new_link())

    await expect(visit.page.locator(UNSUBSCRIBE)).to_be_in_viewport(ratio=1)


def _colour(css: str) -> Colour:
    red, green, blue = (int(part) for part in css.removeprefix("rgb(").rstrip(")").split(","))
    return Colour(red, green, blue)
