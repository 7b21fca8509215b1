"""A registry with two links."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.unit.mail.messages import LONG, OTHER, TOKEN
from tests.unit.mail.registry import LinkRegistry


@pytest.fixture
def registry() -> Iterator[LinkRegistry]:
    with LinkRegistry(TOKEN, OTHER, LONG) as fake:
        yield fake


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is set up once a process; the tests leave it as it was."""
    root, mail = logging.getLogger(), logging.getLogger("mail.log")
    handlers, level, mail_level = root.handlers[:], root.level, mail.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    mail.setLevel(mail_level)
    logging.getLogger("grpc").setLevel(logging.NOTSET)
    structlog.reset_defaults()
