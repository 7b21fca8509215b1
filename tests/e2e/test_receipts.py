"""Consent receipts, from the form to the person who verifies one years later."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from consent_registry_client import Client
from tests.e2e.registry_process import RegistryProcess
from tests.e2e.test_privacy import _dump as dump

PROGRAMS: Final = Path(sys.executable).parent
RECORD: Final = (
    *("record", "--controller", "alarm-fr", "--request-id", "receipt-1"),
    *("--email", "receipt@example.com", "--name", "Marie Recue"),
    *("--channel", "email", "--purpose", "direct_marketing", "--source", "web_form"),
    *(
        "--said-at",
        "2026-09-01T10:30:00+02:00",
        "--text",
        "Yes, write to me.",
        "--form-id",
        "signup-3",
    ),
)


def run(program: str, *arguments: object, address: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / program, *map(str, arguments)],
        env={**os.environ, "CONSENT_REGISTRY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def receipt(registry: RegistryProcess, tmp_path: Path) -> Path:
    path = tmp_path / "receipt.jws"
    recorded = run("consentctl", *RECORD, "--receipt", path, address=registry.address)
    assert recorded.returncode == 0, recorded.stderr
    return path


def test_a_receipt_is_verified_with_the_published_key(
    registry: RegistryProcess, receipt: Path
) -> None:
    """Whoever can reach the registry."""
    shown = run("consentctl", "receipt", "verify", receipt, address=registry.address)
    assert shown.returncode == 0, shown.stderr
    assert "receipt@example.com" in shown.stdout


def test_a_receipt_is_verified_without_the_registry(
    registry: RegistryProcess, receipt: Path, tmp_path: Path
) -> None:
    """With the key in a file, at an address where nobody answers."""
    pem = tmp_path / "key.pem"
    with closing(Client(registry.address)) as client:
        pem.write_text(client.get_receipt_keys()[0].public_key_pem)
    shown = run("consentctl", "receipt", "verify", receipt, "--key", pem, address="127.0.0.1:1")
    assert shown.returncode == 0, shown.stderr
    receipt.write_text(receipt.read_text().replace(".", "A.", 1))
    changed = run("consentctl", "receipt", "verify", receipt, "--key", pem)
    assert (changed.returncode, changed.stdout) == (1, "")


def test_a_repeated_request_gets_the_very_same_receipt(
    registry: RegistryProcess, receipt: Path, tmp_path: Path
) -> None:
    """A form that is sent again is one consent with one receipt."""
    again = tmp_path / "again.jws"
    recorded = run("consentctl", *RECORD, "--receipt", again, address=registry.address)
    assert recorded.returncode == 0, recorded.stderr
    assert again.read_bytes() == receipt.read_bytes()


def test_a_receipt_is_stored_nowhere(registry: RegistryProcess, receipt: Path) -> None:
    """Neither in the database nor in the log."""
    content = dump(registry) + registry.log
    for part in receipt.read_bytes().strip().split(b"."):
        assert part not in content
    assert b"receipt@example.com" not in content


def test_a_registry_under_a_new_key_still_verifies_old_receipts(
    new_data_dir: Callable[[], Path], receipt: Path, registry: RegistryProcess, tmp_path: Path
) -> None:
    """`consent-registry keys receipts --add` keeps the key that signed it."""
    new = tmp_path / "new.json"
    old = registry.data_dir / "receipt-keys.json"
    made = run("consent-registry", "keys", "receipts", new, "--add", old)
    assert made.returncode == 0, made.stderr
    assert run("consent-registry", "keys", "receipts", new).returncode == 1
    other = RegistryProcess(new_data_dir(), RECEIPT_KEYS_FILE=str(new))
    try:
        shown = run("consentctl", "receipt", "verify", receipt, address=other.address)
        fresh = tmp_path / "fresh.jws"
        assert run("consentctl", *RECORD, "--receipt", fresh, address=other.address).returncode == 0
        unknown = run("consentctl", "receipt", "verify", fresh, address=registry.address)
    finally:
        assert other.stop() == 0
    assert shown.returncode == 0, shown.stderr
    assert unknown.returncode == 1
