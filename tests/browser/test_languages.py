"""Everybody reads the pages in a language that they know."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from consent_registry_client import UnsubscribeChoice
from consent_registry_server.web.languages import Language
from tests.browser.conftest import NewVisit
from tests.browser.handler import Handler
from tests.browser.visit import UNDO, UNSUBSCRIBE, Visit

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    "locale, country, language",
    [
        pytest.param("fr-CA", "FI", Language.FRENCH, id="region"),
        pytest.param("pt-BR", "FI", Language.PORTUGUESE, id="other-region"),
        pytest.param("nn-NO", "FI", Language.NORWEGIAN, id="nynorsk"),
        pytest.param("no", "FI", Language.NORWEGIAN, id="norwegian"),
        pytest.param("de-DE", "FI", Language.FINNISH, id="not-spoken-country-of-the-controller"),
        pytest.param("de-DE", "DE", Language.ENGLISH, id="not-spoken-anywhere"),
    ],
)
async def test_the_language_of_the_browser_decides(
    locale: str, country: str, language: Language, new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit(locale=locale)

    await visit.open(handler.new_link(country=country))

    await expect(visit.page.locator("html")).to_have_attribute("lang", language)


async def test_the_language_of_the_address_is_stronger(
    new_visit: NewVisit, handler: Handler
) -> None:
    visit = await new_visit(locale="fr-FR")

    await visit.open(handler.new_link(), lang="sv")

    await expect(visit.page.locator("html")).to_have_attribute("lang", "sv")


@pytest.mark.parametrize("language", list(Language))
async def test_the_link_to_another_language_keeps_the_link_working(
    language: Language, visit: Visit, handler: Handler
) -> None:
    link = handler.new_link()
    await visit.open(link, lang="en")

    await visit.page.locator(f"nav a[lang={language}]").click()
    await expect(visit.page.locator("html")).to_have_attribute("lang", language)
    await expect(visit.page.locator("nav a[aria-current]")).to_have_text(language.own_name)
    await visit.page.locator(UNSUBSCRIBE).click()
    await expect(visit.page.locator(UNDO)).to_be_visible()

    await expect(visit.page.locator("html")).to_have_attribute("lang", language)
    assert handler.standing(link) == (UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK,)


async def test_no_two_languages_say_the_same(visit: Visit, handler: Handler) -> None:
    link, said = handler.new_link(), set()

    for language in Language:
        await visit.open(link, lang=language)
        said.add(await visit.page.locator("main").inner_text())

    assert len(said) == len(Language)
