"""Which messages are a person's own."""

from __future__ import annotations

import pytest

from consent_registry_server.mail.automatic import Sign, sign_of
from consent_registry_server.mail.header import decoded, read_header
from tests.unit.mail.messages import AUTOMATIC, PEOPLE, PERSON, message


def sign(content: bytes, *, sender: str = PERSON) -> Sign | None:
    header = read_header(content)
    return sign_of(sender, header, subject=decoded("".join(header.values("subject"))))


@pytest.mark.parametrize("content", PEOPLE.values(), ids=PEOPLE.keys())
def test_message_of_a_person_has_no_sign(content: bytes) -> None:
    assert sign(content) is None


@pytest.mark.parametrize("expected, content", AUTOMATIC.values(), ids=AUTOMATIC.keys())
def test_automatic_message_shows_it(expected: str, content: bytes) -> None:
    assert sign(content) == expected


@pytest.mark.parametrize("sender", ["<>", ""], ids=["as given by aiosmtpd", "empty"])
def test_null_reverse_path_is_a_sign(sender: str) -> None:
    assert sign(message(), sender=sender) is Sign.NULL_SENDER


@pytest.mark.parametrize(
    "sender, expected",
    [
        ("MAILER-DAEMON@mx.example.org", Sign.RESPONDER),
        ("MAILER-DAEMON", Sign.RESPONDER),
        ("not-mailer-daemon@example.org", None),
        ("mailer-daemon-fan@example.org", None),
    ],
)
def test_mail_system_as_sender_is_a_sign(sender: str, expected: Sign | None) -> None:
    assert sign(message(), sender=sender) is expected
