"""Exports a database and reconciles others with the log, as the programs do."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, make_url

from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.vocabulary import EntryKind, Precision, Source
from consent_registry_server.service.ports import PreparedEntry, Recorded, RequestKey, Transaction
from consent_registry_server.storage.database import StorageLimits, make_engine, make_owner_engine
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.log.export import APPLICATION_NAME, export_round
from consent_registry_server.storage.log.replay import HasSecret, ReconcileReport, reconcile
from consent_registry_server.storage.log.writing import open_for_writing
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import on_database, run_sql
from tests.integration.storage.samples import NO_DEADLINE, NOON_US, SECOND_US, Samples

_numbers = itertools.count(1)

LIMITS: Final = StorageLimits(pool_size=2)
LAST_DAY: Final = date(2033, 9, 21)

HISTORY: Final = (
    "entry",
    "unsubscribe_link",
    "unsubscribe_link_contact_point",
    "partner",
    "partner_change",
    "policy_version",
    "policy_activation",
    "write_request",
    "write_answer",
    "vault",
    "vault_key",
    "retired_vault_key",
    "sealed_note",
    "access",
    "rights_request",
    "rights_request_event",
    "refused_lead",
    "key_check",
    "standing",
    "register_standing",
    "contact_point",
    "entry_contact_point",
)
"""What an exported log brings back."""


@contextmanager
def engine_of(url: str) -> Iterator[Engine]:
    """The engine with which a log is exported."""
    engine = make_engine(url, LIMITS, application_name=APPLICATION_NAME)
    try:
        yield engine
    finally:
        engine.dispose()


def export(url: str, path: Path) -> dict[str, int]:
    """Exports one round; returns the rows of it by table."""
    with engine_of(url) as engine, open_for_writing(path) as log:
        return export_round(engine, log)


def replay(
    url: str,
    path: Path,
    keyring: Keyring,
    *,
    has_secret: HasSecret = lambda _: True,
) -> ReconcileReport:
    """Reconciles a database with a log."""
    return reconcile(make_owner_engine(url, LIMITS), path, keyring, has_secret=has_secret)


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, parsed."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rows_of(path: Path, table: str) -> list[dict[str, Any]]:
    """The rows that a log has of a table."""
    return [line["row"] for line in lines(path) if line.get("table") == table]


@contextmanager
def copied(url: str) -> Iterator[str]:
    """A copy of a database, to which nobody is connected, as a backup restored would be."""
    name = f"copy_{os.getpid()}_{next(_numbers)}"
    server = on_database(url, "postgres")
    run_sql(server, f"CREATE DATABASE {name} TEMPLATE {make_url(url).database}")
    with closing(_Dropped(server, name)):
        yield on_database(url, name)


class _Dropped:
    """Drops a database when it is closed."""

    def __init__(self, server: str, name: str) -> None:
        self._server, self._name = server, name

    def close(self) -> None:
        run_sql(self._server, f"DROP DATABASE {self._name} WITH (FORCE)")


@dataclass(frozen=True)
class LogDesk:
    """A registry, and the file to which its log is exported."""

    url: str
    store: Store
    samples: Samples
    keyring: Keyring
    path: Path

    @property
    def key_store(self) -> KeyStore:
        """Where the registry's vault keys are."""
        return self.store.vault.keys.key_store

    def append(self, *entries: PreparedEntry) -> None:
        """Writes entries in one request."""
        write(self.store, self.samples.request(), *entries)

    def end(self, entry: PreparedEntry, kind: EntryKind) -> None:
        """Ends the identity of an entry: it expires or is erased."""
        is_consent = entry.new.kind is EntryKind.CONSENT
        ending = self.samples.entry(
            kind=kind,
            expression=Expression(Source.REGISTRY, Precision.INSTANT, NOON_US + SECOND_US),
            concerns_entry_id=entry.entry_id,
            lifts_entry_id=entry.entry_id if is_consent else None,
        )
        self.append(ending)
        with self.store.database.transaction(NO_DEADLINE) as connection:
            end_identities(connection, [entry.entry_id])

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Runs a statement as a superuser."""
        return run_sql(self.url, statement)

    def export(self) -> dict[str, int]:
        """Exports one round; returns the rows of it by table."""
        return export(self.url, self.path)

    def replay(self, url: str, *, has_secret: HasSecret = lambda _: True) -> ReconcileReport:
        """Reconciles another database with the log."""
        return replay(url, self.path, self.keyring, has_secret=has_secret)

    @contextmanager
    def backup(self) -> Iterator[str]:
        """A database restored from a backup that is made now."""
        self.store.database.engine.dispose()
        with copied(self.url) as url:
            yield url


def kept(entry: PreparedEntry) -> PreparedEntry:
    """The entry, with an identity that the vault keeps."""
    return replace(entry, identity_expires_on=LAST_DAY)


def write(store: Store, request: RequestKey, *entries: PreparedEntry) -> Recorded:
    """Writes entries in one request."""

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append(entries)
        return {}

    return store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)


@contextmanager
def opened(url: str, keyring: Keyring, key_store: KeyStore) -> Iterator[Store]:
    """A store on a database, as a server has it."""
    store = open_store(url, keyring, key_store, LIMITS)
    try:
        yield store
    finally:
        store.close()


def content(url: str) -> dict[str, list[str]]:
    """All rows of what a log brings back, without the numbers of transactions."""
    return {
        table: sorted(
            row
            for (row,) in run_sql(
                url,
                f"SELECT (to_jsonb(row) - 'written_in')::text FROM {table} AS row",  # noqa: S608
            )
        )
        for table in HISTORY
    }
