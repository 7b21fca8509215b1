"""A mail handler that listens on this machine, and the mail server in front of it."""

from __future__ import annotations

import asyncio
import io
import json
import smtplib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry

from consent_registry_client import AsyncClient, RetryPolicy
from consent_registry_server.logs import LogFormat, configure_logging
from consent_registry_server.mail.listener import Listener
from consent_registry_server.mail.metrics import MailMetrics
from consent_registry_server.mail.options import MailOptions, MailProtocol, TcpPlace
from tests.unit.mail.messages import PERSON

OPTIONS: Final = MailOptions(place=TcpPlace("127.0.0.1", 0), timeout_s=30.0, shutdown_grace_s=10.0)
_PREFIX: Final = "consent_registry_mail_"
_TIMEOUT_S: Final = 30.0

T = TypeVar("T")


class Reply(NamedTuple):
    """What the mail server is told."""

    code: int
    text: str


class MailServer:
    """The company's, which waits for each reply."""

    def __init__(self, client: smtplib.SMTP) -> None:
        self._client = client
        client.ehlo_or_helo_if_needed()

    def begin(self, *recipients: str, sender: str = PERSON) -> list[Reply]:
        """The replies to MAIL and to each RCPT."""
        return [
            self.command("MAIL", f"FROM:<{sender}>"),
            *(self.command("RCPT", f"TO:<{each}>") for each in recipients),
        ]

    def finish(self, content: bytes, *, replies: int = 1) -> list[Reply]:
        """The replies to the message itself."""
        first = self._client.data(content)
        rest = [self._client.getreply() for _ in range(replies - 1)]
        return [_reply(each) for each in (first, *rest)]

    def command(self, name: str, arguments: str = "") -> Reply:
        return _reply(self._client.docmd(name, arguments))

    def send(self, octets: bytes) -> None:
        self._client.send(octets)

    def read(self) -> Reply:
        return _reply(self._client.getreply())

    @property
    def features(self) -> dict[str, str]:
        return dict(self._client.esmtp_features)

    def close(self) -> None:
        self._client.close()


class House:
    """A running handler."""

    def __init__(self, listener: Listener, options: MailOptions, log: io.BytesIO) -> None:
        self.listener = listener
        self.collectors = CollectorRegistry()
        self._options = options
        self._log = log

    @property
    def log(self) -> str:
        return self._log.getvalue().decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.splitlines()]

    def connect(self) -> MailServer:
        """Connects; in a thread."""
        kind = smtplib.LMTP if self._options.protocol is MailProtocol.LMTP else smtplib.SMTP
        return MailServer(kind("127.0.0.1", self.listener.port or 0, timeout=_TIMEOUT_S))

    async def talk(self, conversation: Callable[[MailServer], T]) -> T:
        """What comes of a conversation on a connection of its own."""

        def talk() -> T:
            server = self.connect()
            try:
                return conversation(server)
            finally:
                server.close()

        return await asyncio.to_thread(talk)

    async def deliver(
        self, content: bytes, to: Sequence[str], *, sender: str = PERSON
    ) -> list[Reply]:
        """The replies to a message: in LMTP one for each recipient."""
        is_lmtp = self._options.protocol is MailProtocol.LMTP

        def conversation(server: MailServer) -> list[Reply]:
            assert {reply.code for reply in server.begin(*to, sender=sender)} == {250}
            replies = server.finish(content, replies=len(to) if is_lmtp else 1)
            # Not one reply too many or too few: the next one is to the next command.
            assert server.command("NOOP").text == "OK"
            return replies

        return await self.talk(conversation)

    def counted(self) -> dict[str, float]:
        """What was counted, by name and label, but what is zero."""
        return {
            sample.name.removeprefix(_PREFIX).removesuffix("_total")
            + "".join(f" {value}" for value in sample.labels.values()): sample.value
            for family in self.collectors.collect()
            for sample in family.samples
            if sample.value and sample.name.endswith("_total")
        }


@asynccontextmanager
async def running(
    registry_address: str,
    *,
    registry_timeout_s: float = 10.0,
    **options: Any,  # noqa: ANN401 - those of MailOptions
) -> AsyncIterator[House]:
    """A handler with these options, in the event loop of the test."""
    chosen, log = replace(OPTIONS, **options), io.BytesIO()
    logger = configure_logging("debug", LogFormat.JSON, file=log)
    collectors = CollectorRegistry()
    no_retry = RetryPolicy(attempts=1)
    async with AsyncClient(
        registry_address, timeout_s=registry_timeout_s, retry=no_retry
    ) as client:
        metrics = MailMetrics(collectors)
        listener = await Listener.start(chosen, client, metrics=metrics, logger=logger)
        house = House(listener, chosen, log)
        house.collectors = collectors
        try:
            yield house
        finally:
            await listener.close()


def _reply(answer: tuple[int, bytes]) -> Reply:
    return Reply(answer[0], answer[1].decode())
