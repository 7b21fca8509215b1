"""Unsubscribe tokens: what a link is for, so that nobody can make one up or alter it.

A token is the link's id, channel, purpose and campaign with a keyed digest over all of it, in the
alphabet of base32 (RFC 4648), lower case: it survives mail programs that fold case, and no part of
it looks like the end of a sentence. The digest is one under the first digest key, which no rotation
takes away, so a token is good for ever.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import Channel, LinkId, PurposeId
from consent_registry_server.service.ports import Digester

LONGEST: Final = 199
"""Characters of a token."""

_FORMAT: Final = 1
_LABEL: Final = b"unsubscribe-token\0"
_ID_OCTETS: Final = 16
_DIGEST_OCTETS: Final = 16
_HEADER_OCTETS: Final = 3 + _ID_OCTETS
"""Format, channel and length of the purpose before the id."""
_LONGEST_OCTETS: Final = LONGEST * 5 // 8
_CAMPAIGN: Final = re.compile(r"[A-Za-z0-9._-]{0,40}")
_CHANNELS: Final = {int(each): each for each in Channel}


@dataclass(frozen=True, slots=True)
class Token:
    """What a token tells."""

    link_id: LinkId = field(repr=False)
    channel: Channel
    purpose: PurposeId
    campaign: str


class UnsubscribeTokens:
    """Makes tokens, and reads those that it made."""

    def __init__(self, digester: Digester) -> None:
        self._digester = digester

    def text(self, token: Token) -> str:
        """The token as it stands in a link; the same one for the same content."""
        purpose = token.purpose.encode()
        header = bytes((_FORMAT, token.channel, len(purpose))) + token.link_id.bytes
        content = header + purpose + token.campaign.encode()
        signed = content + self._digest(content)
        return base64.b32encode(signed).decode().rstrip("=").lower()

    def read(self, text: str) -> Token:
        """What a token tells; in whatever case it came.

        Raises:
            InvalidRequest: INVALID_UNSUBSCRIBE_TOKEN, whatever is wrong with it.
        """
        content = self._content(text)
        if content is None:
            message = "not a token that this registry issued"
            raise InvalidRequest("INVALID_UNSUBSCRIBE_TOKEN", message, field="token")
        _, channel, purpose_octets = content[:3]
        rest = content[_HEADER_OCTETS:]
        return Token(
            LinkId(UUID(bytes=content[3:_HEADER_OCTETS])),
            _CHANNELS[channel],
            PurposeId(rest[:purpose_octets].decode()),
            rest[purpose_octets:].decode(),
        )

    def _content(self, text: str) -> bytes | None:
        """What was signed, if it was signed here; one text only is that of a token."""
        upper = text.upper() if text.isascii() else ""
        try:
            signed = base64.b32decode(upper + "=" * (-len(upper) % 8))
        except (binascii.Error, ValueError):
            return None
        if base64.b32encode(signed).decode().rstrip("=") != upper:
            return None
        content, digest = signed[:-_DIGEST_OCTETS], signed[-_DIGEST_OCTETS:]
        return content if hmac.compare_digest(digest, self._digest(content)) else None

    def _digest(self, content: bytes) -> bytes:
        return self._digester.digest(_LABEL + content)


def check_campaign(campaign: str, purpose: PurposeId) -> None:
    """Refuses a campaign's name that a token cannot hold, or that could tell a person.

    Raises:
        InvalidRequest: INVALID_FIELD, TOO_LONG.
    """
    if not _CAMPAIGN.fullmatch(campaign):
        message = "up to 40 letters, digits, dots, underscores and hyphens"
        raise InvalidRequest("INVALID_FIELD", message, field="campaign")
    octets = _HEADER_OCTETS + len(purpose.encode()) + len(campaign) + _DIGEST_OCTETS
    if octets > _LONGEST_OCTETS:
        message = "together with the purpose too long for a token"
        raise InvalidRequest("TOO_LONG", message, field="campaign")
