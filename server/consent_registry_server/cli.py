"""`consent-registry`: the operator's program."""

from __future__ import annotations

import sys
from typing import Final

import typer

from consent_registry_server import app
from consent_registry_server.config import load_settings
from consent_registry_server.demo import run as run_demo
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.expiry_cli import expire
from consent_registry_server.keys_cli import keys
from consent_registry_server.log_cli import add_log_commands
from consent_registry_server.mail_cli import unsubscribe_mail
from consent_registry_server.policy_cli import policy_commands
from consent_registry_server.rpc.stop_signals import stop_signals
from consent_registry_server.storage.database import make_engine
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.rebuild import rebuild_standing

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

    Without CONSENT_REGISTRY_DATABASE_URL it runs a PostgreSQL of its own, on this machine only.
    """
    settings = load_settings()
    with stop_signals() as wait_for_signal, app.running(settings) as application:
        if settings.database is None:
            _say(f"PostgreSQL: embedded, data and keys in {settings.data_dir.absolute()}")
        _say(f"gRPC:       {settings.server.address}")
        _say(f"metrics:    http://{settings.metrics.host}:{application.metrics_port}/metrics")
        _say("Stop with Ctrl-C or SIGTERM.")
        wait_for_signal(on_hangup=application.reload_policy)


@program.command("unsubscribe-web")
def unsubscribe_web() -> None:
    """Serve the unsubscribe pages until SIGTERM; mailboxes and people reach them through HTTPS.

    Puts nothing anywhere but in the registry, and needs the UnsubscribeService alone.
    """
    # Half a second that the other commands need not wait.
    from consent_registry_server.web_cli import serve_pages  # noqa: PLC0415

    serve_pages()


@program.command()
def migrate() -> None:
    """Bring the database's schema up to date, and make the key store if there is none.

    Safe to run from several replicas at once.
    """
    settings = load_settings()
    if settings.database is not None:
        upgrade(settings.database)
        app.key_store(settings).prepare()
    else:
        with app.database(settings):
            pass
    _say("The schema is up to date, the key store is there.")


@program.command()
def rebuild() -> None:
    """Derive standing from the ledger again, while the server goes on answering.

    Writers wait for it; says how many rows were not what the ledger says.
    """
    settings = load_settings()
    with app.database(settings) as where:
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
