"""The storage as the application wires it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.service.ports import Deadline, ScrubAge
from consent_registry_server.storage.database import (
    PoolStatus,
    StorageLimits,
    make_engine,
    pool_status,
)
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.history import PostgresHistory
from consent_registry_server.storage.key_check import verify_keys
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.ledger import PostgresLedger
from consent_registry_server.storage.migrate import check_current
from consent_registry_server.storage.past import PostgresPast
from consent_registry_server.storage.policies import PostgresPolicyVersions
from consent_registry_server.storage.schema import registry
from consent_registry_server.storage.scrub_ages import read_scrub_ages
from consent_registry_server.storage.seal import KeyringSealer
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.standing import PostgresStanding
from consent_registry_server.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that is kept, by the ports of the service."""

    ledger: PostgresLedger
    standing: PostgresStanding
    history: PostgresHistory
    past: PostgresPast
    policy_versions: PostgresPolicyVersions
    sealer: KeyringSealer
    database: Database

    def ping(self, deadline: Deadline | None = None) -> None:
        """Returns when the database answers.

        Raises:
            Unavailable: it does not.
        """
        self.database.ping(deadline or NoDeadline())

    def scrub_ages(self, deadline: Deadline | None = None) -> list[ScrubAge]:
        """When anything was last scrubbed against each national register."""
        return read_scrub_ages(self.database, deadline or NoDeadline())

    def pool_status(self) -> PoolStatus:
        """How busy the connection pool is."""
        return pool_status(self.database.engine)

    def close(self) -> None:
        """Closes the connections; those in use are closed when they come back."""
        self.database.engine.dispose()


def open_store(url: str, keyring: Keyring, limits: StorageLimits | None = None) -> Store:
    """Opens the database of a URL, after making sure that program, database and keys agree.

    Raises:
        ConfigurationError: the schema is not this program's, or the keyring not the database's.
        Unavailable: the database cannot be reached.
    """
    limits = limits or StorageLimits()
    engine = make_engine(url, limits)
    try:
        check_current(engine)
        verify_keys(engine, keyring)
        return _store(engine, keyring, limits)
    except BaseException:
        engine.dispose()
        raise


def _store(engine: Engine, keyring: Keyring, limits: StorageLimits) -> Store:
    with translated(NoDeadline()), engine.connect() as connection:
        incarnation = connection.scalar(select(registry.c.incarnation))
    if incarnation is None:
        raise ConfigurationError("the database has no incarnation: it was restored incompletely")
    database = Database(engine, limits)
    return Store(
        ledger=PostgresLedger(
            database,
            Vault(keyring),
            incarnation=incarnation,
            key_version=len(keyring.digest_keys),
        ),
        standing=PostgresStanding(database, incarnation),
        history=PostgresHistory(database),
        past=PostgresPast(database, incarnation),
        policy_versions=PostgresPolicyVersions(database),
        sealer=KeyringSealer(keyring),
        database=database,
    )
