"""`consent-registry unsubscribe-mail`: takes unsubscribe messages from the mail server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.handler_process import collectors, on_stop_signal
from consent_registry_server.logs import LEVELS, LogFormat, configure_logging
from consent_registry_server.mail.metrics import MailMetrics
from consent_registry_server.mail.options import (
    MailOptions,
    MailProtocol,
    SocketPlace,
    TcpPlace,
)
from consent_registry_server.registry_access import RegistryAccess, read_registry_access
from consent_registry_server.rpc.metrics import serve_metrics
from consent_registry_server.rpc.options import (
    UNIX,
    Address,
    parse_address,
    reaches_beyond_this_machine,
)
from consent_registry_server.settings_reader import PREFIX, SettingsReader

_DEFAULT_LISTENER: Final = "127.0.0.1:8025"
# The kernel's bound is 108 octets, the end included.
_LONGEST_SOCKET_PATH: Final = 107


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What an operator chose for the mail handler."""

    options: MailOptions
    registry: RegistryAccess
    metrics: Address
    log_level: str
    log_format: LogFormat
    unrecognised: tuple[str, ...]


def unsubscribe_mail() -> None:
    """Take unsubscribe messages from the mail server, over LMTP or SMTP, until SIGTERM.

    Unsubscribes by the token in the address or the subject, and never sends a message itself.
    """
    settings = load_mail_settings()
    logger = configure_logging(settings.log_level, settings.log_format)
    for name in settings.unrecognised:
        logger.warning("setting_unrecognised", name=name)
    asyncio.run(_serve(settings, logger))
    logger.info("stopped")


def load_mail_settings(environment: Mapping[str, str] = os.environ) -> MailSettings:
    """Returns the settings; a variable that is unset or empty has its default.

    Raises:
        ConfigurationError: with every problem, by the names of the variables, never with a secret.
    """
    read = SettingsReader(environment)
    settings = MailSettings(
        options=_options(read),
        registry=read_registry_access(read),
        metrics=read.address("METRICS_ADDRESS", default="127.0.0.1:9466"),
        log_level=read.choice("LOG_LEVEL", LEVELS, default="info"),
        log_format=LogFormat(read.choice("LOG_FORMAT", tuple(LogFormat), default=LogFormat.JSON)),
        unrecognised=read.unrecognised(),
    )
    read.require_usable()
    return settings


def _options(read: SettingsReader) -> MailOptions:
    default = MailOptions()
    listener = read.listener("MAIL_LISTEN_ADDRESS", default=_DEFAULT_LISTENER)
    domains = _domains(read)
    if reaches_beyond_this_machine(listener) and not domains:
        read.problem(
            "MAIL_LISTEN_ADDRESS",
            f"reaches beyond this machine: that needs {PREFIX}MAIL_DOMAINS",
        )
    return MailOptions(
        place=_place(read, listener),
        protocol=MailProtocol(
            read.choice("MAIL_PROTOCOL", tuple(MailProtocol), default=default.protocol)
        ),
        domains=domains,
        message_octets=read.integer(
            "MAIL_MAX_MESSAGE_BYTES", default.message_octets, low=65_536, high=67_108_864
        ),
        recipients=read.integer("MAIL_MAX_RECIPIENTS", default.recipients, low=1, high=1_000),
        connections=read.integer("MAIL_MAX_CONNECTIONS", default.connections, low=1, high=1_000),
        messages_per_minute=read.integer(
            "MAIL_MESSAGES_PER_MINUTE", default.messages_per_minute, low=1, high=1_000_000
        ),
        timeout_s=read.seconds("MAIL_TIMEOUT_S", default.timeout_s),
        shutdown_grace_s=read.seconds("SHUTDOWN_GRACE_S", default.shutdown_grace_s),
    )


def _place(read: SettingsReader, listener: str) -> TcpPlace | SocketPlace:
    if listener.startswith(UNIX):
        path = listener.removeprefix(UNIX)
        if not 0 < len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            read.problem("MAIL_LISTEN_ADDRESS", "must name a socket by a path of 1 to 107 octets")
        return SocketPlace(Path(path))
    address = parse_address(listener) or Address("", 0)
    return TcpPlace(address.host, address.port)


def _domains(read: SettingsReader) -> frozenset[str]:
    """The domains, separated by commas; those with other letters as their A-labels."""
    value = read.text("MAIL_DOMAINS") or ""
    domains = frozenset(each.strip().lower() for each in value.split(",") if each.strip())
    if any("@" in each or " " in each or not each.isascii() for each in domains):
        read.problem("MAIL_DOMAINS", "must be domains in ASCII, separated by commas")
    return domains


async def _serve(settings: MailSettings, logger: FilteringBoundLogger) -> None:
    # What the program's other commands need not wait for.
    from consent_registry_server.mail.listener import Listener  # noqa: PLC0415

    stop = asyncio.Event()
    on_stop_signal(stop.set)
    registry = collectors()
    async with settings.registry.client() as client:
        try:
            listener = await Listener.start(
                settings.options, client, metrics=MailMetrics(registry), logger=logger
            )
        except OSError as error:
            raise ConfigurationError(f"mail cannot be listened for: {error}") from None
        try:
            host, port = settings.metrics
            with closing(serve_metrics(registry, host, port=port)) as endpoint:
                logger.info("serving", port=listener.port, metrics_port=endpoint.port)
                _say(settings, listener.port, metrics_port=endpoint.port)
                await stop.wait()
        finally:
            await listener.close()


def _say(settings: MailSettings, port: int | None, *, metrics_port: int) -> None:
    place = settings.options.place
    where = f"{place.host}:{port}" if isinstance(place, TcpPlace) else f"{UNIX}{place.path}"
    typer.echo(f"{settings.options.protocol.upper()}:       {where}")
    typer.echo(f"metrics:    http://{settings.metrics.host}:{metrics_port}/metrics")
    typer.echo("Stop with Ctrl-C or SIGTERM.")
    sys.stdout.flush()
