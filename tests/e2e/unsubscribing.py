"""Unsubscribe links, what is sent to them over HTTP, and what the registry says afterwards."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Final
from urllib.parse import urlencode

from consent_registry.v1.contact_pb2 import Subject
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from consent_registry.v1.entry_pb2 import Entry
from consent_registry.v1.history_service_pb2 import ListEntriesRequest
from consent_registry.v1.unsubscribe_service_pb2 import CreateUnsubscribeLinksRequest
from tests.e2e.connection import Connection
from tests.e2e.examples import EMAIL, question
from tests.e2e.people import FRANCE, MARKETING, Person, subject
from tests.e2e.registry_process import TIMEOUT_S

ONE_CLICK: Final = b"List-Unsubscribe=One-Click"
FORM: Final = "application/x-www-form-urlencoded"
LANGUAGES: Final = ("fr", "en", "nb", "sv", "fi", "es", "it", "pt")

_UNDO: Final = re.compile(rb'(name="undo" value=")([A-Za-z0-9_=-]+)(")')
_HEADING: Final = re.compile(rb"<h1[^>]*>(.*?)</h1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """In their order, with names in lower case."""
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that is there once at most."""
        values = [value for each, value in self.headers if each == name]
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def undo(self) -> str:
        """The value of the undo form's field."""
        found = _UNDO.search(self.body)
        assert found, self.body
        return found[2].decode()

    @property
    def heading(self) -> bytes:
        """What the page says first."""
        found = _HEADING.search(self.body)
        assert found, self.body
        return found[1].strip()

    def masked(self, token: str) -> bytes:
        """The page without what is this link's and this answer's alone; as long as it was."""
        body = self.body.replace(token.encode(), b"." * len(token))
        return _UNDO.sub(lambda undo: undo[1] + b"." * len(undo[2]) + undo[3], body)


def exchange(port: int, octets: bytes) -> Answer:
    """Sends octets, whatever they are, and returns what is answered first."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        connection.sendall(octets)
        method = octets.split(b" ", 1)[0].decode("latin-1")
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            headers = tuple((name.lower(), value) for name, value in response.getheaders())
            return Answer(response.status, headers, response.read())


def request(
    method: str, path: str, *headers: str, body: bytes = b"", version: str = "HTTP/1.1"
) -> bytes:
    """The octets of a request on a connection of its own."""
    lines = [f"{method} {path} {version}", "Host: 127.0.0.1", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(port: int, path: str, *headers: str) -> Answer:
    """Asks for a page."""
    return exchange(port, request("GET", path, *headers))


def post(port: int, path: str, body: bytes, *headers: str) -> Answer:
    """Sends a form."""
    return exchange(port, request("POST", path, f"Content-Type: {FORM}", *headers, body=body))


def press(port: int, token: str) -> Answer:
    """What a mailbox provider sends for a person (RFC 8058, section 3.2)."""
    return post(port, path_of(token), ONE_CLICK)


def submit(port: int, token: str, action: str, **fields: str | Sequence[str]) -> Answer:
    """What a form of the page sends."""
    body = urlencode({"action": action, **fields}, doseq=True).encode()
    return post(port, path_of(token), body)


def path_of(token: str) -> str:
    return f"/u/{token}"


def tokens_for(
    connection: Connection, *people: Subject, campaign: str = "autumn", controller: str = FRANCE
) -> list[str]:
    """Links for marketing by email."""
    asked = CreateUnsubscribeLinksRequest(
        controller=controller,
        channel=EMAIL,
        purpose=MARKETING,
        campaign=campaign,
        subjects=people,
    )
    results = connection.unsubscribing.CreateUnsubscribeLinks(asked).results
    assert all(each.HasField("link") for each in results), results
    return [each.link.token for each in results]


def token_of(connection: Connection, person: Person) -> str:
    """A link for somebody's email address and phone number."""
    return tokens_for(connection, subject(person.email, person.phone))[0]


def outcome(connection: Connection, asked: CheckContactRequest) -> tuple[int, int]:
    """Verdict and reason."""
    decision = connection.decisions.CheckContact(asked).decision
    return decision.verdict, decision.reason


def may_write_to(person: Person) -> CheckContactRequest:
    """What a mail sender asks."""
    return question(person.email, EMAIL)


def entries_of(connection: Connection, person: Person) -> list[Entry]:
    """What is recorded of a person's email address, the newest first."""
    asked = ListEntriesRequest(controller=FRANCE, contact_point=person.email, page_size=100)
    return list(connection.history.ListEntries(asked).entries)
