"""What the mail handler counts; all of it is there from the start."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consent_registry_server.mail.automatic import Sign
from consent_registry_server.mail.outcomes import Outcome

_PREFIX: Final = "consent_registry_mail"
_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Refusal(StrEnum):
    """A bound or rule that a connection, command or message ran into; the peer is told."""

    CONNECTIONS = "connections"
    RATE = "rate"
    RECIPIENTS = "recipients"
    DOMAIN = "domain"
    MESSAGE = "message"
    """Too many octets, in all or in a line."""
    COMMAND = "command"
    """A command that could not be carried out."""


class MailMetrics:
    """The collectors of one handler."""

    def __init__(self, registry: CollectorRegistry) -> None:
        messages = Counter(
            "messages",
            "Messages that were read, by what came of them.",
            ["outcome"],
            namespace=_PREFIX,
            registry=registry,
        )
        automatic = Counter(
            "automatic_messages",
            "Messages that changed nothing, by what showed them to be automatic.",
            ["sign"],
            namespace=_PREFIX,
            registry=registry,
        )
        refusals = Counter(
            "refusals",
            "Connections, commands and messages that were refused unread.",
            ["reason"],
            namespace=_PREFIX,
            registry=registry,
        )
        self._seconds = Histogram(
            "message_duration_seconds",
            "Seconds from a message's last octet to its answer.",
            namespace=_PREFIX,
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._connections = Gauge(
            "connections", "Connections now.", namespace=_PREFIX, registry=registry
        )
        self._messages = {outcome: messages.labels(outcome) for outcome in Outcome}
        self._automatic = {sign: automatic.labels(sign) for sign in Sign}
        self._refusals = {reason: refusals.labels(reason) for reason in Refusal}

    def handled(self, outcome: Outcome, duration_s: float) -> None:
        """Counts a message."""
        self._messages[outcome].inc()
        self._seconds.observe(duration_s)

    def automatic(self, sign: Sign) -> None:
        """Counts what showed a message to be automatic."""
        self._automatic[sign].inc()

    def refused(self, reason: Refusal) -> None:
        """Counts a refusal."""
        self._refusals[reason].inc()

    def watch_connections(self, number: Callable[[], int]) -> None:
        """Shows how many connections there are."""
        self._connections.set_function(number)
