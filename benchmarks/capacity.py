"""What an operator reckons with: processor time a call, memory of a server, octets an entry.

Run with `python -m benchmarks.capacity`. Real processes, and a library's client in four threads;
processor time is read from the kernel, so that it says the same however busy the machine is.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import psycopg2

from benchmarks.program import Program
from consent_registry.v1.entry_pb2 import Expression, Precision, Source
from consent_registry_client import Channel, Client, email, phone, subject

_ENTRIES: Final = 10_000
_CHECKS: Final = 10_000
_AT_ONCE: Final = 4
_CONTROLLER: Final = "alarm-fr"
_TICKS_HZ: Final = os.sysconf("SC_CLK_TCK")
_PAGE_OCTETS: Final = os.sysconf("SC_PAGE_SIZE")
_SOCKET_DIR_LINE: Final = 4


class _Cost(NamedTuple):
    calls_hz: float
    server_us: float
    database_us: float


def main() -> int:
    """Prints the figures; always returns 0, for they are there to reckon with."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        # PostgreSQL may run as another user, who has to pass through.
        directory.chmod(0o755)
        with Program("serve", directory, LISTEN_ADDRESS="127.0.0.1:0") as server:
            postmaster = (directory / "data/postgresql/postmaster.pid").read_text().splitlines()
            with Client(f"127.0.0.1:{server.port}", timeout_s=60) as client:
                before = _database_octets(postmaster[_SOCKET_DIR_LINE])
                measure = _Measure(server.pid, int(postmaster[0]))
                writes = measure(lambda number: _object(client, number), _ENTRIES)
                after = _database_octets(postmaster[_SOCKET_DIR_LINE])
                checks = measure(lambda number: _check(client, number), _CHECKS)
                resident = _resident_octets(server.pid)
    _say("check", checks)
    _say("write", writes)
    print(f"capacity: an entry with two contact points {(after - before) / _ENTRIES:,.0f} octets")
    print(f"capacity: a server's memory {resident / 1024**2:,.0f} MiB")
    return 0


def _say(what: str, cost: _Cost) -> None:
    print(
        f"capacity: a {what} takes {cost.server_us:,.0f} us of a server's processor and"
        f" {cost.database_us:,.0f} us of the database's; here {cost.calls_hz:,.0f}/s,"
        " the client beside them"
    )


class _Measure:
    """Runs calls in threads, and reads what they cost server and database."""

    def __init__(self, server: int, postmaster: int) -> None:
        self._server = server
        self._postmaster = postmaster

    def __call__(self, call: Callable[[int], object], times: int) -> _Cost:
        """Calls it with 0 and so on; the first tenth does not count."""
        warm_up = times // 10
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(call, range(warm_up)))
            start_s, before = time.perf_counter(), self._spent_s()
            list(pool.map(call, range(warm_up, times)))
            took_s, after = time.perf_counter() - start_s, self._spent_s()
        counted = times - warm_up
        server_s, database_s = (late - early for early, late in zip(before, after, strict=True))
        return _Cost(counted / took_s, server_s / counted * 1e6, database_s / counted * 1e6)

    def _spent_s(self) -> tuple[float, float]:
        return _spent_s(self._server), sum(map(_spent_s, _children(self._postmaster)))


def _object(client: Client, number: int) -> None:
    expression = Expression(
        precision=Precision.PRECISION_INSTANT,
        time_zone="Europe/Paris",
        source=Source.SOURCE_CALL_CENTRE,
    )
    expression.expressed_at.GetCurrentTime()
    client.add_do_not_contact(
        controller=_CONTROLLER,
        subject=subject(phone(_number(number)), email(f"p{number}@example.com"), name="Somebody"),
        expression=expression,
    )


def _check(client: Client, number: int) -> None:
    client.check_contact(
        controller=_CONTROLLER,
        # Every other one is unknown.
        target=phone(_number(2 * number)),
        channel=Channel.CHANNEL_VOICE_CALL,
        purpose="direct_marketing",
    )


def _number(number: int) -> str:
    return f"+3363998{number:05d}"


def _database_octets(socket_dir: str) -> int:
    with (
        closing(
            psycopg2.connect(host=socket_dir, user="postgres", dbname="consent_registry")
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_database_size(current_database())")
        (octets,) = cursor.fetchone() or (0,)
    return int(octets)


def _children(process: int) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(_stat(int(entry.name))[1]) == process:
            yield int(entry.name)


def _spent_s(process: int) -> float:
    user, system = _stat(process)[11:13]
    return (int(user) + int(system)) / _TICKS_HZ


def _stat(process: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; a process that ended has spent nothing."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ["0"] * 50
    return text.rpartition(")")[2].split()


def _resident_octets(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_OCTETS


if __name__ == "__main__":
    sys.exit(main())
