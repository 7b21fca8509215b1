"""What can be seen on a page, and measured."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

from playwright.async_api import Page, ViewportSize

Scheme = Literal["light", "dark"]

SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
NARROWEST: Final[ViewportSize] = {"width": 320, "height": 640}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}

TWICE_AS_LARGE: Final = "html { font-size: 200% !important; }"
"""What a person may set who sees little: WCAG, 1.4.4."""

SPACED: Final = """
    * {
        line-height: 1.5 !important;
        letter-spacing: 0.12em !important;
        word-spacing: 0.16em !important;
    }
    p {
        margin-bottom: 2em !important;
    }
"""
"""What a person may set to read with less effort: WCAG, 1.4.12."""

PRESSABLE: Final = "button, a[href], label:has(input)"
"""What a finger must hit; a check box is as large as its label."""

_AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN: Final = "rules => axe.run({runOnly: rules, resultTypes: ['violations', 'incomplete']})"

# A sheet made so is the reader's own: the page's security policy does not forbid it.
_SET: Final = """(style) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    document.adoptedStyleSheets = [sheet];
}"""

_OVERFLOWING: Final = """() => {
    const width = document.documentElement.clientWidth;
    const isOutside = (element) => {
        const box = element.getBoundingClientRect();
        return box.width > 0 && (box.right > width + 0.5 || box.left < -0.5);
    };
    const isCut = (element) => element.scrollWidth > element.clientWidth + 1
        && element.clientWidth > 0 && getComputedStyle(element).display !== 'inline';
    return [...document.querySelectorAll('body, body *')]
        .filter((element) => isOutside(element) || isCut(element))
        .map((element) => element.outerHTML.slice(0, 120));
}"""

_SMALLER: Final = """(elements, least) => elements
    .map((element) => [element.textContent.trim(), element.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([text, box]) => `${text}: ${box.width} x ${box.height}`)"""

_FOCUSED: Final = """() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return null;
    const style = getComputedStyle(element);
    let around = element.parentElement;
    while (getComputedStyle(around).backgroundColor === 'rgba(0, 0, 0, 0)') {
        around = around.parentElement;
    }
    return {
        place: [...document.querySelectorAll('*')].indexOf(element),
        outline: style.outlineStyle,
        thickness: parseFloat(style.outlineWidth),
        colour: style.outlineColor,
        around: getComputedStyle(around).backgroundColor,
    };
}"""


@dataclass(frozen=True, slots=True)
class Focus:
    """Where the keyboard is, and how it shows."""

    place: int
    """Of the element, in the order of the document."""
    outline: str
    thickness: float
    colour: str
    around: str
    """The background that the outline stands on."""


async def show(page: Page, size: ViewportSize, *, scheme: Scheme = "light", text: str = "") -> None:
    """Shows a page in a window of some size, and with what the reader wants of the text."""
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme)
    await page.evaluate(_SET, text)


async def findings(page: Page) -> list[str]:
    """What axe-core finds wrong, or cannot decide, by WCAG 2.2 A and AA and as good practice."""
    await page.evaluate(_AXE)
    results: dict[str, list[dict[str, Any]]] = await page.evaluate(_RUN, list(_RULES))
    return [
        f"{rule['id']}: {node['html']}: {node['failureSummary']}"
        for rule in results["violations"] + results["incomplete"]
        for node in rule["nodes"]
    ]


async def overflowing(page: Page) -> list[str]:
    """The elements that stick out of the window, or whose content is cut off."""
    found: list[str] = await page.evaluate(_OVERFLOWING)
    return found


async def smaller_than(pixels: float, page: Page, selector: str) -> list[str]:
    """The elements that are less wide or high than so many CSS pixels."""
    found: list[str] = await page.locator(selector).evaluate_all(_SMALLER, pixels)
    return found


async def focus(page: Page) -> Focus | None:
    """Where the keyboard is; None: nowhere."""
    found = await page.evaluate(_FOCUSED)
    if found is None:
        return None
    return Focus(
        place=found["place"],
        outline=found["outline"],
        thickness=found["thickness"],
        colour=found["colour"],
        around=found["around"],
    )
