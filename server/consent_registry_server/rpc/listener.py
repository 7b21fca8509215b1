"""A bound port, with or without TLS."""

from __future__ import annotations

from typing import Final

import grpc

from consent_registry_server.domain.errors import ConfigurationError
from consent_registry_server.rpc.options import ServerOptions
from consent_registry_server.rpc.server_certificate import ServerCertificate

_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_ANSWER_MS: Final = 20_000
_CLIENT_PING_INTERVAL_MS: Final = 10_000
_ENDLESS_MS: Final = 2**31 - 1
"""What gRPC takes for infinity."""
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
        # Behind a name servers come and go: whoever never connects again never finds the new ones.
        ("grpc.max_connection_age_ms", int(options.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", _ENDLESS_MS),
        # Clients keep idle connections alive too, for a dialer's next question to be quick.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _CLIENT_PING_INTERVAL_MS),
    ]


def bind(server: grpc.Server, options: ServerOptions, certificate: ServerCertificate | None) -> int:
    """Binds the port, with TLS if there is a certificate; returns its number, 0 for a Unix socket.

    Raises:
        ConfigurationError: the port cannot be bound.
    """
    try:
        if certificate is None:
            port = server.add_insecure_port(options.address)
        else:
            port = server.add_secure_port(options.address, certificate.credentials())
    except RuntimeError:
        port = 0
    if port == 0 and not options.address.startswith("unix:"):
        raise ConfigurationError(
            f"cannot listen on {options.address}: is it taken, or not an address of this machine?"
        )
    return port
