"""`consent-registry export-log` and `reconcile`: what outlives the loss of the database."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from sqlalchemy import Engine

from consent_registry_server.config import load_settings
from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.logs import configure_logging
from consent_registry_server.registry_database import open_database
from consent_registry_server.rpc.stop_signals import StopSignals, stop_signals
from consent_registry_server.storage.database import StorageLimits, make_engine, make_owner_engine
from consent_registry_server.storage.errors import Contention
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.log.export import APPLICATION_NAME, export_round
from consent_registry_server.storage.log.replay import ReconcileReport, reconcile
from consent_registry_server.storage.log.writing import LogWriter, open_for_writing
from consent_registry_server.storage.migrate import check_current
from consent_registry_server.waiting import Stopped, patiently

_SHORTEST_INTERVAL_S: Final = 0.05

_log = structlog.get_logger(__name__)

LogFile = Annotated[Path, typer.Argument(help="The log, kept apart from the database's machine.")]


def add_log_commands(program: typer.Typer) -> None:
    """Adds the commands to the operator's program."""
    program.command("export-log")(export_log)
    program.command("reconcile")(reconcile_log)


def export_log(
    file: LogFile,
    *,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Go on until SIGTERM; outages and migrations are waited out."
        ),
    ] = False,
    interval_s: Annotated[
        float, typer.Option("--interval-s", help="With --follow.", min=_SHORTEST_INTERVAL_S)
    ] = 5.0,
) -> None:
    """Append what is new to an exported log: all that can be replayed after the database is lost.

    Identities in it are sealed: without the vault keys, and once their month's key is destroyed,
    nobody reads them. Can be killed at any point and run again.
    """
    settings = load_settings()
    with open_database(settings) as where, open_for_writing(file) as log:
        engine = make_engine(
            where.access, StorageLimits(pool_size=1), application_name=APPLICATION_NAME
        )
        try:
            if follow:
                configure_logging(settings.log_level, settings.log_format)
                with stop_signals() as signals:
                    _follow(engine, log, interval_s, signals)
            else:
                check_current(engine)
                counts = export_round(engine, log)
                typer.echo(f"{_counted(counts)} appended to {file}.")
        finally:
            engine.dispose()


def reconcile_log(file: LogFile) -> None:
    """Replay an exported log into a database that was restored from a backup, or is empty.

    Stop the servers first, and migrate the database. Puts back what is missing, and repeats the
    expiries and erasures since the backup; until it came to its end no server starts. Can be
    killed at any point and run again. Runs as the database's owner, like `migrate`.
    """
    settings = load_settings()
    with open_database(settings) as where:
        keyring = Keyring.load(where.keyring_file)
        engine = make_owner_engine(where.access, settings.storage)
        where.key_store.check()
        secrets = where.key_store.key_ids() | keyring.vault_keys.keys()
        report = reconcile(engine, file, keyring, has_secret=secrets.__contains__)
    for line in _report_lines(report):
        typer.echo(line)


def _follow(engine: Engine, log: LogWriter, interval_s: float, signals: StopSignals) -> None:
    try:
        # It may be started beside the migration.
        patiently(partial(check_current, engine), stop_within=signals.come_within, logger=_log)
    except Stopped:
        return
    while True:
        try:
            counts = export_round(engine, log)
        except (Unavailable, Contention) as error:
            _log.warning("log_export_failed", error=str(error))
        else:
            if counts:
                _log.info("log_exported", rows=sum(counts.values()))
        if signals.come_within(interval_s):
            return


def _report_lines(report: ReconcileReport) -> list[str]:
    lines = [f"{report.rounds:,} rounds with {_counted(report.read)} replayed."]
    if report.ignored:
        lines.append(f"  {report.ignored:,} octets after the last whole round were ignored.")
    lines += [f"  {table}: {count:,} put back" for table, count in report.put_back.items() if count]
    if report.unreadable:
        lines.append(
            f"  {report.unreadable:,} identities have neither expired nor been erased, and no key"
            " opens them: they are lost unless the key store they were sealed with is mounted and"
            " this is run again."
        )
    lines.append(f"Standing: {report.standing.rows:,} rows, {report.standing.differing:,} of them")
    lines[-1] += " were wrong or missing."
    lines.append("Done. Servers may start. Export the log again: this is a new life of it.")
    return lines


def _counted(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values()):,} rows"
