"""Seals what is in the vault anew: for another term, for a hold, or under newer keys."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select, update

from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.storage.schema import vault as vault_table
from consent_registry_server.storage.sealed_rows import sealed_columns, sealed_of, sealed_values
from consent_registry_server.storage.vault import Vault

_select = select(*sealed_columns(vault_table))


def reseal_identity(
    connection: Connection, vault: Vault, entry_id: EntryId, *, until: date, is_held: bool
) -> None:
    """Keeps an identity until another last day, or for a hold until that is lifted.

    A held one is sealed under a key of its own, for the key of its month goes with the month.
    Does nothing where there is no identity any more.

    Raises:
        VaultError: it does not open.
        Unavailable: the key store does not answer.
    """
    query = _select.where(vault_table.c.entry_id == entry_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        return
    content = vault.open(sealed_of(row))
    sealed = vault.seal(connection.connection, entry_id, content, None if is_held else until)
    values = {**sealed_values(sealed), "expires_on": until, "held": is_held}
    connection.execute(update(vault_table).where(vault_table.c.entry_id == entry_id).values(values))
