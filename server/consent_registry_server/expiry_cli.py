"""`consent-registry expire`: ends what is past its last day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from typing import Annotated, Final

import typer

from consent_registry_server import app
from consent_registry_server.config import load_settings
from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.policy.load import load_policy
from consent_registry_server.registry_database import RegistryDatabase, open_database
from consent_registry_server.storage.expiry import Expiry, ExpiryReport
from consent_registry_server.storage.key_retirement import retire_ended
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.overdue import COUNTED
from consent_registry_server.storage.store import Store, open_store

_EXIT_UNFINISHED: Final = 1
_RECORDS: Final = {
    "rights_request": "closed rights requests",
    "access": "rows of the access trail",
    "sealed_note": "sealed notes",
    "refused_lead": "refused leads",
}


def expire(
    *,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            help="End what has its last day before this one. Default: today, UTC.",
            formats=["%Y-%m-%d"],
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and say what would be done.")
    ] = False,
) -> None:
    """End the identities whose last day has passed; opt-outs go on counting without them.

    To be run daily. Deletes the records about people that are past theirs too, and destroys the
    vault keys of months that are over. Can be killed at any point and run again, beside servers
    and beside itself. Exit code 1 when it could not finish.
    """
    settings = load_settings()
    policy = load_policy(settings.policy_dir, company_file=settings.company_policy_file)
    report = ExpiryReport(_today() if as_of is None else as_of.date())
    with open_database(settings) as where:
        keyring = Keyring.load(where.keyring_file)
        with closing(open_store(where.access, keyring, where.key_store, settings.storage)) as store:
            job = _job(store, policy)
            failure = _foreseen(job, report) if dry_run else _run(job, report, store, where)
    for line in _lines(report, is_dry_run=dry_run):
        typer.echo(line)
    if failure:
        typer.echo(f"consent-registry: not finished: {failure}", err=True)
    if failure or (report.overdue.number and not dry_run):
        raise typer.Exit(_EXIT_UNFINISHED)


def _today() -> date:
    return from_us(app.now_us()).date()


def _job(store: Store, policy: Policy) -> Expiry:
    return Expiry(
        store.database,
        store.vault,
        store.ledger.appender,
        policy=policy,
        clock=app.now_us,
        entry_ids=app.new_entry_id,
    )


def _run(job: Expiry, report: ExpiryReport, store: Store, where: RegistryDatabase) -> str:
    """Runs the job, then what follows for the keys; returns why it could not finish, if so."""
    try:
        job.run(report.as_of, report)
        keys = retire_ended(store.database.engine, where.key_store, as_of=report.as_of)
    except RegistryError as error:
        return error.message
    typer.echo(f"Vault keys destroyed: {keys.destroyed:,}; still in use: {keys.still_used:,}.")
    return ""


def _foreseen(job: Expiry, report: ExpiryReport) -> str:
    try:
        job.foresee(report.as_of, report)
    except RegistryError as error:
        return error.message
    return ""


def _lines(report: ExpiryReport, *, is_dry_run: bool) -> Iterator[str]:
    would = "would have " if is_dry_run else ""
    past = "would have been" if is_dry_run else "were"
    yield f"Last day before {report.as_of}: {report.ended.total():,} identities {would}ended."
    for kind, number in sorted(report.ended.items()):
        yield f"  {kind.name.lower().replace('_', ' ')}: {number:,}"
    if report.renewed:
        yield f"Consents still in use that {past} kept on: {report.renewed:,}."
    for table, number in report.deleted.items():
        if number:
            yield f"Records that {past} deleted, {_RECORDS[table]}: {number:,}."
    if report.held:
        yield f"Past their day and kept by a hold: {report.held:,}."
    if report.unreadable:
        yield f"Consents whose identity does not open, so that they stay: {report.unreadable:,}."
    if report.overdue.oldest is not None and not is_dry_run:
        more = " or more" if report.overdue.number == COUNTED else ""
        days = (report.as_of - report.overdue.oldest).days
        yield f"Overdue: {report.overdue.number:,}{more}, the oldest for {days:,} days."
