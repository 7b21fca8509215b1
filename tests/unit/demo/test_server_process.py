"""The demonstration's server is started, found, stopped and cleared away."""

import os
import signal
import sys
from pathlib import Path
from typing import Final

import pytest

from consent_registry_client import ConsentRegistryError
from consent_registry_server.demo import program, server_process
from consent_registry_server.demo.failure import DemoFailed
from consent_registry_server.demo.server_process import running_server

ANNOUNCES: Final = """
import json, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))
open(os.path.join(os.environ["CONSENT_REGISTRY_DATA_DIR"], "kept"), "w").close()
print("not an event")
print(json.dumps({{"event": "serving", "port": 4711}}), flush=True)
signal.pause()
"""
FAILS: Final = """
import sys
print('{"event": "no_database"}', flush=True)
sys.exit(3)
"""


def _install(monkeypatch: pytest.MonkeyPatch, directory: Path, *, script: str) -> None:
    stand_in = directory / "stand-in"
    stand_in.write_text(f"#!{sys.executable}\n{script}")
    stand_in.chmod(0o755)
    monkeypatch.setattr(server_process, "program", lambda _: str(stand_in))


def _lose_the_server(log: Path) -> None:
    with running_server(log) as server:
        server.process.kill()
        server.process.wait()
        raise ConsentRegistryError("connection refused")


def test_server_is_found_at_the_port_it_announces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Free ports are chosen by the server, so that two demonstrations can run at once."""
    _install(monkeypatch, tmp_path, script=ANNOUNCES.format(code=0))
    with running_server(tmp_path / "log") as server:
        assert server.address == "127.0.0.1:4711"
        assert server.process.poll() is None


def test_nothing_is_left_but_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The process has ended and its data is removed."""
    _install(monkeypatch, tmp_path, script=ANNOUNCES.format(code=0))
    with running_server(tmp_path / "log") as server:
        assert (server.data_dir / "kept").exists()
    assert server.process.poll() == 0
    assert not server.data_dir.exists()
    assert "serving" in (tmp_path / "log").read_text()


def test_an_error_stops_the_server_and_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C included: no server outlives its demonstration."""
    _install(monkeypatch, tmp_path, script=ANNOUNCES.format(code=0))
    with pytest.raises(KeyboardInterrupt), running_server(tmp_path / "log") as server:
        os.kill(os.getpid(), signal.SIGINT)
    assert server.process.poll() == 0
    assert not server.data_dir.exists()


def test_a_server_that_died_is_named_as_the_cause(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A refused connection alone would not tell a newcomer what happened."""
    _install(monkeypatch, tmp_path, script=ANNOUNCES.format(code=0))
    with pytest.raises(DemoFailed, match="ended by itself: exit code -9"):
        _lose_the_server(tmp_path / "log")


def test_a_server_that_stops_badly_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A clean stop is part of what is shown."""
    _install(monkeypatch, tmp_path, script=ANNOUNCES.format(code=9))
    with pytest.raises(DemoFailed, match="exit code 9"), running_server(tmp_path / "log"):
        pass


def test_a_server_that_does_not_start_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is noticed at once, not after the timeout."""
    _install(monkeypatch, tmp_path, script=FAILS)
    with pytest.raises(DemoFailed, match="exit code 3"), running_server(tmp_path / "log"):
        pass


def test_a_failed_demonstration_shows_the_servers_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code tells it to a script, the log's last lines to a human."""
    _install(monkeypatch, tmp_path, script=FAILS)
    assert program.run(outputs=tmp_path / "outputs") == 1
    shown = capsys.readouterr().out
    assert "the server did not start" in shown
    assert "no_database" in shown


@pytest.mark.parametrize("contacts", [0, 999, 10_001])
def test_an_audience_too_small_or_large_is_refused(contacts: int, tmp_path: Path) -> None:
    """Every story has to be told, with reserved numbers only."""
    with pytest.raises(ValueError, match="contacts"):
        program.run(outputs=tmp_path, contacts=contacts)
