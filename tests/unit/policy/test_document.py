"""docs/policy.md says what the packs say."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.handbook import handbook
from consent_registry_server.policy.load import load_policy

DOCUMENT = Path(__file__).parents[3] / "docs" / "policy.md"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="module")
def text(policy: Policy) -> str:
    return handbook(policy)


def test_the_document_is_what_the_packs_generate(text: str) -> None:
    """After a change of the packs: `make policy-doc`."""
    assert DOCUMENT.read_text(encoding="utf-8") == text


def test_every_rule_is_in_the_document_once(policy: Policy, text: str) -> None:
    """With the law it comes from; a rule that is open is listed as such besides."""
    tables = text.partition("\n## Spain (ES)")[2]
    for rules in policy.rules.values():
        for rule in rules:
            assert tables.count(f"`{rule.rule_id}`") == 1
            (row,) = (line for line in tables.splitlines() if f"`{rule.rule_id}`" in line)
            assert rule.citation in row


@pytest.mark.parametrize(
    "words",
    [
        "This is not legal advice",
        "## What UNVERIFIED means",
        "## France (FR)",
        "## Purposes",
        "## Call recording",
        "until 2026-08-10",
        "since 2026-08-11",
        "Mon–Fri 10:00–13:00 and 14:00–20:00; not on public holidays",
    ],
)
def test_a_lawyer_finds_what_matters(text: str, words: str) -> None:
    """In words, not in keys."""
    assert words in text


def test_every_line_of_a_table_has_as_many_cells(text: str) -> None:
    """A bar within a citation would shift all that follows it."""
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) > len(load_policy().time_zones)
    for rows in tables:
        assert len({row.count("|") for row in rows}) == 1
