"""A registry of its own for the demonstration: the real program, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from consent_registry_client import ConsentRegistryError
from consent_registry_server.demo.failure import DemoFailed
from consent_registry_server.demo.programs import environment, program

START_TIMEOUT_S: Final = 90.0
STOP_TIMEOUT_S: Final = 60.0

_POLL_S: Final = 0.05
_SERVING: Final = "serving"
_STOPPED_WELL: Final = 0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    address: str
    process: subprocess.Popen[bytes]
    data_dir: Path


@contextmanager
def running_server(log: Path) -> Iterator[Server]:
    """A server with an empty database, stopped and its database removed when the context ends.

    It listens on free ports of loopback and writes its log to the given file.

    Raises:
        DemoFailed: It does not start, or does not stop as it should.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="consent-registry-demo-"))
    try:
        with log.open("wb") as output:
            process = _launch(data_dir, output)
            try:
                port = _serving_port(process, log)
                yield Server(f"127.0.0.1:{port}", process, data_dir)
            except BaseException as error:
                ended = process.poll()
                _stop(process)
                if ended is not None and isinstance(error, ConsentRegistryError):
                    raise DemoFailed(f"the server ended by itself: exit code {ended}") from error
                raise
            code = _stop(process)
        if code != _STOPPED_WELL:
            raise DemoFailed(f"the server ended with exit code {code} when it was told to stop")
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


def _launch(data_dir: Path, output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - Our own program, without a shell.
        [program("consent-registry"), "serve"],
        env=environment(
            CONSENT_REGISTRY_DATA_DIR=str(data_dir),
            CONSENT_REGISTRY_LISTEN_ADDRESS="127.0.0.1:0",
            CONSENT_REGISTRY_METRICS_ADDRESS="127.0.0.1:0",
            CONSENT_REGISTRY_LOG_FORMAT="json",
        ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        # Ctrl-C is for the demonstration, which then stops the server in its turn.
        start_new_session=True,
    )


def _serving_port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        for line in log.read_bytes().splitlines():
            if (port := _announced_port(line)) is not None:
                return port
        if (code := process.poll()) is not None:
            raise DemoFailed(f"the server did not start: exit code {code}")
        time.sleep(_POLL_S)
    raise DemoFailed(f"the server did not start within {START_TIMEOUT_S:.0f} s")


def _announced_port(line: bytes) -> int | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if isinstance(event, dict) and event.get("event") == _SERVING:
        return int(event["port"])
    return None


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        return process.wait()
