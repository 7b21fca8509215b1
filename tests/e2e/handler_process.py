"""The unsubscribe handlers in processes of their own, and all that they say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.e2e.registry_process import ProgramProcess, environment

WEB: Final = "unsubscribe-web"
MAIL: Final = "unsubscribe-mail"

WITHOUT_RATES: Final = {
    "WEB_CLIENT_REQUESTS_PER_MINUTE": "0",
    "WEB_LINK_REQUESTS_PER_MINUTE": "0",
}
"""A test is one client, and does in a second what people do in a day."""

_LISTENERS: Final = {WEB: "WEB_LISTEN_ADDRESS", MAIL: "MAIL_LISTEN_ADDRESS"}


class HandlerProcess(ProgramProcess):
    """A handler on free ports of loopback; whether the registry is there is its own affair."""

    def __init__(self, command: str, registry: str, **settings: str) -> None:
        """Returns when the handler listens; `registry` is the address of the server."""
        places = {"ADDRESS": registry, _LISTENERS[command]: "127.0.0.1:0"}
        super().__init__(command, environment({**places, **settings}))


@contextmanager
def running(command: str, registry: str, **settings: str) -> Iterator[HandlerProcess]:
    """A handler until the end of the block, which it must reach without an error."""
    handler = HandlerProcess(command, registry, **settings)
    try:
        yield handler
    except BaseException:
        handler.kill()
        raise
    assert handler.stop() == 0
    assert b'"level": "error"' not in handler.log, handler.log.decode(errors="replace")
    assert b"setting_unrecognised" not in handler.log
