"""A new version beside the old one, on a schema that is new while both answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from consent_registry.v1.contact_pb2 import CHANNEL_EMAIL
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from tests.e2e.checking import Checking, People, require_objections
from tests.e2e.connection import Connection
from tests.e2e.kubernetes_service import LIVENESS, SERVING, KubernetesService, health
from tests.e2e.kubernetes_service import wait_until_ready as wait_until
from tests.e2e.next_release import REVISION, Support, python_path
from tests.e2e.outside_database import OutsideDatabase
from tests.e2e.people import FRANCE, MARKETING, somebody
from tests.e2e.registry_process import (
    PROGRAM,
    TIMEOUT_S,
    RegistryProcess,
    environment,
    run_program,
)

RATE_HZ = 100


@pytest.fixture
def release_to_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Support], None]:
    """Has programs that are started from now on be of the release to come."""

    def come(support: Support) -> None:
        monkeypatch.setenv("PYTHONPATH", python_path(tmp_path, support))

    return come


def migrate_twice_at_once(outside_database: OutsideDatabase) -> list[str]:
    """Two replicas of the migration, and what they say."""
    started = [
        subprocess.Popen(
            [PROGRAM, "migrate", "--wait", "30"],
            env=environment(outside_database.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=TIMEOUT_S)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    return said


def test_old_and_new_answer_on_the_new_schema_and_back_again(
    new_data_dir: Callable[[], Path],
    outside_database: OutsideDatabase,
    release_to_come: Callable[[Support], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under load, without a failed call; two migrations at once migrate once."""
    directory = new_data_dir()
    with KubernetesService() as service:
        old = RegistryProcess(directory, **outside_database.settings)
        service.add(old)
        people = People.known_to(service.address)
        with Checking(service.address, people, rate_hz=RATE_HZ) as checking:
            checking.wait_for(RATE_HZ)

            release_to_come(Support.YES)
            said = migrate_twice_at_once(outside_database)
            assert all(REVISION in each for each in said)
            assert outside_database.scalar("SELECT count(*) FROM expanded") == 1
            new = RegistryProcess(directory, **outside_database.settings)
            service.add(new)
            checking.wait_for(2 * RATE_HZ)
            service.remove(old)
            assert old.stop() == 0
            checking.wait_for(RATE_HZ)

            monkeypatch.delenv("PYTHONPATH")
            back = run_program(directory, "migrate", **outside_database.settings)
            assert (back.returncode, REVISION in back.stdout) == (0, True)
            old_again = RegistryProcess(directory, **outside_database.settings)
            service.add(old_again)
            service.remove(new)
            assert new.stop() == 0
            checking.wait_for(RATE_HZ)
        require_objections(service.address, checking.objections)
        wait_until(old_again)
    assert set(checking.counts()) == {(True, "DENY"), (False, "ALLOW")}
    assert checking.lost_writes == []
    assert old_again.stop() == 0


def test_a_schema_that_ends_the_support_of_a_program_makes_it_unready(
    new_data_dir: Callable[[], Path],
    outside_database: OutsideDatabase,
    release_to_come: Callable[[Support], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It lives on, refuses, and says so; it does not start again, and does not migrate."""
    directory = new_data_dir()
    old = RegistryProcess(directory, **outside_database.settings)
    wait_until(old)
    # Without the client library, which would turn away by itself.
    kept = Connection(old.address)
    question = CheckContactRequest(
        controller=FRANCE, target=somebody().email, channel=CHANNEL_EMAIL, purpose=MARKETING
    )
    assert kept.decisions.CheckContact(question).HasField("decision")

    release_to_come(Support.NO)
    outside_database.migrate()
    monkeypatch.delenv("PYTHONPATH")

    wait_until(old, is_ready=False)
    assert health(old, LIVENESS) == SERVING
    with closing(kept.channel), pytest.raises(grpc.RpcError) as refused:
        kept.decisions.CheckContact(question)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert old.stop() == 0
    for command in ("serve", "migrate"):
        ended = run_program(directory, command, **outside_database.settings)
        assert ended.returncode == 1
        assert f"{REVISION}, which does not support this program" in ended.stderr


def test_the_release_to_come_is_what_runs(
    outside_database: OutsideDatabase, release_to_come: Callable[[Support], None]
) -> None:
    """Or the other tests would say nothing."""
    release_to_come(Support.YES)
    where = "import consent_registry_server as package; print(package.__file__)"
    python = Path(PROGRAM).with_name("python")
    ran = subprocess.run(
        [python, "-c", where],
        env=environment(outside_database.settings),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.startswith(os.environ["PYTHONPATH"])
