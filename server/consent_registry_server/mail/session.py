"""One connection of the mail server: aiosmtpd's protocol with our bounds and RFC 2033's replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope

from consent_registry_server.mail.automatic import NULL_SENDERS
from consent_registry_server.mail.metrics import MailMetrics, Refusal
from consent_registry_server.mail.options import MailOptions, MailProtocol
from consent_registry_server.mail.outcomes import Outcome, reply
from consent_registry_server.mail.receiver import Receiver

_HOSTNAME: Final = "unsubscribe-mail"
"""Not that of this machine: the mail server on it would think that it talks to itself."""

_SEND_DATA: Final = "354"
_FULL: Final = b"421 4.3.2 Too many connections: please try again later\r\n"
_CLOSING: Final = b"421 4.3.2 Shutting down: please try again later\r\n"
_UNREAD: Final = {
    "500": "554 5.6.0 Not recorded: a line of this message is too long",
    "552": "552 5.3.4 Not recorded: this message is too large",
}


class Sessions:
    """The connections now, up to a bound."""

    def __init__(self, limit: int, *, metrics: MailMetrics) -> None:
        self._limit = limit
        self._metrics = metrics
        self._sessions: set[MailSession] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self.is_closing = False
        """Whether sessions are to end after the message under way."""
        metrics.watch_connections(lambda: len(self._sessions))

    def admit(self, session: MailSession) -> bool:
        """Whether there is room for a session; if so, it is in."""
        if self.is_closing or len(self._sessions) >= self._limit:
            self._metrics.refused(Refusal.CONNECTIONS)
            return False
        self._sessions.add(session)
        self._all_gone.clear()
        return True

    def leave(self, session: MailSession) -> None:
        """Lets a session go, if it was in."""
        self._sessions.discard(session)
        if not self._sessions:
            self._all_gone.set()

    async def close(self, grace_s: float) -> None:
        """Ends the sessions, each after the message under way; those that take too long at once.

        What was not answered is not lost: the mail server brings it back.
        """
        self.is_closing = True
        for session in tuple(self._sessions):
            session.close_if_idle()
        try:
            await asyncio.wait_for(self._all_gone.wait(), grace_s)
        except TimeoutError:
            for session in tuple(self._sessions):
                session.abort()
            await self._all_gone.wait()


class MailSession(SMTP):
    """A session of SMTP."""

    # Some programs write longer lines than the standard's 998 octets; a message is not refused for
    # a body that nobody reads.
    line_length_limit = 65_536

    def __init__(
        self,
        receiver: Receiver,
        options: MailOptions,
        *,
        sessions: Sessions,
        metrics: MailMetrics,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            receiver,
            data_size_limit=options.message_octets,
            enable_SMTPUTF8=True,
            # Given, for otherwise every connection looks the name of this machine up.
            hostname=_HOSTNAME,
            ident=options.protocol.upper(),
            timeout=options.timeout_s,
            loop=loop,
        )
        self._sessions = sessions
        self._metrics = metrics
        self._is_in = False
        self._replies_due = 0
        self._is_bounce = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins, or ends at once where there is no room."""
        self._is_in = self._sessions.admit(self)
        if self._is_in:
            super().connection_made(transport)
        elif isinstance(transport, asyncio.Transport):
            transport.write(_FULL)
            transport.close()

    def eof_received(self) -> bool | None:
        """Ends what is under way: a peer that does not wait for its answer has none."""
        return super().eof_received() if self._is_in else None

    def connection_lost(self, error: Exception | None) -> None:
        """Ends."""
        if self._is_in:
            self._sessions.leave(self)
            super().connection_lost(error)

    async def push(self, status: str | bytes) -> None:
        """Sends a reply: after a message as many as are due."""
        text = status if isinstance(status, str) else status.decode()
        if text.startswith(_SEND_DATA):
            self._expect_message()
            await super().push(text)
            return
        due, self._replies_due = self._replies_due, 0
        if due and "\r\n" not in text:
            # The receiver gives all replies. A single line is aiosmtpd's own, for a message that
            # the receiver has not seen; the peer waits for a reply for each recipient all the same.
            text = "\r\n".join([self._unread(text)] * due)
        await super().push(text)
        if due and self._sessions.is_closing:
            self._end(_CLOSING)

    def close_if_idle(self) -> None:
        """Ends, unless a message is under way, which ends it."""
        if not self._replies_due:
            self._end(_CLOSING)

    def abort(self) -> None:
        """Ends at once, without a word."""
        if self.transport is not None:
            self._writer.transport.abort()

    async def smtp_AUTH(self, _: str) -> None:  # noqa: N802 - aiosmtpd names them after commands
        """Nobody logs in here."""
        await self.push("502 5.5.1 Not implemented")

    async def smtp_HELP(self, _: str) -> None:  # noqa: N802
        """Nobody is helped here."""
        await self.push("214 2.0.0 See RFC 5321 and RFC 2033")

    def _expect_message(self) -> None:
        # Now, for the envelope is gone when the reply is sent.
        envelope = self.envelope
        if envelope is not None:
            self._replies_due = self._replies_to(envelope)
            self._is_bounce = envelope.mail_from in NULL_SENDERS

    def _replies_to(self, _: Envelope) -> int:
        return 1

    def _unread(self, text: str) -> str:
        """The reply to a message that the receiver has not seen, for aiosmtpd's own."""
        if text[:3] not in _UNREAD:
            return text
        self._metrics.refused(Refusal.MESSAGE)
        return reply(Outcome.AUTOMATIC) if self._is_bounce else _UNREAD[text[:3]]

    def _end(self, goodbye: bytes) -> None:
        if self.transport is not None and not self._writer.is_closing():
            self._writer.write(goodbye)
            self._writer.close()


class LmtpSession(MailSession, LMTP):
    """A session of LMTP: a message is answered with a reply for each of its recipients."""

    def _replies_to(self, envelope: Envelope) -> int:
        return len(envelope.rcpt_tos)


def session_factory(
    receiver: Receiver, options: MailOptions, *, sessions: Sessions, metrics: MailMetrics
) -> Callable[[], MailSession]:
    """Makes the sessions of one listener; within its event loop."""
    kind = LmtpSession if options.protocol is MailProtocol.LMTP else MailSession
    loop = asyncio.get_running_loop()
    return lambda: kind(receiver, options, sessions=sessions, metrics=metrics, loop=loop)
