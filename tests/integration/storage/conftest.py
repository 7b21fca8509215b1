from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.service.ports import PreparedEntry, Recorded, RequestKey, Transaction
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store
from tests.conftest import run_sql
from tests.integration.storage.exported_log import LogDesk
from tests.integration.storage.samples import NO_DEADLINE, NOON_US, Samples

Append = Callable[..., Recorded]
Sql = Callable[[str], Sequence[Any]]


@pytest.fixture
def samples(keyring: Keyring) -> Samples:
    return Samples(keyring)


@pytest.fixture
def append(store: Store, samples: Samples) -> Append:
    """Writes entries in one request."""

    def write(*entries: PreparedEntry, request: RequestKey | None = None) -> Recorded:
        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.append(entries)
            return {"entry_ids": [str(entry.entry_id) for entry in entries]}

        request = request or samples.request()
        return store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)

    return write


@pytest.fixture
def desk(
    postgres_url: str, store: Store, samples: Samples, keyring: Keyring, tmp_path: Path
) -> LogDesk:
    """An empty registry whose log was never exported."""
    return LogDesk(postgres_url, store, samples, keyring, tmp_path / "registry.log")


@pytest.fixture
def read_entry(store: Store) -> Callable[[EntryId], Entry | None]:
    """Reads an entry as a transaction sees it, whoever's it is."""

    def read(entry_id: EntryId) -> Entry | None:
        found: list[Entry | None] = []

        def work(transaction: Transaction) -> dict[str, Any]:
            found.append(transaction.entry(entry_id))
            return {}

        request = Samples(Keyring.generate()).request()
        store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)
        return found[0]

    return read


@pytest.fixture
def sql(postgres_url: str) -> Sql:
    """Runs a statement as a superuser."""
    return lambda statement: run_sql(postgres_url, statement)


@pytest.fixture
def rows(store: Store) -> Sql:
    """The rows of a query, as the application's role sees them."""

    def query(statement: str) -> Sequence[Any]:
        with store.database.transaction(NO_DEADLINE) as connection:
            return connection.exec_driver_sql(statement).all()

    return query
