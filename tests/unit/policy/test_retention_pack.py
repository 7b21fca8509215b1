"""For how long everything about a person is kept, as the policy states it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import Retention
from consent_registry_server.policy.changes import changes
from consent_registry_server.policy.load import load_policy, policy_of, read_files
from consent_registry_server.policy.wording import kept_terms
from tests.unit.policy.refusals import assert_named, edit

FILE = "retention.yaml"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


def test_the_packaged_terms_are_the_program_s_own(policy: Policy) -> None:
    """So that a policy from before the file keeps what it kept."""
    assert policy.retention == Retention()
    assert policy.retention.opt_out_months == 7 * 12
    assert policy.retention.prospect_months == 3 * 12


def test_every_term_says_where_it_comes_from(policy: Policy) -> None:
    """What no source states is the company's choice, and says so."""
    terms = {term.key: term for term in kept_terms(policy)}
    assert all(term.source and term.months and term.kept and term.since for term in terms.values())
    assert "7 years unless otherwise agreed" in terms["opt_out"].source
    assert "CNIL" in terms["prospect"].source
    for key in ("attempt", "refused_lead", "access", "rights_request"):
        assert "the company's choice" in terms[key].source


def test_a_directory_from_before_the_file_has_the_program_s_terms(packs: Path) -> None:
    """And the version it had, by which the decisions of its day name it."""
    (packs / FILE).unlink()
    older = load_policy(packs)
    assert older.retention == Retention()
    assert older.term_sources == {}
    with_file = load_policy()
    assert older.version != with_file.version
    same = replace(older, version=with_file.version, term_sources=with_file.term_sources)
    assert same == with_file


def test_a_stored_policy_from_before_the_file_is_read(packs: Path) -> None:
    """As `PastPolicies` does: from the text that was kept."""
    files = read_files(packs, None)
    del files[FILE]
    assert policy_of(files).retention == Retention()


def test_a_company_states_its_own_terms(packs: Path) -> None:
    """They change the version, and are what a comparison shows."""
    before = load_policy(packs)
    edit(packs / FILE, "months: 84", "months: 60")
    after = load_policy(packs)
    assert after.retention == Retention(opt_out_months=60)
    assert after.version != before.version
    assert [
        (change.of, change.key, change.before, change.after) for change in changes(before, after)
    ] == [("retention opt_out", "months", "84 months", "60 months")]


@pytest.mark.parametrize(
    "old, new, expected",
    [
        pytest.param(
            "    months: 84\n", "    months: 0\n", r".*opt_out\.months: ", id="no term at all"
        ),
        pytest.param(
            "    months: 84\n",
            "    months: 84\n    years: 7\n",
            r".*years: unknown key",
            id="unknown",
        ),
        pytest.param("  prospect:\n", "  prospects:\n", r".*prospects: unknown key", id="misspelt"),
    ],
)
def test_a_fault_is_named(packs: Path, old: str, new: str, expected: str) -> None:
    """With its line and key."""
    edit(packs / FILE, old, new)
    assert_named(packs, file=FILE, expected=expected)


def test_attempts_are_never_forgotten_before_their_cap(packs: Path) -> None:
    """A cap counts the attempts of up to a year."""
    text = (packs / FILE).read_text(encoding="utf-8")
    head, _, tail = text.partition("  attempt:\n    months: 36\n")
    (packs / FILE).write_text(head + "  attempt:\n    months: 13\n" + tail, encoding="utf-8")
    assert_named(packs, file=FILE, expected=r".*terms\.attempt\.months: fewer than 14")
