"""The version names what the policy states, not how its files are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import load_policy, policy_of, read_files

Holder = dict[str, Any] | list[Any]
T = TypeVar("T")


@pytest.fixture
def small_packs(packs: Path) -> Path:
    """The packaged policy for Ireland and Italy alone, as it is loaded hundreds of times."""
    for file in packs.glob("[A-Z][A-Z].yaml"):
        if file.name not in {"IE.yaml", "IT.yaml"}:
            file.unlink()
    content = read(packs / "controllers.yaml")
    kept = {key: content["controllers"][key] for key in ("alarm-ie", "alarm-it")}
    write(packs / "controllers.yaml", {"controllers": kept})
    return packs


def read(file: Path) -> dict[str, Any]:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def write(file: Path, content: object) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def turned(content: object) -> object:
    """The content with the keys of every mapping, and the items of every list, reversed.

    The first time zone stays the first: it is the capital's.
    """
    if isinstance(content, dict):
        return {key: turned(value) for key, value in reversed(content.items())} | (
            {"time_zones": [content["time_zones"][0], *content["time_zones"][:0:-1]]}
            if "time_zones" in content
            else {}
        )
    return [turned(item) for item in reversed(content)] if isinstance(content, list) else content


def leaves(content: Holder) -> Iterator[tuple[Any, Any]]:
    """Every mapping or list with a key at which it holds a single value."""
    for key, value in list(content.items() if isinstance(content, dict) else enumerate(content)):
        if isinstance(value, dict | list):
            yield from leaves(value)
        else:
            yield content, key


OTHER: dict[object, object] = {
    "business": "consumer",
    "none": None,
    "any": None,
    "SAT": "SUN",
    "09:00": "08:59",
    "20:00": "20:01",
    "later_consent": "consent",
    "Europe/Dublin": "Europe/London",
    "Europe/Rome": "Europe/Malta",
    "opt_in": "opt_out",
    "opt_out": "opt_in",
    "high": "medium",
    "medium": "low",
    "unlimited": 24,
}


def other(value: object) -> object:
    """Another value, valid where there is one of the kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, date):
        return value - timedelta(days=1)
    return OTHER.get(value, f"{value}x")


def version_unless_refused(directory: Path, file: str) -> str | None:
    """The policy's version; None where it is refused for a fault in the given file."""
    try:
        return load_policy(directory).version
    except ConfigurationError as error:
        if f"  {file}:" not in error.message:
            raise
        return None


def test_version_is_a_short_digest(packs: Path) -> None:
    """Sixteen hexadecimal digits, the same for the packaged files and a copy of them."""
    assert re.fullmatch(r"[0-9a-f]{16}", load_policy().version)
    assert load_policy(packs).version == load_policy().version


def test_order_leaves_no_trace(packs: Path) -> None:
    """The order of keys, rules and territories does not count."""
    before = load_policy(packs)
    for file in packs.iterdir():
        write(file, turned(read(file)))
    after = load_policy(packs)
    assert after == before
    assert after.version == before.version


def test_comments_and_style_leave_no_trace(packs: Path) -> None:
    """Comments, quotes and defaults written out do not count."""
    before = load_policy(packs).version
    file = packs / "IT.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace(
        "channel: SMS\n", "channel: 'SMS'  # why\n    running_contract_exemption: no\n"
    )
    file.write_text("# Reviewed.\n\n" + text, encoding="utf-8")
    assert load_policy(packs).version == before


@pytest.mark.parametrize(
    "name",
    [
        "controllers.yaml",
        "purposes.yaml",
        "recording.yaml",
        "unverified.yaml",
        "IE.yaml",
        "IT.yaml",
    ],
)
def test_any_change_is_seen_or_refused(small_packs: Path, name: str) -> None:
    """No value can change without a new version, unless the policy is refused for it."""
    file = small_packs / name
    content = read(file)
    versions = [load_policy(small_packs).version]
    for holder, key in leaves(content):
        kept = holder[key]
        holder[key] = other(kept)
        write(file, content)
        version = version_unless_refused(small_packs, name)
        versions += [version] if version else []
        holder[key] = kept
    assert len(versions) > 1
    assert len(set(versions)) == len(versions)


