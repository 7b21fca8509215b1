"""Rotates the keys of the vault: makes new ones, seals everything anew, destroys the old ones.

Beside servers: they seal under the newest key of a month, and one that still uses an old key when
that is retired is refused by the database and repeats. New keys are wrapped under the keyring's
active vault key, so this is also how an older one goes out of use. Which rotation is under way is
told by the keys themselves: a month has more than one. Killed at any point, the next run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    false,
    select,
    text,
    update,
)

from consent_registry_server.storage.errors import Contention, NoDeadline, unavailable
from consent_registry_server.storage.key_retirement import (
    IS_SUPERSEDED,
    destroy_retired,
    retire_key,
)
from consent_registry_server.storage.schema import vault as vault_table
from consent_registry_server.storage.sealed_rows import (
    SEALED_TABLES,
    sealed_columns,
    sealed_of,
    sealed_values,
)
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.vault import Vault, VaultError

T = TypeVar("T")

BATCH: Final = 500
"""Rows of one transaction."""
ROUNDS: Final = 20
"""How often everything under old keys is sought before a rotation gives up."""
PAUSE_S: Final = 1.0
"""Between those: `vault_keys.CHOICE_LASTS_S` after it began all writers use the new keys."""
TRIES: Final = 10
"""How often a batch is tried that collides with other writers."""

_FIRST: Final = UUID(int=0)

# Those of holds have no successor: they are of this rotation when they are as new as it is.
_OLD: Final = text(f"""
    SELECT old.key_id, key_check.key_id IS NOT NULL AS is_of_keyring
    FROM vault_key AS old
    LEFT JOIN key_check ON key_check.kind = 'vault' AND key_check.key_id = old.key_id
    WHERE {IS_SUPERSEDED} OR key_check.key_id IS NOT NULL
        OR old.month IS NULL AND old.created_at < :began_at
    ORDER BY old.month NULLS FIRST, old.key_id
""")  # noqa: S608 - only constants are put in
_UNDER_WAY: Final = text(f"""
    SELECT max(newest.created_at) FROM vault_key AS old
    JOIN vault_key AS newest ON newest.month = old.month WHERE {IS_SUPERSEDED}
""")  # noqa: S608 - only constants are put in
_MONTHS: Final = text("SELECT DISTINCT month FROM vault_key WHERE month IS NOT NULL")
_NOW: Final = text("SELECT clock_timestamp()")


@dataclass(frozen=True, slots=True)
class VaultRotationReport:
    """What a rotation did: how many rows it sealed anew, and how many keys it destroyed.

    `unreadable` are rows that do not open: they stay as they are.
    """

    resealed: int
    destroyed: int
    unreadable: int


class _Old(NamedTuple):
    """The keys to be replaced; `own` are those that are not the keyring's."""

    all: list[str]
    own: list[str]


class _Pass(NamedTuple):
    """What became of rows; the keys of those that do not open."""

    resealed: int
    unreadable: list[str]


