"""The settings, from environment variables and mounted files; every error is reported at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from consent_registry_server.database_settings import (
    KEY_STORE,
    REGISTRY,
    is_given,
    key_store_contradictions,
    read_database,
)
from consent_registry_server.logs import LEVELS, LogFormat
from consent_registry_server.rpc.options import (
    Address,
    ServerOptions,
    TlsFiles,
    UnsubscribeAddresses,
    parse_address,
    reaches_beyond_this_machine,
)
from consent_registry_server.settings_reader import PREFIX, SettingsReader
from consent_registry_server.storage.access import DatabaseAccess
from consent_registry_server.storage.database import StorageLimits

_PAGE_ON_THIS_MACHINE: Final = "http://127.0.0.1:8080"
_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:\d{1,5})?/?"
)
_MAILBOX: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_MEBIOCTET: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator chose.

    Without a `database` the server brings its own database and keys, in `data_dir`.
    `unrecognised` are variables with our prefix that mean nothing here, perhaps misspelt.
    """

    server: ServerOptions
    metrics: Address
    health: Address | None
    database: DatabaseAccess | None
    storage: StorageLimits
    data_dir: Path
    keyring_file: Path | None
    key_store_dir: Path | None
    key_database: DatabaseAccess | None
    receipt_keys_file: Path | None
    policy_dir: Path | None
    company_policy_file: Path | None
    policy_reload_interval_s: float
    api_keys_file: Path | None
    secrets_reload_interval_s: float
    unsubscribe: UnsubscribeAddresses | None
    log_level: str
    log_format: LogFormat
    unrecognised: tuple[str, ...]


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Returns the settings; a variable that is unset or empty has its default.

    Raises:
        ConfigurationError: with every problem, by the names of the variables, never with a secret.
    """
    read = SettingsReader(environment)
    settings = Settings(
        server=_server(read),
        metrics=read.address("METRICS_ADDRESS", default="127.0.0.1:9464"),
        health=_health(read),
        database=read_database(read, REGISTRY),
        storage=_storage(read),
        data_dir=read.path("DATA_DIR") or Path(".registry-data"),
        keyring_file=read.path("KEYRING_FILE"),
        key_store_dir=read.path("KEY_STORE_DIR"),
        key_database=read_database(read, KEY_STORE),
        receipt_keys_file=read.file("RECEIPT_KEYS_FILE"),
        policy_dir=read.directory("POLICY_DIR"),
        company_policy_file=read.file("COMPANY_POLICY_FILE"),
        policy_reload_interval_s=read.seconds("POLICY_RELOAD_INTERVAL_S", 10.0),
        api_keys_file=read.file("API_KEYS_FILE"),
        secrets_reload_interval_s=read.seconds("SECRETS_RELOAD_INTERVAL_S", 10.0),
        unsubscribe=_unsubscribe(read),
        log_level=read.choice("LOG_LEVEL", LEVELS, default="info"),
        log_format=LogFormat(read.choice("LOG_FORMAT", tuple(LogFormat), default=LogFormat.JSON)),
        unrecognised=read.unrecognised(),
    )
    for problem in _contradictions(settings, read):
        read.refuse(problem)
    read.require_usable()
    return settings


def _health(read: SettingsReader) -> Address | None:
    """Where probes are answered, if anywhere; others may reach it, for it tells nothing else."""
    name = "HEALTH_ADDRESS"
    return read.address(name, default="127.0.0.1:50052") if read.given(name) else None


def _server(read: SettingsReader) -> ServerOptions:
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


def _tls(read: SettingsReader) -> TlsFiles | None:
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


def _unsubscribe(read: SettingsReader) -> UnsubscribeAddresses | None:
    origin = read.text("UNSUBSCRIBE_URL")
    mailbox = read.text("UNSUBSCRIBE_MAILTO")
    has_database = is_given(read, REGISTRY)
    if origin is not None and not _is_origin(origin):
        read.problem("UNSUBSCRIBE_URL", f"must be https://host[:port] and no more, not {origin!r}")
    if mailbox is not None and origin is None and has_database:
        read.problem("UNSUBSCRIBE_URL", f"is needed with {PREFIX}UNSUBSCRIBE_MAILTO")
    if mailbox is not None and not _MAILBOX.fullmatch(mailbox):
        read.problem("UNSUBSCRIBE_MAILTO", f"must be an email address, not {mailbox!r}")
    if origin is None and not has_database:
        origin = _PAGE_ON_THIS_MACHINE
    return None if origin is None else UnsubscribeAddresses(origin.rstrip("/"), mailbox)


def _is_origin(text: str) -> bool:
    """Whether it is where a page is; without TLS on this machine only, to try it out."""
    parts = _ORIGIN.fullmatch(text)
    if parts is None:
        return False
    address = f"{parts['host']}{parts['port'] or ':443'}"
    return parse_address(address) is not None and (
        parts["scheme"] == "https" or not reaches_beyond_this_machine(address)
    )


def _storage(read: SettingsReader) -> StorageLimits:
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


def _contradictions(settings: Settings, read: SettingsReader) -> list[str]:
    problems = []
    server = settings.server
    if server.streams >= server.threads:
        problems.append(
            f"{PREFIX}MAX_CONCURRENT_STREAMS must be less than {PREFIX}WORKER_THREADS, so that"
            " streams leave threads to questions"
        )
    if is_given(read, REGISTRY) and settings.keyring_file is None:
        problems.append(f"{PREFIX}KEYRING_FILE is needed with {PREFIX}DATABASE_URL")
    problems += key_store_contradictions(read, settings.database, settings.key_database)
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
                    is_given(read, REGISTRY),
                    "the server's own database is for this machine only",
                ),
            )
            if not given
        ]
    return problems
