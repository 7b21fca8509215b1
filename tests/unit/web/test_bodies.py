"""Bodies of all kinds: too large, too slow, malformed; never a fault, and never an opt-out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from consent_registry_server.web.forms import BodyRefused, Stop, TakeBack, Wish, read_wish
from consent_registry_server.web.options import WebOptions
from tests.fakes.unsubscribe_service import UNSUBSCRIBE, FakeUnsubscribeService
from tests.unit.web.handler import ONE_CLICK, Handler, running

LIMIT: Final = 64 * 1024
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data; boundary=b"
PART: Final = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
FIELD: Final = b"List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    "content_type, body",
    [
        (URLENCODED, b""),
        (URLENCODED, FIELD + b"&a=%FF"),
        (URLENCODED, FIELD + "&a=é".encode()),
        (URLENCODED, FIELD + b"&a=b" * 50),
        (URLENCODED, b"List-Unsubscribe%00=One-Click"),
        ("text/plain", FIELD),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
        ("multipart/mixed; boundary=b", PART + b"--b--\r\n"),
        ("multipart/form-data", PART + b"--b--\r\n"),
        ("multipart/form-data; boundary=", PART + b"--b--\r\n"),
        (f"multipart/form-data; boundary={'b' * 300}", PART),
        (MULTIPART, b""),
        (MULTIPART, FIELD),
        (MULTIPART, PART[:-12]),
        (MULTIPART, b"--b\r\n\r\nOne-Click\r\n--b--\r\n"),
        (MULTIPART, b"--b\r\nContent-Disposition: form-data\r\n\r\nOne-Click\r\n--b--\r\n"),
        (MULTIPART, PART * 2 + b"--b--\r\n"),
        (MULTIPART, PART * 51 + b"--b--\r\n"),
        (MULTIPART, PART.replace(b"One-Click", b"x" * 5_000) + b"--b--\r\n"),
        (MULTIPART, PART.replace(b'e"\r\n', b'e"; filename="a.txt"\r\n') + b"--b--\r\n"),
        (f"{MULTIPART}; charset=utf-16", PART + b"--b--\r\n"),
        (f"{MULTIPART}; charset=undefined", PART + b"--b--\r\n"),
    ],
    ids=[
        "empty",
        "octets that are no UTF-8",
        "letters that were not encoded",
        "too many fields",
        "a name with a zero",
        "text",
        "JSON",
        "another multipart",
        "no boundary",
        "empty boundary",
        "long boundary",
        "no parts",
        "no multipart at all",
        "cut off",
        "a part without a name",
        "a part without its own name",
        "the field twice",
        "too many parts",
        "a long part",
        "a file",
        "another charset",
        "a charset that fails",
    ],
)
async def test_a_body_that_says_nothing_we_know_changes_nothing(
    handler: Handler, service: FakeUnsubscribeService, token: str, content_type: str, body: bytes
) -> None:
    answer = await handler.post(f"/u/{token}", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert not service.requests[UNSUBSCRIBE]
    assert "request_failed" not in handler.log


@pytest.mark.parametrize("charset", ["zlib", "idna", "punycode", "raw_unicode_escape", "\x80"])
async def test_a_charset_that_is_none_is_no_fault(
    handler: Handler, token: str, charset: str
) -> None:
    """Whether such a codec fails is Python's affair."""
    body = PART + PART.replace(b"One", b"\xff").replace(b"List", b"Other") + b"--b--\r\n"
    headers = {"Content-Type": f"{MULTIPART}; charset={charset}".encode("latin-1")}
    answer = await handler.post(f"/u/{token}", content=body, headers=headers)
    assert answer.status_code in {200, 400}


async def pieces(octets: int) -> AsyncIterator[bytes]:
    """A body without an announced length."""
    for start in range(0, octets, 1_000):
        yield b"a" * min(1_000, octets - start)


@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize("octets, status", [(LIMIT, 400), (LIMIT + 1, 413)])
async def test_a_body_is_bounded(
    handler: Handler, token: str, octets: int, status: int, is_announced: bool
) -> None:
    content = b"a" * octets if is_announced else pieces(octets)
    answer = await handler.post(f"/u/{token}", content=content)
    assert answer.status_code == status
    # The rest of it is not waited for.
    assert answer.headers.get("Connection") == ("close" if status == 413 else None)


async def test_a_body_that_announces_too_much_is_not_read(handler: Handler, token: str) -> None:
    answer = await handler.raw(
        "POST", f"/u/{token}", headers={"Content-Length": "9" * 30}, is_cut_off=True
    )
    assert answer.status == 413


async def test_a_body_that_trickles_in_is_not_waited_for(service: FakeUnsubscribeService) -> None:
    token = service.add_link()

    async def trickle() -> AsyncIterator[bytes]:
        yield FIELD
        await asyncio.Event().wait()

    async with running(service, body_timeout_s=0.05) as handler:
        answer = await handler.post(f"/u/{token}", content=trickle())
        assert answer.status_code == 408
        assert answer.headers["Connection"] == "close"
        assert handler.counted("limited") == {"body": 1}
    assert not service.requests


async def test_a_body_in_pieces_is_put_together(
    handler: Handler, service: FakeUnsubscribeService, token: str
) -> None:
    async def letters() -> AsyncIterator[bytes]:
        for octet in FIELD:
            yield bytes([octet])

    answer = await handler.post(
        f"/u/{token}", content=letters(), headers={"Content-Type": URLENCODED}
    )
    assert answer.status_code == 200
    assert len(service.entries) == 1


async def test_an_unread_body_does_not_spoil_the_answer(handler: Handler) -> None:
    """A broken link is told as such whatever is sent to it."""
    answer = await handler.post("/u/broken!", content=b"a" * LIMIT * 4)
    assert answer.status_code == 200
    assert (await handler.post("/u/broken!", data=ONE_CLICK)).status_code == 200


async def _wish(content_type: str, body: bytes) -> Wish | None:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", content_type.encode("latin-1"))]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    try:
        return await read_wish(request, WebOptions())
    except BodyRefused:
        return None


_CHARSETS: Final = st.sampled_from(["", "; charset=", "; charset=utf-7", "; charset=punycode"])
_NOISE: Final = st.lists(
    st.sampled_from([PART, b"--b", b"--", b"\r\n", FIELD, b"&", b"=", b"%", b"action=undo"])
    | st.binary(max_size=20)
).map(b"".join)


@given(
    st.sampled_from([URLENCODED, MULTIPART, "", "multipart/form-data"])
    | st.text(st.characters(max_codepoint=255), max_size=40),
    _CHARSETS,
    _NOISE,
)
def test_no_body_is_a_fault(content_type: str, charset: str, body: bytes) -> None:
    wish = asyncio.run(_wish(content_type + charset, body))
    assert wish is None or isinstance(wish, Stop | TakeBack)
