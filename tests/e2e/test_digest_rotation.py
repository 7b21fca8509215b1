"""The operator's commands for digest keys, and a rotation that is killed on its way."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from consent_registry_server.cli import program
from consent_registry_server.service.ports import PreparedEntry, Transaction
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store, open_store
from tests.conftest import run_sql
from tests.e2e.registry_process import PREFIX, PROGRAM, NotYet, eventually, run_program
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

ENTRIES, POINTS = 40, 250
"""Opt-outs, and how many contact points each of them names."""


@pytest.fixture
def keyring_file(keyring: Keyring, tmp_path: Path) -> Path:
    """The keyring of the database."""
    keyring.save_new(tmp_path / "keyring.json")
    return tmp_path / "keyring.json"


@pytest.fixture
def new_keyring_file(keyring_file: Path) -> Path:
    """That keyring with one digest key more, made by the program."""
    made = keyring_file.with_name("new-keyring.json")
    done = CliRunner().invoke(program, ["keys", "add-digest", str(keyring_file), str(made)])
    assert done.exit_code == 0, done.output
    assert "digest-2" in done.output
    return made


def test_a_new_keyring_has_the_old_keys_and_one_digest_key_more(
    keyring_file: Path, new_keyring_file: Path
) -> None:
    """Applied last; the file is its owner's alone, and the old one is as it was."""
    old, new = Keyring.load(keyring_file), Keyring.load(new_keyring_file)
    assert new.digest_keys[:-1] == old.digest_keys
    assert (new.vault_keys, new.active_vault_key) == (old.vault_keys, old.active_vault_key)
    assert stat.S_IMODE(new_keyring_file.stat().st_mode) == 0o600


def test_no_keyring_is_overwritten(keyring_file: Path, new_keyring_file: Path) -> None:
    """Neither the one in use nor one that was made for it before."""
    for taken in (keyring_file, new_keyring_file):
        before = taken.read_bytes()
        arguments = ["keys", "add-digest", str(keyring_file), str(taken)]
        assert CliRunner().invoke(program, arguments).exit_code != 0
        assert taken.read_bytes() == before


@pytest.fixture
def opt_outs(store: Store, keyring: Keyring) -> Samples:
    """Opt-outs of many contact points, under the old key."""
    samples = Samples(keyring)
    for number in range(ENTRIES):
        entry = samples.entry(*(samples.point(f"{number} {each}") for each in range(POINTS)))

        def work(transaction: Transaction, entry: PreparedEntry = entry) -> dict[str, Any]:
            transaction.append([entry])
            return {}

        request = samples.request(f"{number}")
        store.ledger.write(request, NOON_US, work, deadline=NO_DEADLINE)
    return samples


def test_a_rotation_killed_on_its_way_is_ended_by_the_next_one(
    opt_outs: Samples, store: Store, postgres_url: str, new_keyring_file: Path, tmp_path: Path
) -> None:
    """Wherever it was killed, every opt-out is found, under the old key or the new one."""
    settings = _settings(postgres_url, new_keyring_file)
    keyring = Keyring.load(new_keyring_file)
    server = open_store(postgres_url, keyring, store.vault.keys.key_store, store.database.limits)
    try:
        for goal in (500, 4_000, 9_000):
            with _started(settings, tmp_path):
                eventually(partial(_require_carried_over, postgres_url, goal))
            assert _range(postgres_url) == (1, 2)
            _require_all_found(server, opt_outs)
        done = run_program(tmp_path, "keys", "rotate-digests", **settings)
        assert done.returncode == 0, done.stderr
        assert "have gone through 2 keys" in done.stdout
        assert _range(postgres_url) == (2, 2)
        _require_all_found(server, opt_outs)
    finally:
        server.close()
    again = run_program(tmp_path, "keys", "rotate-digests", **settings)
    assert "0 contact points and 0 requests" in again.stdout
    versions = run_sql(
        postgres_url,
        "SELECT key_version, count(*) FROM contact_point GROUP BY 1",
    )
    assert versions == [(2, ENTRIES * POINTS)]


def test_a_rotation_without_a_new_key_does_nothing(
    opt_outs: Samples, store: Store, postgres_url: str, keyring_file: Path, tmp_path: Path
) -> None:
    """Nor does it keep anybody from answering."""
    settings = _settings(postgres_url, keyring_file)
    done = run_program(tmp_path, "keys", "rotate-digests", **settings)
    assert done.returncode == 0
    assert _range(postgres_url) == (1, 1)
    _require_all_found(store, opt_outs)


def _settings(url: str, keyring_file: Path) -> dict[str, str]:
    keys = keyring_file.with_name("vault-keys")
    return {"DATABASE_URL": url, "KEYRING_FILE": str(keyring_file), "KEY_STORE_DIR": str(keys)}


@contextmanager
def _started(settings: dict[str, str], data_dir: Path) -> Iterator[None]:
    """Runs a rotation until the end of the block, and kills it there."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    own = {PREFIX + name: value for name, value in settings.items()}
    with subprocess.Popen(
        [PROGRAM, "keys", "rotate-digests"],
        env={**others, **own, f"{PREFIX}DATA_DIR": str(data_dir)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.kill()


def _range(url: str) -> tuple[int, int]:
    [(oldest, newest)] = run_sql(url, "SELECT digest_oldest, digest_newest FROM registry")
    return oldest, newest


def _require_carried_over(url: str, goal: int) -> None:
    [(carried_over,)] = run_sql(url, "SELECT count(*) FROM contact_point WHERE key_version = 2")
    if carried_over < goal:
        message = f"{carried_over} carried over"
        raise NotYet(message)


def _require_all_found(store: Store, samples: Samples) -> None:
    for number in range(ENTRIES):
        points = [samples.point(f"{number} {each}") for each in range(POINTS)]
        rows = store.standing.read(FRANCE, points, deadline=NO_DEADLINE).rows
        assert {row.exact for row in rows} == {point.exact for point in points}
