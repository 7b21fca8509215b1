"""The operator's program in processes of its own, all it says, and the database behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.request import urlopen

import psycopg2
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class

PROGRAM: Final = Path(sys.executable).with_name("consent-registry")
CONSENTCTL: Final = PROGRAM.with_name("consentctl")
PREFIX: Final = "CONSENT_REGISTRY_"
TIMEOUT_S: Final = 60.0
"""For whatever takes seconds on a busy machine; beyond it something is stuck."""

WRITTEN_TABLES: Final = (
    "entry",
    "entry_contact_point",
    "contact_point",
    "standing",
    "vault",
    "partner",
    "partner_change",
    "write_request",
    "write_answer",
    "access",
    "sealed_note",
    "rights_request",
    "rights_request_event",
    "unsubscribe_link",
    "unsubscribe_link_contact_point",
)

_PAUSE_S: Final = 0.02
_SOCKET_DIR_LINE: Final = 4

T = TypeVar("T")


class NotYet(Exception):
    """What a test waits for has not happened; says what is the case instead."""


def eventually(probe: Callable[[], T], *, timeout_s: float = TIMEOUT_S) -> T:
    """Returns what the probe returns, as soon as it does not raise NotYet."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return probe()
        except NotYet:
            if time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


def run_program(
    data_dir: Path, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command that ends by itself, such as `rebuild`, or `serve` when it is refused."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=_environment(data_dir, settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def start_program(data_dir: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Starts a command that goes on until it is told to stop."""
    return subprocess.Popen(
        [PROGRAM, *arguments],
        env=_environment(data_dir, settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class ProgramProcess:
    """A command that goes on until it is told to stop, once it serves; it says where in its log."""

    def __init__(self, command: str, environment: Mapping[str, str]) -> None:
        """Returns when the program serves."""
        self._lines: list[bytes] = []
        self._has_ended = False
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [PROGRAM, command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        try:
            self._note_start()
        except BaseException:
            self.kill()
            raise

    def _note_start(self) -> None:
        self.wait_until_serving()

    def wait_until_serving(self) -> None:
        """Returns when the program serves."""
        self._note_ports(self.event("serving"))

    def _note_ports(self, event: Mapping[str, Any]) -> None:
        self.port: int = event.get("port", 0)
        self.metrics_port: int = event["metrics_port"]
        self.health_port: int = event.get("health_port") or 0

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> bytes:
        """All that the process has written so far, standard output included."""
        with self._changed:
            return b"".join(self._lines)

    def event(self, name: str) -> Mapping[str, Any]:
        """The first event of this name in the log; waits for it."""

        def found() -> list[dict[str, Any]]:
            return [each for each in map(_event, self._lines) if each.get("event") == name]

        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or found(), TIMEOUT_S)
            events = found()
        assert events, f"no event {name!r}: {self.log.decode(errors='replace')}"
        return events[0]

    def metrics(self) -> bytes:
        """The page that is scraped."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urlopen(url, timeout=TIMEOUT_S) as response:
            page: bytes = response.read()
        return page

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        """Ends it in good order; returns its exit code."""
        self._process.terminate()
        return self.wait()

    def kill(self) -> None:
        """Ends it as a crash would: nothing is flushed, and no program that it started ends."""
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """Waits for the end; returns the exit code."""
        try:
            code = self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._reader.join(TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


class RegistryProcess(ProgramProcess):
    """A server on free ports of loopback, with an embedded PostgreSQL in `data_dir`."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        """Returns when the server answers; `settings` are those of the program, in upper case."""
        self.data_dir = data_dir
        super().__init__("serve", _environment(data_dir, settings))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def postmaster_pid_file(self) -> Path:
        """There while PostgreSQL runs, or after it was killed."""
        return self.data_dir / "postgresql" / "postmaster.pid"

    @contextmanager
    def database(self) -> Iterator[Psycopg2Connection]:
        """A connection as the owner of the database, each statement for itself."""
        socket_dir = self.postmaster_pid_file.read_text().splitlines()[_SOCKET_DIR_LINE]
        connection = psycopg2.connect(host=socket_dir, user="postgres", dbname="consent_registry")
        try:
            connection.autocommit = True
            yield connection
        finally:
            connection.close()

    def scalar(self, query: str) -> Any:  # noqa: ANN401 - whatever the query selects
        """The one value that a query finds."""
        with self.database() as connection, connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        assert row is not None
        return row[0]

    def row_counts(self) -> tuple[int, ...]:
        """How many rows each of `WRITTEN_TABLES` has."""
        counts = [f"(SELECT count(*) FROM {table})" for table in WRITTEN_TABLES]  # noqa: S608
        with self.database() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(counts)}")
            row = cursor.fetchone()
        assert row is not None
        return row


class WaitingRegistryProcess(RegistryProcess):
    """A server whose database is not there yet; it has started, and its `port` is not known."""

    def _note_start(self) -> None:
        self._note_ports(self.event("started"))


def _environment(data_dir: Path, settings: Mapping[str, str]) -> dict[str, str]:
    return environment({"DATA_DIR": str(data_dir), "LISTEN_ADDRESS": "127.0.0.1:0", **settings})


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """That of this process, but with these settings alone; they may override the usual ones."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    # The more it says, the more it could give away.
    usual = {"METRICS_ADDRESS": "127.0.0.1:0", "LOG_LEVEL": "debug"}
    return others | {PREFIX + name: value for name, value in {**usual, **settings}.items()}


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
