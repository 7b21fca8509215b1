"""One of the programs in a process of its own, on free ports, for as long as a block lasts."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from threading import Thread
from typing import IO, Self


class Program:
    """Serves from the beginning of the block on; `port` tells where."""

    def __init__(self, command: str, directory: Path, **settings: str) -> None:
        program = Path(sys.executable).with_name("consent-registry")
        chosen = {"DATA_DIR": str(directory / "data"), "METRICS_ADDRESS": "127.0.0.1:0", **settings}
        self._process = Popen(  # noqa: S603 - the product's own program
            [program, command],
            env={**os.environ, **{f"CONSENT_REGISTRY_{name}": chosen[name] for name in chosen}},
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def __enter__(self) -> Self:
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        self.port = _serving_port(self._process.stderr)
        # Nobody reads the rest, and a full pipe would stop the program.
        Thread(target=self._process.stderr.read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()


def _serving_port(log: IO[bytes]) -> int:
    for line in log:
        event = json.loads(line)
        if event["event"] == "serving":
            port: int = event["port"]
            return port
    sys.exit("a program ended before it served")
