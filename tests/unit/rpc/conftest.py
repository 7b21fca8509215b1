"""Servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.unit.rpc.harness import Harness, launch


@pytest.fixture
def serve() -> Iterator[Callable[..., Harness]]:
    """Starts servers."""
    with ExitStack() as running:

        def start(*arguments: Any, **options: Any) -> Harness:  # noqa: ANN401 - those of launch
            harness = launch(*arguments, **options)
            running.callback(harness.close)
            return harness

        yield start
