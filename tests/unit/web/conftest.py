"""A registry with a link."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from tests.fakes.unsubscribe_service import FakeUnsubscribeService
from tests.unit.web.handler import Handler, running


@pytest.fixture
def service() -> Iterator[FakeUnsubscribeService]:
    with FakeUnsubscribeService() as fake:
        yield fake


@pytest.fixture
def token(service: FakeUnsubscribeService) -> str:
    return service.add_link()


@pytest.fixture
async def handler(service: FakeUnsubscribeService) -> AsyncIterator[Handler]:
    async with running(service) as running_handler:
        yield running_handler


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Logging is set up once a process; the tests leave it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("grpc").setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _restored(restored_logging: None) -> None:
    del restored_logging
