"""Unsubscribing by a message to the mailto address: the real program, before a real registry."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest

from consent_registry.v1.decision_pb2 import Consistency, Verdict
from consent_registry_client import Channel, Client, Reason
from tests.e2e.handler_process import MAIL, HandlerProcess
from tests.e2e.people import FRANCE, MARKETING, consent, email, somebody, subject
from tests.e2e.registry_process import (
    TIMEOUT_S,
    NotYet,
    RegistryProcess,
    eventually,
)

MAILBOX: Final = "unsubscribe@mail.example.com"
SENDER: Final = "somebody@example.org"
_LOOPBACK: Final = "127.0.0.1"
_FULLY: Final = Consistency(fully_consistent=True)


class MailProgram(HandlerProcess):
    """`consent-registry unsubscribe-mail`, behind the company's mail server."""

    def __init__(self, registry: str) -> None:
        """Returns when it listens."""
        super().__init__(MAIL, registry, MAIL_DOMAINS="mail.example.com", TIMEOUT_S="2")

    def deliver(self, message: EmailMessage, *, sender: str = SENDER) -> tuple[int, str]:
        """What the company's mail server is told, which hands a message over."""
        with smtplib.LMTP(_LOOPBACK, self.port, timeout=TIMEOUT_S) as client:
            client.ehlo_or_helo_if_needed()
            assert client.mail(sender)[0] == 250
            assert client.rcpt(str(message["To"]))[0] == 250
            code, text = client.data(message.as_bytes())
            return code, text.decode()


@dataclass(frozen=True)
class Reader:
    """Somebody who wanted our messages, and has one."""

    email: str
    token: str
    unsubscribing: EmailMessage
    """What their mail program sends when they press its button."""


STOPPED: Final = ("VERDICT_DENY", "REASON_OBJECTION")


