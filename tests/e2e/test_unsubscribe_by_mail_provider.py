"""One click, the whole way: from the link through a signed message to the next decision."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from consent_registry.v1.decision_pb2 import Reason
from consent_registry.v1.decision_service_pb2 import CheckContactRequest
from consent_registry_client import Channel, Client
from tests.clear_values import find_clear_values
from tests.e2e.connection import Connection
from tests.e2e.examples import ALLOW, DENY, EMAIL, VOICE_CALL, question
from tests.e2e.handler_process import WEB, HandlerProcess, running
from tests.e2e.mail_delivery import (
    LONGEST_LINE,
    SENDER,
    WHOLE_LINES,
    Sender,
    delivered,
    headers_signed,
)
from tests.e2e.people import FRANCE, MARKETING, Person, consent, paris, phone, somebody, subject
from tests.e2e.registry_process import TIMEOUT_S, RegistryProcess
from tests.e2e.relay import Relay
from tests.e2e.unsubscribing import FORM, entries_of, outcome

_CONSENTED: Final = (ALLOW, Reason.REASON_CONSENT)
_OBJECTED: Final = (DENY, Reason.REASON_OBJECTION)
_MAILTO: Final = "stop@mail.example.com"


@dataclass(frozen=True)
class Installation:
    """A registry that knows where its page is, and the page."""

    registry: RegistryProcess
    connection: Connection
    web: HandlerProcess


@pytest.fixture(scope="module")
def installation(new_data_dir: Callable[[], Path]) -> Iterator[Installation]:
    # The page has its port before the registry starts, which has to know it.
    with Relay() as network, running(WEB, network.address) as web:
        origin = f"http://127.0.0.1:{web.port}"
        registry = RegistryProcess(
            new_data_dir(), UNSUBSCRIBE_URL=origin, UNSUBSCRIBE_MAILTO=_MAILTO
        )
        network.lead_to(registry.port)
        connection = Connection(registry.address)
        with closing(connection.channel):
            yield Installation(registry, connection, web)
        assert registry.stop() == 0


@pytest.fixture(scope="module")
def sender() -> Sender:
    return Sender()


@pytest.fixture
def person(installation: Installation) -> Person:
    """Somebody who may be written to, and called."""
    one = somebody()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    installation.connection.write(consent(one.email, channels=[EMAIL], at=yesterday))
    installation.connection.write(consent(one.phone, channels=[VOICE_CALL], at=paris(2026, 1, 9)))
    assert outcome(installation.connection, _email_to(one)) == _CONSENTED
    assert outcome(installation.connection, _call_to(one)) == _CONSENTED
    return one


@pytest.fixture
def received(installation: Installation, sender: Sender, person: Person) -> bytes:
    """A message to the person, as it arrives at their mailbox provider."""
    with Client(installation.registry.address) as client:
        (result,) = client.create_unsubscribe_links(
            controller=FRANCE,
            channel=Channel.CHANNEL_EMAIL,
            purpose=MARKETING,
            campaign="autumn-2026",
            subjects=[subject(person.email, person.phone)],
        )
    message = EmailMessage(policy=WHOLE_LINES)
    message["From"] = SENDER
    message["To"] = person.email.email
    message["Subject"] = "Une alarme pour l’automne"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["List-Unsubscribe"] = result.link.list_unsubscribe
    message["List-Unsubscribe-Post"] = result.link.list_unsubscribe_post
    message.set_content(f"Bonjour,\n\nse désinscrire : {result.link.url}\n")
    message.add_alternative(f'<a href="{result.link.url}">Se désinscrire</a>', subtype="html")
    return delivered(sender.signed(message), person.email.email)


def _email_to(person: Person) -> CheckContactRequest:
    """Now, for what is taken back counts from then on."""
    return question(person.email, EMAIL, at=datetime.now(UTC))


def _call_to(person: Person) -> CheckContactRequest:
    """As a dialer has the number: as it is spoken, without the country."""
    digits = f"063998{person.number:04}"
    spoken = " ".join(digits[place : place + 2] for place in range(0, len(digits), 2))
    return question(phone(spoken, region="FR"), VOICE_CALL)


def _uris(received: bytes) -> list[str]:
    """What the header names, in its order (RFC 2369, section 2)."""
    header = message_from_bytes(received, policy=policy.default)["List-Unsubscribe"]
    return re.findall(r"<\s*([^<>]+?)\s*>", str(header))


def _page(received: bytes) -> str:
    """The one URI that a mailbox provider sends its POST to (RFC 8058, section 3.1)."""
    (uri,) = [each for each in _uris(received) if each.lower().startswith(("http:", "https:"))]
    return uri


def test_the_signature_covers_both_headers(sender: Sender, received: bytes) -> None:
    """RFC 8058, section 4: without that the button would be a stranger's."""
    covered = headers_signed(received)

    assert sender.verifies(received)
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(covered)


@pytest.mark.parametrize(
    "header,other",
    [
        pytest.param(rb"(List-Unsubscribe: <http://)127", rb"\g<1>128", id="another page"),
        pytest.param(rb"(/u/[a-z2-7]{60})[a-z2-7]", rb"\g<1>1", id="another token"),
        pytest.param(rb"One-Click", rb"Two-Click", id="another method"),
        pytest.param(rb"List-Unsubscribe-Post: [^\r]*\r\n", rb"", id="no method"),
        pytest.param(rb"List-Unsubscribe: [^\r]*\r\n", rb"", id="no page"),
    ],
)
def test_no_other_header_passes_for_a_signed_one(
    sender: Sender, received: bytes, header: bytes, other: bytes
) -> None:
    altered = re.sub(header, other, received, count=1)

    assert altered != received
    assert not sender.verifies(altered)


