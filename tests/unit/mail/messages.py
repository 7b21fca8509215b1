"""Made-up messages, in the shapes in which mail programs and mail systems send them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOKEN: Final = "qwb5pdkhx6pygpan2rlykei4iiaannkksumnlmytbx2kjqevtavetwt6ul66ldqbwzb2xya4clmh"
OTHER: Final = "p5wwq5gxsc3fnvxjvrftutlfjt6kdfzcpwq52jdc7vnii2gk3xjd2sj5k57u6rs6zjhyl7vlf7rx"
LONG: Final = (TOKEN + OTHER + TOKEN)[:199]

MAILBOX: Final = "unsubscribe@mail.example.com"
ADDRESS: Final = f"unsubscribe+{TOKEN}@mail.example.com"
PERSON: Final = "claire.martin@example.org"


def message(
    *more: str, subject: str | None = f"unsubscribe {TOKEN}", body: str = "Please.\r\n"
) -> bytes:
    """A message with further header lines, in front; lines end as on the wire."""
    lines = [
        *more,
        f"From: Claire Martin <{PERSON}>",
        f"To: <{MAILBOX}>",
        "Date: Mon, 02 Mar 2026 10:00:00 +0100",
        "Message-ID: <1f0e2d@example.org>",
        "MIME-Version: 1.0",
        *([] if subject is None else [f"Subject: {subject}"]),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _encoded(*words: str) -> str:
    return "\r\n ".join(f"=?utf-8?q?{word}?=" for word in words)


SUBJECTS: Final[Mapping[str, str]] = {
    "alone": TOKEN,
    "after the keyword": f"unsubscribe {TOKEN}",
    "keyword in capitals": f"UNSUBSCRIBE {TOKEN}",
    "after a colon": f"Unsubscribe:{TOKEN}",
    "in brackets": f"unsubscribe <{TOKEN}>",
    "in quotation marks": f'"{TOKEN}"',
    "upper case": TOKEN.upper(),
    "mixed case": TOKEN[:30].upper() + TOKEN[30:],
    "reply": f"Re: unsubscribe {TOKEN}",
    "reply in German": f"AW: {TOKEN}",
    "reply in Swedish": f"SV: unsubscribe {TOKEN}",
    "forwarded in French": f"TR: unsubscribe {TOKEN}",
    "replies nested": f"Re: VS: RE: {TOKEN}",
    "words around": f"désinscription {TOKEN} merci",
    "words of the token's letters around": f"please {TOKEN} stop",
    "spaces around": f"   {TOKEN}   ",
    "no-break space": f"unsubscribe\u00a0{TOKEN}",
    "folded before": f"unsubscribe\r\n {TOKEN}",
    "folded after": f"unsubscribe {TOKEN}\r\n stop",
    "folded inside": f"unsubscribe {TOKEN[:40]}\r\n {TOKEN[40:]}",
    "folded inside, words after": f"unsubscribe {TOKEN[:40]}\r\n {TOKEN[40:]} stop",
    "folded inside by a tab": f"unsubscribe {TOKEN[:40]}\r\n\t{TOKEN[40:]}",
    "folded inside twice": f"{TOKEN[:20]}\r\n {TOKEN[20:40]}\r\n {TOKEN[40:]}",
    "fold made a space": f"unsubscribe {TOKEN[:40]} {TOKEN[40:]}",
    "fold made two spaces": f"Re: {TOKEN[:20]} {TOKEN[20:40]} {TOKEN[40:]}",
    "encoded word": _encoded(f"unsubscribe_{TOKEN}"),
    "encoded words": _encoded(f"unsubscribe_{TOKEN[:40]}", TOKEN[40:]),
    "encoded, base64": "=?UTF-8?B?dW5zdWJzY3JpYmUg?= " + TOKEN,
    "encoded, in French": f"=?iso-8859-1?q?Re=A0=3A_d=E9sinscription?= {TOKEN}",
    "raw UTF-8": f"Désabonnement : {TOKEN}",
    "space left encoded": f"unsubscribe%20{TOKEN}",
    "plus left as space": f"unsubscribe+{TOKEN}",
    "keyword joined by an underscore": f"unsubscribe_{TOKEN}",
}
"""Subjects that mean `TOKEN`."""

ADDRESSES: Final[Mapping[str, str]] = {
    "after a plus": ADDRESS,
    "after a hyphen": f"unsubscribe-{TOKEN}@mail.example.com",
    "after an equals sign": f"unsubscribe={TOKEN}@mail.example.com",
    "whole local part": f"{TOKEN}@mail.example.com",
    "upper case": ADDRESS.upper(),
    "prefix of two parts": f"news.unsubscribe+{TOKEN}@mail.example.com",
    "suffix": f"unsubscribe+{TOKEN}+fr@mail.example.com",
    "without a domain": f"unsubscribe+{TOKEN}",
    "quoted": f'"unsubscribe+{TOKEN}"@mail.example.com',
    "left encoded": f"unsubscribe%2B{TOKEN}@mail.example.com",
}
"""Addresses that hold `TOKEN`."""

WITHOUT_TOKEN: Final[Mapping[str, str]] = {
    "empty": "",
    "keyword": "unsubscribe",
    "sentence": "Please take me off your list, I never asked for this",
    "too short": TOKEN[:57],
    "too long": LONG + "a",
    "digits that no token has": TOKEN[:30] + "0189" + TOKEN[30:],
    "letters of another alphabet": TOKEN[:30] + "\u017f\u212a" + TOKEN[30:],
    "stuck to a letter": "é" + TOKEN,
    "stuck to a digit": TOKEN + "9",
    "cut in two by a hyphen": f"{TOKEN[:30]}-{TOKEN[30:]}",
    "longer than we read": "x " * 1_000 + TOKEN,
    "broken encoded word": "=?utf-8?b?%%%?=",
}
"""Subjects, or local parts, that mean no token."""

PEOPLE: Final[Mapping[str, bytes]] = {
    "Apple Mail": message(
        "X-Mailer: Apple Mail (2.3774.600.62)",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        "X-Universally-Unique-Identifier: 6C2C1E4E-0000-4000-8000-1A2B3C4D5E6F",
        body="\r\n",
    ),
    "Apple Mail, the button": message(
        "Auto-Submitted: auto-replied",
        "X-Apple-Unsubscribe: true",
        "Content-Type: text/plain; charset=us-ascii",
        body="\r\n",
    ),
    "Outlook": message(
        "Thread-Topic: unsubscribe",
        "Thread-Index: AQHb0000000000000000000000000000",
        "Accept-Language: fr-FR, en-US",
        "X-MS-Has-Attach:",
        "X-MS-TNEF-Correlator:",
        "X-MS-Exchange-Transport-CrossTenantHeadersStamped: PR3P000MB0000",
        'Content-Type: multipart/alternative; boundary="_000_PR3P000MB0000_"',
    ),
    "Gmail, the button": message(
        "Received: by mail-ej1-f00.google.com.example with SMTP id a1; Mon, 02 Mar 2026 01:00:00",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; b=AAAA",
        'Content-Type: text/plain; charset="UTF-8"',
        body="This message was automatically generated by Gmail.\r\n",
    ),
    "Gmail, the app": message(
        "X-Gm-Message-State: AOJu0Y",
        "References: <campaign@mail.example.com>",
        "In-Reply-To: <campaign@mail.example.com>",
        'Content-Type: multipart/alternative; boundary="0000000000001"',
    ),
    "Fastmail": message(
        "X-ME-Sender: <xms:AAAA>",
        "X-ME-Proxy: <xmx:AAAA>",
        "User-Agent: Cyrus-JMAP/3.13.0-alpha0",
        "Feedback-ID: i0000:Fastmail",
        "Content-Type: text/plain",
    ),
    "Thunderbird": message(
        "User-Agent: Mozilla Thunderbird",
        "Content-Language: sv",
        "Content-Type: text/plain; charset=UTF-8; format=flowed",
    ),
    "phone, without MIME": b"From: claire.martin@example.org\r\nSubject: "
    + TOKEN.encode()
    + b"\r\n\r\n",
    "header without a body": b"Subject: " + TOKEN.encode() + b"\r\n",
    "mailbox that asks for silence": message("X-Auto-Response-Suppress: All"),
    "explicitly not automatic": message("Auto-Submitted: No"),
    "ordinary precedence": message("Precedence: first-class"),
    "important": message("X-Priority: 1", "Importance: high"),
    "read receipt wanted": message(f"Disposition-Notification-To: <{PERSON}>"),
    "forwarded by 100 servers": message(*["Received: from a.example by b.example; 1"] * 100),
    "about an absence": message(subject=f"Re: out of office {TOKEN}"),
    "return path of a person": message(f"Return-Path: <{PERSON}>"),
    "body that is no text": message(body="\x00\x1b" + "a" * 5_000 + "\r\n"),
}
"""Messages of people, or of their mailboxes for them, with `TOKEN`."""

AUTOMATIC: Final[Mapping[str, tuple[str, bytes]]] = {
    "return path empty": ("null_sender", message("Return-Path: <>")),
    "delivery report": (
        "report",
        message('Content-Type: multipart/report; report-type=delivery-status; boundary="b"'),
    ),
    "delivery report, folded": (
        "report",
        message("Content-Type: Multipart/Report;\r\n\tboundary=b"),
    ),
    "delivery status": ("report", message("Content-Type: message/delivery-status")),
    "read receipt": (
        "report",
        message("Content-Type: multipart/report (x); report-type=disposition-notification"),
    ),
    "complaint": ("report", message("Content-Type: multipart/report; report-type=feedback-report")),
    "absence note of Exchange": (
        "auto_submitted",
        message(
            "Auto-Submitted: auto-generated",
            "X-Auto-Response-Suppress: All",
            subject=f"Automatic reply: unsubscribe {TOKEN}",
        ),
    ),
    "absence note of Gmail": (
        "auto_submitted",
        message("Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: bulk"),
    ),
    "vacation of Sieve": (
        "auto_submitted",
        message("Auto-Submitted: auto-replied (vacation)", subject=f"Auto: {TOKEN}"),
    ),
    "notification": ("auto_submitted", message("AUTO-SUBMITTED: Auto-Notified; owner=x")),
    "keyword of later days": ("auto_submitted", message("Auto-Submitted: auto-dreamt")),
    "responder of old": ("responder", message("X-Autorespond: away")),
    "vacation of old": ("responder", message("X-Vacation: yes")),
    "mail system": ("responder", message("From: MAILER-DAEMON@mx.example.org (Mail System)")),
    "list": ("list", message("List-Id: <neighbours.example.org>")),
    "our own campaign, through a list": (
        "list",
        message(
            "List-Unsubscribe: <https://u.example.com/u/x>, <mailto:unsubscribe@mail.example.com>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ),
    ),
    "old list": ("list", message("Mailing-List: contact x")),
    "bulk": ("precedence", message("Precedence: Bulk")),
    "junk": ("precedence", message("Precedence: junk")),
    "list by precedence": ("precedence", message("Precedence: list")),
    "loop": ("loop", message(*["Received: from a.example by b.example; Mon"] * 101)),
    **{
        f"absence note in {language}": ("absence_note", message(subject=f"{start} {TOKEN}"))
        for language, start in {
            "English": "Automatic reply: unsubscribe",
            "English of old": "Out of Office: unsubscribe",
            "French": "Réponse automatique :",
            "French, encoded": "=?utf-8?q?R=C3=A9ponse_automatique_=3A?= unsubscribe",
            "Norwegian": "Automatisk svar:",
            "Swedish": "Autosvar: unsubscribe",
            "Swedish, long": "Automatiskt svar:",
            "Finnish": "Automaattinen vastaus: unsubscribe",
            "Spanish": "Respuesta automática:",
            "Italian": "Risposta automatica: R:",
            "Portuguese": "Resposta automática:",
            "German": "Automatische Antwort: AW:",
        }.items()
    },
}
"""Messages that must change nothing, though they hold `TOKEN`, with what shows it."""
