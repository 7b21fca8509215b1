"""The expiry job as a process that a test may kill: `python -m … URL KEYRING KEYS DAY`."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from consent_registry_server.domain.vocabulary import EntryId
from consent_registry_server.policy.load import load_policy
from consent_registry_server.storage.expiry import Expiry, ExpiryReport
from consent_registry_server.storage.key_directory import DirectoryKeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import open_store


class Job(NamedTuple):
    """On what the job works."""

    url: str
    keyring_file: Path
    keys: Path
    as_of: date

    def start(self) -> subprocess.Popen[bytes]:
        """Starts it in a process of its own."""
        return subprocess.Popen([sys.executable, "-m", __name__, *map(str, self)])


def main(url: str, keyring_file: str, keys: str, as_of: str) -> int:
    """Runs the job to its end; 0 when nothing is left."""
    store = open_store(url, Keyring.load(Path(keyring_file)), DirectoryKeyStore(Path(keys)))
    job = Expiry(
        store.database,
        store.vault,
        store.ledger.appender,
        policy=load_policy(),
        clock=lambda: time.time_ns() // 1000,
        entry_ids=lambda: EntryId(uuid4()),
    )
    report = ExpiryReport(date.fromisoformat(as_of))
    job.run(report.as_of, report)
    return 1 if report.overdue.number else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
