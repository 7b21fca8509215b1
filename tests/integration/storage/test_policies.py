from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from consent_registry_server.domain.errors import Unavailable
from consent_registry_server.storage.database import StorageLimits
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.policies import PostgresPolicyVersions
from consent_registry_server.storage.store import Store, open_store
from tests.fakes.policies import FakePolicyVersions
from tests.integration.storage.conftest import Sql
from tests.integration.storage.samples import NO_DEADLINE, NOON_US, SECOND_US
from tests.integration.storage.threads import at_once

FILES = {
    "packs/fr.yaml": "citation: 'Code de la consommation, art. L223-1, « bloctel »'\n",
    "packs/no.yaml": "citation: Markedsføringsloven § 12\nname: Ærlig 🔔 \\u0041 'quoted' \"so\"\n",
    "empty.yaml": "",
}


def activate_all(
    versions: PostgresPolicyVersions | FakePolicyVersions, *activations: tuple[str, int]
) -> None:
    for version, seconds in activations:
        versions.activate(version, FILES, at_us=NOON_US + seconds * SECOND_US)


def activations(rows: Sql) -> Sequence[Any]:
    query = "SELECT version FROM policy_activation ORDER BY activation_number"
    return [version for (version,) in rows(query)]


def test_before_the_first_policy_there_is_none(store: Store) -> None:
    assert store.policy_versions.version_at(NOON_US) is None
    assert store.policy_versions.files("a") is None


def test_the_files_of_a_policy_come_back_as_they_were(store: Store) -> None:
    activate_all(store.policy_versions, ("a", 0))

    assert store.policy_versions.files("a") == FILES
    assert store.policy_versions.files("b") is None


def test_the_files_of_a_version_are_those_it_was_first_stored_with(store: Store) -> None:
    activate_all(store.policy_versions, ("a", 0), ("b", 1))

    store.policy_versions.activate("a", {"other.yaml": ""}, at_us=NOON_US + 2 * SECOND_US)

    assert store.policy_versions.files("a") == FILES


def test_a_policy_that_is_in_force_is_not_activated_again(store: Store, rows: Sql) -> None:
    activate_all(store.policy_versions, ("a", 0), ("a", 0), ("a", 5))

    assert activations(rows) == ["a"]
    assert store.policy_versions.version_at(NOON_US) == "a"


def test_a_policy_that_comes_back_is_activated_again(store: Store, rows: Sql) -> None:
    activate_all(store.policy_versions, ("a", 0), ("b", 1), ("a", 2))

    assert activations(rows) == ["a", "b", "a"]
    assert rows("SELECT version FROM policy_version ORDER BY version") == [("a",), ("b",)]


def test_servers_that_start_at_once_activate_once(store: Store, rows: Sql) -> None:
    at_once(lambda _: activate_all(store.policy_versions, ("a", 0)), 8)

    assert activations(rows) == ["a"]


def test_servers_with_different_policies_at_once_are_all_kept(store: Store, rows: Sql) -> None:
    at_once(lambda number: activate_all(store.policy_versions, (f"v{number}", 0)), 8)

    assert sorted(activations(rows)) == [f"v{number}" for number in range(8)]
    assert store.policy_versions.version_at(NOON_US) == activations(rows)[-1]


@pytest.mark.parametrize("implementation", ["postgresql", "memory"])
def test_a_version_is_in_force_from_its_very_instant_until_the_next(
    store: Store, implementation: str
) -> None:
    versions = store.policy_versions if implementation == "postgresql" else FakePolicyVersions()
    activate_all(versions, ("a", 0), ("b", 10), ("a", 20))

    def version_at(offset_us: int) -> str | None:
        return versions.version_at(NOON_US + offset_us)

    assert version_at(-1) is None
    assert version_at(0) == "a"
    assert version_at(10 * SECOND_US - 1) == "a"
    assert version_at(10 * SECOND_US) == "b"
    assert version_at(20 * SECOND_US - 1) == "b"
    assert version_at(20 * SECOND_US) == "a"
    assert version_at(10**15) == "a"


@pytest.mark.parametrize("implementation", ["postgresql", "memory"])
def test_of_two_versions_of_one_instant_the_one_stored_later_is_in_force(
    store: Store, implementation: str
) -> None:
    versions = store.policy_versions if implementation == "postgresql" else FakePolicyVersions()
    activate_all(versions, ("b", 0), ("a", 0))

    assert versions.version_at(NOON_US) == "a"


@pytest.mark.parametrize("implementation", ["postgresql", "memory"])
def test_a_server_whose_clock_was_ahead_does_not_outlive_the_next(
    store: Store, implementation: str
) -> None:
    versions = store.policy_versions if implementation == "postgresql" else FakePolicyVersions()
    activate_all(versions, ("a", 0), ("b", 3_000_000), ("c", 10))

    assert versions.version_at(NOON_US + 10 * SECOND_US) == "c"
    assert versions.version_at(NOON_US + 3_000_000 * SECOND_US) == "c"
    activate_all(versions, ("b", 20))
    assert versions.version_at(NOON_US + 20 * SECOND_US) == "b"


def test_a_server_that_keeps_its_activation_open_makes_others_unavailable(
    postgres_url: str, keyring: Keyring, key_store: KeyStore, store: Store, rows: Sql
) -> None:
    impatient = open_store(postgres_url, keyring, key_store, StorageLimits(lock_timeout_s=0.05))
    held = "SELECT pg_advisory_xact_lock(hashtextextended('policy_activation', 10))"
    try:
        with store.database.transaction(NO_DEADLINE) as connection:
            connection.exec_driver_sql(held)
            with pytest.raises(Unavailable) as error:
                activate_all(impatient.policy_versions, ("a", 0))
    finally:
        impatient.close()

    assert error.value.reason == "CONTENTION"
    assert activations(rows) == []
