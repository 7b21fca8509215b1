"""The unsubscribe handlers in processes of their own, and all that they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.request import urlopen

from tests.e2e.registry_process import PREFIX, PROGRAM, TIMEOUT_S

WEB: Final = "unsubscribe-web"
MAIL: Final = "unsubscribe-mail"

WITHOUT_RATES: Final = {
    "WEB_CLIENT_REQUESTS_PER_MINUTE": "0",
    "WEB_LINK_REQUESTS_PER_MINUTE": "0",
}
"""A test is one client, and does in a second what people do in a day."""

_LISTENERS: Final = {WEB: "WEB_LISTEN_ADDRESS", MAIL: "MAIL_LISTEN_ADDRESS"}


class HandlerProcess:
    """A handler on free ports of loopback; whether the registry is there is its own affair."""

    def __init__(self, command: str, registry: str, **settings: str) -> None:
        """Returns when the handler listens; `registry` is the address of the server."""
        self._lines: list[bytes] = []
        self._has_ended = False
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [PROGRAM, command],
            env=_environment(command, {"ADDRESS": registry, **settings}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        try:
            serving = self.event("serving")
        except BaseException:
            self.kill()
            raise
        self.port: int = serving["port"]
        self.metrics_port: int = serving["metrics_port"]

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
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=TIMEOUT_S) as answer:
            page: bytes = answer.read()
        return page

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> int:
        """Ends it in good order, unless it has ended already; returns its exit code."""
        self._process.terminate()
        return self.wait()

    def kill(self) -> None:
        """Ends it as a crash would."""
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


@contextmanager
def running(command: str, registry: str, **settings: str) -> Iterator[HandlerProcess]:
    """A handler until the end of the block, which it must reach without an error."""
    handler = HandlerProcess(command, registry, **settings)
    try:
        yield handler
    except BaseException:
        handler.kill()
        raise
    assert handler.stop() == 0
    assert b'"level": "error"' not in handler.log, handler.log.decode(errors="replace")
    assert b"setting_unrecognised" not in handler.log


def _environment(command: str, settings: Mapping[str, str]) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    defaults = {
        _LISTENERS[command]: "127.0.0.1:0",
        "METRICS_ADDRESS": "127.0.0.1:0",
        # The more it says, the more it could give away.
        "LOG_LEVEL": "debug",
    }
    return others | {PREFIX + name: value for name, value in {**defaults, **settings}.items()}


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
