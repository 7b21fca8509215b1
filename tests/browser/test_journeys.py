"""From the link in a message to the confirmation, further choices and back, as people do it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

from consent_registry_client import UnsubscribeChoice
from consent_registry_server.web.languages import Language
from tests.browser.conftest import NewVisit
from tests.browser.handler import Handler
from tests.browser.visit import SAVE, UNDO, UNSUBSCRIBE, Keyboard, Mouse
from tests.fakes.unsubscribe_service import UNDO as UNDO_METHOD
from tests.fakes.unsubscribe_service import UNSUBSCRIBE as UNSUBSCRIBE_METHOD

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK
SMS = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_SMS
RECORDING = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_RECORDING
EVERYTHING = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_EVERYTHING


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    "options, person",
    [
        pytest.param({}, Mouse(), id="mouse"),
        pytest.param({}, Keyboard(), id="keyboard-only"),
        pytest.param({"java_script_enabled": False}, Mouse(), id="no-javascript"),
    ],
)
async def test_one_click_stops_then_more_can_be_stopped_and_the_last_choice_taken_back(
    language: Language,
    options: dict[str, Any],
    person: Mouse | Keyboard,
    new_visit: NewVisit,
    handler: Handler,
) -> None:
    link = handler.new_link()
    visit = await new_visit(**options)
    page = visit.page

    await visit.open(link, lang=language)
    assert handler.standing(link) == ()
    await person.press(page.locator(UNSUBSCRIBE))
    await expect(page.locator(SAVE)).to_be_visible()
    assert handler.standing(link) == (LINK,)

    await person.tick(page.locator("[value=sms]"))
    await person.tick(page.locator("[value=recording]"))
    await person.press(page.locator(SAVE))
    await expect(page.locator("[value=sms]")).to_have_count(0)
    assert handler.standing(link) == (LINK, SMS, RECORDING)

    await person.press(page.locator(UNDO))
    await expect(page.locator(UNDO)).to_have_count(0)
    assert handler.standing(link) == (LINK,)
    assert await page.locator("html").get_attribute("lang") == language
    # The client library may ask again what took too long, under the same id.
    assert len({each.request_id for each in handler.asked(link, UNSUBSCRIBE_METHOD)}) == 2
    assert len({each.request_id for each in handler.asked(link, UNDO_METHOD)}) == 1
