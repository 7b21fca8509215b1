"""A PostgreSQL as a database team keeps one: TLS, passwords, and no superuser for its customers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg2
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from psycopg2.extensions import encrypt_password

from consent_registry_server.storage.embedded_programs import Programs
from tests.image.authority import Authority
from tests.image.context import REPOSITORY
from tests.image.network import Network

ADMINISTRATOR: Final = "administrator"
"""What a managed service gives: no superuser, but makes roles and databases."""

_SUPERUSER: Final = "postgres"
_ACCESS: Final = """
local all all trust
host all all all scram-sha-256
"""
_FRONT: Final = Path(__file__).with_name("tls_front.py")


class DatabaseServer:
    """A server with an administrator; others reach it over TLS alone."""

    def __init__(
        self, folder: Path, network: Network, authority: Authority, name: str, *, address: str
    ) -> None:
        """Starts it on the usual port of an address of the network, under the DNS name."""
        self._network = network
        self._programs = Programs.find()
        self._cluster = folder / "cluster"
        folder.mkdir()
        self._programs.make_reachable(folder)
        self._programs.make_private_dir(self._cluster)
        self._programs.initialise(self._cluster, superuser=_SUPERUSER)
        (self._cluster / "pg_hba.conf").write_text(_ACCESS)
        behind = f"127.0.1.{address.rpartition('.')[2]}"
        settings = {
            "listen_addresses": behind,
            "unix_socket_directories": str(self._cluster),
            "fsync": "off",
        }
        network.within(lambda: self._programs.start(self._cluster, settings))
        command = [
            sys.executable,
            str(_FRONT),
            address,
            behind,
            *_files(folder, authority.issue(name)),
        ]
        self._front = network.within(lambda: subprocess.Popen(command, stdout=subprocess.PIPE))
        assert self._front.stdout is not None
        assert self._front.stdout.readline() == b"listening\n"
        with self.connection(_SUPERUSER, "postgres") as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB")

    def run_script(self, name: str) -> None:
        """Runs a script of docs/sql with psql, as its head says."""
        psql = self._programs.bin_dir / "psql"
        where = f"host={self._cluster} user={ADMINISTRATOR} dbname=postgres"
        done = subprocess.run(
            [psql, where, "--quiet", "--no-psqlrc", "--file", REPOSITORY / "docs" / "sql" / name],
            check=False,
            env=os.environ | {"LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, "")

    def set_password(self, login: str, password: str) -> None:
        r"""What psql's \password does: the server gets a hash."""
        with self.connection(ADMINISTRATOR, "postgres") as connection:
            hashed = encrypt_password(password, login, connection, "scram-sha-256")
            with connection.cursor() as cursor:
                cursor.execute(f"ALTER ROLE {login} PASSWORD %s", (hashed,))

    @contextmanager
    def connection(self, login: str, database: str) -> Iterator[Psycopg2Connection]:
        """A connection of a login, each statement for itself."""
        connecting = psycopg2.connect(host=str(self._cluster), user=login, dbname=database)
        with closing(connecting) as connection:
            connection.autocommit = True
            yield connection

    def stop(self) -> None:
        """Stops it."""
        self._front.terminate()
        self._front.communicate()
        self._programs.stop(self._cluster)


def _files(folder: Path, certificate_and_key: tuple[bytes, bytes]) -> tuple[str, str]:
    paths = folder / "tls.crt", folder / "tls.key"
    for path, content in zip(paths, certificate_and_key, strict=True):
        path.write_bytes(content)
    return str(paths[0]), str(paths[1])
