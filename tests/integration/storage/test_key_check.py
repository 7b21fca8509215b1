from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Key, Keyring
from consent_registry_server.storage.store import open_store
from tests.conftest import run_sql
from tests.integration.storage.conftest import Append
from tests.integration.storage.samples import Samples

DIGEST_1, DIGEST_2 = Key("digest-1", b"1" * 32), Key("digest-2", b"2" * 32)
VAULT_1, VAULT_2 = Key("vault-1", b"a" * 32), Key("vault-2", b"b" * 32)


Start = Callable[[str, Keyring], None]


def ring(digest_keys: list[Key], vault_keys: list[Key]) -> Keyring:
    return Keyring(tuple(digest_keys), tuple(vault_keys), active_vault_key=vault_keys[-1].key_id)


@pytest.fixture
def start(key_store: KeyStore) -> Start:
    """Opens and closes a store."""
    return lambda url, keyring: open_store(url, keyring, key_store).close()


def test_the_keyring_of_the_first_start_is_the_databases(postgres_url: str, start: Start) -> None:
    start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))

    start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))


@pytest.mark.parametrize(
    "digest_keys, vault_keys, complaint",
    [
        pytest.param(
            [Key("digest-1", b"x" * 32), DIGEST_2], [VAULT_1], "digest-1 is not", id="wrong-digest"
        ),
        pytest.param(
            [DIGEST_1, DIGEST_2], [Key("vault-1", b"x" * 32)], "vault-1 is not", id="wrong-vault"
        ),
        pytest.param([DIGEST_1], [VAULT_1], "digest-2.*missing", id="missing-digest"),
        pytest.param([DIGEST_1, DIGEST_2], [VAULT_2], "vault-1.*missing", id="missing-vault"),
        pytest.param([DIGEST_2, DIGEST_1], [VAULT_1], "is not the one", id="other-order"),
        pytest.param(
            [DIGEST_1, Key("digest-3", b"3" * 32), DIGEST_2], [VAULT_1], "is not", id="between"
        ),
    ],
)
def test_a_keyring_that_is_not_the_databases_is_refused(
    postgres_url: str, digest_keys: list[Key], vault_keys: list[Key], complaint: str, start: Start
) -> None:
    start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))

    with pytest.raises(ConfigurationError, match=complaint) as error:
        start(postgres_url, ring(digest_keys, vault_keys))

    assert "x" * 32 not in error.value.message


def test_a_refused_keyring_changes_nothing(postgres_url: str, start: Start) -> None:
    start(postgres_url, ring([DIGEST_1], [VAULT_1]))

    with pytest.raises(ConfigurationError):
        start(postgres_url, ring([DIGEST_2], [VAULT_1, VAULT_2]))

    start(postgres_url, ring([DIGEST_1], [VAULT_1]))


def test_a_new_digest_key_waits_for_its_rotation(postgres_url: str, start: Start) -> None:
    start(postgres_url, ring([DIGEST_1], [VAULT_1]))
    start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))

    start(postgres_url, ring([DIGEST_1], [VAULT_1]))

    assert run_sql(postgres_url, "SELECT digest_oldest, digest_newest FROM registry") == [(1, 1)]


def test_an_empty_database_digests_under_all_keys_of_its_keyring(
    postgres_url: str, start: Start
) -> None:
    start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))

    assert run_sql(postgres_url, "SELECT digest_oldest, digest_newest FROM registry") == [(2, 2)]


def test_digests_and_digest_keys_that_do_not_agree_are_refused(
    postgres_url: str, start: Start
) -> None:
    start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))
    run_sql(postgres_url, "UPDATE registry SET digest_oldest = 1, digest_newest = 1")

    with pytest.raises(ConfigurationError, match="do not agree"):
        start(postgres_url, ring([DIGEST_1, DIGEST_2], [VAULT_1]))


def test_a_new_vault_key_is_adopted_and_needed_from_then_on(
    postgres_url: str, start: Start
) -> None:
    start(postgres_url, ring([DIGEST_1], [VAULT_1]))
    start(postgres_url, ring([DIGEST_1], [VAULT_1, VAULT_2]))

    with pytest.raises(ConfigurationError, match="vault-2"):
        start(postgres_url, ring([DIGEST_1], [VAULT_1]))


@pytest.mark.usefixtures("store")
def test_entries_without_key_checks_are_refused(
    postgres_url: str, keyring: Keyring, append: Append, samples: Samples, start: Start
) -> None:
    append(samples.entry())
    run_sql(postgres_url, "DELETE FROM key_check")

    with pytest.raises(ConfigurationError, match="no key checks"):
        start(postgres_url, keyring)


def test_of_two_first_starts_at_once_with_different_keyrings_one_is_refused(
    new_database: Callable[[], str], start: Start
) -> None:
    for _ in range(5):
        url = new_database()
        barrier = threading.Barrier(2)
        keyrings = [Keyring.generate(), ring([DIGEST_2], [VAULT_2])]

        def first_start(keyring: Keyring, url: str = url, at: threading.Barrier = barrier) -> bool:
            at.wait()
            try:
                start(url, keyring)
            except ConfigurationError:
                return False
            return True

        with ThreadPoolExecutor(2) as executor:
            accepted = list(executor.map(first_start, keyrings))

        assert sorted(accepted) == [False, True]
        start(url, keyrings[accepted.index(True)])


def test_the_check_values_do_not_hold_the_keys(postgres_url: str, start: Start) -> None:
    start(postgres_url, ring([DIGEST_1], [VAULT_1]))

    run_sql(
        postgres_url,
        "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM key_check"
        " WHERE check_value IN (convert_to(repeat('1', 32), 'utf8'),"
        " convert_to(repeat('a', 32), 'utf8'))); END $$",
    )
