"""`consent-registry keys`: makes and rotates keys."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from consent_registry_server.config import load_settings
from consent_registry_server.digest_cli import add_digest_commands
from consent_registry_server.registry_database import open_database
from consent_registry_server.rpc.api_keys import new_api_key
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.receipt_keys import ReceiptKeys
from consent_registry_server.storage.store import open_store
from consent_registry_server.storage.vault_rotation import VaultRotation

_EXIT_UNFINISHED: Final = 1

keys = typer.Typer(help="Makes and rotates keys.", no_args_is_help=True)
add_digest_commands(keys)


@keys.command("generate")
def generate_keyring(
    path: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
) -> None:
    """Make a keyring for a new registry.

    Keep it apart from the database and its backups, and never lose it: without its keys no opt-out
    can be found again.
    """
    Keyring.generate().save_new(path)
    typer.echo(f"{path} written. Keep a copy where the database's backups are not.")


@keys.command("receipts")
def generate_receipt_keys(
    path: Annotated[Path, typer.Argument(help="Where to write them; must not exist.")],
    *,
    add: Annotated[
        Path | None,
        typer.Option(help="The keys so far: a new one is added to them and signs from now on."),
    ] = None,
) -> None:
    """Make the key that signs consent receipts: for CONSENT_REGISTRY_RECEIPT_KEYS_FILE.

    With --add, receipts that were issued before can still be verified.
    """
    made = ReceiptKeys.generate() if add is None else ReceiptKeys.load(add).with_new_key()
    made.save_new(path)
    typer.echo(f"{path} written. Receipts are signed by the key {made.keys()[0].key_id}.")


@keys.command("api")
def generate_api_key(
    key_id: Annotated[str, typer.Argument(help="Whose key it is, e.g. dialer-1.")],
) -> None:
    """Make an API key: the secret for the caller, the entry for the server's keys file.

    The entry grants nothing yet: fill in services and controllers.
    """
    secret, entry = new_api_key(key_id)
    typer.echo(f"secret, for the caller, shown only now: {secret}")
    typer.echo(f"entry, for CONSENT_REGISTRY_API_KEYS_FILE: {json.dumps(entry)}")


@keys.command("rotate-vault")
def rotate_vault() -> None:
    """Seal all identities and notes anew under new vault keys, and destroy the old ones.

    The servers go on answering. Stopped at any point it may be run again, and ends what is left.
    The identities in backups from before cannot be read any more: export the log first, and make
    a backup afterwards. Exit code 1 when something did not open.
    """
    settings = load_settings()
    with open_database(settings) as where:
        keyring = Keyring.load(where.keyring_file)
        with closing(open_store(where.access, keyring, where.key_store, settings.storage)) as store:
            report = VaultRotation(store.database, store.vault).run()
    typer.echo(f"{report.resealed:,} sealed anew, {report.destroyed:,} old keys destroyed.")
    if report.unreadable:
        typer.echo(f"{report.unreadable:,} do not open and stay as they are.", err=True)
        raise typer.Exit(_EXIT_UNFINISHED)
