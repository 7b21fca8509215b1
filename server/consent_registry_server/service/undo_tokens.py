"""Undo tokens: what one click recorded, for the person who may have pressed by mistake.

A token is sealed and always of one length: neither its holder nor anybody who looks at the page can
tell whether the click recorded anything.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.vocabulary import EntryId, LinkId
from consent_registry_server.service.ports import Sealer

UNDO_FOR_US: Final = 15 * 60 * 1_000_000
"""How long a click can be taken back."""

SEALED_FOR: Final = "undo-unsubscribe"

_MOST_ENTRIES: Final = 3
"""That one click records (`domain.unsubscribe.opt_outs_of`)."""

_NONE: Final = bytes(16)
_CONTENT: Final = struct.Struct(f">q16s{16 * _MOST_ENTRIES}s")


@dataclass(frozen=True, slots=True)
class Undo:
    """The entries that a click recorded, through which link, and until when it can be undone."""

    link_id: LinkId
    entry_ids: tuple[EntryId, ...]
    until_us: int


class UndoTokens:
    """Issues undo tokens, and reads them."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def issue(self, undo: Undo) -> bytes:
        """The token of a click."""
        ids = b"".join(entry_id.bytes for entry_id in undo.entry_ids)
        content = _CONTENT.pack(undo.until_us, undo.link_id.bytes, ids)
        return self._sealer.seal(content, purpose=SEALED_FOR)

    def read(self, token: bytes, link_id: LinkId) -> Undo:
        """What was issued for a click through this link.

        Raises:
            InvalidRequest: INVALID_UNDO_TOKEN.
        """
        content = self._sealer.unseal(token, purpose=SEALED_FOR)
        if content is not None:
            until_us, link, ids = _CONTENT.unpack(content)
            if link == link_id.bytes:
                each = (ids[start : start + 16] for start in range(0, len(ids), 16))
                entry_ids = tuple(EntryId(UUID(bytes=one)) for one in each if one != _NONE)
                return Undo(link_id, entry_ids, until_us)
        message = "not an undo token that this registry issued for this link"
        raise InvalidRequest("INVALID_UNDO_TOKEN", message, field="undo_token")
