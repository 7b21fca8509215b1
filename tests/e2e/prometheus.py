"""The real Prometheus for a while, with the chart's rules, over programs under test."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.charts.rules.asked import RELEASE
from tests.charts.rules.promtool import ALERTS, RECORDING
from tests.e2e.registry_process import TIMEOUT_S, NotYet, eventually

_INTERVAL: Final = "1s"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Asked over HTTP, as Grafana asks it."""

    port: int

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression now; fails when it is none."""
        result: list[dict[str, Any]] = self._get("query", query=expression)["result"]
        return result

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with their health."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def is_ready(self) -> None:
        """Raises NotYet until it answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=TIMEOUT_S):
                return
        except (URLError, ConnectionError) as error:
            raise NotYet(str(error)) from None

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/api/v1/{what}?{urlencode(parameters)}"
        with urlopen(url, timeout=TIMEOUT_S) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        data: dict[str, Any] = answer["data"]
        return data


@contextmanager
def scraping(program: str, directory: Path, ports: Mapping[str, int]) -> Iterator[Prometheus]:
    """Prometheus scraping and evaluating every second; `ports` by the names of the jobs."""
    (directory / "prometheus.yml").write_text(json.dumps(_configuration(directory, ports)))
    port = _free_port()
    command = [
        program,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (
        (directory / "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=directory) as process,
    ):
        try:
            prometheus = Prometheus(port)
            eventually(prometheus.is_ready)
            yield prometheus
        finally:
            process.terminate()


def _configuration(directory: Path, ports: Mapping[str, int]) -> dict[str, Any]:
    files = [_with_names(path, directory) for path in (RECORDING, ALERTS)]
    return {
        "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
        "rule_files": files,
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {"namespace": RELEASE["RELEASE_NAMESPACE"]},
                    }
                ],
            }
            for job, port in ports.items()
        ],
    }


def _with_names(path: Path, directory: Path) -> str:
    """The rules as the chart gives them to a release, but evaluated every second."""
    text = path.read_text(encoding="utf-8").replace("interval: 30s", f"interval: {_INTERVAL}")
    for word, name in RELEASE.items():
        text = text.replace(word, name)
    (directory / path.name).write_text(text, encoding="utf-8")
    return path.name


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
