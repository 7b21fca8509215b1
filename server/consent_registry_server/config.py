"""The settings, from environment variables and mounted files; every error is reported at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.logs import LEVELS, LogFormat
from consent_registry_server.rpc.options import (
    UNIX,
    Address,
    ServerOptions,
    TlsFiles,
    parse_address,
    reaches_beyond_this_machine,
)
from consent_registry_server.storage.database import StorageLimits, database_url

PREFIX: Final = "CONSENT_REGISTRY_"

# It sets them for every service that it runs by the name `consent-registry`.
_OF_KUBERNETES: Final = re.compile(rf"{PREFIX}(SERVICE|PORT)(_|$)")
_MEBIOCTET: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator chose.

    Without a `database_url` the server brings its own database and keys, in `data_dir`.
    `unrecognised` are variables with our prefix that mean nothing here, perhaps misspelt.
    """

    server: ServerOptions
    metrics: Address
    database_url: str | None = field(repr=False)
    storage: StorageLimits
    data_dir: Path
    keyring_file: Path | None
    key_store_dir: Path | None
    key_store_url: str | None = field(repr=False)
    receipt_keys_file: Path | None
    policy_dir: Path | None
    company_policy_file: Path | None
    policy_reload_interval_s: float
    api_keys_file: Path | None
    log_level: str
    log_format: LogFormat
    unrecognised: tuple[str, ...]


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Returns the settings; a variable that is unset or empty has its default.

    Raises:
        ConfigurationError: with every problem, by the names of the variables, never with a secret.
    """
    read = _Reader(environment)
    settings = Settings(
        server=_server(read),
        metrics=read.address("METRICS_ADDRESS", default="127.0.0.1:9464"),
        database_url=_database_url(read, "DATABASE_URL"),
        storage=_storage(read),
        data_dir=read.path("DATA_DIR") or Path(".registry-data"),
        keyring_file=read.path("KEYRING_FILE"),
        key_store_dir=read.path("KEY_STORE_DIR"),
        key_store_url=_database_url(read, "KEY_STORE_URL"),
        receipt_keys_file=read.file("RECEIPT_KEYS_FILE"),
        policy_dir=read.directory("POLICY_DIR"),
        company_policy_file=read.file("COMPANY_POLICY_FILE"),
        policy_reload_interval_s=read.seconds("POLICY_RELOAD_INTERVAL_S", 10.0),
        api_keys_file=read.file("API_KEYS_FILE"),
        log_level=read.choice("LOG_LEVEL", LEVELS, default="info"),
        log_format=LogFormat(read.choice("LOG_FORMAT", tuple(LogFormat), default=LogFormat.JSON)),
        unrecognised=read.unrecognised(),
    )
    problems = [*read.problems, *_contradictions(settings, read)]
    if problems:
        raise ConfigurationError("\n  ".join(["the settings cannot be used:", *problems]))
    return settings


def _server(read: _Reader) -> ServerOptions:
    default = ServerOptions()
    return ServerOptions(
        address=read.listener("LISTEN_ADDRESS", default=default.address),
        tls=_tls(read),
        threads=read.integer("WORKER_THREADS", default.threads, low=2, high=256),
        calls=read.integer("MAX_CONCURRENT_RPCS", default.calls, low=1, high=10_000),
        streams=read.integer("MAX_CONCURRENT_STREAMS", default.streams, low=1, high=255),
        message_octets=read.integer(
            "MAX_MESSAGE_BYTES", default.message_octets, low=_MEBIOCTET, high=64 * _MEBIOCTET
        ),
        default_deadline_s=read.seconds("DEFAULT_DEADLINE_S", default.default_deadline_s),
        slow_call_s=read.seconds("SLOW_CALL_S", default.slow_call_s),
        shutdown_grace_s=read.seconds("SHUTDOWN_GRACE_S", default.shutdown_grace_s),
    )


def _tls(read: _Reader) -> TlsFiles | None:
    certificate = read.file("TLS_CERT_FILE")
    key = read.file("TLS_KEY_FILE")
    client_ca = read.file("TLS_CLIENT_CA_FILE")
    wanted = any(read.given(name) for name in ("TLS_CERT_FILE", "TLS_KEY_FILE"))
    if (wanted or read.given("TLS_CLIENT_CA_FILE")) and not (
        read.given("TLS_CERT_FILE") and read.given("TLS_KEY_FILE")
    ):
        read.problem("TLS_CERT_FILE", f"and {PREFIX}TLS_KEY_FILE are both needed for TLS")
    if certificate is None or key is None:
        return None
    return TlsFiles(certificate, key, client_ca)


def _database_url(read: _Reader, name: str) -> str | None:
    url = read.secret(name)
    if url is not None:
        try:
            database_url(url)
        except ConfigurationError as error:
            read.problem(name, f"is not usable: {error.message}")
    return url


def _storage(read: _Reader) -> StorageLimits:
    default = StorageLimits()
    return StorageLimits(
        pool_size=read.integer("DATABASE_POOL_SIZE", default.pool_size, low=1, high=500),
        pool_overflow=read.integer(
            "DATABASE_POOL_OVERFLOW", default.pool_overflow, low=0, high=500
        ),
        pool_timeout_s=read.seconds("DATABASE_POOL_TIMEOUT_S", default.pool_timeout_s),
        connect_timeout_s=read.integer(
            "DATABASE_CONNECT_TIMEOUT_S", default.connect_timeout_s, low=1, high=60
        ),
        statement_timeout_s=read.seconds(
            "DATABASE_STATEMENT_TIMEOUT_S", default.statement_timeout_s
        ),
        lock_timeout_s=read.seconds("DATABASE_LOCK_TIMEOUT_S", default.lock_timeout_s),
    )


def _contradictions(settings: Settings, read: _Reader) -> list[str]:
    problems = []
    server = settings.server
    if server.streams >= server.threads:
        problems.append(
            f"{PREFIX}MAX_CONCURRENT_STREAMS must be less than {PREFIX}WORKER_THREADS, so that"
            " streams leave threads to questions"
        )
    if settings.database_url is not None and settings.keyring_file is None:
        problems.append(f"{PREFIX}KEYRING_FILE is needed with {PREFIX}DATABASE_URL")
    problems += _key_store_contradictions(settings, read)
    if reaches_beyond_this_machine(server.address):
        problems += [
            f"{PREFIX}{name} is needed to listen on {server.address}: {why}"
            for name, given, why in (
                (
                    "TLS_CERT_FILE",
                    read.given("TLS_CERT_FILE"),
                    "contact data must not be overheard",
                ),
                ("API_KEYS_FILE", read.given("API_KEYS_FILE"), "others can reach it"),
                (
                    "DATABASE_URL",
                    settings.database_url is not None,
                    "the server's own database is for this machine only",
                ),
            )
            if not given
        ]
    return problems


def _key_store_contradictions(settings: Settings, read: _Reader) -> list[str]:
    directory = read.given("KEY_STORE_DIR")
    url = read.given("KEY_STORE_URL") or read.given("KEY_STORE_URL_FILE")
    if directory and url:
        return [f"{PREFIX}KEY_STORE_DIR and {PREFIX}KEY_STORE_URL are both set"]
    if settings.key_store_url is not None and settings.key_store_url == settings.database_url:
        own = f"{PREFIX}KEY_STORE_URL names the registry's own database:"
        return [f"{own} in its backups the keys could never be destroyed"]
    if settings.database_url is not None and not directory and not url:
        return [
            f"{PREFIX}KEY_STORE_DIR or {PREFIX}KEY_STORE_URL is needed with {PREFIX}DATABASE_URL"
        ]
    return []


class _Reader:
    """Reads variables, notes what is wrong with them and goes on with the defaults."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._values = {
            name: value
            for name, value in environment.items()
            if name.startswith(PREFIX) and value != ""
        }
        self._known: set[str] = set()

    def given(self, name: str) -> bool:
        """Whether a variable is set, right or wrong."""
        return PREFIX + name in self._values

    def problem(self, name: str, what: str) -> None:
        """Notes what is wrong with a variable."""
        self.problems.append(f"{PREFIX}{name} {what}")

    def unrecognised(self) -> tuple[str, ...]:
        """The names that nothing was read from, but those that Kubernetes makes up."""
        unread = self._values.keys() - self._known
        return tuple(sorted(name for name in unread if not _OF_KUBERNETES.match(name)))

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        """One of some words."""
        value = self._text(name)
        if value is None or value in choices:
            return value or default
        self.problem(name, f"must be one of {', '.join(choices)}, not {value!r}")
        return default

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        """A whole number, both bounds included."""
        value = self._text(name)
        if value is None:
            return default
        if value.isascii() and value.isdigit() and low <= int(value[:20]) <= high:
            return int(value)
        self.problem(name, f"must be a whole number from {low:,} to {high:,}, not {value!r}")
        return default

    def seconds(self, name: str, default: float) -> float:
        """A duration of up to an hour."""
        value = self._text(name)
        if value is None:
            return default
        try:
            seconds = float(value)
        except ValueError:
            seconds = -1
        if _SHORTEST_S <= seconds <= _LONGEST_S:
            return seconds
        self.problem(name, f"must be seconds from {_SHORTEST_S} to {_LONGEST_S}, not {value!r}")
        return default

    def listener(self, name: str, *, default: str) -> str:
        """An address to listen on: a Unix socket, or a host and port."""
        value = self._text(name)
        if value is None or value.startswith(UNIX):
            return value or default
        self.address(name, default=default)
        return value

    def address(self, name: str, *, default: str) -> Address:
        """A host and a port."""
        value = self._text(name) or default
        parsed = parse_address(value)
        if parsed is None:
            self.problem(name, f"must be host:port or [ipv6]:port, not {value!r}")
            return Address("", 0)
        return parsed

    def path(self, name: str) -> Path | None:
        """A path, to something or nothing."""
        value = self._text(name)
        return None if value is None else Path(value)

    def file(self, name: str) -> Path | None:
        """A file that is there and can be read."""
        path = self.path(name)
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            self.problem(name, f"names no file that can be read: {path}")
            return None
        return path

    def directory(self, name: str) -> Path | None:
        """A directory that is there."""
        path = self.path(name)
        if path is not None and not path.is_dir():
            self.problem(name, f"names no directory: {path}")
            return None
        return path

    def secret(self, name: str) -> str | None:
        """A text from the variable itself, or from the file that `<name>_FILE` names."""
        value, path = self._text(name), self.file(f"{name}_FILE")
        if value is not None and self.given(f"{name}_FILE"):
            self.problem(name, f"and {PREFIX}{name}_FILE are both set")
            return None
        if path is None:
            return value
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            value = ""
        if not value:
            self.problem(f"{name}_FILE", f"names a file without text: {path}")
            return None
        return value

    def _text(self, name: str) -> str | None:
        self._known.add(PREFIX + name)
        return self._values.get(PREFIX + name)


_SHORTEST_S: Final = 0.001
_LONGEST_S: Final = 3_600.0
