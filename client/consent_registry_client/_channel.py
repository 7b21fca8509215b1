"""Where the registry is, and how safely it is reached."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc

from consent_registry_client._errors import InvalidRequest

_ADDRESS = re.compile(
    r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<ipv6>[0-9A-Fa-f:.]+)\]):(?P<port>\d{1,5})"
)
_KEY = re.compile(r"[!-~]+")
_MAX_PORT = 65_535
# A full batch in which every decision shows its grounds.
_MAX_ANSWER_BYTES = 16 * 1024 * 1024
# Every address of a name takes its turn. The registry's health is watched on each connection: a
# server that is not ready is left out, and when none is, calls fail at once. One that does not tell
# its health is taken for ready.
_SERVICE_CONFIG = json.dumps(
    {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The PEM files of a TLS connection."""

    ca: Path | None = None
    """Who may have signed the registry's certificate. None: the system's authorities."""
    certificate: Path | None = None
    """The client's own certificate, for mutual TLS. Needs `key`."""
    key: Path | None = None
    """The private key of `certificate`."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """All that is needed to open a channel."""

    target: str
    credentials: grpc.ChannelCredentials | None
    options: Sequence[tuple[str, int | str]]
    metadata: tuple[tuple[str, str], ...]
    """Sent with every call; it may hold the API key, so it is shown nowhere."""

    def __repr__(self) -> str:
        return f"Endpoint({self.target!r})"


def endpoint(address: str, *, api_key: str | None, tls: TlsFiles | None) -> Endpoint:
    """Returns the endpoint at `address`: `host:port`, `[ipv6]:port` or `unix:/path`.

    Raises:
        InvalidRequest: The address is none, the key cannot be sent, a TLS file is missing, or the
            connection would be plaintext beyond this machine.
    """
    is_local = _is_local(address)
    if tls is None and not is_local:
        raise InvalidRequest(
            "beyond this machine the registry is reached over TLS only: pass tls=TlsFiles()",
            code=grpc.StatusCode.INVALID_ARGUMENT,
            reason="TLS_REQUIRED",
        )
    if api_key is not None and not _KEY.fullmatch(api_key):
        raise _invalid("an API key is printable ASCII without spaces")
    return Endpoint(
        target=address,
        credentials=None if tls is None else _credentials(tls),
        options=_options(tls),
        metadata=() if api_key is None else (("authorization", f"Bearer {api_key}"),),
    )


def _is_local(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    parts = _ADDRESS.fullmatch(address)
    if parts is None or not 0 < int(parts["port"]) <= _MAX_PORT:
        raise _invalid("an address is host:port, [ipv6]:port or unix:/path")
    host = parts["name"] or parts["ipv6"]
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(tls: TlsFiles) -> grpc.ChannelCredentials:
    if (tls.certificate is None) != (tls.key is None):
        raise _invalid("a client certificate and its key are given together")
    return grpc.ssl_channel_credentials(
        root_certificates=_content(tls.ca),
        private_key=_content(tls.key),
        certificate_chain=_content(tls.certificate),
    )


def _content(file: Path | None) -> bytes | None:
    if file is None:
        return None
    try:
        return file.read_bytes()
    except OSError as error:
        raise _invalid(f"cannot read {file}: {error.strerror}") from error


def _options(tls: TlsFiles | None) -> list[tuple[str, int | str]]:
    return [
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 1_000),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        # Retries are decided here, where it is known what may be repeated.
        ("grpc.enable_retries", 0),
        ("grpc.service_config", _SERVICE_CONFIG),
        # Servers that came meanwhile are looked for as soon as one is lost, and not half a minute
        # later.
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        ("grpc.max_receive_message_length", _MAX_ANSWER_BYTES),
        # A proxy from the environment would carry plaintext, key included, off this machine.
        ("grpc.enable_http_proxy", 0 if tls is None else 1),
        ("grpc.primary_user_agent", "consent-registry-client"),
    ]


def _invalid(message: str) -> InvalidRequest:
    return InvalidRequest(
        message, code=grpc.StatusCode.INVALID_ARGUMENT, reason="INVALID_CONFIGURATION"
    )
