"""Past policies, read again from what was kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from consent_registry_server.domain.errors import NotFound
from consent_registry_server.policy.archive import CACHED_POLICIES, PastPolicies
from consent_registry_server.policy.load import policy_of, read_files
from consent_registry_server.service.ports import PolicyArchive


class Kept:
    """Texts by version, and how often each was asked for."""

    def __init__(self) -> None:
        self.texts: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []

    def activate(self, version: str, files: object, *, at_us: int) -> None:
        raise NotImplementedError

    def version_at(self, at_us: int) -> str | None:
        return None if at_us < 0 else f"at {at_us}"

    def files(self, version: str) -> dict[str, str] | None:
        self.asked.append(version)
        return self.texts.get(version)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def log() -> LogCapture:
    return LogCapture()


@pytest.fixture
def archive(kept: Kept, log: LogCapture) -> PolicyArchive:
    logger = structlog.wrap_logger(
        structlog.testing.ReturnLogger(),
        processors=[log],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return PastPolicies(kept, logger=logger)


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return read_files(None, None)


def test_a_stored_policy_is_the_one_that_was_stored(
    kept: Kept, archive: PolicyArchive, files: dict[str, str]
) -> None:
    """Rule by rule."""
    policy = policy_of(files)
    kept.texts[policy.version] = files
    assert archive.policy(policy.version) == policy


def test_a_policy_is_parsed_once(kept: Kept, archive: PolicyArchive, files: dict[str, str]) -> None:
    """Parsing takes longer than all the rest of an explanation."""
    kept.texts["v"] = files
    assert archive.policy("v") is archive.policy("v")
    assert kept.asked == ["v"]


def test_the_policy_longest_unused_is_forgotten(
    kept: Kept, archive: PolicyArchive, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few are kept."""
    policy = policy_of(files)
    monkeypatch.setattr("consent_registry_server.policy.archive.policy_of", lambda _: policy)
    versions = [f"v{number}" for number in range(CACHED_POLICIES)]
    kept.texts |= dict.fromkeys([*versions, "one more"], files)
    for version in (*versions, "v0", "one more"):
        archive.policy(version)
    kept.asked.clear()
    archive.policy("v0")
    archive.policy("v1")
    assert kept.asked == ["v1"]


def test_a_policy_that_never_was_is_none(kept: Kept, archive: PolicyArchive) -> None:
    """Asked again it may have come, from another server."""
    assert archive.policy("v") is None
    assert archive.policy("v") is None
    assert kept.asked == ["v", "v"]


def test_a_text_that_can_no_longer_be_read_gives_no_answer(
    kept: Kept, archive: PolicyArchive, files: dict[str, str], log: LogCapture
) -> None:
    """Rather than a wrong one; the operator is told why."""
    kept.texts["old"] = files | {
        "FR.yaml": files["FR.yaml"].replace("channel: SMS", "channel: PIGEON")
    }
    with pytest.raises(NotFound) as refused:
        archive.policy("old")
    assert refused.value.reason == "UNKNOWN_POLICY_VERSION"
    assert "old" in refused.value.message
    (event,) = log.entries
    assert (event["event"], event["version"]) == ("stored_policy_unreadable", "old")
    assert any(fault.startswith("FR.yaml:") for fault in event["faults"])


def test_a_policy_keeps_the_version_under_which_it_was_in_force(
    kept: Kept, archive: PolicyArchive, files: dict[str, str]
) -> None:
    """Though a later program would digest the same text otherwise."""
    kept.texts["of another program"] = files
    policy = archive.policy("of another program")
    assert policy is not None
    assert policy.version == "of another program"
    assert policy.rules == policy_of(files).rules


def test_the_version_of_a_time_is_asked_of_the_database(archive: PolicyArchive) -> None:
    """None before the first."""
    assert archive.version_at(5) == "at 5"
    assert archive.version_at(-5) is None


def test_packaged_files_are_whole(files: dict[str, str], tmp_path: Path) -> None:
    """What is stored is enough to read the policy without any directory."""
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert policy_of(read_files(tmp_path, None)) == policy_of(files)
