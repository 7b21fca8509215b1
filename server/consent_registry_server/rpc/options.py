"""Where the server listens and how much it takes; plain values, without gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

UNIX: Final = "unix:"
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; with a `client_ca`, clients must present a certificate signed by it."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The listener and its bounds.

    `calls` is how many calls run or wait for a thread; `streams` how many of them may keep a thread
    for as long as their client likes, fewer than `threads`, so that questions are never starved.
    """

    address: str = "127.0.0.1:50051"
    tls: TlsFiles | None = None
    threads: int = 8
    calls: int = 256
    streams: int = 4
    message_octets: int = 8 * 1024 * 1024
    default_deadline_s: float = 30.0
    slow_call_s: float = 1.0
    shutdown_grace_s: float = 20.0
    connection_age_s: float = 300.0
    """How long clients stay on one connection; calls under way keep it for as long as they take."""


@dataclass(frozen=True, slots=True)
class UnsubscribeAddresses:
    """Where people unsubscribe: the page's origin, and the mailbox that takes messages, if any."""

    origin: str
    mailbox: str | None = None

    def url_of(self, token: str) -> str:
        """The page of a token."""
        return f"{self.origin}/u/{token}"

    def uris_of(self, token: str) -> tuple[str, ...]:
        """The URIs for `List-Unsubscribe` (RFC 2369, RFC 8058), the page first."""
        mail = () if self.mailbox is None else (f"mailto:{self.mailbox}?subject={token}",)
        return (self.url_of(token), *mail)


class Address(NamedTuple):
    """A host, without the brackets of an IPv6 address, and a port."""

    host: str
    port: int


def parse_address(text: str) -> Address | None:
    """The parts of `host:port` or `[ipv6]:port`; None for anything else."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    if not (host and colon and port.isascii() and port.isdigit()):
        return None
    return Address(host, int(port)) if int(port) <= _HIGHEST_PORT else None


def reaches_beyond_this_machine(address: str) -> bool:
    """Whether others than this machine can reach a listener; True when that is not sure."""
    if address.startswith(UNIX):
        return False
    parsed = parse_address(address)
    if parsed is None:
        return True
    if parsed.host == "localhost":
        return False
    try:
        return not ip_address(parsed.host).is_loopback
    except ValueError:
        return True
