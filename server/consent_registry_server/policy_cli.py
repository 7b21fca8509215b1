"""`consent-registry policy`: the rules, checked before they come into force, shown and compared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from textwrap import TextWrapper
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from consent_registry_server.config import load_settings
from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.domain.policy import Policy, Rule
from consent_registry_server.domain.vocabulary import CountryCode
from consent_registry_server.policy import wording
from consent_registry_server.policy.changes import Change, Strictness, changes
from consent_registry_server.policy.load import load_policy, policy_of
from consent_registry_server.registry_database import open_database
from consent_registry_server.renewal import faults_of
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import open_store

PACKAGED: Final = "packaged"
CONFIGURED: Final = "configured"
STORED: Final = "stored:"

_EXIT_FAULTY: Final = 1
_WIDEST: Final = 110
_LABEL_COLUMNS: Final = 14
_OWN_TERM: Final = "this program's own term; retention.yaml is missing"

policy_commands = typer.Typer(
    help="Checks, shows and compares the rules.", no_args_is_help=True, add_completion=False
)

Directory = Annotated[
    Path | None,
    typer.Argument(
        help="The policy's directory. Default: CONSENT_REGISTRY_POLICY_DIR, or the packaged one.",
        exists=True,
        file_okay=False,
    ),
]
CompanyFile = Annotated[
    Path | None,
    typer.Option(
        "--company",
        help="The company layer. Default: CONSENT_REGISTRY_COMPANY_POLICY_FILE, or none.",
        exists=True,
        dir_okay=False,
    ),
]


@policy_commands.command()
def check(directory: Directory = None, company: CompanyFile = None) -> None:
    """Say whether a server would take these files; exit code 1, and every fault, when not."""
    try:
        policy = _loaded(directory, company)
    except ConfigurationError as error:
        for fault in faults_of(error):
            typer.echo(fault)
        raise typer.Exit(_EXIT_FAULTY) from None
    rules = [rule for rules in policy.rules.values() for rule in rules]
    unverified = sum(1 for rule in rules if wording.unverified_in(rule))
    typer.echo(
        f"OK: {policy.version}, {len(policy.time_zones)} countries, {len(rules)} rules"
        f" ({unverified} with something {wording.UNVERIFIED}), {len(policy.purposes)} purposes,"
        f" {len(policy.controllers)} controllers"
    )
    if not policy.term_sources:
        typer.echo("retention.yaml is missing: this program's own terms hold")


@policy_commands.command()
def show(
    directory: Directory = None,
    company: CompanyFile = None,
    country: Annotated[
        str | None, typer.Option("--country", help="Only this one, e.g. FR. Default: all.")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option("--on", help="A day, past or future. Default: today.", formats=["%Y-%m-%d"]),
    ] = None,
) -> None:
    """Show the rules in force on a day, in words."""
    policy = _loaded(directory, company)
    typer.echo(f"Policy {policy.version}. This is not legal advice.")
    for each in _countries(policy, country):
        zone = ZoneInfo(policy.time_zones[each][0])
        day = datetime.now(zone).date() if on is None else on.date()
        for line in _country_lines(policy, each, day):
            typer.echo(line)
    for line in _retention_lines(policy):
        typer.echo(line)


@policy_commands.command()
def diff(
    before: Annotated[str, typer.Argument(help=f"A directory, {PACKAGED} or {STORED}VERSION.")],
    after: Annotated[
        str, typer.Argument(help=f"The same, or {CONFIGURED}: what the settings name.")
    ] = CONFIGURED,
    company_before: Annotated[
        Path | None,
        typer.Option("--company-a", help="The company layer over BEFORE.", exists=True),
    ] = None,
    company_after: Annotated[
        Path | None,
        typer.Option("--company-b", help="The company layer over AFTER.", exists=True),
    ] = None,
) -> None:
    """Compare two policies, key by key; stricter or looser is said only where it is certain."""
    old, new = _named(before, company_before), _named(after, company_after)
    found = changes(old, new)
    for change in found:
        for line in _change_lines(change):
            typer.echo(line)
    counted = {each: sum(1 for c in found if c.strictness is each) for each in Strictness}
    typer.echo(
        f"{old.version} -> {new.version}: {len(found)} changes,"
        f" {counted[Strictness.STRICTER]} stricter, {counted[Strictness.LOOSER]} looser,"
        f" {counted[Strictness.NOT_CERTAIN]} to be judged"
    )


def _loaded(directory: Path | None, company: Path | None) -> Policy:
    """The policy of the files named; of those that are not, the settings' ones."""
    if directory is None or company is None:
        settings = load_settings()
        directory = directory or settings.policy_dir
        company = company or settings.company_policy_file
    return load_policy(directory, company_file=company)


