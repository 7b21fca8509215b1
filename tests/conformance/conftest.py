"""Every implementation of the ports, each on an empty store."""

from __future__ import annotations

from typing import cast

import pytest

from consent_registry_server.storage.database import StorageLimits
from tests.conformance.ports import STANDING_ROWS, Ports
from tests.fakes.store import FakeStore

# A new implementation is one more line here and the fixture that opens it; PostgreSQL's is in
# tests/conftest.py and gives every test a database of its own.
IMPLEMENTATIONS = [
    pytest.param("memory_store", id="memory"),
    pytest.param("store", id="postgresql"),
]


@pytest.fixture(params=IMPLEMENTATIONS)
def ports(request: pytest.FixtureRequest) -> Ports:
    """An empty store."""
    return cast("Ports", request.getfixturevalue(request.param))


@pytest.fixture
def memory_store() -> FakeStore:
    """The fake that the tests of the service use."""
    return FakeStore(standing_rows=STANDING_ROWS)


@pytest.fixture
def storage_limits() -> StorageLimits:
    """Those of the real store."""
    return StorageLimits(pool_size=10, pool_overflow=2, standing_rows=STANDING_ROWS)