# File, a text of it, and another in its place.
MEANINGFUL = {
    "regime": ("FR.yaml", "regime: opt_out", "regime: null"),
    "soft opt-in": ("FR.yaml", "within_months: unlimited", "within_months: 24"),
    "running contract": ("FR.yaml", "    running_contract_exemption: true\n", ""),
    "consent validity": ("FR.yaml", "consent_validity_months: 12", "consent_validity_months: 11"),
    "proof retention": ("FR.yaml", "proof_retention_months: 36", "proof_retention_months: 37"),
    "first day": ("FR.yaml", "valid_from: 2026-08-11", "valid_from: 2026-08-12"),
    "last day": ("FR.yaml", "valid_to: 2026-08-10", "valid_to: 2026-08-09"),
    "rule id": ("FR.yaml", "fr.voice_call:", "fr.voice_call.since_2026_08_11:"),
    "register": ("FR.yaml", "name: Bloctel", "name: Bloctel 2"),
    "scrub age": ("IT.yaml", "scrub_age_days: 15", "scrub_age_days: 14"),
    "unknown scrub age": ("IT.yaml", "scrub_age_days: 15", "scrub_age_days: null"),
    "verified scrub age": ("FR.yaml", "scrub_age_days: null", "scrub_age_days: 1"),
    "exemption": ("FR.yaml", "exemptions: [later_consent]", "exemptions: []"),
    "ended contract": (
        "IT.yaml", "contract_ended_within_days: 30", "contract_ended_within_days: 29",
    ),
    "beginning": ("FR.yaml", 'from: "10:00"', 'from: "09:59"'),
    "end": ("FR.yaml", 'to: "13:00"', 'to: "13:01"'),
    "days": ("FR.yaml", "[MON, TUE, WED, THU, FRI]", "[MON, TUE, WED, THU, FRI, SAT]"),
    "holiday": ("FR.yaml", "[MON, TUE, WED, THU, FRI]", "[HOLIDAY, MON, TUE, WED, THU, FRI]"),
    "holiday eve": ("IT.yaml", "[SAT, HOLIDAY_EVE]", "[SAT]"),
    "no hours": ("FR.yaml", "contact_hours: any", "contact_hours: null"),
    "no cap": ("FR.yaml", "attempt_cap: none", "attempt_cap: null"),
    "attempts": ("FR.yaml", "attempts: 4", "attempts: 5"),
    "days of the cap": ("FR.yaml", "days: 30", "days: 28"),
    "citation": ("FR.yaml", "citation: CPCE art. L34-5", "citation: CPCE art. L34"),
    "last check": ("FR.yaml", "checked_on: 2026-11-22", "checked_on: 2026-11-21"),
    "confidence": ("FR.yaml", "confidence: high", "confidence: low"),
    "time zone": ("ES.yaml", ", Africa/Ceuta", ""),
    "capital": ("ES.yaml", "Europe/Madrid, Atlantic/Canary", "Atlantic/Canary, Europe/Madrid"),
    "territory": ("FR.yaml", '"GP", ', ""),
    "legal name": ("controllers.yaml", "France SAS", "France SARL"),
    "purpose": ("purposes.yaml", "The controller's newsletter", "A newsletter"),
    "channels of a purpose": ("purposes.yaml", "[ONLINE_ADVERTISING, PROCESSING]", "[PROCESSING]"),
    "recording": ("recording.yaml", "Quality control and training", "Training"),
    "retention": ("recording.yaml", "retention_months: 6", "retention_months: 5"),
    "unverified hours": ("unverified.yaml", 'to: "19:00"', 'to: "18:59"'),
    "unverified cap": ("unverified.yaml", "days: 30", "days: 31"),
    "unverified scrub age": ("unverified.yaml", "scrub_age_days: 1", "scrub_age_days: 2"),
}  # fmt: skip