def test_the_headers_are_those_of_one_click(installation: Installation, received: bytes) -> None:
    """As they arrive: one page, one mailbox, the one pair, in lines that every relay takes."""
    message = message_from_bytes(received, policy=policy.default)

    assert message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    assert len(message.get_all("List-Unsubscribe") or ()) == 1
    assert max(map(len, received.split(b"\r\n"))) <= LONGEST_LINE
    assert re.search(rb"^List-Unsubscribe: <http", received, re.MULTILINE)
    page, mailbox = _uris(received)
    assert page.startswith(f"http://127.0.0.1:{installation.web.port}/u/")
    assert mailbox.startswith(f"mailto:{_MAILTO}?subject=")
    assert page.isascii()
    assert urlsplit(page).query == ""


def test_the_headers_name_nobody(person: Person, received: bytes) -> None:
    """In no encoding, the token's included."""
    message = message_from_bytes(received, policy=policy.default)
    header = str(message["List-Unsubscribe"])
    secrets = [
        person.email.email,
        person.email.email.partition("@")[0],
        person.phone.phone.number,
        f"063998{person.number:04}",
    ]

    assert find_clear_values(header.encode() + _token_octets(header), secrets) == []


def _token_octets(header: str) -> bytes:
    found = re.search(r"/u/([a-z2-7]+)>", header)
    assert found
    token = found[1].upper()
    return b32decode(token + "=" * (-len(token) % 8))


def _by_a_form(uri: str) -> tuple[int, dict[str, str], str]:
    """The POST of a client of the standard library."""
    place = urlsplit(uri)
    connection = HTTPConnection(place.netloc, timeout=TIMEOUT_S)
    with closing(connection):
        connection.request(
            "POST", place.path, b"List-Unsubscribe=One-Click", {"Content-Type": FORM}
        )
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, headers, response.read().decode()


def _by_multipart(uri: str) -> tuple[int, dict[str, str], str]:
    """The POST of another client, in the other form that the RFC names."""
    pair = {"List-Unsubscribe": (None, b"One-Click")}
    with httpx.Client(follow_redirects=False, trust_env=False) as client:
        response = client.post(uri, files=pair, headers={"User-Agent": "mailbox"})
        assert "cookie" not in response.request.headers
        media_type = response.request.headers["content-type"]
        assert media_type.startswith("multipart/form-data; boundary=")
        return response.status_code, dict(response.headers), response.text


@pytest.mark.parametrize(
    "press",
    [pytest.param(_by_a_form, id="urlencoded"), pytest.param(_by_multipart, id="multipart")],
)
def test_after_one_click_nobody_writes_again(
    installation: Installation,
    person: Person,
    received: bytes,
    press: Callable[[str], tuple[int, dict[str, str], str]],
) -> None:
    """The very next question is answered DENY; calls are another matter."""
    status, headers, _ = press(_page(received))

    assert status == 200
    assert "location" not in headers
    assert "set-cookie" not in headers
    assert headers["cache-control"] == "no-store"
    assert outcome(installation.connection, _email_to(person)) == _OBJECTED
    assert outcome(installation.connection, _call_to(person)) == _CONSENTED
    entry, *_ = entries_of(installation.connection, person)
    assert (list(entry.channels), list(entry.purposes)) == ([EMAIL], [MARKETING])


def test_a_click_through_a_page_in_the_message_stops_calls_too(
    installation: Installation, person: Person, received: bytes
) -> None:
    """Though the message knew an email address only, and the dialer has its own spelling."""
    text = message_from_bytes(received, policy=policy.default).get_body(("plain",))
    assert text
    found = re.search(r"http://\S+", text.get_content())
    assert found
    assert found[0] == _page(received)
    with httpx.Client(follow_redirects=False, trust_env=False) as client:
        page = client.get(found[0])
        unsubscribed = client.post(found[0], data={"action": "unsubscribe"})
        chosen = client.post(found[0], data={"action": "preferences", "choice": ["calls"]})

    assert [each.status_code for each in (page, unsubscribed, chosen)] == [200] * 3
    assert not client.cookies
    assert 'value="calls"' in unsubscribed.text
    assert outcome(installation.connection, _email_to(person)) == _OBJECTED
    assert outcome(installation.connection, _call_to(person)) == _OBJECTED


def test_a_slip_can_be_taken_back_on_the_page(
    installation: Installation, person: Person, received: bytes
) -> None:
    with httpx.Client(follow_redirects=False, trust_env=False) as client:
        stopped = client.post(_page(received), data={"action": "unsubscribe"})
        assert outcome(installation.connection, _email_to(person)) == _OBJECTED
        found = re.search(r'name="undo" value="([^"]+)"', stopped.text)
        assert found
        undone = client.post(_page(received), data={"action": "undo", "undo": found[1]})

    assert undone.status_code == 200
    assert outcome(installation.connection, _email_to(person)) == _CONSENTED
