"""How a database is reached: its URL, and the password that may stand apart from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg2
import structlog
from psycopg2.extensions import connection as Psycopg2Connection  # noqa: N812 - it is a class
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from consent_registry_server.domain.errors import ConfigurationError

DRIVER: Final = "postgresql+psycopg2"

_POSTGRESQL: Final = frozenset({"postgres", "postgresql", DRIVER})
_DEFAULT_PORT: Final = "5432"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """A database, and how its login proves itself.

    The password of a `password_file` is read at each new connection, so that it may change while
    the program runs; connections that are open stay.
    """

    url: str = field(repr=False)
    password_file: Path | None = None

    def driver_url(self) -> URL:
        """The URL, with its driver, without the password of the file.

        Raises:
            ConfigurationError: see `database_url`.
        """
        return database_url(self.url)

    def password_argument(self) -> dict[str, str]:
        """The password of the file as it is now, as an argument of the driver; none without one.

        Raises:
            psycopg2.OperationalError: the file holds none. It is what the driver raises when it
                cannot connect, so that a Secret that is not there yet is an outage like others.
        """
        if self.password_file is None:
            return {}
        try:
            return {"password": read_password(self.password_file)}
        except ConfigurationError as error:
            _log.warning("database_password_unreadable", error=error.message)
            raise psycopg2.OperationalError("the password's file cannot be used") from None

    def connect_arguments(self) -> dict[str, Any]:
        """All that `psycopg2.connect` needs to reach the database now.

        Raises:
            psycopg2.OperationalError: see `password_argument`.
        """
        return _arguments(self.driver_url()) | self.password_argument()

    def has_password_in_url(self) -> bool:
        """Whether the URL itself holds a password, wherever in it."""
        url = self.driver_url()
        return url.password is not None or "password" in url.query

    def names_database_of(self, other: DatabaseAccess) -> bool:
        """Whether both URLs name one database, by host, port and name, whoever logs in.

        Two names of one host are not seen through.
        """
        here, there = _arguments(self.driver_url()), _arguments(other.driver_url())
        return _name(here) == _name(there) and not _hosts(here).isdisjoint(_hosts(there))


def open_connection(*arguments: Any, **options: Any) -> Psycopg2Connection:  # noqa: ANN401 - libpq's
    """Connects by the driver's own arguments.

    Raises:
        psycopg2.OperationalError: it cannot, whatever PostgreSQL has said.
    """
    try:
        connection: Psycopg2Connection = psycopg2.connect(*arguments, **options)
    except UnicodeDecodeError:
        # It refuses in the encoding of its own locale, as long as it does not know ours.
        raise psycopg2.OperationalError("refused, in words of another encoding") from None
    return connection


def access_of(database: DatabaseAccess | str) -> DatabaseAccess:
    """The access to a database that may be given by its URL alone."""
    return DatabaseAccess(database) if isinstance(database, str) else database


def database_url(url: str) -> URL:
    """Parses a database URL and names the driver in it.

    Raises:
        ConfigurationError: not the URL of a PostgreSQL database. The message does not quote it,
            because it may hold a password.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername not in _POSTGRESQL:
            raise ConfigurationError("the database URL must start with postgresql://")
        parsed = parsed.set(drivername=DRIVER)
        _arguments(parsed)
    except (ArgumentError, ValueError):
        raise ConfigurationError("the database URL cannot be read") from None
    return parsed


def read_password(path: Path) -> str:
    """The text of a file without the line break at its end, which editors add.

    Raises:
        ConfigurationError: there is none, or it is no password.
    """
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} holds no text") from None
    if not password or "\0" in password:
        raise ConfigurationError(f"{path} holds no text")
    return password


def _arguments(url: URL) -> dict[str, Any]:
    return dict(url.get_dialect()().create_connect_args(url)[1])


def _name(arguments: dict[str, Any]) -> object:
    """The database's name; the driver takes that of the login where there is none."""
    return arguments.get("dbname") or arguments.get("user")


def _hosts(arguments: dict[str, Any]) -> set[tuple[str, str]]:
    """Hosts and ports: several are tried one after the other, and the answer may be any."""
    hosts = str(arguments.get("host", "")).casefold().split(",")
    ports = str(arguments.get("port") or _DEFAULT_PORT).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return {(host, port or _DEFAULT_PORT) for host, port in zip(hosts, ports, strict=False)}
