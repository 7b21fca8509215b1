"""Normal form of an account at a messaging platform."""

from __future__ import annotations

import re
from typing import Final

from consent_registry_server.domain.contact import Handle
from consent_registry_server.domain.errors import InvalidContactPoint
from consent_registry_server.domain.normal_form.phone import parse_phone
from consent_registry_server.domain.normal_form.text import compatibility_caseless, typed

VERSION: Final[int] = 1
"""Stored with every digest of this form; a change of any output needs a new number."""

MAX_PLATFORM_CHARS: Final = 64
MAX_HANDLE_CHARS: Final = 200

_PLATFORM_FIELD: Final = "handle.platform"
_HANDLE_FIELD: Final = "handle.handle"

_NUMBERED_PLATFORMS: Final = frozenset({"whatsapp", "signal", "viber"})
# WhatsApp's own identifiers carry the country code without a plus sign. National numbers of
# the countries that have no trunk prefix are shorter than ten digits, Italian mobiles excepted.
_PLATFORM_NUMBER: Final = re.compile(r"([1-9][0-9]{9,14})(?:@(?:s\.whatsapp\.net|c\.us))?")


def handle_form(handle: Handle) -> str:
    """`platform:handle`, both case-folded, without spaces around or a leading `@`.

    Where the platform's accounts are phone numbers and the handle is one, `platform:+<E.164>`.

    Raises:
        InvalidContactPoint: platform or handle is empty, too long or holds control characters.
    """
    platform, account = _platform(handle), _account(handle)
    return f"{platform}:{_number(platform, account) or account}"


def phone_of(handle: Handle) -> str:
    """The E.164 number that the handle is, so that it matches phone opt-outs; empty if none.

    Raises:
        InvalidContactPoint: as `handle_form`.
    """
    return _number(_platform(handle), _account(handle))


def _platform(handle: Handle) -> str:
    text = typed(handle.platform, limit=MAX_PLATFORM_CHARS, field=_PLATFORM_FIELD)
    platform = "".join(char for char in compatibility_caseless(text) if char.isalnum())
    if not platform:
        raise InvalidContactPoint("names no platform", field=_PLATFORM_FIELD)
    return platform


def _account(handle: Handle) -> str:
    text = typed(handle.handle, limit=MAX_HANDLE_CHARS, field=_HANDLE_FIELD)
    account = " ".join(compatibility_caseless(text).split())
    account = account.lstrip("@ ")
    if not account:
        raise InvalidContactPoint("names no account", field=_HANDLE_FIELD)
    return account


def _number(platform: str, account: str) -> str:
    if platform not in _NUMBERED_PLATFORMS:
        return ""
    if (bare := _PLATFORM_NUMBER.fullmatch(account)) is not None:
        account = "+" + bare[1]
    try:
        return parse_phone(account, "").e164
    except InvalidContactPoint:
        return ""
