"""Pods of the chart, run from the image's environment: what the kubelet does, as far as we need."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.charts.rendering import Pod
from tests.e2e.registry_process import TIMEOUT_S, NotYet, eventually
from tests.image.box import Box, Place, User, process_of
from tests.image.built import Image
from tests.image.network import Network
from tests.image.volumes import Objects, Volumes

_PROBE: Final = Path(__file__).with_name("probe.py")


class Node:
    """Where pods run: an image, a network, the objects of a namespace, and names of hosts."""

    def __init__(
        self,
        image: Image,
        network: Network,
        objects: Objects,
        *,
        hosts: Mapping[str, str],
        folder: Path,
    ) -> None:
        """`hosts` are addresses by DNS name; files of pods lie in the folder, which is made."""
        folder.mkdir()
        self.network = network
        self._image = image
        self._objects = objects
        self._folder = folder
        self._hosts = self._folder / "hosts"
        lines = [f"{address} {name}\n" for name, address in hosts.items()]
        self._hosts.write_text("".join(lines))

    def start(self, pod: Pod) -> Running:
        """Starts a pod's only container, exactly as its specification says."""
        (container,) = pod.containers()
        volumes = Volumes(pod.spec, self._objects, self.new_folder())
        box = Box(
            [*self._command(container), *container["args"]],
            self._image.environment() | {each["name"]: each["value"] for each in container["env"]},
            [*self._places(), *volumes.places(container)],
            _user(pod.spec, container),
        )
        return Running(self.network, box, container)

    def run(
        self,
        *command: str,
        environment: Mapping[str, str] | None = None,
        places: tuple[Place, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program of the image that ends by itself, as somebody beside the pods would."""
        box = Box(
            command,
            self._image.environment() | dict(environment or {}),
            [*self._places(), *places],
            self._image.user(),
        )
        started = self.network.within(lambda: box.start(subprocess.PIPE))
        output, _ = started.communicate(timeout=TIMEOUT_S)
        return subprocess.CompletedProcess(command, started.returncode, output.decode(), "")

    def new_folder(self) -> Path:
        """An empty folder that anybody may look into from a box, until the node is removed."""
        made = Path(tempfile.mkdtemp(dir=self._folder))
        made.chmod(0o755)
        return made

    def _command(self, container: Mapping[str, Any]) -> list[str]:
        command: list[str] = container.get("command", self._image.entrypoint())
        return command

    def _places(self) -> list[Place]:
        return [*self._image.places(), Place("bind", "/etc/hosts", str(self._hosts))]


class Running:
    """A container's program, from its start to its end."""

    def __init__(self, network: Network, box: Box, container: Mapping[str, Any]) -> None:
        self._network = network
        self._container = container
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it is killed
        self._process = network.within(lambda: box.start(self._output))

    @property
    def log(self) -> str:
        """All that it has said so far."""
        length = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), length, 0).decode(errors="replace")

    def answers(self, probe: str) -> bool:
        """Whether one of its probes succeeds now."""
        match self._container[probe]:
            case {"grpc": {"port": port, "service": service}, "timeoutSeconds": timeout_s}:
                command = [sys.executable, str(_PROBE), str(port), service, str(timeout_s)]
                return self._network.within(lambda: subprocess.call(command)) == 0
            case {"httpGet": {"path": path, "port": name}, "timeoutSeconds": timeout_s}:
                port = self._port(name)
                return self._network.within(lambda: _status(port, path, timeout_s)) == 200
            case other:
                raise NotImplementedError(other)

    def wait_for(self, probe: str) -> None:
        """Returns when a probe succeeds."""

        def tried() -> None:
            assert self._process.poll() is None, self.log
            if not self.answers(probe):
                raise NotYet(f"{probe}: {self.log}")

        eventually(tried)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Waits for the end; returns the exit code."""
        return self._process.wait(timeout_s)

    def stop(self, timeout_s: float) -> int:
        """Ends it as the kubelet does after `preStop`; returns the exit code.

        Raises:
            subprocess.TimeoutExpired: the kubelet would kill it now.
        """
        os.kill(process_of(self._process), signal.SIGTERM)
        return self.wait(timeout_s)

    def kill(self) -> None:
        """Ends it at once, if it runs."""
        self._process.kill()
        self._process.wait()
        self._output.close()

    def _port(self, name: str) -> int:
        ports: dict[str, int] = {
            each["name"]: each["containerPort"] for each in self._container["ports"]
        }
        return ports[name]


def _user(spec: Mapping[str, Any], container: Mapping[str, Any]) -> User:
    pod, own = spec["securityContext"], container["securityContext"]
    # What every box does, and so the chart must say.
    assert own["readOnlyRootFilesystem"]
    assert not own["allowPrivilegeEscalation"]
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not spec["enableServiceLinks"], "it would add variables"
    return User(pod["runAsUser"], pod["runAsGroup"], (pod["fsGroup"],))


def _status(port: int, path: str, timeout_s: float) -> int | None:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout_s) as response:
            status: int = response.status
            return status
    except HTTPError as error:
        return error.code
    except (URLError, TimeoutError, ConnectionError):
        return None
