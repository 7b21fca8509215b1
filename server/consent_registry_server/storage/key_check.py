"""Refuses a keyring that is not the database's: a wrong key would answer ALLOW in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.errors import NoDeadline, translated
from consent_registry_server.storage.keyring import KeyedDigest, Keyring
from consent_registry_server.storage.schema import entry, key_check

_FIRST_START_LOCK: Final = 0x636F6E73656E7431
"""Advisory: of two first starts with different keyrings, one stores its keys, one is refused."""


class _Check(NamedTuple):
    kind: str
    key_id: str
    check_value: bytes


def verify_keys(engine: Engine, keyring: Keyring) -> None:
    """Returns when the keyring is the one that the database was written with.

    An empty database adopts the keyring. Vault keys that are new to the database are adopted as
    well: old rows name the key they need.

    Raises:
        ConfigurationError: naming the key that is wrong or missing.
        Unavailable: the database cannot be reached.
    """
    with translated(NoDeadline()), engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_FIRST_START_LOCK)))
        known = _known_checks(connection)
        if not known and _has_entries(connection):
            raise ConfigurationError(
                "the database holds entries but no key checks: it was restored incompletely"
            )
        offered = list(_checks(keyring))
        if known:
            _compare(known, offered)
        connection.execute(
            insert(key_check).on_conflict_do_nothing(), [check._asdict() for check in offered]
        )


def _checks(keyring: Keyring) -> Iterator[_Check]:
    # The place is part of the value: the same keys in another order digest differently.
    for place, key in enumerate(keyring.digest_keys):
        yield _check("digest", key.key_id, key.secret, place=place)
    for key in keyring.vault_keys.values():
        yield _check("vault", key.key_id, key.secret, place=0)


def _check(kind: str, key_id: str, secret: bytes, *, place: int) -> _Check:
    label = f"consent-registry/key-check/{kind}/{place}/{key_id}"
    return _Check(kind, key_id, KeyedDigest(secret)(label.encode()))


def _known_checks(connection: Connection) -> list[_Check]:
    columns = (key_check.c.kind, key_check.c.key_id, key_check.c.check_value)
    return [_Check(*row) for row in connection.execute(select(*columns))]


def _has_entries(connection: Connection) -> bool:
    return bool(connection.scalar(select(select(entry.c.entry_id).exists())))


def _compare(known: list[_Check], offered: list[_Check]) -> None:
    values = {(check.kind, check.key_id): check.check_value for check in offered}
    for check in known:
        value = values.get((check.kind, check.key_id))
        name = f"the {check.kind} key {check.key_id}"
        if value is None:
            raise ConfigurationError(f"{name}, which the database was written with, is missing")
        if value != check.check_value:
            raise ConfigurationError(f"{name} is not the one the database was written with")
    known_ids = {check.key_id for check in known if check.kind == "digest"}
    for check in offered:
        if check.kind == "digest" and check.key_id not in known_ids:
            raise ConfigurationError(
                f"the digest key {check.key_id} is not one the database was written with"
            )
