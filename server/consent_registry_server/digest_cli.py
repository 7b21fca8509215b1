"""`consent-registry keys`: the commands for digest keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from consent_registry_server.config import load_settings
from consent_registry_server.registry_database import open_database
from consent_registry_server.storage.database import make_engine
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import check_current
from consent_registry_server.storage.rotation import BATCH_ROWS, Progress, rotate_digests

_ROWS_A_LINE: Final = 100 * BATCH_ROWS


def add_digest_commands(keys: typer.Typer) -> None:
    """Adds `add-digest` and `rotate-digests` to a group of commands."""
    keys.command("add-digest")(add_digest_key)
    keys.command("rotate-digests")(rotate)


def add_digest_key(
    keyring: Annotated[Path, typer.Argument(help="The keyring in use.")],
    new_keyring: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
) -> None:
    """Write a keyring with one digest key more; the one in use stays as it is.

    Give it to every server in place of the old one and restart them. When none is left with the
    old one, run `consent-registry keys rotate-digests`.
    """
    made = Keyring.load(keyring).with_new_digest_key()
    made.save_new(new_keyring)
    _say(f"{new_keyring} written, with the digest key {made.digest_keys[-1].key_id}.")
    _say("Give it to all servers, then run `consent-registry keys rotate-digests`.")


def rotate() -> None:
    """Carry all digests over to the newest digest key, while the servers go on answering.

    A server that still has the old keyring refuses to answer from the beginning on. Stopped at any
    point it may be run again, and ends what is left. Keep the old keys: the new ones need them.
    """
    settings = load_settings()
    with open_database(settings) as where:
        engine = make_engine(
            where.access, settings.storage, application_name="consent-registry-keys"
        )
        try:
            check_current(engine)
            report = rotate_digests(engine, Keyring.load(where.keyring_file), say=_Lines())
        finally:
            engine.dispose()
    _say(
        f"{report.contact_points:,} contact points and {report.requests:,} requests carried over;"
        f" all digests have gone through {report.versions} keys."
    )


class _Lines:
    """Says from time to time how far a rotation is."""

    def __init__(self) -> None:
        self._table = ""
        self._seen = self._carried_over = 0

    def __call__(self, progress: Progress) -> None:
        if progress.table != self._table:
            self._table, self._seen, self._carried_over = progress.table, 0, 0
            _say(f"{self._table}: begun")
        said = self._seen // _ROWS_A_LINE
        self._seen += progress.seen
        self._carried_over += progress.carried_over
        if self._seen // _ROWS_A_LINE > said:
            _say(
                f"{self._table}: {self._seen:,} rows looked at, {self._carried_over:,} carried over"
            )


def _say(line: str) -> None:
    typer.echo(line)
