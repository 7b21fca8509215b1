"""A bound port, with or without TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import grpc

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.options import ServerOptions, TlsFiles

_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_ANSWER_MS: Final = 20_000
_CLIENT_PING_INTERVAL_MS: Final = 10_000
_METADATA_OCTETS: Final = 16 * 1024

ChannelArgument = tuple[str, int]


def channel_arguments(options: ServerOptions) -> list[ChannelArgument]:
    """The arguments of gRPC's core."""
    return [
        # A second server on the same port would silently take half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", options.message_octets),
        ("grpc.max_send_message_length", options.message_octets),
        ("grpc.max_metadata_size", _METADATA_OCTETS),
        # A client that vanished without a word gives back what its streams hold.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_ANSWER_MS),
        # Clients keep idle connections alive too, for a dialer's next question to be quick.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _CLIENT_PING_INTERVAL_MS),
    ]


def bind(server: grpc.Server, options: ServerOptions) -> int:
    """Binds the port; returns its number, 0 for a Unix socket.

    Raises:
        ConfigurationError: the port cannot be bound, or the certificate cannot be used.
    """
    try:
        if options.tls is None:
            port = server.add_insecure_port(options.address)
        else:
            port = server.add_secure_port(options.address, _credentials(options.tls))
    except RuntimeError:
        port = 0
    if port == 0 and not options.address.startswith("unix:"):
        raise ConfigurationError(
            f"cannot listen on {options.address}: is it taken, or not an address of this machine?"
        )
    return port


def _credentials(tls: TlsFiles) -> grpc.ServerCredentials:
    certificate, key = _read(tls.certificate), _read(tls.key)
    client_ca = None if tls.client_ca is None else _read(tls.client_ca)
    _check_pair(tls)
    return grpc.ssl_server_credentials(
        [(key, certificate)],
        root_certificates=client_ca,
        require_client_auth=client_ca is not None,
    )


def _check_pair(tls: TlsFiles) -> None:
    """Finds what gRPC would only tell its own log."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (ssl.SSLError, OSError):
        raise ConfigurationError(
            f"{tls.certificate} and {tls.key} are not a certificate and its key"
        ) from None
    if tls.client_ca is None:
        return
    try:
        context.load_verify_locations(tls.client_ca)
    except (ssl.SSLError, OSError):
        raise ConfigurationError(f"{tls.client_ca} holds no certificate") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
