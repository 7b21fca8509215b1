"""`consentctl` as a whole: its commands, and how every run ends."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from consent_registry_client import ConsentRegistryError
from consent_registry_client.cli._attempt import attempt
from consent_registry_client.cli._check import check
from consent_registry_client.cli._explain import explain
from consent_registry_client.cli._filter import filter_audience
from consent_registry_client.cli._grouped import grouped
from consent_registry_client.cli._import import import_opt_outs
from consent_registry_client.cli._links import create_link, create_links
from consent_registry_client.cli._look import history, policy
from consent_registry_client.cli._partner import partner
from consent_registry_client.cli._receipt import receipt
from consent_registry_client.cli._recording import recording
from consent_registry_client.cli._register import register
from consent_registry_client.cli._rights import audit, rights
from consent_registry_client.cli._session import (
    DEFAULT_ADDRESS,
    Exit,
    Session,
    exit_of,
    explained,
    tls_files,
)
from consent_registry_client.cli._show import say
from consent_registry_client.cli._subject import subject
from consent_registry_client.cli._write import dnc, record, withdraw

EXIT_CODES = """Exit codes: 0 done, or allowed; 1 not allowed, or overdue requests listed; 2 wrong
usage, a request that the registry refuses, or a file that cannot be read or written; 3 no answer
from the registry; 4 done, but some rows were bad."""
# Shorter arguments are no contact data, and would be found in the midst of ordinary words.
_SHORTEST_HIDDEN = 3

app = typer.Typer(
    name="consentctl",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
app.command("check", epilog=EXIT_CODES)(grouped(check))
app.command("explain")(grouped(explain))
app.command("record")(grouped(record))
app.command("withdraw")(grouped(withdraw))
app.add_typer(dnc, name="dnc")
app.add_typer(attempt, name="attempt")
app.add_typer(recording, name="recording")
app.add_typer(receipt, name="receipt")
app.add_typer(partner, name="partner")
app.add_typer(register, name="register")
app.add_typer(subject, name="subject")
app.add_typer(rights, name="rights")
app.command("audit")(grouped(audit))
app.command("history")(grouped(history))
app.command("policy")(grouped(policy))
app.command("filter", epilog=EXIT_CODES)(grouped(filter_audience))
app.command("link")(grouped(create_link))
app.command("links", epilog=EXIT_CODES)(grouped(create_links))
app.command("import", epilog=EXIT_CODES)(grouped(import_opt_outs))


@app.callback()
def connection(
    context: typer.Context,
    *,
    address: Annotated[
        str, typer.Option(envvar="CONSENT_REGISTRY_ADDRESS", help="HOST:PORT of the registry.")
    ] = DEFAULT_ADDRESS,
    api_key: Annotated[
        str,
        typer.Option(
            envvar="CONSENT_REGISTRY_API_KEY",
            help="Better in the environment than on the command line, where others see it.",
            show_envvar=True,
        ),
    ] = "",
    api_key_file: Annotated[
        Path | None,
        typer.Option(envvar="CONSENT_REGISTRY_API_KEY_FILE", help="A file that holds the key."),
    ] = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(
            envvar="CONSENT_REGISTRY_TLS_CA", help="Who signed the registry's certificate."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option(envvar="CONSENT_REGISTRY_TLS_CERT", help="Our own, for mutual TLS."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(envvar="CONSENT_REGISTRY_TLS_KEY", help="The key of --tls-cert.")
    ] = None,
) -> None:
    """Ask the consent registry who may be contacted, and tell it what people said."""
    if api_key and api_key_file is not None:
        raise typer.BadParameter("only one of --api-key and --api-key-file")
    if api_key_file is not None:
        api_key = api_key_file.read_text("ascii", errors="replace").strip()
    context.obj = Session(
        address=address,
        api_key=api_key or None,
        tls=tls_files(tls_ca, certificate=tls_cert, key=tls_key),
    )


def run(arguments: Sequence[str]) -> int:
    """Runs one command; returns its exit code. Whatever fails is told in one line."""
    try:
        outcome = typer.main.get_command(app).main(
            list(arguments), prog_name="consentctl", standalone_mode=False
        )
    except ConsentRegistryError as error:
        say(explained(error))
        return exit_of(error)
    except KeyboardInterrupt:
        outcome = Exit.INTERRUPTED
    except OSError as error:
        say(f"{error.filename or 'file'}: {error.strerror or type(error).__name__}")
        return Exit.USAGE
    except Exception as error:
        # The classes of Typer's usage errors are private to it; this is what they all have.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        say(f"Error: {without(arguments, message())}")
        return Exit.USAGE
    if outcome == Exit.INTERRUPTED:
        say("interrupted")
    return int(outcome or Exit.OK)


def without(arguments: Sequence[str], message: str) -> str:
    """Returns a message in which no value of the command line stands: it may be contact data."""
    words = {part for argument in arguments for part in (argument, argument.partition("=")[2])}
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _SHORTEST_HIDDEN and not word.startswith("-"):
            message = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "…", message)
    return message
