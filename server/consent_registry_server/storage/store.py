"""The storage as the application wires it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.service.ports import Deadline, ScrubAge
from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.database import (
    PoolStatus,
    StorageLimits,
    make_engine,
    pool_status,
)
from consent_registry_server.storage.digests import StoredDigests
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.history import PostgresHistory
from consent_registry_server.storage.key_check import DigestKeyCheck, verify_keys
from consent_registry_server.storage.key_store import KeyStore
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
from consent_registry_server.storage.subjects import PostgresSubjectHistory
from consent_registry_server.storage.unsubscribe_links import PostgresUnsubscribeLinks
from consent_registry_server.storage.vault import Vault
from consent_registry_server.storage.vault_keys import VaultKeys


@dataclass(frozen=True, slots=True)
class Store:
    """Everything that is kept, by the ports of the service."""

    incarnation: UUID
    """The life of the database that it works in; see `life`."""
    ledger: PostgresLedger
    standing: PostgresStanding
    history: PostgresHistory
    past: PostgresPast
    subject_history: PostgresSubjectHistory
    unsubscribe_links: PostgresUnsubscribeLinks
    policy_versions: PostgresPolicyVersions
    sealer: KeyringSealer
    vault: Vault
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

    def warm_up(self) -> None:
        """Reads the vault's keys, so that the key store may be away for a while from here on.

        Raises:
            Unavailable: the database or the key store does not answer.
        """
        with self.database.transaction(NoDeadline()) as connection:
            self.vault.keys.warm_up(connection.connection)

    def close(self) -> None:
        """Closes the connections; those in use are closed when they come back."""
        self.database.engine.dispose()


def open_store(
    database: DatabaseAccess | str,
    keyring: Keyring,
    key_store: KeyStore,
    limits: StorageLimits | None = None,
) -> Store:
    """Opens a database, after making sure that program, database and keys agree.

    Raises:
        ConfigurationError: the schema is not this program's, the keyring not the database's, or
            the key store is none.
        Unavailable: the database or the key store cannot be reached.
    """
    limits = limits or StorageLimits()
    engine = make_engine(database, limits)
    try:
        check_current(engine)
        key_store.check()
        versions = verify_keys(engine, keyring)
        digests = StoredDigests(keyring, versions, DigestKeyCheck(engine, keyring))
        return _store(Database(engine, limits), keyring, VaultKeys(keyring, key_store), digests)
    except BaseException:
        engine.dispose()
        raise


def _store(database: Database, keyring: Keyring, keys: VaultKeys, digests: StoredDigests) -> Store:
    with translated(NoDeadline()), database.engine.connect() as connection:
        incarnation = connection.scalar(
            select(registry.c.incarnation).where(~registry.c.reconciling)
        )
    if incarnation is None:
        raise ConfigurationError(
            "the database was restored incompletely: run `consent-registry reconcile` to its end"
        )
    vault = Vault(keys)
    return Store(
        incarnation=incarnation,
        ledger=PostgresLedger(
            database,
            vault,
            incarnation=incarnation,
            digests=digests,
        ),
        standing=PostgresStanding(database, incarnation, digests),
        history=PostgresHistory(database, digests),
        past=PostgresPast(database, incarnation, digests),
        subject_history=PostgresSubjectHistory(database, vault),
        unsubscribe_links=PostgresUnsubscribeLinks(database, incarnation),
        policy_versions=PostgresPolicyVersions(database),
        sealer=KeyringSealer(keyring),
        vault=vault,
        database=database,
    )