def test_every_key_that_means_something_is_seen(packs: Path) -> None:
    """A policy that says something else is another version, each of them."""
    files = read_files(packs, None)
    versions = {"as packaged": policy_of(files).version}
    for name, (file, old, new) in MEANINGFUL.items():
        assert old in files[file], name
        versions[name] = policy_of({**files, file: files[file].replace(old, new, 1)}).version
    assert len(set(versions.values())) == len(versions)


@pytest.fixture(scope="module")
def small_files() -> dict[str, str]:
    """The texts of a policy for Ireland and Italy, with a company layer."""
    files = read_files(None, None)
    left_out = {f"{country}.yaml" for country in ("FR", "NO", "SE", "FI", "ES", "PT")}
    kept = {name: text for name, text in files.items() if name not in left_out}
    controllers = yaml.safe_load(kept["controllers.yaml"])["controllers"]
    two = {key: controllers[key] for key in ("alarm-ie", "alarm-it")}
    kept["controllers.yaml"] = yaml.safe_dump({"controllers": two})
    kept["company.yaml"] = LAYER
    return kept


LAYER = """
rules:
  it.voice_call:
    regime: opt_in
    contact_hours:
      - {days: [MON, TUE], from: "10:00", to: "12:00"}
      - {days: [MON], from: "14:00", to: "18:00"}
  ie.email: {soft_opt_in: none}
  it.post: {register: {scrub_age_days: 5}}
"""


@pytest.fixture(scope="module")
def small_policy(small_files: dict[str, str]) -> Policy:
    return policy_of(small_files)


@settings(max_examples=15, deadline=None)
@given(randomness=st.randoms(use_true_random=False))
def test_no_order_of_files_or_within_them_leaves_a_trace(
    small_files: dict[str, str], small_policy: Policy, randomness: Random
) -> None:
    """However rules, keys, windows and files are shuffled, policy and version are the same."""
    shuffled = {
        name: yaml.safe_dump(reordered(yaml.safe_load(text), randomness), sort_keys=False)
        for name, text in drawn(small_files.items(), randomness)
    }
    assert policy_of(shuffled) == small_policy


def drawn(items: Iterable[T], randomness: Random) -> list[T]:
    return randomness.sample(found := [*items], len(found))


def reordered(content: object, randomness: Random) -> object:
    """The content with all that it holds in another order."""
    if isinstance(content, dict):
        items = drawn(content.items(), randomness)
        return {key: reordered(value, randomness) for key, value in items}
    if isinstance(content, list):
        return [reordered(item, randomness) for item in drawn(content, randomness)]
    return content


def test_the_company_layer_is_seen(small_files: dict[str, str]) -> None:
    """Each value of it makes another version; a layer that says nothing makes none."""
    without = {name: text for name, text in small_files.items() if name != "company.yaml"}
    layers = {
        "none": None,
        "cap": "rules: {it.voice_call: {attempt_cap: {attempts: 3, days: 30}}}",
        "another cap": "rules: {it.voice_call: {attempt_cap: {attempts: 3, days: 31}}}",
        "regime": "rules: {it.voice_call: {regime: opt_in}}",
        "another rule": "rules: {it.post: {regime: opt_in}}",
        "validity": "rules: {it.email: {consent_validity_months: 12}}",
    }
    versions = {
        name: policy_of(without if text is None else {**without, "company.yaml": text}).version
        for name, text in layers.items()
    }
    assert len(set(versions.values())) == len(layers)
    nothing = policy_of({**without, "company.yaml": "rules: {}"})
    assert nothing == policy_of(without)


def test_added_territory_is_seen(packs: Path) -> None:
    """A territory more is another policy."""
    before = load_policy(packs).version
    content = read(packs / "PT.yaml")
    write(packs / "PT.yaml", {**content, "territories": ["MO"]})
    assert load_policy(packs).version != before
