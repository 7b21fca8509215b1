"""Where the listener listens, and how much it takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class MailProtocol(StrEnum):
    """What the mail server speaks to us."""

    LMTP = "lmtp"
    """RFC 2033: an answer for each recipient."""
    SMTP = "smtp"
    """RFC 5321: one answer for the message."""


@dataclass(frozen=True, slots=True)
class TcpPlace:
    """A host and a port; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SocketPlace:
    """A Unix socket; one that nobody listens on any more is replaced."""

    path: Path


@dataclass(frozen=True, slots=True)
class MailOptions:
    """The listener and its bounds.

    `domains` are those whose mail is taken, in lower case; without any the mail server alone
    decides what it hands over. `timeout_s` is for a whole command: of DATA, until its answer.
    """

    place: TcpPlace | SocketPlace = TcpPlace("127.0.0.1", 8025)
    protocol: MailProtocol = MailProtocol.LMTP
    domains: frozenset[str] = frozenset()
    message_octets: int = 1024 * 1024
    recipients: int = 100
    """Of one message; RFC 5321, 4.5.3.1.8 asks for no less than the default."""
    connections: int = 50
    messages_per_minute: int = 1_200
    """From one peer, which is most often the company's only mail server."""
    timeout_s: float = 300.0
    """RFC 5321, 4.5.3.2.7 asks for no less than the default."""
    shutdown_grace_s: float = 20.0
