"""What ties together all that one request causes: an id in its events, here and at the registry."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from structlog.contextvars import bound_contextvars, get_contextvars

REQUEST_ID_KEY: Final = "x-request-id"
"""The header of a call that names the id; the registry logs it and sends it back."""

_FIELD: Final = "request_id"
_OCTETS: Final = 16


def new_request_id() -> str:
    """An id that nobody else has."""
    return secrets.token_hex(_OCTETS)


@contextmanager
def new_request() -> Iterator[None]:
    """Gives all that happens within, and in tasks begun within, an id of its own.

    Never one that a stranger chose, for it is written to the log.
    """
    with bound_contextvars(**{_FIELD: new_request_id()}):
        yield


def request_headers() -> tuple[tuple[str, str], ...]:
    """The headers of calls to the registry for the request that runs; none outside of one."""
    request_id = get_contextvars().get(_FIELD)
    return () if request_id is None else ((REQUEST_ID_KEY, request_id),)
