"""What a spoilt policy is refused for."""

from __future__ import annotations

import re
from pathlib import Path

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.policy.load import load_policy


def faults(directory: Path, company_file: Path | None = None) -> list[str]:
    """The lines of the refusal, or none where the policy loads."""
    try:
        load_policy(directory, company_file=company_file)
    except ConfigurationError as error:
        return [line.strip() for line in error.message.splitlines()[1:]]
    return []


def edit(file: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def assert_named(directory: Path, *, file: str, expected: str) -> None:
    """One of the faults is the expected one, a regular expression, and has the line of its key."""
    found = faults(directory)
    fault = next((fault for fault in found if re.match(expected, fault)), None)
    assert fault, found
    place, key, *_ = fault.split(": ")
    if key != "not plain YAML":
        number = int(place.partition(":")[2])
        line = (directory / file).read_text(encoding="utf-8").splitlines()[number - 1]
        word = line.strip().partition(":")[0]
        assert f".{word}." in f".{key}." or line.strip().startswith("- {"), line
