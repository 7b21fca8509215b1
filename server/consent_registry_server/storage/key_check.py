"""Refuses a keyring that is not the database's: a wrong key would answer ALLOW in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.digests import DigestRange, keyring_outdated
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.keyring import KeyedDigest, Keyring
from consent_registry_server.storage.schema import entry, key_check, registry

_TURN: Final = 0x636F6E73656E7431
"""Advisory: of two first starts with different keyrings, one stores its keys, one is refused."""


class Check(NamedTuple):
    """A row of `key_check`."""

    kind: str
    key_id: str
    check_value: bytes


def verify_keys(engine: Engine, keyring: Keyring) -> DigestRange:
    """Returns the range of the digests when the keyring is the one of the database.

    An empty database adopts the keyring. Vault keys that are new to the database are adopted as
    well: old rows name the key they need. Digest keys that are new to it are pending: nothing is
    digested under them before a rotation begins (`rotation`).

    Raises:
        ConfigurationError: naming the key that is wrong or missing.
        Unavailable: the database cannot be reached.
    """
    with translated(NoDeadline()), engine.begin() as connection:
        take_turn(connection)
        known = _known_checks(connection)
        if not known and _has_entries(connection):
            raise ConfigurationError(
                "the database holds entries but no key checks: it was restored incompletely"
            )
        offered = list(checks_of(keyring))
        if known:
            _compare(known, offered)
            offered = [check for check in offered if check.kind != "digest"]
        else:
            _adopt_digests(connection, len(keyring.digest_keys))
        _store(connection, offered)
        return _digest_range(connection, known or offered)


class DigestKeyCheck:
    """Tells a running server whether the digest keys of a rotation are those of its keyring."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self._engine = engine
        self._keyring = keyring

    def __call__(self, connection: Connection | None = None) -> None:
        """Returns when they are.

        Raises:
            Unavailable: KEYRING_OUTDATED.
        """
        if connection is None:
            with translated(NoDeadline()), self._engine.connect() as own:
                known = _known_checks(own)
        else:
            known = _known_checks(connection)
        known = [check for check in known if check.kind == "digest"]
        try:
            _compare(known, list(checks_of(self._keyring)))
        except ConfigurationError:
            raise keyring_outdated() from None


def take_turn(connection: Connection) -> None:
    """Waits until nobody else checks or stores keys; held until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(_TURN)))


def start_digest_keys(connection: Connection, keyring: Keyring) -> None:
    """Notes that digests go through all keys of the keyring from now on: a rotation begins.

    Raises:
        ConfigurationError: the keyring is not the database's.
    """
    take_turn(connection)
    offered = list(checks_of(keyring))
    _compare(_known_checks(connection), offered)
    _store(connection, [check for check in offered if check.kind == "digest"])
    newest = func.greatest(registry.c.digest_newest, len(keyring.digest_keys))
    connection.execute(update(registry).values(digest_newest=newest))


def _store(connection: Connection, checks: list[Check]) -> None:
    connection.execute(
        insert(key_check).on_conflict_do_nothing(), [check._asdict() for check in checks]
    )


def _adopt_digests(connection: Connection, keys: int) -> None:
    """Notes that all digests of an empty database go through all keys."""
    connection.execute(update(registry).values(digest_oldest=keys, digest_newest=keys))


def _digest_range(connection: Connection, checks: list[Check]) -> DigestRange:
    row = connection.execute(select(registry.c.digest_oldest, registry.c.digest_newest)).one()
    if row.digest_newest != sum(check.kind == "digest" for check in checks):
        raise ConfigurationError(
            "the database's digests and its digest keys do not agree: it was restored incompletely"
        )
    return DigestRange(row.digest_oldest, row.digest_newest)


def checks_of(keyring: Keyring) -> Iterator[Check]:
    """The rows by which the keyring's keys are known again, those of digests in their order."""
    # The place is part of the value: the same keys in another order digest differently.
    for place, key in enumerate(keyring.digest_keys):
        yield _check("digest", key.key_id, key.secret, place=place)
    for key in keyring.vault_keys.values():
        yield _check("vault", key.key_id, key.secret, place=0)


def _check(kind: str, key_id: str, secret: bytes, *, place: int) -> Check:
    label = f"consent-registry/key-check/{kind}/{place}/{key_id}"
    return Check(kind, key_id, KeyedDigest(secret)(label.encode()))


def _known_checks(connection: Connection) -> list[Check]:
    columns = (key_check.c.kind, key_check.c.key_id, key_check.c.check_value)
    return [Check(*row) for row in connection.execute(select(*columns))]


def _has_entries(connection: Connection) -> bool:
    return bool(connection.scalar(select(select(entry.c.entry_id).exists())))


def _compare(known: list[Check], offered: list[Check]) -> None:
    values = {(check.kind, check.key_id): check.check_value for check in offered}
    for check in known:
        value = values.get((check.kind, check.key_id))
        name = f"the {check.kind} key {check.key_id}"
        if value is None:
            raise ConfigurationError(f"{name}, which the database was written with, is missing")
        if value != check.check_value:
            raise ConfigurationError(f"{name} is not the one the database was written with")
    # Each is at its place, for that is part of its value; so they come first, and others after.
    known_ids = {check.key_id for check in known if check.kind == "digest"}
    of_digests = [check for check in offered if check.kind == "digest"]
    for check in of_digests[: len(known_ids)]:
        if check.key_id not in known_ids:
            raise ConfigurationError(
                f"the digest key {check.key_id} is not one the database was written with"
            )
