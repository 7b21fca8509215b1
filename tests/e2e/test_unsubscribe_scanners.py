"""Link scanners, previews, prefetchers and crawlers look at links, and unsubscribe nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import pytest

from consent_registry.v1.decision_pb2 import Reason
from tests.e2e.connection import Connection
from tests.e2e.examples import ALLOW, DENY, EMAIL
from tests.e2e.handler_process import HandlerProcess
from tests.e2e.people import Person, consent, paris, somebody
from tests.e2e.registry_process import RegistryProcess
from tests.e2e.unsubscribing import (
    FORM,
    ONE_CLICK,
    Answer,
    entries_of,
    exchange,
    get,
    may_write_to,
    outcome,
    path_of,
    press,
    request,
    token_of,
)

Scan = Callable[[str], bytes]
"""What a scanner sends that has found a link, by the link's path."""

_BUTTON: Final = b"action=unsubscribe"
_OVERRIDES: Final = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
_CRAWLERS: Final = {
    "a search engine": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "another search engine": "Mozilla/5.0 (compatible; bingbot/2.0)",
    "a chat's preview": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "a social network's preview": "facebookexternalhit/1.1",
    "a messenger's preview": "WhatsApp/2.23.20.0",
    "a mail gateway": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) BarracudaCentral/1.0",
    "a mail program's image proxy": "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
    "a library": "python-requests/2.32.0",
    "a command": "curl/8.5.0",
    "a headless browser": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0.0.0",
    "nobody": "",
}


def _got(*headers: str) -> Scan:
    return lambda path: request("GET", path, *headers)


def _at(change: Callable[[str], str]) -> Scan:
    return lambda path: request("GET", change(path))


def _sent(method: str, body: bytes = b"", *headers: str, query: str = "") -> Scan:
    return lambda path: request(method, f"{path}{query}", *headers, body=body)


def _form(method: str, body: bytes, *headers: str, query: str = "") -> Scan:
    return _sent(method, body, f"Content-Type: {FORM}", *headers, query=query)


def _with_a_request_inside(path: str) -> bytes:
    inner = request("POST", path, f"Content-Type: {FORM}", body=ONE_CLICK)
    return request("GET", path, body=inner)


