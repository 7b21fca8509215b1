"""What was sealed before vault keys had months: under the keyring's own vault key."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from consent_registry_server.domain.contact import Email
from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.storage.identities import read_identities
from consent_registry_server.storage.key_check import checks_of
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.migrate import upgrade
from consent_registry_server.storage.store import Store, open_store
from consent_registry_server.storage.vault import VaultError
from consent_registry_server.storage.vault_rotation import VaultRotation
from tests.conftest import run_sql
from tests.integration.storage.samples import NO_DEADLINE
from tests.integration.storage.test_migrations import migrate_to

OPT_OUT, CONSENT, LATER = (EntryId(UUID(int=number)) for number in (1, 2, 3))
ADDRESS: Final = "Camille.Désirée@example.com"
# As the program of before wrote it, letter by letter.
DOCUMENT: Final = {
    "format": 1,
    "contact_points": [{"kind": "email", "address": ADDRESS}],
    "customer_number": "K-4711",
    "name": "Camille Désirée",
    "evidence": {"form_id": "7", "text_digest": "AAEC"},
    "lead_id": "lead-9",
}
ENTRY: Final = """
    INSERT INTO entry (entry_id, kind, controller, channels, source, precision, expressed_at,
        time_zone, recorded_at, counts_at, proven, lifts_opt_outs)
    VALUES ('{entry_id}', {kind}, 'alarm-fr', -1, 1, 1, '2026-09-21 12:00+00', 'Europe/Paris',
        '2026-09-21 12:00+00', '2026-09-21 12:00+00', false, false);
    INSERT INTO vault (entry_id, key_id, wrapped_key, nonce, ciphertext)
    VALUES ('{entry_id}', '{key_id}', '\\x{wrapped}', '\\x{nonce}', '\\x{ciphertext}')
"""


def write_as_before(url: str, keyring: Keyring, entry_id: EntryId, *, kind: int = 4) -> None:
    """Writes an entry and its identity as the program before migration 0003 did."""
    key = keyring.active_vault_key
    bound_to = b"consent-registry/vault/1\0" + entry_id.bytes + key.key_id.encode()
    content = json.dumps(DOCUMENT, ensure_ascii=False, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 64)
    data_key, wrap_nonce, nonce = os.urandom(32), os.urandom(12), os.urandom(12)
    wrapped = wrap_nonce + AESGCM(key.secret).encrypt(wrap_nonce, data_key, bound_to)
    ciphertext = AESGCM(data_key).encrypt(nonce, content, bound_to)
    written = ENTRY.format(
        entry_id=entry_id,
        kind=kind,
        key_id=key.key_id,
        wrapped=wrapped.hex(),
        nonce=nonce.hex(),
        ciphertext=ciphertext.hex(),
    )
    run_sql(url, written)


@pytest.fixture
def url(empty_postgres_url: str, keyring: Keyring) -> str:
    """A database of before, with two identities, migrated; and one more that was written since."""
    migrate_to(empty_postgres_url, "0001")
    checks = ", ".join(
        f"('{check.kind}', '{check.key_id}', '\\x{check.check_value.hex()}')"
        for check in checks_of(keyring)
    )
    run_sql(empty_postgres_url, f"INSERT INTO key_check VALUES {checks}")  # noqa: S608 - made here
    write_as_before(empty_postgres_url, keyring, OPT_OUT)
    write_as_before(empty_postgres_url, keyring, CONSENT, kind=1)
    upgrade(empty_postgres_url)
    # During a rolling update the program of before goes on beside this one.
    write_as_before(empty_postgres_url, keyring, LATER)
    return empty_postgres_url


@pytest.fixture
def migrated(url: str, keyring: Keyring, tmp_path: Path) -> Iterator[Store]:
    """A store of today on that database."""
    keys = DirectoryKeyStore(tmp_path / "vault-keys")
    keys.prepare()
    with closing(open_store(url, keyring, keys)) as opened:
        yield opened


def require_all_open(store: Store) -> None:
    """Every identity is what was sealed, its evidence too."""
    with store.database.transaction(NO_DEADLINE) as connection:
        found = read_identities(connection, store.vault, [OPT_OUT, CONSENT, LATER])
    assert found.keys() == {OPT_OUT, CONSENT, LATER}
    for identity in found.values():
        assert identity.subject.contact_points == (Email(ADDRESS),)
        assert (identity.subject.name, identity.subject.customer_number) == (
            "Camille Désirée",
            "K-4711",
        )
        assert (identity.evidence.form_id, identity.evidence.text_digest) == ("7", b"\0\1\2")
        assert identity.lead_id == "lead-9"


def test_they_open_after_the_migration(migrated: Store) -> None:
    """Those too that the program of before wrote afterwards; without any key in the key store."""
    require_all_open(migrated)
    assert migrated.vault.keys.key_store.key_ids() == frozenset()


def test_a_rotation_carries_them_over(migrated: Store, url: str) -> None:
    """To the key of the month of their last day; they are then as any other."""
    old = run_sql(url, "SELECT expires_on FROM vault ORDER BY entry_id")
    report = VaultRotation(migrated.database, migrated.vault).run()
    assert (report.resealed, report.destroyed, report.unreadable) == (3, 0, 0)
    under = "SELECT DISTINCT month = date_trunc('month', expires_on), times_sealed FROM vault"
    assert run_sql(url, f"{under} JOIN vault_key USING (key_id)") == [(True, 2)]
    assert run_sql(url, "SELECT expires_on FROM vault ORDER BY entry_id") == old
    require_all_open(migrated)
    used = {row[0] for row in run_sql(url, "SELECT DISTINCT key_id FROM vault")}
    assert migrated.vault.keys.key_store.key_ids() == used


def test_the_keyrings_key_may_go_on_sealing_for_the_program_of_before(
    migrated: Store, url: str, keyring: Keyring
) -> None:
    """It is never retired; what is sealed under it after a rotation goes with the next one."""
    VaultRotation(migrated.database, migrated.vault).run()
    last = EntryId(UUID(int=4))
    write_as_before(url, keyring, last)
    with migrated.database.transaction(NO_DEADLINE) as connection:
        assert last in read_identities(connection, migrated.vault, [last])
    VaultRotation(migrated.database, migrated.vault).run()
    of_keyring = "SELECT count(*) FROM vault WHERE key_id = 'vault-1'"
    assert run_sql(url, of_keyring) == [(0,)]
    assert run_sql(url, "SELECT count(*) FROM vault_key WHERE key_id = 'vault-1'") == [(1,)]
    require_all_open(migrated)


def test_a_row_of_before_that_was_moved_does_not_open(migrated: Store, url: str) -> None:
    """It is bound to its entry, as it was."""
    columns = "key_id, wrapped_key, nonce, ciphertext"
    of_other = f"(SELECT {columns} FROM vault WHERE entry_id = '{CONSENT}')"  # noqa: S608 - constants
    run_sql(url, f"UPDATE vault SET ({columns}) = {of_other} WHERE entry_id = '{OPT_OUT}'")  # noqa: S608
    with (
        pytest.raises(VaultError, match="does not open"),
        migrated.database.transaction(NO_DEADLINE) as connection,
    ):
        read_identities(connection, migrated.vault, [OPT_OUT])
