"""The version names what the policy states, not how its files are written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.policy.load import load_policy

Holder = dict[str, Any] | list[Any]


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
    """The content with the keys of every mapping, and the items of every list, reversed."""
    if isinstance(content, dict):
        return {key: turned(value) for key, value in reversed(content.items())}
    return content[::-1] if isinstance(content, list) else content


def leaves(content: Holder) -> Iterator[tuple[Any, Any]]:
    """Every mapping or list with a key at which it holds a single value."""
    for key, value in list(content.items() if isinstance(content, dict) else enumerate(content)):
        if isinstance(value, dict | list):
            yield from leaves(value)
        else:
            yield content, key


OTHER: dict[object, object] = {
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
    "name", ["controllers.yaml", "purposes.yaml", "recording.yaml", "IE.yaml", "IT.yaml"]
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


def test_added_territory_is_seen(packs: Path) -> None:
    """A territory more is another policy."""
    before = load_policy(packs).version
    content = read(packs / "PT.yaml")
    write(packs / "PT.yaml", {**content, "territories": ["XX"]})
    assert load_policy(packs).version != before
