"""A server that most tests share, and data directories for those that need one of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consent_registry_server.storage.embedded import EmbeddedPostgres
from tests.e2e import filled
from tests.e2e.connection import Connection
from tests.e2e.handler_process import WEB, WITHOUT_RATES, HandlerProcess, running
from tests.e2e.outside_database import OutsideDatabase
from tests.e2e.registry_process import RegistryProcess


@pytest.fixture(scope="session")
def new_data_dir() -> Iterator[Callable[[], Path]]:
    """Makes empty data directories; what still runs in one is stopped, and it is removed."""
    made: list[Path] = []

    def make() -> Path:
        # Not pytest's own folder: another run would take back the permission to pass through it.
        made.append(Path(tempfile.mkdtemp(prefix="registry-e2e-")))
        return made[-1]

    yield make
    for data_dir in made:
        if (data_dir / "postgresql" / "postmaster.pid").exists():
            postgres = EmbeddedPostgres(data_dir)
            postgres.start()
            postgres.stop()
        shutil.rmtree(data_dir)


@pytest.fixture(scope="session")
def registry(new_data_dir: Callable[[], Path]) -> Iterator[RegistryProcess]:
    """The server that most tests share; none of them may stop it."""
    process = RegistryProcess(new_data_dir())
    yield process
    assert process.stop() == 0
    assert b'"level": "error"' not in process.log
    assert not [each for each in filled.IDENTITY.values() if each.encode() in process.log]


@pytest.fixture(scope="session")
def connection(registry: RegistryProcess) -> Iterator[Connection]:
    """A connection to the shared server."""
    connected = Connection(registry.address)
    with closing(connected.channel):
        yield connected


@pytest.fixture(scope="session")
def web(registry: RegistryProcess) -> Iterator[HandlerProcess]:
    """The unsubscribe page of the shared server; none of the tests may stop it."""
    with running(WEB, registry.address, **WITHOUT_RATES) as handler:
        yield handler


@pytest.fixture
def outside_database(new_data_dir: Callable[[], Path]) -> Iterator[OutsideDatabase]:
    """A migrated database that is not the server's own, for one test to take away."""
    started = OutsideDatabase(new_data_dir())
    started.migrate()
    yield started
    started.stop()