class Campaign:
    """The registry, the handler, and the sender who asks before each message."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.registry = self.serve(0)
        self.mail = MailProgram(self.registry.address)

    def serve(self, port: int) -> RegistryProcess:
        """Starts a registry over the same data."""
        self.registry = RegistryProcess(
            self._data_dir,
            LISTEN_ADDRESS=f"{_LOOPBACK}:{port}",
            UNSUBSCRIBE_URL="https://unsubscribe.example.com",
            UNSUBSCRIBE_MAILTO=MAILBOX,
        )
        return self.registry

    @contextmanager
    def client(self) -> Iterator[Client]:
        with Client(self.registry.address, timeout_s=TIMEOUT_S) as client:
            yield client

    def reader(self) -> Reader:
        """A new one, with a link from the header of the message."""
        person = somebody()
        request = consent(person.email, channels=[Channel.CHANNEL_EMAIL])
        with self.client() as client:
            client.record_consent(
                controller=FRANCE,
                subject=request.subject,
                channels=request.channels,
                purposes=request.purposes,
                expression=request.expression,
                evidence=request.evidence,
            )
            (result,) = client.create_unsubscribe_links(
                controller=FRANCE,
                channel=Channel.CHANNEL_EMAIL,
                purpose=MARKETING,
                campaign="spring-2026",
                subjects=[subject(person.email, person.phone)],
            )
        assert self.verdict(person.email.email) == ("VERDICT_ALLOW", "REASON_CONSENT")
        sent = unsubscribing(result.link.list_unsubscribe)
        return Reader(person.email.email, result.link.token, sent)

    def verdict(self, address: str) -> tuple[str, str]:
        """The next CheckContact: its verdict and reason."""
        with self.client() as client:
            decision = client.check_contact(
                controller=FRANCE,
                target=email(address),
                channel=Channel.CHANNEL_EMAIL,
                purpose=MARKETING,
                recipient_country="FR",
                consistency=_FULLY,
            )
        return Verdict.Name(decision.verdict), Reason.Name(decision.reason)

    def entries(self) -> int:
        """How many there are."""
        return int(self.registry.scalar("SELECT count(*) FROM entry"))


def unsubscribing(header: str) -> EmailMessage:
    """What a mail program makes of the mailto URI of `List-Unsubscribe` (RFC 6068)."""
    uris = [each.strip().removeprefix("<").removesuffix(">") for each in header.split(",")]
    (uri,) = [urlsplit(each) for each in uris if each.startswith("mailto:")]
    fields = parse_qs(uri.query)
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = uri.path
    message["Subject"] = fields["subject"][0]
    message["Message-ID"] = make_msgid(domain="example.org")
    message.set_content("Unsubscribe\n")
    return message


@pytest.fixture(scope="module")
def campaign(new_data_dir: Callable[[], Path]) -> Iterator[Campaign]:
    """Shared; at its end neither program has written what it must not."""
    campaign = Campaign(new_data_dir())
    yield campaign
    assert campaign.mail.stop() == 0
    assert campaign.registry.stop() == 0
    log = campaign.mail.log
    assert b'"stopped"' in log
    assert b'"level": "error"' not in log
    assert b"example.com" not in log
    assert b"example.org" not in log


def test_a_message_to_the_mailto_address_stops_the_next_one(campaign: Campaign) -> None:
    """As the header says; nobody else is stopped."""
    reader, other = campaign.reader(), campaign.reader()
    assert campaign.mail.deliver(reader.unsubscribing)[0] == 250
    assert campaign.verdict(reader.email) == STOPPED
    assert campaign.verdict(other.email)[0] == "VERDICT_ALLOW"
    assert reader.token.encode() not in campaign.mail.log


def test_a_token_in_the_recipient_address_stops_too(campaign: Campaign) -> None:
    """Though a mail system wrote it in capitals."""
    reader = campaign.reader()
    del reader.unsubscribing["To"], reader.unsubscribing["Subject"]
    reader.unsubscribing["To"] = f"unsubscribe+{reader.token.upper()}@MAIL.EXAMPLE.COM"
    assert campaign.mail.deliver(reader.unsubscribing)[0] == 250
    assert campaign.verdict(reader.email) == STOPPED


def test_a_message_that_comes_twice_is_recorded_once(campaign: Campaign) -> None:
    """As when the mail server did not see the first answer."""
    reader = campaign.reader()
    before = campaign.entries()
    answers = [campaign.mail.deliver(reader.unsubscribing)[0] for _ in range(3)]
    assert (answers, campaign.entries() - before) == ([250] * 3, 1)


@pytest.mark.parametrize(
    "sender, field, value",
    [
        ("", "X-Nothing", "to see"),
        (SENDER, "X-Autoreply", "yes"),
        (SENDER, "List-Id", "<neighbours.example.org>"),
        (SENDER, "Precedence", "bulk"),
    ],
    ids=["bounce", "absence note", "list", "bulk"],
)
def test_automatic_messages_stop_nothing(
    campaign: Campaign, sender: str, field: str, value: str
) -> None:
    """Though they hold the token."""
    reader = campaign.reader()
    before = campaign.entries()
    reader.unsubscribing[field] = value
    assert campaign.mail.deliver(reader.unsubscribing, sender=sender)[0] == 250
    assert campaign.entries() == before
    assert campaign.verdict(reader.email)[0] == "VERDICT_ALLOW"


def test_an_altered_token_stops_nothing_and_the_sender_is_told(campaign: Campaign) -> None:
    reader = campaign.reader()
    before = campaign.entries()
    for token in (reader.token[:-1], reader.token[1:], "a" * len(reader.token)):
        reader.unsubscribing.replace_header("Subject", token)
        code, text = campaign.mail.deliver(reader.unsubscribing)
        assert (code, "Not recorded" in text) == (554, True)
    assert campaign.entries() == before
    assert campaign.verdict(reader.email)[0] == "VERDICT_ALLOW"


def test_a_registry_that_is_away_loses_nothing(campaign: Campaign) -> None:
    """The mail server keeps the message, and brings it back once the registry is there again."""
    reader = campaign.reader()
    port = campaign.registry.port
    assert campaign.registry.stop() == 0
    assert campaign.mail.deliver(reader.unsubscribing)[0] == 451
    campaign.serve(port)
    before = campaign.entries()
    assert campaign.verdict(reader.email)[0] == "VERDICT_ALLOW"
    eventually(lambda: bring_back(campaign, reader))
    assert campaign.verdict(reader.email) == STOPPED
    assert campaign.entries() - before == 1


def bring_back(campaign: Campaign, reader: Reader) -> None:
    """Hands the message over again, as a mail server does that was told to try later."""
    code, text = campaign.mail.deliver(reader.unsubscribing)
    if code == 451:
        raise NotYet(text)
    assert code == 250
