"""A PostgreSQL that is not the server's own, as in production, which a test takes away."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg2

from consent_registry_server.storage.embedded import EmbeddedPostgres
from tests.e2e.registry_process import NotYet, eventually, run_program

_ANY_FREE: Final = "127.0.0.1:0"


class OutsideDatabase:
    """PostgreSQL, keyring and key store in a directory, and the settings that lead to them."""

    def __init__(self, directory: Path) -> None:
        """Starts it; nobody has migrated it yet."""
        self._directory = directory
        self._postgres = EmbeddedPostgres(directory / "database")
        self.url = self._postgres.start()
        keyring = directory / "keyring.json"
        key_store = directory / "key-store"
        key_store.mkdir()
        made = run_program(directory, "keys", "generate", str(keyring))
        assert made.returncode == 0, made.stderr
        self.settings = {
            "DATABASE_URL": self.url,
            "KEYRING_FILE": str(keyring),
            "KEY_STORE_DIR": str(key_store),
            "HEALTH_ADDRESS": _ANY_FREE,
        }

    def migrate(self) -> None:
        """Brings the schema up to date."""
        migrated = run_program(self._directory, "migrate", **self.settings)
        assert migrated.returncode == 0, migrated.stderr

    def kill(self) -> None:
        """Ends it at once, as a crash would; returns when nothing of it runs any more."""
        processes = self._processes()
        for process in processes:
            os.kill(process, signal.SIGKILL)

        def ended() -> None:
            if any(Path(f"/proc/{process}").exists() for process in processes):
                raise NotYet("PostgreSQL runs")

        eventually(ended)
        self._postgres.stop()

    def start(self) -> None:
        """Starts it again; returns when it answers."""
        self._postgres = EmbeddedPostgres(self._directory / "database")
        assert self._postgres.start() == self.url
        self.scalar("SELECT 1")

    def stop(self) -> None:
        """Ends it in good order."""
        self._postgres.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Neither answers nor refuses until the end of the block."""
        processes = self._processes()
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def scalar(self, query: str) -> Any:  # noqa: ANN401 - whatever the query selects
        """The one value that a query finds."""
        socket_dir = str(self._directory / "database" / "postgresql")
        connection = psycopg2.connect(host=socket_dir, user="postgres", dbname="consent_registry")
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        assert row is not None
        return row[0]

    def _processes(self) -> list[int]:
        """The postmaster, and all that it has started."""
        pid_file = self._directory / "database" / "postgresql" / "postmaster.pid"
        postmaster = int(pid_file.read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [postmaster, *map(int, children)]
