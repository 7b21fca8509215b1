"""What a POST wants: its body, read within bounds.

A mailbox sends `List-Unsubscribe=One-Click` (RFC 8058, section 3.2), our own pages a field
`action`. Anything else is refused, and changes nothing.
"""

from __future__ import annotations

import asyncio
import re
from base64 import urlsafe_b64decode
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from consent_registry_client import UnsubscribeChoice, UnsubscribeMethod
from consent_registry_server.web.options import WebOptions
from consent_registry_server.web.wording import Choice, choice_field

LINK: Final = UnsubscribeChoice.UNSUBSCRIBE_CHOICE_LINK

_ONE_CLICK_FIELD: Final = "list-unsubscribe"
_ONE_CLICK: Final = "one-click"
_MOST_FIELDS: Final = 50
_PART_OCTETS: Final = 4 * 1024
_UNDO: Final = re.compile(r"[A-Za-z0-9_-]{1,1000}={0,2}")
_CHOICES: Final[Mapping[str, Choice]] = {
    choice_field(choice): choice for choice in UnsubscribeChoice.values() if choice
}

Fields: TypeAlias = Sequence[tuple[str, str]]


class BodyRefused(Exception):
    """Nothing was changed; `status` is that of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody wants to stop contact; without choices what the link is for."""

    method: UnsubscribeMethod.ValueType
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Somebody pressed by mistake."""

    undo_token: bytes = field(repr=False)


Wish: TypeAlias = Stop | TakeBack

_BY_ONE_CLICK: Final = Stop(UnsubscribeMethod.UNSUBSCRIBE_METHOD_ONE_CLICK)
_BY_BUTTON: Final = Stop(UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE, (LINK,))


async def read_wish(request: Request, options: WebOptions) -> Wish:
    """What a POST wants.

    Raises:
        BodyRefused: 400 for a body that wants nothing we know, 408 for one that comes too slowly,
            413 for one that is too large.
        ClientDisconnect: its end never came.
    """
    body = await _body(request, options)
    return wish_of(await _fields(request.headers, body))


def wish_of(fields: Fields) -> Wish:
    """What the fields of a form want.

    Raises:
        BodyRefused: 400.
    """
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name.strip().lower(), []).append(value.strip())
    # No opt-out is refused over its spelling, or over a field that somebody added to it.
    one_click, action = values.get(_ONE_CLICK_FIELD), values.get("action")
    if one_click is not None and action is None:
        if [each.lower() for each in one_click] == [_ONE_CLICK]:
            return _BY_ONE_CLICK
    elif one_click is None and action == ["unsubscribe"]:
        return _BY_BUTTON
    elif one_click is None and action == ["preferences"]:
        choices = _choices(values.get("choice", ()))
        return Stop(UnsubscribeMethod.UNSUBSCRIBE_METHOD_PAGE, choices)
    elif one_click is None and action == ["undo"]:
        return TakeBack(_undo_token(values.get("undo", ())))
    raise BodyRefused(400)


def _choices(names: Iterable[str]) -> tuple[Choice, ...]:
    """Each choice once, in the order in which they came; at least one."""
    try:
        chosen = tuple(dict.fromkeys(_CHOICES[name] for name in names))
    except KeyError:
        raise BodyRefused(400) from None
    if not chosen:
        raise BodyRefused(400)
    return chosen


def _undo_token(texts: Sequence[str]) -> bytes:
    if len(texts) != 1 or not _UNDO.fullmatch(texts[0]):
        raise BodyRefused(400)
    text = texts[0].rstrip("=")
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise BodyRefused(400) from None


async def _body(request: Request, options: WebOptions) -> bytes:
    announced = request.headers.get("content-length", "")
    # Not even begun with, whatever its sender waits for (RFC 9110, section 10.1.1).
    if announced.isdecimal() and int(announced) > options.body_octets:
        raise BodyRefused(413)
    body = bytearray()
    try:
        async with asyncio.timeout(options.body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > options.body_octets:
                    raise BodyRefused(413)
    except TimeoutError:
        raise BodyRefused(408) from None
    return bytes(body)


async def _fields(headers: Headers, body: bytes) -> Fields:
    """The fields of a form; in the order in which they came."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if media_type == "multipart/form-data":
            return await _multipart_fields(headers, body)
        # Whoever says nothing of the body's type means the one that forms have by default.
        if media_type in {"", "application/x-www-form-urlencoded"}:
            return parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=_MOST_FIELDS,
            )
    except (MultiPartException, ValueError, LookupError):
        # Decoding with a charset of the sender's fails in many ways; each is one of these.
        raise BodyRefused(400) from None
    raise BodyRefused(400)


async def _multipart_fields(headers: Headers, body: bytes) -> Fields:
    async def once() -> AsyncGenerator[bytes]:
        yield body

    parser = MultiPartParser(
        headers, once(), max_files=0, max_fields=_MOST_FIELDS, max_part_size=_PART_OCTETS
    )
    form = await parser.parse()
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
