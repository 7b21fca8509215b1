"""New rules come into force without a restart; faulty ones never do."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from consent_registry.v1.policy_service_pb2 import GetPolicyRequest
from consent_registry_server import policy
from tests.e2e.connection import Connection
from tests.e2e.examples import EMAIL, question
from tests.e2e.people import somebody
from tests.e2e.registry_process import NotYet, RegistryProcess, eventually, run_program

_PACKAGED = Path(policy.__file__).with_name("packs")
_COMPANY = """\
rules:
  fr.email:
    soft_opt_in: none
"""


@dataclass
class Served:
    """A server over policy files that a test may change."""

    registry: RegistryProcess
    connection: Connection
    packs: Path
    company: Path

    def version(self) -> str:
        """The version that decisions name, and that is shown."""
        asked = question(somebody().email, EMAIL)

        def probe() -> str:
            decision = self.connection.decisions.CheckContact(asked).decision
            shown = self.connection.policy.GetPolicy(GetPolicyRequest(country="FR"))
            if shown.policy_version != decision.policy_version:
                # It changed between the two calls.
                raise NotYet(self.registry.log.decode())
            return str(decision.policy_version)

        return eventually(probe)

    def other_version(self, than: str) -> str:
        """The version once it is another one."""

        def probe() -> str:
            if (version := self.version()) == than:
                raise NotYet(self.registry.log.decode())
            return version

        return eventually(probe)

    def reload(self) -> None:
        self.registry.send_signal(signal.SIGHUP)

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [line for line in self.registry.log.splitlines() if line.startswith(b"{")]
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def awaited(self, name: str, times: int) -> dict[str, Any]:
        """The last event of a name, as soon as there are so many."""

        def probe() -> dict[str, Any]:
            events = self.events(name)
            if len(events) < times:
                raise NotYet(self.registry.log.decode())
            return events[-1]

        return eventually(probe)

    def legal_name(self, name: str) -> None:
        """A change free of faults."""
        file = self.packs / "controllers.yaml"
        text = (_PACKAGED / "controllers.yaml").read_text(encoding="utf-8")
        file.write_text(text.replace("Alarm Example France SAS", name), encoding="utf-8")

    def reloads(self, outcome: str) -> float:
        sample = f'consent_registry_policy_reloads_total{{outcome="{outcome}"}} '
        page = self.registry.metrics().decode().splitlines()
        (line,) = (each for each in page if each.startswith(sample))
        return float(line.removeprefix(sample))


def _serve(data_dir: Path, packs: Path, **settings: str) -> Iterator[Served]:
    company = packs.with_name("layer.yaml")
    company.write_text(_COMPANY, encoding="utf-8")
    registry = RegistryProcess(
        data_dir, POLICY_DIR=str(packs), COMPANY_POLICY_FILE=str(company), **settings
    )
    connection = Connection(registry.address)
    with closing(connection.channel):
        yield Served(registry, connection, packs, company)
    assert registry.stop() == 0


@pytest.fixture(scope="module")
def served(
    new_data_dir: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One that looks at its files when it is told."""
    packs = shutil.copytree(_PACKAGED, tmp_path_factory.mktemp("policy") / "packs")
    yield from _serve(new_data_dir(), packs, POLICY_RELOAD_INTERVAL_S="3600")


@pytest.fixture(scope="module")
def mounted(
    new_data_dir: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One whose files are mounted as Kubernetes mounts them, and which looks at them itself."""
    mount = tmp_path_factory.mktemp("mount") / "policy"
    shutil.copytree(_PACKAGED, mount / "..1")
    (mount / "..data").symlink_to("..1")
    for file in _PACKAGED.iterdir():
        (mount / file.name).symlink_to(Path("..data") / file.name)
    yield from _serve(new_data_dir(), mount, POLICY_RELOAD_INTERVAL_S="0.05")


def test_a_hangup_puts_changed_rules_in_force(served: Served) -> None:
    """In decisions and in what the PolicyService shows; the database has them."""
    before = served.version()
    served.legal_name("Alarm Example Two SAS")

    served.reload()
    after = served.other_version(before)

    event = served.awaited("policy_reloaded", 1)
    assert (event["old"], event["new"]) == (before, after)
    metrics = served.registry.metrics().decode()
    assert f'consent_registry_policy_info{{version="{after}"}} 1.0' in metrics
    assert before not in metrics


def test_a_faulty_file_leaves_the_rules_in_force(served: Served) -> None:
    """Until it is put right."""
    before = served.version()
    reloaded = len(served.events("policy_reloaded"))
    file = served.packs / "FR.yaml"
    good = file.read_text(encoding="utf-8")
    served.legal_name("Alarm Example Four SAS")
    file.write_text(good.replace("channel: SMS", "channel: PIGEON", 1), encoding="utf-8")

    served.reload()
    event = served.awaited("policy_refused", 1)

    assert served.version() == event["in_force"] == before
    assert any(fault.startswith("FR.yaml:") for fault in event["faults"])
    assert served.reloads("refused") == 1
    file.write_text(good, encoding="utf-8")
    served.reload()
    assert served.other_version(before) == served.awaited("policy_reloaded", reloaded + 1)["new"]


def test_a_company_layer_that_loosens_a_rule_leaves_the_rules_in_force(served: Served) -> None:
    """It is refused with the rule named, as it is at start."""
    before = served.version()
    refused = len(served.events("policy_refused"))
    served.company.write_text("rules: {fr.voice_call: {attempt_cap: {attempts: 40, days: 30}}}")

    served.reload()
    event = served.awaited("policy_refused", refused + 1)

    assert served.version() == before
    assert any("fr.voice_call" in fault for fault in event["faults"])
    served.company.write_text(_COMPANY, encoding="utf-8")


def test_a_company_layer_that_loosens_a_rule_is_refused_at_start(
    new_data_dir: Callable[[], Path], tmp_path: Path
) -> None:
    """Before anything is started."""
    company = tmp_path / "layer.yaml"
    company.write_text("rules: {fr.voice_call: {attempt_cap: {attempts: 40, days: 30}}}")

    refused = run_program(new_data_dir(), "serve", COMPANY_POLICY_FILE=str(company))

    assert refused.returncode == 1
    assert "rules.fr.voice_call.attempt_cap" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_files_that_are_swapped_under_a_server_come_into_force(mounted: Served) -> None:
    """Nobody told it; all of them at once."""
    before = mounted.version()
    shutil.copytree(mounted.packs / "..1", mounted.packs / "..2")
    file = mounted.packs / "..2" / "controllers.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Alarm Example France SAS", "Alarm Example Two SAS"))
    link = mounted.packs / "..new"
    link.symlink_to("..2")

    os.replace(link, mounted.packs / "..data")  # noqa: PTH105 - the very call that swaps them
    after = mounted.other_version(before)

    assert mounted.events("policy_refused") == []
    stored = mounted.connection.policy.GetPolicy(GetPolicyRequest())
    assert stored.policy_version == after
    assert "Alarm Example Two SAS" in {each.legal_name for each in stored.controllers}


def test_a_stored_policy_can_be_compared_with_the_files(mounted: Served) -> None:
    """As long as its database is there, whatever became of its files."""
    event = mounted.awaited("policy_reloaded", 1)

    done = run_program(
        mounted.registry.data_dir,
        "policy",
        "diff",
        f"stored:{event['old']}",
        f"stored:{event['new']}",
    )

    assert done.returncode == 0, done.stderr
    assert "controller alarm-fr: legal_name" in done.stdout
    assert f"{event['old']} -> {event['new']}: 1 changes" in done.stdout
    assert mounted.version() == event["new"]