def _named(name: str, company: Path | None) -> Policy:
    """The policy that one side of a comparison names.

    Raises:
        ConfigurationError: it is refused, or cannot be found.
    """
    if name == CONFIGURED:
        return _loaded(None, company)
    if name == PACKAGED:
        return load_policy(company_file=company)
    if not name.startswith(STORED):
        return load_policy(Path(name), company_file=company)
    if company is not None:
        raise typer.BadParameter("a stored policy has its company layer already")
    return _stored(name.removeprefix(STORED))


def _stored(version: str) -> Policy:
    settings = load_settings()
    with open_database(settings) as where:
        keyring = Keyring.load(where.keyring_file)
        store = open_store(where.access, keyring, where.key_store, settings.storage)
        try:
            files = store.policy_versions.files(version)
        finally:
            store.close()
    if files is None:
        raise ConfigurationError(f"the policy {version} never was in force here")
    return policy_of(files)


def _countries(policy: Policy, wanted: str | None) -> list[CountryCode]:
    if wanted is None:
        return sorted(policy.time_zones)
    country = policy.jurisdiction(CountryCode(wanted.upper()))
    if country is None:
        raise typer.BadParameter(f"there are no rules for {wanted}", param_hint="--country")
    return [country]


# Text.


@dataclass(frozen=True, slots=True)
class _Item:
    label: str
    text: str

    def lines(self) -> list[str]:
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        wrapper = TextWrapper(
            width=width,
            initial_indent=f"    {self.label:{_LABEL_COLUMNS}}",
            subsequent_indent=" " * (4 + _LABEL_COLUMNS),
            break_long_words=False,
            break_on_hyphens=False,
        )
        return wrapper.wrap(self.text)


def _country_lines(policy: Policy, country: CountryCode, day: date) -> Iterator[str]:
    yield ""
    yield f"{wording.country_name(country)} ({country}) on {day}"
    yield from _Item("time zones", ", ".join(policy.time_zones[country])).lines()
    territories = wording.territories_of(policy, country)
    if territories:
        yield from _Item("followed by", ", ".join(territories)).lines()
    for rule in wording.rules_of(policy, country, day):
        yield ""
        yield from _rule_lines(rule)


def _retention_lines(policy: Policy) -> Iterator[str]:
    yield ""
    yield "Retention"
    for term in wording.kept_terms(policy):
        yield ""
        yield f"  {term.key}: {term.months} from {term.since}"
        yield from _Item("kept", term.kept).lines()
        yield from _Item("source", term.source or _OWN_TERM).lines()


def _rule_lines(rule: Rule) -> Iterator[str]:
    channel = wording.channel_name(rule.channel, rule.line_type)
    who = wording.recipients(rule.recipient_type)
    yield f"  {rule.rule_id}: {channel}, {who}, {wording.period(rule)}"
    items = (
        _Item("regime", wording.regime(rule.regime)),
        _Item("exemptions", "; ".join(wording.exemptions(rule))),
        _Item("consent", "; ".join(wording.consent_terms(rule))),
        _Item("register", wording.register(rule.register)),
        _Item("hours", wording.contact_hours(rule)),
        _Item("cap", wording.attempt_cap(rule)),
        _Item("source", wording.source(rule)),
    )
    for item in items:
        if item.text:
            yield from item.lines()


def _change_lines(change: Change) -> Iterator[str]:
    if not change.key:
        yield f"{change.of}: {'new' if change.after else 'gone'}"
        return
    certain = f" ({change.strictness.value})" if change.strictness.value else ""
    yield f"{change.of}: {change.key}{certain}"
    yield from _Item("before", change.before or "-").lines()
    yield from _Item("after", change.after or "-").lines()
