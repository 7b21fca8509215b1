"""Tells messages that no person sent for themselves: bounces, automatic replies, lists, loops."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from consent_registry_server.mail.header import Header
from consent_registry_server.mail.tokens import is_token

MOST_HOPS: Final = 100
"""RFC 5321, 6.3: a message that passed more servers than these goes round in circles."""

NULL_SENDERS: Final = ("", "<>")
"""The null reverse path, as the protocol writes it."""

_REPORTS: Final = frozenset(
    {
        "message/delivery-status",
        "message/disposition-notification",
        "message/global-delivery-status",
        "multipart/report",
    }
)
_BULK: Final = frozenset({"auto_reply", "bulk", "junk", "list"})
_LIST_FIELDS: Final = (
    "list-help",
    "list-id",
    "list-owner",
    "list-post",
    "list-subscribe",
    "list-unsubscribe",
    "mailing-list",
)
_RESPONDER_FIELDS: Final = ("x-auto-reply", "x-autorespond", "x-autoreply", "x-vacation")
_DAEMON: Final = re.compile(r"(?<![\w.+-])mailer-daemon(@|>|$)", re.IGNORECASE)
# As the common mail servers start the subject of an absence note, in the languages of our people.
_ABSENCE: Final = re.compile(
    r"\s*(?:"
    r"automatic reply|auto(?:matic)?[ -]?reply|out of (?:the )?office|"
    r"réponse automatique|absent du bureau|"
    r"automatische antwort|abwesenheitsnotiz|"
    r"automatisk svar|automatiskt svar|autosvar|frånvaro|fravær|"
    r"automaattinen vastaus|poissa toimistosta|"
    r"respuesta automática|fuera de la oficina|"
    r"risposta automatica|fuori sede|"
    r"resposta automática|ausência temporária"
    r")\s*(?:[:\-–]|$)",
    re.IGNORECASE,
)


class Sign(StrEnum):
    """What shows that a message is not a person's own, the surest first."""

    NULL_SENDER = "null_sender"
    """The null reverse path (RFC 5321, 4.5.5): a bounce, or another note about a message."""
    REPORT = "report"
    """A delivery, disposition or feedback report (RFC 6522)."""
    AUTO_SUBMITTED = "auto_submitted"
    """`Auto-Submitted` is not `no` (RFC 3834): most absence notes."""
    RESPONDER = "responder"
    """What automatic responders wrote before RFC 3834, or from the mail system itself."""
    LIST = "list"
    """Came through a list, or is itself a copy of a campaign."""
    PRECEDENCE = "precedence"
    """`Precedence` is bulk, junk or list."""
    ABSENCE_NOTE = "absence_note"
    """The subject is that of an absence note."""
    LOOP = "loop"
    """It passed more than `MOST_HOPS` servers."""


def sign_of(sender: str, header: Header, *, subject: str) -> Sign | None:
    """What shows that a message is automatic, if anything; `subject` is decoded.

    `X-Auto-Response-Suppress` shows nothing: it asks for silence, and a mailbox that unsubscribes
    for its user may well do so.
    """
    if _is_of_a_mailbox(header, subject) and sender not in NULL_SENDERS:
        header = header.without("auto-submitted")
    checks = {
        Sign.NULL_SENDER: sender in NULL_SENDERS or "<>" in _stripped(header, "return-path"),
        Sign.REPORT: header.word("content-type") in _REPORTS,
        Sign.AUTO_SUBMITTED: header.word("auto-submitted") not in ("", "no"),
        Sign.RESPONDER: _is_responder(sender, header),
        Sign.LIST: any(header.values(name) for name in _LIST_FIELDS),
        Sign.PRECEDENCE: header.word("precedence") in _BULK,
        Sign.ABSENCE_NOTE: _ABSENCE.match(subject) is not None,
        Sign.LOOP: len(header.values("received")) > MOST_HOPS,
    }
    return next((sign for sign, shows in checks.items() if shows), None)


def _is_of_a_mailbox(header: Header, subject: str) -> bool:
    """Whether a mailbox unsubscribes for its user, which some of them mark as an automatic reply.

    No note of absence has a token for its whole subject, for we send none that it could quote.
    """
    return header.word("x-apple-unsubscribe") == "true" or is_token(subject)


def _stripped(header: Header, name: str) -> tuple[str, ...]:
    return tuple(value.strip() for value in header.values(name))


def _is_responder(sender: str, header: Header) -> bool:
    if any(header.values(name) for name in _RESPONDER_FIELDS):
        return True
    return any(_DAEMON.search(each) for each in (sender, *header.values("from")))
