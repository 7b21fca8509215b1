"""A message on its way: signed by the sender's DKIM, sent by SMTP, read by a mailbox provider."""

from __future__ import annotations

import asyncio
import base64
import re
import smtplib
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Final

import dkim  # type: ignore[import-untyped] # nobody annotated it
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

LONGEST_LINE: Final = 998
"""Octets, without the line break (RFC 5322, section 2.1.1)."""

# The default folds at 78 and makes encoded words of a URI that is longer, which no mailbox reads.
WHOLE_LINES: Final = SMTP_POLICY.clone(max_line_length=LONGEST_LINE)

SENDER: Final = "offers@mail.example.com"

_DOMAIN: Final = b"mail.example.com"
_SELECTOR: Final = b"autumn"
_SIGNED: Final = (
    b"From",
    b"To",
    b"Subject",
    b"Date",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
)
_KEY_BITS: Final = 2048
_KEY_PLACE: Final = _SELECTOR + b"._domainkey." + _DOMAIN + b"."


class Sender:
    """Signs for its domain; the key is in what stands for the DNS."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)

    def signed(self, message: EmailMessage) -> bytes:
        """The message with a signature over its headers and body."""
        octets = message.as_bytes(policy=WHOLE_LINES)
        pem = self._key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        signature: bytes = dkim.sign(octets, _SELECTOR, _DOMAIN, pem, include_headers=_SIGNED)
        return signature + octets

    def dns(self, name: bytes, timeout: int = 5) -> bytes | None:
        """The text record of a name."""
        del timeout
        if name != _KEY_PLACE:
            return None
        public = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    def verifies(self, octets: bytes) -> bool:
        """Whether a message is as it was signed."""
        return bool(dkim.verify(octets, dnsfunc=self.dns))


def headers_signed(octets: bytes) -> list[bytes]:
    """What the signature covers, in lower case (RFC 6376, the tag `h=`)."""
    head, _, _ = octets.partition(b"\r\n\r\n")
    unfolded = re.sub(rb"\r\n(?=[ \t])", b"", head)
    signature = re.search(rb"^DKIM-Signature:(.*)$", unfolded, re.MULTILINE | re.IGNORECASE)
    assert signature
    tags = dict(each.strip().split(b"=", 1) for each in signature[1].split(b";") if each.strip())
    return [name.strip().lower() for name in tags[b"h"].split(b":")]


def delivered(octets: bytes, recipient: str) -> bytes:
    """What arrives at a mail server of the message that is sent there."""
    return asyncio.run(_delivered(octets, recipient))


async def _delivered(octets: bytes, recipient: str) -> bytes:
    mailbox = _Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="mx.example.org"), "127.0.0.1", 0
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(_send, port, octets, recipient)
    (received,) = mailbox.received
    return received


def _send(port: int, octets: bytes, recipient: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as connection:
        refused = connection.sendmail(SENDER, [recipient], octets)
    assert not refused


class _Mailbox:
    """Keeps what arrives."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd names its hooks after commands
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Takes a message."""
        del server, session
        assert isinstance(envelope.content, bytes)
        self.received.append(envelope.content)
        return "250 2.0.0 stored"
