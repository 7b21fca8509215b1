"""Normal forms of an email address: one for consents, a wider one for opt-outs.

Both fold case in the local part. RFC 5321 lets a host tell `Anna@` from `anna@`; hardly one
does, and people who object do not know.
"""

from __future__ import annotations

import re
from typing import Final

import idna

from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.text import caseless, typed

VERSION: Final[int] = 1
"""Stored with every digest of these forms; a change of any output needs a new number."""

MAX_CHARS: Final = 320
"""Of the address as typed: RFC 5321's 64 octets, the sign and 255 octets."""

_MAX_LOCAL_OCTETS: Final = 64
_MAX_DOMAIN_OCTETS: Final = 253
_FIELD: Final = "email"

# Wider than RFC 5321's dot-atom: mailboxes such as `a..b@` exist and their owners object too.
_LOCAL: Final = re.compile(r'[^\s"(),:;<>@\[\]\\]+')
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A last label of digits alone would be an IP address.
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}")

_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_HYPHEN_TAGS: Final = frozenset({"ymail.com", "rocketmail.com", "myyahoo.com"})


def exact_form(address: str) -> str:
    """The address as consents are matched: trimmed, case-folded, the domain as A-labels.

    A quoted local part is accepted where the quotes change nothing (`"anna.berg"@example.com`)
    and loses them; one that needs its quotes is refused. Idempotent.

    Raises:
        InvalidContactPoint: not an address a message could be sent to.
    """
    text = typed(address, limit=MAX_CHARS, field=_FIELD)
    local, at, domain = text.partition("@")
    if not at or "@" in domain:
        raise InvalidContactPoint("needs exactly one @", field=_FIELD)
    return f"{_local_part(local)}@{_domain(domain)}"


def wide_form(exact: str) -> str:
    """The mailbox behind an `exact_form`, as opt-outs are matched.

    Sub-addresses are folded (`anna+shop@` is `anna@`; Yahoo writes `anna-shop@`), and the dots
    and the second name of Gmail. A local part that is nothing but a tag stays. Idempotent.
    """
    local, _, domain = exact.rpartition("@")
    local = _before("+", local)
    if domain in _GMAIL:
        domain = "gmail.com"
        local = local.replace(".", "") or local
    elif domain.startswith("yahoo.") or domain in _HYPHEN_TAGS:
        local = _before("-", local)
    return f"{local}@{domain}"


def _before(separator: str, local: str) -> str:
    return local.partition(separator)[0] or local


def _local_part(text: str) -> str:
    local = caseless(text)
    if len(local) > 2 and local[0] == local[-1] == '"':  # noqa: PLR2004 - the two quotes
        local = local[1:-1]
    if not _LOCAL.fullmatch(local):
        raise InvalidContactPoint("the part before the @ is malformed", field=_FIELD)
    if len(local) > _MAX_LOCAL_OCTETS or len(local.encode()) > _MAX_LOCAL_OCTETS:
        raise InvalidContactPoint("the part before the @ is too long", field=_FIELD)
    return local


def _domain(text: str) -> str:
    domain = (text.lower() if text.isascii() else _a_labels(text)).removesuffix(".")
    if len(domain) > _MAX_DOMAIN_OCTETS or not _DOMAIN.fullmatch(domain):
        raise InvalidContactPoint("the domain is malformed", field=_FIELD)
    return domain


def _a_labels(domain: str) -> str:
    # Mapped from the text as typed: case-folding first would turn the letter ß, which IDNA 2008
    # keeps, into another domain's `ss`. A refusal is raised by the caller, outside this `except`,
    # because idna's own error quotes the domain.
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return ""
