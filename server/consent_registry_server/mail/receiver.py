"""Receives messages: takes each command of a session, and decides what becomes of a message."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from structlog.typing import FilteringBoundLogger

from consent_registry_server.mail.automatic import NULL_SENDERS, sign_of
from consent_registry_server.mail.header import Header, UnreadableHeader, decoded, read_header
from consent_registry_server.mail.metrics import MailMetrics, Refusal
from consent_registry_server.mail.options import MailOptions, MailProtocol
from consent_registry_server.mail.outcomes import Outcome, outcome_of, reply, worst
from consent_registry_server.mail.tokens import tokens_in_address, tokens_in_subject
from consent_registry_server.mail.unsubscribing import Unsubscriber
from consent_registry_server.request_ids import new_request

_DONE: Final = "250 2.0.0 OK"
_TOO_MANY_MESSAGES: Final = "451 4.7.1 Too many messages at once: please try again later"
_TOO_MANY_RECIPIENTS: Final = "452 4.5.3 Too many recipients: send the others separately"
_NO_RELAY: Final = "550 5.7.1 This server takes unsubscribe messages for its own domains only"
_CANNOT_VERIFY: Final = "252 2.5.0 Send some mail, and it will be seen"
_FAULT: Final = "451 4.3.0 This command failed: please try again later"


class Receiver:
    """The hooks that aiosmtpd calls, for all sessions of one listener.

    Every token in the address of a recipient speaks for that recipient, and every token of the
    subject for all of them: whoever holds a token may use it. Where the two differ, both are used.
    """

    def __init__(
        self,
        unsubscriber: Unsubscriber,
        options: MailOptions,
        *,
        metrics: MailMetrics,
        logger: FilteringBoundLogger,
    ) -> None:
        self._unsubscriber = unsubscriber
        self._options = options
        self._metrics = metrics
        self._logger = logger
        self._rate = RateLimitItemPerMinute(options.messages_per_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def handle_EHLO(  # noqa: N802 - aiosmtpd names its hooks after commands
        self,
        _server: SMTP,
        session: Session,
        _envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Greets; LMTP requires PIPELINING (RFC 2033, 5), which reading line by line provides."""
        session.host_name = hostname
        return [*responses[:-1], "250 PIPELINING"]

    async def handle_MAIL(  # noqa: N802
        self,
        _server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: Sequence[str],
    ) -> str:
        """Begins a message, unless its peer sends too many."""
        if not await self._limiter.hit(self._rate, _peer_of(session)):
            self._metrics.refused(Refusal.RATE)
            return _TOO_MANY_MESSAGES
        # aiosmtpd gives the null sender as `<>`, and takes an empty one for none at all.
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return _DONE

    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: Sequence[str],
    ) -> str:
        """Takes a recipient of our own domains, up to the bound."""
        domain = address.rpartition("@")[2].lower().removesuffix(".")
        if self._options.domains and domain not in self._options.domains:
            self._metrics.refused(Refusal.DOMAIN)
            return _NO_RELAY
        if len(envelope.rcpt_tos) >= self._options.recipients:
            self._metrics.refused(Refusal.RECIPIENTS)
            return _TOO_MANY_RECIPIENTS
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return _DONE

    async def handle_VRFY(self, _server: SMTP, *_: object) -> str:  # noqa: N802
        """Tells nothing (RFC 5321, 3.5.3)."""
        return _CANNOT_VERIFY

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Decides about a message; the answer has a line for each recipient where LMTP wants it."""
        with new_request():
            return await self._handle(envelope)

    async def _handle(self, envelope: Envelope) -> str:
        started_s = time.perf_counter()
        outcomes = await self._outcomes(envelope)
        outcome = worst(outcomes)
        self._metrics.handled(outcome, time.perf_counter() - started_s)
        self._logger.info("message_handled", outcome=outcome, recipients=len(outcomes))
        if self._options.protocol is MailProtocol.LMTP:
            return "\r\n".join(map(reply, outcomes))
        return reply(outcome)

    async def handle_exception(self, error: Exception) -> str:
        """Logs a fault, without what the peer sent; it may try again."""
        # Most often an address on which the standard library's parser fails.
        self._metrics.refused(Refusal.COMMAND)
        self._logger.warning("mail_command_failed", exc_info=error)
        return _FAULT

    async def _outcomes(self, envelope: Envelope) -> list[Outcome]:
        """What comes of the message for each of its recipients, in order."""
        recipients = envelope.rcpt_tos
        try:
            return await self._decide(envelope)
        except UnreadableHeader:
            # Whatever it is, the null sender is never answered with a refusal.
            is_bounce = envelope.mail_from in NULL_SENDERS
            return [Outcome.AUTOMATIC if is_bounce else Outcome.UNREADABLE] * len(recipients)
        except Exception:
            # Whatever it is, the mail server must learn that nothing is done.
            self._logger.exception("message_failed")
            return [Outcome.FAILED] * len(recipients)

    async def _decide(self, envelope: Envelope) -> list[Outcome]:
        content = envelope.content
        header = read_header(content if isinstance(content, bytes) else b"")
        if self._is_automatic(envelope, header):
            return [Outcome.AUTOMATIC] * len(envelope.rcpt_tos)
        of_subject = [
            token for value in header.values("subject") for token in tokens_in_subject(value)
        ]
        tokens = [[*tokens_in_address(each), *of_subject] for each in envelope.rcpt_tos]
        answers = await self._unsubscriber.unsubscribe(token for each in tokens for token in each)
        return [outcome_of(each, answers) for each in tokens]

    def _is_automatic(self, envelope: Envelope, header: Header) -> bool:
        subject = decoded("".join(header.values("subject")[:1]))
        sign = sign_of(envelope.mail_from or "", header, subject=subject)
        if sign is not None:
            self._metrics.automatic(sign)
        return sign is not None


def _peer_of(session: Session) -> str:
    # Not always the text that aiosmtpd says it is. A Unix socket's peer has no name: whoever may
    # open the socket is one peer.
    peer: object = session.peer
    return str(peer[0]) if isinstance(peer, tuple) else ""
