"""Listens for the mail server, in the event loop of the caller."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Self

from structlog.typing import FilteringBoundLogger

from consent_registry_client import AsyncClient
from consent_registry_server.mail.metrics import MailMetrics
from consent_registry_server.mail.options import MailOptions, SocketPlace
from consent_registry_server.mail.receiver import Receiver
from consent_registry_server.mail.session import Sessions, session_factory
from consent_registry_server.mail.unsubscribing import Unsubscriber

_BACKLOG: Final = 128


class Listener:
    """Takes messages until it is closed."""

    def __init__(self, server: asyncio.Server, sessions: Sessions, *, grace_s: float) -> None:
        self._server = server
        self._sessions = sessions
        self._grace_s = grace_s
        name = server.sockets[0].getsockname()
        self.port: int | None = name[1] if isinstance(name, tuple) else None
        """The port it listens on; None for a Unix socket."""

    @classmethod
    async def start(
        cls,
        options: MailOptions,
        client: AsyncClient,
        *,
        metrics: MailMetrics,
        logger: FilteringBoundLogger,
    ) -> Self:
        """Starts to listen.

        Raises:
            OSError: the place cannot be listened on.
        """
        # It logs commands, which hold addresses, and headers; what matters is in our own events.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)
        unsubscriber = Unsubscriber(client, logger=logger)
        receiver = Receiver(unsubscriber, options, metrics=metrics, logger=logger)
        sessions = Sessions(options.connections, metrics=metrics)
        factory = session_factory(receiver, options, sessions=sessions, metrics=metrics)
        loop, place = asyncio.get_running_loop(), options.place
        if isinstance(place, SocketPlace):
            server = await loop.create_unix_server(factory, str(place.path), backlog=_BACKLOG)
        else:
            server = await loop.create_server(factory, place.host, place.port, backlog=_BACKLOG)
        return cls(server, sessions, grace_s=options.shutdown_grace_s)

    async def close(self) -> None:
        """Listens no more, and returns when the messages under way are answered, or in time."""
        self._server.close()
        await self._sessions.close(self._grace_s)
