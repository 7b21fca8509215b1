"""The database is lost, and what an operator does about it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from consent_registry_client import (
    Channel,
    Client,
    Reason,
    Source,
    expressed_at,
    subject,
)
from tests.conftest import run_sql
from tests.e2e.people import FRANCE, MARKETING, Person, paris, proof, somebody
from tests.e2e.registry_process import (
    TIMEOUT_S,
    NotYet,
    RegistryProcess,
    eventually,
    run_program,
    start_program,
)

LAG = b"\nconsent_registry_export_lag_seconds "


class Operator:
    """Runs the programs on one database after another, all with the same keys."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "elsewhere" / "registry.log"
        self.log.parent.mkdir()
        self._data_dir = folder / "data"
        self._settings = {"KEY_STORE_DIR": str(folder / "vault-keys")}
        keyring = str(folder / "keyring.json")
        self.run("keys", "generate", keyring)
        self._settings["KEYRING_FILE"] = keyring

    def use(self, database_url: str) -> None:
        """Takes a database into use."""
        self._settings["DATABASE_URL"] = database_url
        assert self.run("migrate").returncode == 0

    def serve(self) -> RegistryProcess:
        return RegistryProcess(self._data_dir, **self._settings)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start_program(self._data_dir, *arguments, **self._settings)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_program(self._data_dir, *arguments, **self._settings)


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


def answer(client: Client, person: Person) -> Reason.ValueType:
    """Why a person may or may not be sent an email."""
    return client.may_contact(
        controller=FRANCE,
        target=person.email,
        channel=Channel.CHANNEL_EMAIL,
        purpose=MARKETING,
        recipient_country="FR",
    ).reason


def test_a_lost_database_comes_back_from_its_exported_log(
    operator: Operator, new_database: Callable[[], str]
) -> None:
    """Export while serving, lose the database, migrate an empty one, reconcile, serve."""
    objector, consenter = somebody(), somebody()
    lost = new_database()
    operator.use(lost)
    registry = operator.serve()
    with Client(registry.address, timeout_s=30) as client:
        opt_out = client.add_do_not_contact(
            controller=FRANCE,
            request_id="the-first",
            subject=subject(objector.email),
            expression=expressed_at(paris(2025, 1, 14), source=Source.SOURCE_CHAT),
        )
        client.record_consent(
            controller=FRANCE,
            subject=subject(consenter.email),
            channels=[Channel.CHANNEL_EMAIL],
            purposes=[MARKETING],
            expression=expressed_at(paris(2025, 3, 18), source=Source.SOURCE_WEB_FORM),
            evidence=proof(),
        )
        assert LAG not in registry.metrics()
        exported = operator.run("export-log", str(operator.log))
        assert (exported.returncode, exported.stderr) == (0, "")
        before = [answer(client, person) for person in (objector, consenter, somebody())]
    assert registry.stop() == 0
    assert before == [Reason.REASON_OBJECTION, Reason.REASON_CONSENT, Reason.REASON_NO_CONSENT]

    empty = new_database()
    operator.use(empty)
    reconciled = operator.run("reconcile", str(operator.log))
    assert (reconciled.returncode, reconciled.stderr) == (0, "")
    assert "entry: 2 put back" in reconciled.stdout

    exported = operator.run("export-log", str(operator.log))
    assert exported.returncode == 0
    registry = operator.serve()
    with Client(registry.address, timeout_s=30) as client:
        assert [answer(client, person) for person in (objector, consenter)] == before[:2]
        repeated = client.add_do_not_contact(
            controller=FRANCE,
            request_id="the-first",
            subject=subject(objector.email),
            expression=expressed_at(paris(2025, 1, 14), source=Source.SOURCE_CHAT),
        )
        assert repeated == opt_out
        assert LAG + b"0.0\n" in registry.metrics()

        refused = operator.run("reconcile", str(operator.log))
    assert refused.returncode == 1
    assert "stop the servers first" in refused.stderr
    assert registry.stop() == 0
    identities = "SELECT entry_id, ciphertext FROM vault ORDER BY entry_id"
    assert run_sql(empty, identities) == run_sql(lost, identities) != []


def test_a_log_is_followed_until_it_is_told_to_stop(
    operator: Operator, new_database: Callable[[], str]
) -> None:
    """What is written meanwhile is in the file soon after; SIGTERM ends it in good order."""
    objector = somebody()
    operator.use(new_database())
    registry = operator.serve()
    follower = operator.start("export-log", str(operator.log), "--follow", "--interval-s", "0.05")
    with Client(registry.address, timeout_s=30) as client:
        recorded = client.add_do_not_contact(
            controller=FRANCE,
            subject=subject(objector.email),
            expression=expressed_at(paris(2025, 1, 14), source=Source.SOURCE_CHAT),
        )

    def require_entry() -> None:
        assert follower.poll() is None
        if not operator.log.exists() or recorded.entry_id.encode() not in operator.log.read_bytes():
            raise NotYet

    eventually(require_entry)
    follower.send_signal(signal.SIGTERM)
    said, _ = follower.communicate(timeout=TIMEOUT_S)

    assert follower.returncode == 0
    assert '"log_exported"' in said
    assert registry.stop() == 0
    assert operator.log.read_bytes().splitlines()[-1].startswith(b'{"checkpoint"')
