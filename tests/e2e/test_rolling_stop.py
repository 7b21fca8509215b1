"""A rolling update: a server ends under load, another one begins, and no caller notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.checking import Checking, People, require_objections
from tests.e2e.kubernetes_service import KubernetesService
from tests.e2e.outside_database import OutsideDatabase
from tests.e2e.registry_process import RegistryProcess

RATE_HZ = 300
GRACE_S = 20


def serve(directory: Path, outside_database: OutsideDatabase) -> RegistryProcess:
    return RegistryProcess(directory, SHUTDOWN_GRACE_S=str(GRACE_S), **outside_database.settings)


@pytest.mark.parametrize("others", [0, 1], ids=["the only server", "one of two"])
def test_a_server_that_ends_under_load_loses_no_call(
    new_data_dir: Callable[[], Path], outside_database: OutsideDatabase, others: int
) -> None:
    """Of 300 a second, asked with the library's defaults; it ends within its grace."""
    directory = new_data_dir()
    servers = [serve(directory, outside_database) for _ in range(1 + others)]
    with KubernetesService() as service:
        for server in servers:
            service.add(server)
        people = People.known_to(service.address)
        with Checking(service.address, people, rate_hz=RATE_HZ) as checking:
            checking.wait_for(RATE_HZ)
            # Ready before the other one is told to end, as with `maxUnavailable: 0`.
            successor = serve(directory, outside_database)
            service.add(successor)
            ending, *_ = servers
            service.remove(ending)
            told_at_s = time.monotonic()
            code = ending.stop()
            took_s = time.monotonic() - told_at_s
            checking.wait_for(3 * RATE_HZ)
        require_objections(service.address, checking.objections)
    print(f"ended in {took_s:.2f} s; {checking.told()}")  # noqa: T201 - for whoever asks with -s
    assert (code, took_s < GRACE_S) == (0, True)
    assert set(checking.counts()) == {(True, "DENY"), (False, "ALLOW")}
    assert checking.lost_writes == []
    assert checking.objections
    for server in (*servers[1:], successor):
        assert server.stop() == 0
