"""A real browser that reaches nothing but this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Browser, async_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")

# A browser goes to loopback by itself and everywhere else through the proxy: to a port where nobody
# listens, updates and the like included.
_NOWHERE: Final = "--proxy-server=127.0.0.1:9"


def find_browser() -> str | None:
    """The program of the first browser that is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def running_browser(program: str) -> AsyncIterator[Browser]:
    """A browser without a window, until the end of the block."""
    # Chromium's sandbox refuses root, whom containers run as.
    sandbox = os.geteuid() != 0
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program, chromium_sandbox=sandbox, args=[_NOWHERE]
        )
        async with browser:
            yield browser
