"""`consent-registry policy`: what an operator and a lawyer see of the rules."""

from __future__ import annotations

import re
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from consent_registry_server.policy.load import load_policy
from consent_registry_server.policy_cli import policy_commands
from consent_registry_server.settings_reader import PREFIX

COMPANY = """\
rules:
  fr.voice_call:
    attempt_cap: {attempts: 2, days: 30}
"""


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    with as_file(files("consent_registry_server.policy") / "packs") as packaged:
        return Path(shutil.copytree(packaged, tmp_path / "packs"))


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A layer that is stricter than the law."""
    file = tmp_path / "company.yaml"
    file.write_text(COMPANY, encoding="utf-8")
    return file


def run(*arguments: str | Path, **settings: str | Path) -> Result:
    environment = {PREFIX + name: str(value) for name, value in settings.items()}
    # Not what the shell of whoever runs the tests has chosen.
    environment = {f"{PREFIX}POLICY_DIR": "", "COLUMNS": "100"} | environment
    return CliRunner().invoke(policy_commands, [str(each) for each in arguments], env=environment)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


# check


def test_good_files_are_reported_in_a_line(packs: Path) -> None:
    """With the version that decisions would name."""
    done = run("check", packs)
    policy = load_policy(packs)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"OK: {policy.version}, 8 countries, ")
    assert f" {sum(map(len, policy.rules.values()))} rules " in done.stdout
    assert done.stdout.count("\n") == 1


def test_every_fault_has_a_line_of_its_own(packs: Path) -> None:
    """With file, line and key; the exit code tells a script."""
    edit(packs / "FR.yaml", "channel: SMS", "channel: PIGEON")
    edit(packs / "NO.yaml", "confidence: high", "confidence: certain")
    done = run("check", packs)
    assert done.exit_code == 1
    faults = done.stdout.splitlines()
    assert any(re.match(r"FR\.yaml:\d+: rules\.fr\.sms\.channel: ", fault) for fault in faults)
    assert any(re.match(r"NO\.yaml:\d+: rules\.no\..*\.confidence: ", fault) for fault in faults)


def test_a_directory_without_a_policy_is_at_fault(tmp_path: Path) -> None:
    """Each file that is missing is named."""
    done = run("check", tmp_path)
    assert done.exit_code == 1
    assert "purposes.yaml: the file is missing" in done.stdout


def test_a_stricter_company_layer_is_another_policy(packs: Path, company: Path) -> None:
    """Its version says so."""
    done = run("check", packs, "--company", company)
    assert done.exit_code == 0
    assert load_policy(packs).version not in done.stdout
    assert load_policy(packs, company_file=company).version in done.stdout


def test_a_looser_company_layer_is_refused(packs: Path, company: Path) -> None:
    """With the rule named."""
    edit(company, "attempts: 2", "attempts: 20")
    done = run("check", packs, "--company", company)
    assert done.exit_code == 1
    assert re.match(r"company\.yaml:\d+: rules\.fr\.voice_call.*\.attempt_cap", done.stdout)


def test_what_is_not_named_comes_from_the_settings(packs: Path, company: Path) -> None:
    """As a server would take it."""
    edit(packs / "controllers.yaml", "Alarm Example France SAS", "Alarm Example Two SAS")
    done = run("check", POLICY_DIR=packs, COMPANY_POLICY_FILE=company)
    assert load_policy(packs, company_file=company).version in done.stdout
    assert load_policy().version in run("check").stdout


# show


def test_the_rules_of_a_day_are_shown() -> None:
    """The law changed on the 11th."""
    before = run("show", "--country", "FR", "--on", "2026-08-10").stdout
    after = run("show", "--country", "fr", "--on", "2026-08-11").stdout
    (voice_before,), (voice_after,) = (
        [each for each in text.split("\n\n") if ": voice call, consumers" in each]
        for text in (before, after)
    )
    assert "regime        opt-out" in voice_before
    assert "Bloctel" in voice_before
    assert "until 2026-08-10" in voice_before
    assert "regime        opt-in" in voice_after
    assert "running contract" in voice_after
    assert "since 2026-08-11" in voice_after
    assert "Mon–Fri 10:00–13:00 and 14:00–20:00; not on public holidays" in voice_after
    assert "not legal advice" in after


def test_one_country_is_shown_alone() -> None:
    """All of them without a choice."""
    assert "Italy (IT)" not in run("show", "--country", "FR").stdout
    assert "Italy (IT)" in run("show").stdout


def test_a_territory_shows_the_country_that_it_follows() -> None:
    """Réunion has no rules of its own."""
    assert "France (FR) on " in run("show", "--country", "RE").stdout


def test_a_country_without_rules_cannot_be_shown() -> None:
    """It is not mistaken for one that permits all."""
    done = run("show", "--country", "DE")
    assert done.exit_code == 2
    assert "there are no rules for DE" in done.stderr


def test_what_is_unverified_is_marked() -> None:
    """Sweden's hours are unknown."""
    text = run("show", "--country", "SE", "--on", "2026-11-23").stdout
    (voice,) = (each for each in text.split("\n\n") if ": voice call, consumers" in each)
    assert re.search(r"hours .*\(UNVERIFIED\)", " ".join(voice.split()))


# diff


def test_equal_policies_have_no_differences(packs: Path) -> None:
    """However their files are written."""
    edit(packs / "FR.yaml", "rules:", "# A remark.\nrules:")
    done = run("diff", "packaged", packs)
    version = load_policy().version
    assert done.stdout == (
        f"{version} -> {version}: 0 changes, 0 stricter, 0 looser, 0 to be judged\n"
    )


def test_a_stricter_layer_is_told_to_be_so(company: Path) -> None:
    """With what was and what will be."""
    done = run("diff", "packaged", "packaged", "--company-b", company)
    assert "attempt_cap (stricter)" in done.stdout
    assert "    before        4 in any 30 days\n    after         2 in any 30 days" in done.stdout
    assert "1 stricter, 0 looser" in done.stdout


def test_the_other_way_round_it_is_looser(company: Path) -> None:
    """Nothing but the sides was swapped."""
    done = run("diff", "packaged", "packaged", "--company-a", company)
    assert "attempt_cap (looser)" in done.stdout
    assert "0 stricter, 1 looser" in done.stdout


def test_a_policy_is_compared_with_the_configured_one(packs: Path) -> None:
    """That is what one wants before a change."""
    edit(packs / "controllers.yaml", "Alarm Example France SAS", "Alarm Example Two SAS")
    done = run("diff", "packaged", POLICY_DIR=packs)
    assert "controller alarm-fr: legal_name" in done.stdout
    assert "0 stricter, 0 looser, 1 to be judged" in done.stdout


def test_a_stored_policy_takes_no_other_layer(company: Path) -> None:
    """It was stored with its own."""
    done = run("diff", "stored:0123456789abcdef", "packaged", "--company-a", company)
    assert done.exit_code == 2


def test_the_terms_of_retention_are_shown() -> None:
    """After the rules, each with where it comes from."""
    shown = run("show", "--country", "FR").stdout
    assert "  opt_out: 84 months from the day it was expressed\n    kept " in shown
    assert "7 years unless otherwise agreed" in " ".join(shown.split())


def test_a_directory_without_terms_is_told_to_have_the_program_s(packs: Path) -> None:
    """It is older than the file, and no reason to refuse it."""
    (packs / "retention.yaml").unlink()
    done = run("check", packs)
    assert done.exit_code == 0
    assert "retention.yaml is missing" in done.stdout