class VaultRotation:
    """Rotates the keys of one registry's vault."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._database = database
        self._vault = vault
        self._sleep = sleep

    def run(self) -> VaultRotationReport:
        """Ends the rotation that is under way, or else begins one and ends it.

        Raises:
            Unavailable: the database or the key store does not answer, or there was no end to it.
        """
        under_way = self._committed(lambda connection: connection.scalar(_UNDER_WAY))
        if under_way is not None:
            report = self._finish(under_way)
            if report.resealed or report.destroyed:
                return report
        return self._finish(self._committed(self._begin))

    def _begin(self, connection: Connection) -> datetime:
        """Makes a new key for every month, all of them or none; returns since when they are."""
        began_at: datetime = connection.execute(_NOW).scalar_one()
        for month in connection.scalars(_MONTHS).all():
            self._vault.keys.create(connection.connection, month)
        return began_at

    def _finish(self, began_at: datetime) -> VaultRotationReport:
        resealed = 0
        for _ in range(ROUNDS):
            old = self._old(began_at)
            # Chooses the new keys from here on, and forgets the old ones in the end.
            self._vault.keys.forget()
            done = self._reseal_all(old.all)
            resealed += done.resealed
            if self._retire(key_id for key_id in old.own if key_id not in done.unreadable):
                destroyed = destroy_retired(self._database.engine, self._vault.keys.key_store)
                return VaultRotationReport(resealed, destroyed, len(done.unreadable))
            self._sleep(PAUSE_S)
        raise unavailable("writers kept sealing under the old vault keys; run it again")

    def _old(self, began_at: datetime) -> _Old:
        rows = self._committed(
            lambda connection: connection.execute(_OLD, {"began_at": began_at}).all()
        )
        # In this order the keys of months, by which a rotation under way is known, go last.
        return _Old(
            [row.key_id for row in rows],
            [row.key_id for row in rows if not row.is_of_keyring],
        )

    def _retire(self, key_ids: Iterable[str]) -> bool:
        """Whether all of them are retired; stops at the first that is still used."""
        return all(retire_key(self._database.engine, key_id) for key_id in key_ids)

    def _reseal_all(self, key_ids: Sequence[str]) -> _Pass:
        """Seals anew what is sealed under some keys, in all tables.

        What somebody holds is left to them in the first pass; the second one waits for it.
        """
        resealed = 0
        unreadable: list[str] = []
        for table in SEALED_TABLES:
            first = self._reseal_table(table, key_ids, skip_locked=True)
            second = self._reseal_table(table, key_ids, skip_locked=False)
            resealed += first.resealed + second.resealed
            unreadable += second.unreadable
        return _Pass(resealed, unreadable)

    def _reseal_table(self, table: Table, key_ids: Sequence[str], *, skip_locked: bool) -> _Pass:
        [record] = table.primary_key.columns
        query = (
            select(*sealed_columns(table), table.c.expires_on, _held(table))
            .where(table.c.key_id == any_(bindparam("key_ids", type_=ARRAY(Text))))
            .where(record > bindparam("after", type_=Uuid))
            .order_by(record)
            .limit(BATCH)
            .with_for_update(of=table, skip_locked=skip_locked)
        )
        resealed, after = 0, _FIRST
        unreadable: list[str] = []
        while True:
            parameters = {"key_ids": list(key_ids), "after": after}

            def batch(
                connection: Connection, parameters: dict[str, Any] = parameters
            ) -> _Batch | None:
                rows = connection.execute(query, parameters).all()
                return self._reseal(connection, table, rows) if rows else None

            done = self._committed(batch)
            if done is None:
                return _Pass(resealed, unreadable)
            resealed += done.resealed
            unreadable += done.unreadable
            after = done.last

    def _reseal(
        self, connection: Connection, table: Table, rows: Sequence[Row[*tuple[Any, ...]]]
    ) -> _Batch:
        [record] = table.primary_key.columns
        anew: list[dict[str, Any]] = []
        unreadable: list[str] = []
        for row in rows:
            sealed = sealed_of(row)
            try:
                content = self._vault.open(sealed)
            except VaultError:
                unreadable.append(sealed.key_id)
                continue
            until = None if row.held else row.expires_on
            fresh = self._vault.seal(connection.connection, sealed.record_id, content, until)
            anew.append({"record": sealed.record_id, **sealed_values(fresh)})
        if anew:
            names = [name for name in anew[0] if name != "record"]
            values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
            change = update(table).where(record == bindparam("record")).values(values)
            connection.execute(
                change, [{"record": each["record"], **_renamed(each, names)} for each in anew]
            )
        return _Batch(len(anew), unreadable, sealed_of(rows[-1]).record_id)

    def _committed(self, work: Callable[[Connection], T]) -> T:
        """Runs one transaction, again where it collides with others."""
        for _ in range(TRIES):
            try:
                with self._database.transaction(NoDeadline()) as connection:
                    return work(connection)
            except Contention:
                self._vault.keys.forget()
        raise unavailable("a batch kept colliding with other writers")


class _Batch(NamedTuple):
    """What one transaction did, and which record was its last."""

    resealed: int
    unreadable: list[str]
    last: UUID


def _held(table: Table) -> ColumnElement[bool]:
    """Whether a row is held; only identities can be."""
    return table.c.held if table is vault_table else false().label("held")


def _renamed(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {f"new_{name}": values[name] for name in names}
