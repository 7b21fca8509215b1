"""One browser and one web handler for all tests of the pages, and a visit of its own for each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import NAMES, find_browser, running_browser
from tests.browser.handler import Handler, running_handler
from tests.browser.visit import Visit, visiting

NewVisit: TypeAlias = Callable[..., Awaitable[Visit]]


@pytest.fixture(scope="session")
def browser_program() -> str:
    """The browser of this machine; where there is none, tests that need it are skipped."""
    program = find_browser()
    if program is None:
        message = f"no browser: none of {', '.join(NAMES)} is installed"
        if os.environ.get("CI", "").lower() in {"", "0", "false", "no"}:
            pytest.skip(message)
        pytest.fail(message)
    return program


# The asynchronous interface of Playwright: the other one leaves an event loop running in the thread
# of all tests, and those of other folders that are asynchronous would fail.
@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_program: str) -> AsyncIterator[Browser]:
    """The browser that all tests of this process share."""
    async with running_browser(browser_program) as started:
        yield started


@pytest.fixture(scope="session")
def shared_handler(
    browser_program: str,  # noqa: ARG001 - without a browser nothing is started
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Handler]:
    """The web handler that all tests of this process share, and the registry behind it."""
    with running_handler(tmp_path_factory.mktemp("branding")) as started:
        yield started


@pytest.fixture
def handler(shared_handler: Handler) -> Iterator[Handler]:
    """The same, and its registry well-behaved, whatever the test before did to it."""
    yield shared_handler
    shared_handler.registry.recover()


@pytest_asyncio.fixture(loop_scope="session")
async def new_visit(browser: Browser, handler: Handler) -> AsyncIterator[NewVisit]:
    """Begins visits with the options of a browser context; see `visiting` for their end."""
    async with AsyncExitStack() as visits:

        async def begin(**options: Any) -> Visit:  # noqa: ANN401 - those of Browser.new_context
            return await visits.enter_async_context(visiting(browser, handler.origin, **options))

        yield begin


@pytest_asyncio.fixture(loop_scope="session")
async def visit(new_visit: NewVisit) -> Visit:
    """A visit with a desktop browser of no particular kind."""
    return await new_visit()