SCANS: Final[dict[str, Scan]] = {
    "GET": _got(),
    "GET by HTTP/1.0": lambda path: request("GET", path, version="HTTP/1.0"),
    "HEAD": _sent("HEAD"),
    "HEAD by HTTP/1.0": lambda path: request("HEAD", path, version="HTTP/1.0"),
    "OPTIONS": _sent("OPTIONS"),
    "a preflight": _sent(
        "OPTIONS",
        b"",
        "Origin: https://mail.example.com",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type",
    ),
    "the first octet": _got("Range: bytes=0-0"),
    "several ranges": _got("Range: bytes=0-99,200-299"),
    "a range of a HEAD": _sent("HEAD", b"", "Range: bytes=0-1023"),
    "if it changed": _got("If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"),
    "if it is another": _got('If-None-Match: "abc"'),
    "a prefetch": _got("Sec-Purpose: prefetch"),
    "a prerender": _got("Sec-Purpose: prefetch;prerender"),
    "an anonymous prefetch": _got("Sec-Purpose: prefetch;anonymous-client-ip"),
    "an older prefetch": _got("Purpose: prefetch"),
    "a prefetch of an old browser": _got("X-Moz: prefetch"),
    "a preview": _got("X-Purpose: preview"),
    "a click across sites": _got(
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-User: ?1",
    ),
    "an image across sites": _got("Sec-Fetch-Dest: image", "Accept: image/avif,image/webp,*/*"),
    "a beacon by GET": _got("Ping-From: https://mail.example.com", "Accept: */*"),
    "with a referrer": _got("Referer: https://mail.example.com/inbox"),
    "with cookies": _got("Cookie: session=1; consent=yes"),
    "with credentials": _got("Authorization: Basic c2Nhbm5lcjpzY2FubmVy"),
    "through a proxy": _got("Via: 1.1 scanner", "X-Forwarded-For: 203.0.113.7"),
    "an upgrade to HTTP/2": _got("Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
    "an upgrade to a socket": _got(
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    **{f"{name}": _got(f"User-Agent: {agent}") for name, agent in _CRAWLERS.items()},
    "a double slash": _at(lambda path: f"/{path}"),
    "a double slash inside": _at(lambda path: path.replace("/u/", "/u//")),
    "a slash at the end": _at(lambda path: f"{path}/"),
    "a way back": _at(lambda path: f"/u/..{path}"),
    "percent-encoded": _at(lambda path: "/u/" + "".join(f"%{ord(each):02x}" for each in path[3:])),
    "percent-encoded twice": _at(lambda path: quote(quote(path[1:], safe=""), safe="")),
    "a percent-encoded slash": _at(lambda path: path.replace("/u/", "/u%2F")),
    "in capitals": _at(lambda path: path.upper()),
    "a token in capitals": _at(lambda path: f"/u/{path[3:].upper()}"),
    "a full stop at the end": _at(lambda path: f"{path}."),
    "a bracket at the end": _at(lambda path: f"{path}>"),
    "a parenthesis at the end": _at(lambda path: f"{path})"),
    "a comma at the end": _at(lambda path: f"{path},"),
    "a quotation mark at the end": _at(lambda path: f"{path}%22"),
    "a line break at the end": _at(lambda path: f"{path}%0D%0A"),
    "a session at the end": _at(lambda path: f"{path};jsessionid=1"),
    "a tracker's parameters": _at(lambda path: f"{path}?utm_source=mail&fbclid=1"),
    "a fragment": _at(lambda path: f"{path}#unsubscribe"),
    "the absolute form": _at(lambda path: f"http://127.0.0.1{path}"),
    "the absolute form by https": _at(lambda path: f"https://stop.example.com{path}"),
    "one click in the query": _at(lambda path: f"{path}?List-Unsubscribe=One-Click"),
    "the button in the query": _at(lambda path: f"{path}?action=unsubscribe"),
    "the form in the query": _at(lambda path: f"{path}?action=preferences&choice=everything"),
    "a method in the query": _at(lambda path: f"{path}?_method=POST&List-Unsubscribe=One-Click"),
    "a GET with one click": _form("GET", ONE_CLICK),
    "a GET with the button": _form("GET", _BUTTON),
    "a HEAD with one click": _form("HEAD", ONE_CLICK),
    "an OPTIONS with one click": _form("OPTIONS", ONE_CLICK),
    "a GET with a POST in its body": _with_a_request_inside,
    **{f"a GET with {header}": _form("GET", ONE_CLICK, f"{header}: POST") for header in _OVERRIDES},
    "a HEAD with an override": _form("HEAD", ONE_CLICK, "X-HTTP-Method-Override: POST"),
    **{
        f"{method} with one click": _form(method, ONE_CLICK)
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "LINK", "PROPFIND", "QUERY")
    },
    "a POST without a body": _sent("POST", b"", "Content-Length: 0"),
    "a POST of an empty form": _form("POST", b"=", query="?List-Unsubscribe=One-Click"),
    "a POST of one click in its query": _sent(
        "POST", b"", "Content-Length: 0", query="?List-Unsubscribe=One-Click"
    ),
    "a POST of another form": _form("POST", b"username=admin&password=admin"),
    "a POST of half a pair": _form("POST", b"List-Unsubscribe"),
    "a POST of an empty pair": _form("POST", b"List-Unsubscribe="),
    "a POST of another pair": _form("POST", b"List-Unsubscribe=Two-Clicks"),
    "a POST of a longer pair": _form("POST", b"List-Unsubscribe=One-Click-Not"),
    "a POST of a pair in a pair": _form("POST", b"q=List-Unsubscribe%3DOne-Click"),
    "a POST of JSON": _sent(
        "POST", b'{"List-Unsubscribe": "One-Click"}', "Content-Type: application/json"
    ),
    "a POST of plain text": _sent("POST", ONE_CLICK, "Content-Type: text/plain"),
    "a POST of XML": _sent(
        "POST", b"<action>unsubscribe</action>", "Content-Type: application/xml"
    ),
    "a POST of no form": _sent(
        "POST",
        ONE_CLICK,
        "Content-Type: multipart/form-data; boundary=x",
    ),
    "a POST of a file named so": _sent(
        "POST",
        b"--x\r\nContent-Disposition: form-data; name=file; filename=List-Unsubscribe\r\n\r\n"
        b"One-Click\r\n--x--\r\n",
        "Content-Type: multipart/form-data; boundary=x",
    ),
    "a ping": _sent("POST", b"PING", "Content-Type: text/ping", "Ping-To: https://example.com"),
    "a report": _sent("POST", b"[]", "Content-Type: application/reports+json"),
    "a POST of the page's start": _form("POST", b"action="),
    "a POST of an unknown action": _form("POST", b"action=delete"),
    "a POST of no choices": _form("POST", b"action=preferences"),
    "a POST that hides in the path": _at(
        lambda path: f"{path}%20HTTP/1.1%0D%0A%0D%0APOST%20{path}"
    ),
}


@pytest.fixture(scope="module")
def person(connection: Connection) -> Person:
    """Somebody who may be written to."""
    one = somebody()
    connection.write(consent(one.email, channels=[EMAIL], at=paris(2026, 1, 9)))
    return one


@pytest.fixture(scope="module")
def token(connection: Connection, person: Person) -> str:
    return token_of(connection, person)


def _ledger(registry: RegistryProcess) -> tuple[object, ...]:
    content = "SELECT md5(string_agg(entry::text, ',' ORDER BY entry_id)) FROM entry AS entry"
    return (*registry.row_counts(), registry.scalar(content))


def _changed_nothing(answer: Answer, registry: RegistryProcess, before: tuple[object, ...]) -> None:
    assert answer.status < 500
    assert not 300 <= answer.status < 400
    assert {"location", "set-cookie", "refresh"}.isdisjoint(name for name, _ in answer.headers)
    assert b"<script" not in answer.body.lower()
    assert b'role="status"' not in answer.body, "it must not say that anything is done"
    assert _ledger(registry) == before


def test_there_are_enough_of_them() -> None:
    assert len(SCANS) >= 50


@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
def test_a_scanner_unsubscribes_nobody(
    web: HandlerProcess, registry: RegistryProcess, token: str, scan: Scan
) -> None:
    before = _ledger(registry)

    answer = exchange(web.port, scan(path_of(token)))

    _changed_nothing(answer, registry, before)


def test_whoever_follows_every_link_of_the_page_unsubscribes_nobody(
    web: HandlerProcess, registry: RegistryProcess, token: str
) -> None:
    before = _ledger(registry)
    found, seen = [path_of(token)], set[str]()
    while found:
        path = found.pop()
        seen.add(path)
        answer = get(web.port, path)
        _changed_nothing(answer, registry, before)
        linked = re.findall(rb'(?:href|src|action)="(/[^"]*)"', answer.body)
        found += {each.decode().replace("&amp;", "&") for each in linked} - seen - set(found)

    assert len(seen) > 8


def test_the_link_still_works_afterwards_and_for_the_first_time(
    web: HandlerProcess, connection: Connection, person: Person, token: str
) -> None:
    """Or all the others here would say nothing."""
    assert outcome(connection, may_write_to(person)) == (ALLOW, Reason.REASON_CONSENT)
    assert len(entries_of(connection, person)) == 1

    assert press(web.port, token).status == 200

    assert outcome(connection, may_write_to(person)) == (DENY, Reason.REASON_OBJECTION)
    assert len(entries_of(connection, person)) == 2
