"""The end of vault keys: of months that are over, of holds that were lifted, of those rotated.

A key that nothing is sealed under any more first loses its right to seal: its row moves to
`retired_vault_key`, which the database refuses while any row names it. Then the key store destroys
it, then that is noted. Killed in between, the next run goes on where this one was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Engine, text

from consent_registry_server.storage.errors import Contention, NoDeadline, translated
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.vault_keys import CREATION_LOCK

_IS_REFERENCED: Final = """(
    EXISTS (SELECT FROM vault WHERE vault.key_id = old.key_id)
    OR EXISTS (SELECT FROM sealed_note WHERE sealed_note.key_id = old.key_id)
)"""
IS_SUPERSEDED: Final = """EXISTS (
    SELECT FROM vault_key AS newer WHERE newer.month = old.month
        AND (newer.created_at, newer.key_id) > (old.created_at, old.key_id)
)"""
"""Of a row of `vault_key` by the name of `old`: there is a newer key of its month."""
_IS_OVER: Final = "old.month + interval '1 month' <= CAST(:as_of AS date)"
# The keys of the keyring are its owner's to keep or to drop. While a program of before months may
# run, it seals under them.
_IS_DONE_WITH: Final = f"""(
    {_IS_OVER}
    OR {IS_SUPERSEDED}
    OR old.month IS NULL AND NOT EXISTS (
        SELECT FROM key_check WHERE key_check.kind = 'vault' AND key_check.key_id = old.key_id
    )
)"""

_UNUSED: Final = text(f"""
    SELECT old.key_id FROM vault_key AS old WHERE {_IS_DONE_WITH} AND NOT {_IS_REFERENCED}
    ORDER BY old.created_at, old.key_id
""")  # noqa: S608 - only constants are put in
_STILL_USED: Final = text(f"""
    SELECT count(*) FROM vault_key AS old WHERE {_IS_OVER} AND {_IS_REFERENCED}
""")  # noqa: S608 - only constants are put in
_RETIRE: Final = text("""
    WITH retired AS (DELETE FROM vault_key WHERE key_id = :key_id RETURNING key_id, month)
    INSERT INTO retired_vault_key (key_id, month, retired_at)
    SELECT key_id, month, now() FROM retired
    ON CONFLICT (key_id) DO UPDATE SET retired_at = excluded.retired_at, destroyed_at = NULL
""")
# One that may seal, say after a restore, is not destroyed, whatever was noted of it. One that was
# destroyed and is there again came back with a backup of the key store.
_DOOMED: Final = text("""
    SELECT key_id FROM retired_vault_key AS retired
    WHERE (destroyed_at IS NULL OR key_id = ANY (CAST(:there AS text[])))
        AND NOT EXISTS (SELECT FROM vault_key WHERE vault_key.key_id = retired.key_id)
    ORDER BY retired_at, key_id
""")
_NOTE_DESTROYED: Final = text(
    "UPDATE retired_vault_key SET destroyed_at = clock_timestamp() WHERE key_id = :key_id"
)
_KNOWN: Final = text("SELECT key_id FROM vault_key UNION SELECT key_id FROM retired_vault_key")
_NO_CREATION: Final = text("SELECT pg_advisory_xact_lock(:lock, 0)")
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})-")


@dataclass(frozen=True, slots=True)
class RetirementReport:
    """What became of keys, in numbers.

    `still_used` are keys of months that are over under which something is sealed all the same: what
    has not expired yet keeps them. `stray` are keys in the key store that the database does not
    know, of failed writes or from after a backup: they are left alone until their month is over.
    """

    retired: int
    destroyed: int
    still_used: int
    stray: int


def retire_ended(engine: Engine, key_store: KeyStore, *, as_of: date) -> RetirementReport:
    """Destroys the keys that seal nothing and never will, those of months before `as_of` first.

    Never one under which anything is sealed. Safe beside servers and beside itself.

    Raises:
        Unavailable: the database or the key store does not answer.
    """
    retired = sum(retire_key(engine, key_id) for key_id in _ids(engine, as_of))
    destroyed = destroy_retired(engine, key_store)
    stray, over = _stray(engine, key_store, min(as_of, _today()))
    for key_id in over:
        key_store.destroy(key_id)
    with translated(NoDeadline()), engine.connect() as connection:
        still_used = connection.execute(_STILL_USED, {"as_of": as_of}).scalar_one()
    return RetirementReport(
        retired, destroyed + len(over), still_used=int(still_used), stray=stray - len(over)
    )


def retire_key(engine: Engine, key_id: str) -> bool:
    """Takes from a key the right to seal; returns whether it has none.

    One under which anything is sealed keeps it, and one that a writer is sealing with just now.

    Raises:
        Unavailable: the database does not answer.
    """
    try:
        with translated(NoDeadline()), engine.begin() as connection:
            connection.execute(_RETIRE, {"key_id": key_id})
    except Contention:
        return False
    return True


def destroy_retired(engine: Engine, key_store: KeyStore) -> int:
    """Destroys what was retired and is not known to be destroyed, or has come back.

    Returns how many keys.

    Raises:
        Unavailable: the database or the key store does not answer.
    """
    there = {"there": sorted(key_store.key_ids())}
    with translated(NoDeadline()), engine.connect() as connection:
        doomed = list(connection.scalars(_DOOMED, there))
    for key_id in doomed:
        key_store.destroy(key_id)
        with translated(NoDeadline()), engine.begin() as connection:
            connection.execute(_NOTE_DESTROYED, {"key_id": key_id})
    return len(doomed)


def _ids(engine: Engine, as_of: date) -> list[str]:
    with translated(NoDeadline()), engine.connect() as connection:
        return list(connection.scalars(_UNUSED, {"as_of": as_of}))


def _stray(engine: Engine, key_store: KeyStore, as_of: date) -> tuple[int, list[str]]:
    """How many keys the database does not know, and those of them whose month is over.

    Of the latter none while a transaction goes on that makes keys: it may seal under one of them
    that nobody else sees yet.
    """
    # The key store first: what is added to it afterwards may not be committed yet.
    there = key_store.key_ids()
    with translated(NoDeadline()), engine.connect() as connection:
        stray = there - frozenset(connection.scalars(_KNOWN))
    over = {key_id for key_id in stray if _is_over(key_id, as_of)}
    if not over:
        return len(stray), []
    try:
        with translated(NoDeadline()), engine.begin() as connection:
            connection.execute(_NO_CREATION, {"lock": CREATION_LOCK})
            over -= frozenset(connection.scalars(_KNOWN))
    except Contention:
        return len(stray), []
    return len(stray), sorted(over)


def _is_over(key_id: str, as_of: date) -> bool:
    """Whether the month in a key's id has ended.

    A stray key of a month to come may have sealed what the exported log still holds: a database
    that was restored knows it again only when the log was replayed.
    """
    found = _MONTH.match(key_id)
    return found is not None and (int(found[1]), int(found[2])) < (as_of.year, as_of.month)


def _today() -> date:
    return datetime.now(UTC).date()
