"""A rolling update: a server ends under load, another one begins, and no caller notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consent_registry_client import _sync
from consent_registry_client._channel import Endpoint, endpoint
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
            took_s = stop(ending)
            checking.wait_for(3 * RATE_HZ)
        require_objections(service.address, checking.objections)
    require_none_lost(checking, took_s)
    for server in (*servers[1:], successor):
        assert server.stop() == 0


def test_a_client_that_balances_by_itself_loses_no_call(
    new_data_dir: Callable[[], Path],
    outside_database: OutsideDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As behind the headless Service, whose name leads to each server's own address."""
    directory = new_data_dir()
    ending, other = servers = [serve(directory, outside_database) for _ in range(2)]
    target = "ipv4:" + ",".join(server.address for server in servers)

    def resolved(address: str, **options: Any) -> Endpoint:  # noqa: ANN401
        return replace(endpoint(address, **options), target=target)

    monkeypatch.setattr(_sync, "endpoint", resolved)
    people = People.known_to(other.address)
    with Checking(other.address, people, rate_hz=RATE_HZ) as checking:
        checking.wait_for(RATE_HZ)
        took_s = stop(ending)
        checking.wait_for(3 * RATE_HZ)
    require_objections(other.address, checking.objections)
    require_none_lost(checking, took_s)
    assert other.stop() == 0


def stop(server: RegistryProcess) -> float:
    """Ends it, in good order; returns the seconds that took."""
    told_at_s = time.monotonic()
    assert server.stop() == 0
    return time.monotonic() - told_at_s


def require_none_lost(checking: Checking, took_s: float) -> None:
    """Every question was answered rightly, every objection stored, and the end came in time."""
    print(f"ended in {took_s:.2f} s; {checking.told()}")  # noqa: T201 - for whoever asks with -s
    assert took_s < GRACE_S
    assert set(checking.counts()) == {(True, "DENY"), (False, "ALLOW")}
    assert checking.lost_writes == []
    assert checking.objections
