"""`consent-registry unsubscribe-web`: serves the unsubscribe pages, behind whatever ends TLS."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from math import ceil
from typing import Final

import typer
import uvicorn
from starlette.types import ASGIApp
from structlog.typing import FilteringBoundLogger

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.handler_process import collectors, on_stop_signal
from consent_registry_server.logs import LEVELS, LogFormat, configure_logging
from consent_registry_server.registry_access import RegistryAccess, read_registry_access
from consent_registry_server.rpc.metrics import serve_metrics
from consent_registry_server.rpc.options import Address
from consent_registry_server.settings_reader import SettingsReader
from consent_registry_server.web.app import make_app
from consent_registry_server.web.branding import Branding, BrandingError, read_branding
from consent_registry_server.web.connections import PatientToAPoint
from consent_registry_server.web.metrics import WebMetrics
from consent_registry_server.web.options import WebOptions

_BACKLOG: Final = 1_024
# Longer than the usual proxies keep a connection, so that it is they who close it: a request sent
# down one that is just being closed here would be lost.
_KEEP_ALIVE_S: Final = 75


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What an operator chose for the unsubscribe pages.

    `trusted_proxies` are the addresses and networks whose word on the client's address counts.
    """

    address: Address
    trusted_proxies: tuple[str, ...]
    options: WebOptions
    branding: Branding
    registry: RegistryAccess
    metrics: Address
    log_level: str
    log_format: LogFormat
    unrecognised: tuple[str, ...]


def serve_pages() -> None:
    """Serves the pages of the settings until a stop signal.

    Raises:
        ConfigurationError: they do not allow it.
    """
    settings = load_web_settings()
    logger = configure_logging(settings.log_level, settings.log_format)
    # It tells what it cannot parse, octet by octet.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    for name in settings.unrecognised:
        logger.warning("setting_unrecognised", name=name)
    asyncio.run(_serve(settings, logger))
    logger.info("stopped")


def load_web_settings(environment: Mapping[str, str] = os.environ) -> WebSettings:
    """Returns the settings; a variable that is unset or empty has its default.

    Raises:
        ConfigurationError: with every problem, by the names of the variables, never with a secret.
    """
    read = SettingsReader(environment)
    settings = WebSettings(
        address=read.address("WEB_LISTEN_ADDRESS", default="127.0.0.1:8080"),
        trusted_proxies=_trusted_proxies(read),
        options=_options(read),
        branding=_branding(read),
        registry=read_registry_access(read),
        metrics=read.address("METRICS_ADDRESS", default="127.0.0.1:9465"),
        log_level=read.choice("LOG_LEVEL", LEVELS, default="info"),
        log_format=LogFormat(read.choice("LOG_FORMAT", tuple(LogFormat), default=LogFormat.JSON)),
        unrecognised=read.unrecognised(),
    )
    read.require_usable()
    return settings


def _options(read: SettingsReader) -> WebOptions:
    default = WebOptions()
    return WebOptions(
        body_timeout_s=read.seconds("WEB_BODY_TIMEOUT_S", default.body_timeout_s),
        concurrent_requests=read.integer(
            "MAX_CONCURRENT_REQUESTS", default.concurrent_requests, low=1, high=10_000
        ),
        client_requests_per_minute=read.integer(
            "WEB_CLIENT_REQUESTS_PER_MINUTE",
            default.client_requests_per_minute,
            low=0,
            high=1_000_000,
        ),
        link_requests_per_minute=read.integer(
            "WEB_LINK_REQUESTS_PER_MINUTE", default.link_requests_per_minute, low=0, high=1_000_000
        ),
        shutdown_grace_s=read.seconds("SHUTDOWN_GRACE_S", default.shutdown_grace_s),
    )


def _trusted_proxies(read: SettingsReader) -> tuple[str, ...]:
    """Addresses and networks, separated by commas; never everybody, who may say anything."""
    value = read.text("TRUSTED_PROXIES") or ""
    proxies = tuple(each.strip() for each in value.split(",") if each.strip())
    for proxy in proxies:
        try:
            is_everybody = ip_network(proxy).prefixlen == 0
        except ValueError:
            read.problem("TRUSTED_PROXIES", f"must be addresses and networks, not {proxy!r}")
            continue
        if is_everybody:
            read.problem("TRUSTED_PROXIES", f"must not be everybody, as {proxy} is")
    return proxies


def _branding(read: SettingsReader) -> Branding:
    path = read.file("BRANDING_FILE")
    try:
        return read_branding(path)
    except BrandingError as error:
        read.problem("BRANDING_FILE", f"cannot be used: {error}")
        return Branding()


async def _serve(settings: WebSettings, logger: FilteringBoundLogger) -> None:
    registry = collectors()
    host, port = settings.metrics
    with _listening(settings.address) as listener:
        async with settings.registry.client() as client:
            app = make_app(
                client,
                branding=settings.branding,
                options=settings.options,
                metrics=WebMetrics(registry),
                logger=logger,
            )
            server = WebServer(server_options(settings, app))
            with closing(serve_metrics(registry, host, port=port)) as endpoint:
                on_stop_signal(server.stop)
                listening_port: int = listener.getsockname()[1]
                logger.info("serving", port=listening_port, metrics_port=endpoint.port)
                _say(settings, listening_port, endpoint.port)
                await server.serve(sockets=[listener])


class WebServer(uvicorn.Server):
    """Leaves the signals to the program: what uvicorn does with them ends it by the signal."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    def stop(self) -> None:
        """Lets the requests under way finish, takes no more, and ends."""
        self.should_exit = True


def server_options(settings: WebSettings, app: ASGIApp) -> uvicorn.Config:
    """How the application is served: without a word of its requests, and with bounds on waiting."""
    return uvicorn.Config(
        app,
        http=PatientToAPoint,
        ws="none",
        loop="asyncio",
        lifespan="on",
        # The program has its own log, and an access log would hold the tokens.
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=ceil(settings.options.shutdown_grace_s),
    )


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    """A socket that connections queue up at, from now on."""
    host, port = address
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(f"{host}:{port} cannot be listened on: {error}") from None
    with listener:
        yield listener


def _say(settings: WebSettings, port: int, metrics_port: int) -> None:
    host = settings.address.host
    typer.echo(f"web:        http://{f'[{host}]' if ':' in host else host}:{port}/u/")
    typer.echo(f"metrics:    http://{settings.metrics.host}:{metrics_port}/metrics")
    typer.echo("Stop with Ctrl-C or SIGTERM.")
    sys.stdout.flush()
