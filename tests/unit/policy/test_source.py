"""The policy in force follows its files, as a whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture
from structlog.typing import EventDict, FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError, Unavailable
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import policy_of, read_files
from consent_registry_server.policy.source import PolicyInForce, read_edition
from consent_registry_server.renewal import MAX_READINGS
from consent_registry_server.service.ports import Reload
from tests.fakes.ambience import SetClock

NOW_US = 1_800_000_000_000_000
WAIT_S = 10.0

Files = Mapping[str, str]


class Versions:
    """Remembers what was activated, and may be out of reach."""

    def __init__(self) -> None:
        self.activated: list[tuple[str, Files, int]] = []
        self.is_reachable = True
        self.watch: Callable[[], object] = lambda: None

    def activate(self, version: str, files: Files, *, at_us: int) -> None:
        if not self.is_reachable:
            raise Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")
        self.watch()
        self.activated.append((version, dict(files), at_us))

    def version_at(self, at_us: int) -> str | None:
        raise NotImplementedError

    def files(self, version: str) -> dict[str, str] | None:
        raise NotImplementedError


@dataclass
class Bench:
    """A policy in force over a directory, and all that it says to the outside."""

    packs: Path
    policy: PolicyInForce
    versions: Versions
    counted: list[Reload]
    log: LogCapture
    pauses: list[Callable[[], None]]
    """What happens during the next pauses between two readings."""

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.packs / file).read_text(encoding="utf-8")
        assert old in text
        (self.packs / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    def rename_controller(self, name: str) -> None:
        """A change free of faults."""
        self.edit("controllers.yaml", "Alarm Example France SAS", name)

    def spoil(self) -> None:
        """A change that is none."""
        self.edit("FR.yaml", "channel: SMS", "channel: PIGEON")

    def events(self) -> list[EventDict]:
        return self.log.entries


def logger_to(capture: LogCapture) -> FilteringBoundLogger:
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.testing.ReturnLogger(),
        processors=[capture],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return logger


@pytest.fixture
def bench(packs: Path) -> Bench:
    def read() -> Files:
        return read_files(packs, None)

    counted: list[Reload] = []
    pauses: list[Callable[[], None]] = []
    versions, log = Versions(), LogCapture()
    policy = PolicyInForce(
        read_edition(read, lambda: None),
        read,
        versions=versions,
        clock=SetClock(NOW_US),
        logger=logger_to(log),
        counted=counted.append,
        pause=lambda: pauses.pop(0)() if pauses else None,
    )
    return Bench(packs, policy, versions, counted, log, pauses)


def legal_name(policy: Policy) -> str:
    return next(each.legal_name for key, each in policy.controllers.items() if key == "alarm-fr")


# Starting


def test_the_first_policy_is_stored_before_it_answers(bench: Bench) -> None:
    """With the text of its files and the time."""
    bench.policy.activate()
    assert bench.versions.activated == [
        (bench.policy().version, read_files(bench.packs, None), NOW_US)
    ]


def test_a_policy_that_cannot_be_stored_does_not_start(bench: Bench) -> None:
    """Its decisions could not be explained later."""
    bench.versions.is_reachable = False
    with pytest.raises(Unavailable):
        bench.policy.activate()


def test_a_faulty_policy_does_not_start(bench: Bench) -> None:
    """All faults are in the error."""
    bench.spoil()
    with pytest.raises(ConfigurationError, match=r"FR\.yaml:\d+: rules\.fr\.sms\.channel"):
        read_edition(lambda: read_files(bench.packs, None), lambda: None)


# Reloading


def test_files_that_did_not_change_are_left_alone(bench: Bench) -> None:
    """Nothing is stored, counted or logged, and the policy is the very same."""
    before = bench.policy()
    bench.policy.reload()
    assert bench.policy() is before
    assert (bench.versions.activated, bench.counted, bench.events()) == ([], [], [])


def test_a_changed_policy_replaces_the_old_one(bench: Bench) -> None:
    """Stored, counted and logged with both versions."""
    old = bench.policy().version
    bench.rename_controller("Alarm Example Two SAS")
    bench.policy.reload()
    new = bench.policy().version
    assert legal_name(bench.policy()) == "Alarm Example Two SAS"
    assert bench.versions.activated == [(new, read_files(bench.packs, None), NOW_US)]
    assert bench.counted == [Reload.DONE]
    assert bench.events() == [
        {"event": "policy_reloaded", "old": old, "new": new, "log_level": "info"}
    ]


def test_a_policy_is_stored_before_it_is_in_force(bench: Bench) -> None:
    """No decision names a version that the database does not know."""
    old = bench.policy().version
    in_force: list[str] = []
    bench.versions.watch = lambda: in_force.append(bench.policy().version)
    bench.rename_controller("Alarm Example Two SAS")
    bench.policy.reload()
    assert in_force == [old]
    assert bench.policy().version != old


def test_a_comment_makes_no_new_policy(bench: Bench) -> None:
    """The version is that of the rules, not of their spelling."""
    before = bench.policy()
    bench.edit("FR.yaml", "rules:", "# A remark.\nrules:")
    bench.policy.reload()
    assert bench.policy() is before
    assert (bench.versions.activated, bench.counted, bench.events()) == ([], [], [])


def test_a_faulty_file_leaves_the_policy_in_force(bench: Bench) -> None:
    """Its faults are logged once, and counted as long as they are there."""
    before = bench.policy()
    bench.rename_controller("Alarm Example Two SAS")
    bench.spoil()
    for _ in range(3):
        bench.policy.reload()
    assert bench.policy() is before
    assert bench.versions.activated == []
    assert bench.counted == [Reload.REFUSED] * 3
    (event,) = bench.events()
    assert (event["event"], event["log_level"]) == ("policy_refused", "error")
    assert event["in_force"] == before.version
    (fault,) = event["faults"]
    assert fault.startswith("FR.yaml:")
    assert "rules.fr.sms.channel" in fault


def test_a_missing_file_leaves_the_policy_in_force(bench: Bench) -> None:
    """As any other fault does."""
    before = bench.policy()
    (bench.packs / "purposes.yaml").unlink()
    bench.policy.reload()
    assert bench.policy() is before
    assert [event["event"] for event in bench.events()] == ["policy_refused"]


def test_a_missing_directory_leaves_the_policy_in_force(bench: Bench) -> None:
    """A volume may vanish for a moment."""
    before = bench.policy()
    bench.packs.rename(bench.packs.with_name("elsewhere"))
    bench.policy.reload()
    assert bench.policy() is before
    assert bench.counted == [Reload.REFUSED]


def test_a_file_that_was_put_right_comes_into_force(bench: Bench) -> None:
    """Nobody need restart anything."""
    bench.spoil()
    bench.policy.reload()
    bench.edit("FR.yaml", "channel: PIGEON", "channel: SMS")
    bench.rename_controller("Alarm Example Two SAS")
    bench.policy.reload()
    assert legal_name(bench.policy()) == "Alarm Example Two SAS"
    assert bench.counted == [Reload.REFUSED, Reload.DONE]


def test_a_fault_that_returns_is_logged_again(bench: Bench) -> None:
    """It is another incident."""
    for _ in range(2):
        bench.spoil()
        bench.policy.reload()
        bench.edit("FR.yaml", "channel: PIGEON", "channel: SMS")
        bench.policy.reload()
    assert [event["event"] for event in bench.events()] == ["policy_refused"] * 2


def test_a_fault_that_returns_after_another_policy_is_logged_again(bench: Bench) -> None:
    """The very same text, by a mistaken deployment."""
    bench.spoil()
    bench.policy.reload()
    bench.edit("FR.yaml", "channel: PIGEON", "channel: SMS")
    bench.rename_controller("Alarm Example Two SAS")
    bench.policy.reload()
    bench.edit("controllers.yaml", "Alarm Example Two SAS", "Alarm Example France SAS")
    bench.spoil()
    bench.policy.reload()
    assert [event["event"] for event in bench.events()] == [
        "policy_refused",
        "policy_reloaded",
        "policy_refused",
    ]


def test_a_policy_waits_for_the_database(bench: Bench) -> None:
    """The old one stays in force until the new one can be stored."""
    before = bench.policy()
    bench.rename_controller("Alarm Example Two SAS")
    bench.versions.is_reachable = False
    bench.policy.reload()
    bench.policy.reload()
    assert bench.policy() is before
    bench.versions.is_reachable = True
    bench.policy.reload()
    assert legal_name(bench.policy()) == "Alarm Example Two SAS"
    assert bench.counted == [Reload.NOT_STORED, Reload.NOT_STORED, Reload.DONE]
    assert [event["event"] for event in bench.events()] == ["policy_not_stored", "policy_reloaded"]
    assert bench.events()[0]["reason"] == "DATABASE_UNAVAILABLE"


def test_a_fault_of_the_program_leaves_the_policy_in_force(bench: Bench) -> None:
    """The thread that watches the files must not end by it."""
    before = bench.policy()
    bench.versions.watch = lambda: 1 // 0
    bench.rename_controller("Alarm Example Two SAS")
    bench.policy.reload()
    assert bench.policy() is before
    assert bench.counted == [Reload.FAILED]
    assert [event["event"] for event in bench.events()] == ["policy_reload_failed"]


# Torn readings


def test_files_that_change_while_they_are_read_are_read_again(bench: Bench) -> None:
    """What was read first is a mixture, though free of faults, and never comes into force."""
    seen: list[str] = []
    bench.pauses += [
        lambda: bench.edit("controllers.yaml", "Alarm Example Norge AS", "Alarm Example Two AS"),
        lambda: seen.append(legal_name(bench.policy())),
    ]
    bench.rename_controller("Alarm Example Two SAS")
    bench.policy.reload()
    (stored,) = bench.versions.activated
    assert stored[1] == read_files(bench.packs, None)
    assert stored[0] == bench.policy().version == policy_of(stored[1]).version
    assert seen == ["Alarm Example France SAS"]


def test_files_that_never_hold_still_are_refused(bench: Bench) -> None:
    """Until they do."""
    before = bench.policy()
    bench.rename_controller("Alarm Example 0 SAS")

    def write(number: int) -> Callable[[], None]:
        return lambda: bench.edit("controllers.yaml", f"Example {number}", f"Example {number + 1}")

    bench.pauses += [write(number) for number in range(MAX_READINGS)]
    bench.policy.reload()
    assert bench.policy() is before
    assert bench.counted == [Reload.REFUSED]
    bench.policy.reload()
    assert legal_name(bench.policy()) == f"Alarm Example {MAX_READINGS} SAS"


def test_a_swapped_directory_is_read_as_one(bench: Bench, tmp_path: Path) -> None:
    """A ConfigMap's files are links into a directory whose link is replaced."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "..data").symlink_to(bench.packs, target_is_directory=True)
    for file in bench.packs.iterdir():
        (mounted / file.name).symlink_to(Path("..data") / file.name)
    before = read_files(mounted, None)
    bench.rename_controller("Alarm Example Two SAS")
    assert read_files(mounted, None) == read_files(bench.packs, None) != before


# Concurrent readers


def test_readers_see_one_of_two_whole_policies(bench: Bench) -> None:
    """While the policy changes under them again and again."""
    texts = []
    for name in ("Alarm Example One SAS", "Alarm Example Two SAS"):
        text = dict(read_files(bench.packs, None))
        text["controllers.yaml"] = text["controllers.yaml"].replace(
            "Alarm Example France SAS", name
        )
        texts.append((text, policy_of(text).version, name))
    current = iter(texts * 5)
    expected = {bench.policy().version: "Alarm Example France SAS"} | {
        version: name for _, version, name in texts
    }
    wrong: list[Policy] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            policy = bench.policy()
            if expected.get(policy.version) != legal_name(policy):
                wrong.append(policy)

    readers = [threading.Thread(target=look) for _ in range(4)]
    for reader in readers:
        reader.start()
    for text, version, _ in current:
        bench.policy._policy._read = lambda text=text: text  # type: ignore[misc]  # noqa: SLF001
        bench.policy.reload()
        assert bench.policy().version == version
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
