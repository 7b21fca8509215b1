"""A registry for each test of the services."""

from __future__ import annotations

import pytest

from tests.unit.service.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """An empty registry."""
    return Desk()
