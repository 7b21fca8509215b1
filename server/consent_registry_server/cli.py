"""`consent-registry`: the operator's program."""

from __future__ import annotations

import sys
from contextlib import suppress
from time import monotonic
from typing import Annotated, Final

import typer

from consent_registry_server import app
from consent_registry_server.config import Settings, load_settings
from consent_registry_server.demo import run as run_demo
from consent_registry_server.domain.errors import RegistryError, Unavailable
from consent_registry_server.expiry_cli import expire
from consent_registry_server.keys_cli import keys
from consent_registry_server.log_cli import add_log_commands
from consent_registry_server.logs import configure_logging
from consent_registry_server.mail_cli import unsubscribe_mail
from consent_registry_server.policy_cli import policy_commands
from consent_registry_server.registry_database import key_store, open_database
from consent_registry_server.rpc.stop_signals import stop_signals
from consent_registry_server.storage.database import make_engine
from consent_registry_server.storage.migrate import newest, upgrade
from consent_registry_server.storage.rebuild import rebuild_standing
from consent_registry_server.waiting import Stopped, patiently

_EXIT_FAILED: Final = 1

program = typer.Typer(
    help="Runs the consent and opt-out registry. Settings: CONSENT_REGISTRY_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
program.add_typer(keys, name="keys")
program.add_typer(policy_commands, name="policy")
program.command()(expire)
program.command("unsubscribe-mail")(unsubscribe_mail)
add_log_commands(program)


@program.command()
def serve() -> None:
    """Serve gRPC and metrics until SIGTERM; read the policy's files again at SIGHUP.

    Waits for a database that cannot be reached yet, or that nobody has migrated. Without
    CONSENT_REGISTRY_DATABASE_URL it runs a PostgreSQL of its own, on this machine only.
    """
    settings = load_settings()
    with (
        suppress(Stopped),
        stop_signals() as signals,
        app.running(settings, signals.come_within) as application,
    ):
        if settings.database is None:
            _say(f"PostgreSQL: embedded, data and keys in {settings.data_dir.absolute()}")
        _say(f"gRPC:       {settings.server.address}")
        _say(f"metrics:    http://{settings.metrics.host}:{application.metrics_port}/metrics")
        _say("Stop with Ctrl-C or SIGTERM.")
        signals.wait(on_hangup=application.reload_policy)


@program.command("unsubscribe-web")
def unsubscribe_web() -> None:
    """Serve the unsubscribe pages until SIGTERM; mailboxes and people reach them through HTTPS.

    Puts nothing anywhere but in the registry, and needs the UnsubscribeService alone.
    """
    # Half a second that the other commands need not wait.
    from consent_registry_server.web_cli import serve_pages  # noqa: PLC0415

    serve_pages()


@program.command()
def migrate(
    *,
    wait_s: Annotated[
        float,
        typer.Option("--wait", help="Seconds to wait for databases that cannot be reached.", min=0),
    ] = 0.0,
) -> None:
    """Bring the database's schema up to date, and make the key store if there is none.

    Safe to run from several replicas at once, and beside servers. On a newer schema that supports
    this program there is nothing to do.
    """
    settings = load_settings()
    logger = configure_logging(settings.log_level, settings.log_format)
    give_up_at_s = monotonic() + wait_s
    with stop_signals() as signals:
        try:
            schema = patiently(
                lambda: _migrated(settings),
                stop_within=lambda s: monotonic() + s > give_up_at_s or signals.come_within(s),
                logger=logger,
            )
        except Stopped as stopped:
            raise Unavailable("DATABASE_UNAVAILABLE", str(stopped)) from None
    _say(f"The schema is {schema}, the key store is there.")


def _migrated(settings: Settings) -> str:
    """Migrates, and returns the schema's revision."""
    if settings.database is None:
        with open_database(settings):
            return newest()
    schema = upgrade(settings.database)
    key_store(settings).prepare()
    return schema


@program.command()
def rebuild() -> None:
    """Derive standing from the ledger again, while the server goes on answering.

    Writers wait for it; says how many rows were not what the ledger says.
    """
    settings = load_settings()
    with open_database(settings) as where:
        engine = make_engine(where.access, settings.storage)
        try:
            report = rebuild_standing(engine)
        finally:
            engine.dispose()
    _say(f"{report.rows:,} rows, {report.differing:,} of them were wrong, missing or too many.")


@program.command()
def demo() -> None:
    """Show it all: server, database, a messy synthetic audience, and why each refusal."""
    raise typer.Exit(run_demo())


def main() -> None:
    """Runs the program; errors an operator can act on end it in a line, without a traceback."""
    try:
        program()
    except RegistryError as error:
        typer.echo(f"consent-registry: {error.message}", err=True)
        sys.exit(_EXIT_FAILED)


def _say(line: str) -> None:
    typer.echo(line)
    sys.stdout.flush()
