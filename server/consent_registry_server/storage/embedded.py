"""The real PostgreSQL that comes as a wheel: for development, the demo and the tests.

The program starts it, keeps its data in a directory of its own and reaches it over a Unix socket
that only the owner of the directory may open. What the wheel offers for this is not used: it
opens every parent directory to all users, gives up after ten seconds (crash recovery takes
longer), and once a program was killed it never stops the server again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg2

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage.embedded_programs import (
    SOCKET_NAME,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Programs,
)

DATABASE: Final = "consent_registry"
SUPERUSER: Final = "postgres"

_SOCKET_PATH_LIMIT: Final = 107
_SOCKET_DIR_LINE: Final = 4
_STATUS_LINE: Final = 7
"""Where `postmaster.pid` holds the socket's directory and whether connections are taken."""

_POLL_S: Final = 0.1

_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A failed statement, and the detail of its error, hold digests and sealed identity: neither
    # belongs in a log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class _Locks:
    """The two lock files: who is starting or stopping, and who is using the server.

    The kernel drops them with the process, so that one that was killed holds nothing back.
    """

    turn: int
    use: int


class EmbeddedPostgres:
    """A PostgreSQL of its own for this program, with its data in `data_dir`.

    Several programs may use one directory: the first starts the server, the last one to stop
    stops it. A server that outlived its killed program is taken over as it is.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._cluster = self._data_dir / "postgresql"
        self._programs: Programs | None = None
        self._locks: _Locks | None = None
        self._socket_dir = self._cluster

    def start(self) -> str:
        """Starts the server unless it runs, and returns the URL of the database.

        Raises:
            ConfigurationError: the `embedded` extra is not installed, the directory cannot be
                used, or PostgreSQL does not start.
        """
        programs = Programs.find()
        self._make_data_dir()
        programs.make_reachable(self._data_dir)
        self._programs = programs
        self._locks = self._open_locks()
        try:
            with self._turn(self._locks):
                fcntl.flock(self._locks.use, fcntl.LOCK_SH)
                if not self._is_initialised():
                    self._initialise(programs)
                self._socket_dir = self._reach(programs)
        except BaseException:
            self._close_locks()
            raise
        return f"postgresql+psycopg2://{SUPERUSER}@/{DATABASE}?host={quote(str(self._socket_dir))}"

    def stop(self) -> None:
        """Stops the server, unless another program still uses it; then leaves it running."""
        if self._locks is None or self._programs is None:
            return
        try:
            with self._turn(self._locks):
                fcntl.flock(self._locks.use, fcntl.LOCK_UN)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(self._locks.use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._stop_server(self._programs)
        finally:
            self._close_locks()

    def _stop_server(self, programs: Programs) -> None:
        if programs.is_running(self._cluster):
            programs.stop(self._cluster)
        if self._socket_dir != self._cluster:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    def _make_data_dir(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"cannot use {self._data_dir}: {error.strerror}") from None

    def _open_locks(self) -> _Locks:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            turn = os.open(self._data_dir / ".turn.lock", flags, 0o600)
            use = os.open(self._data_dir / ".use.lock", flags, 0o600)
        except OSError as error:
            raise ConfigurationError(f"cannot use {self._data_dir}: {error.strerror}") from None
        return _Locks(turn=turn, use=use)

    def _close_locks(self) -> None:
        if self._locks is not None:
            os.close(self._locks.turn)
            os.close(self._locks.use)
        self._locks = None

    @staticmethod
    @contextlib.contextmanager
    def _turn(locks: _Locks) -> Iterator[None]:
        fcntl.flock(locks.turn, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(locks.turn, fcntl.LOCK_UN)

    def _is_initialised(self) -> bool:
        try:
            names = {path.name for path in self._cluster.iterdir()}
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ConfigurationError(f"cannot use {self._cluster}: {error.strerror}") from None
        if names and "PG_VERSION" not in names:
            raise ConfigurationError(f"{self._cluster} is not empty, and no PostgreSQL cluster")
        return bool(names)

    def _initialise(self, programs: Programs) -> None:
        # Renamed into place when complete: a half-made cluster would never start.
        unfinished = self._data_dir / "postgresql.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        programs.make_private_dir(unfinished)
        programs.initialise(unfinished, superuser=SUPERUSER)
        unfinished.rename(self._cluster)

    def _reach(self, programs: Programs) -> Path:
        give_up_at = time.monotonic() + STOP_TIMEOUT_S
        while True:
            if not programs.is_running(self._cluster):
                self._launch(programs)
            socket_dir = _socket_dir_when_ready(self._cluster)
            try:
                _create_database(socket_dir)
            except psycopg2.OperationalError as error:
                # What looked alive may have been dying.
                if time.monotonic() > give_up_at:
                    message = f"the embedded PostgreSQL in {self._cluster} refuses: {error}"
                    raise ConfigurationError(message) from None
                time.sleep(_POLL_S)
            else:
                return socket_dir

    def _launch(self, programs: Programs) -> None:
        socket_dir = self._cluster
        if len(os.fsencode(socket_dir / SOCKET_NAME)) > _SOCKET_PATH_LIMIT:
            socket_dir = Path(tempfile.mkdtemp(prefix="consent-registry-"))
            programs.make_private_dir(socket_dir)
        programs.start(self._cluster, _SETTINGS | {"unix_socket_directories": str(socket_dir)})


def _socket_dir_when_ready(cluster: Path) -> Path:
    """Where the server listens; waits while one that was taken over recovers from a crash."""
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(FileNotFoundError):
            lines = (cluster / "postmaster.pid").read_text().splitlines()
            if len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready":
                return Path(lines[_SOCKET_DIR_LINE])
        time.sleep(_POLL_S)
    raise ConfigurationError(f"the embedded PostgreSQL in {cluster} does not become ready")


def _create_database(socket_dir: Path) -> None:
    connection = psycopg2.connect(host=str(socket_dir), user=SUPERUSER, dbname="postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
            if cursor.fetchone() is None:
                cursor.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        connection.close()
