"""Revisions: opaque tokens that name a state of one life of the database."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from consent_registry_server.domain.errors import InvalidRequest

_FORMAT: Final = b"\x01"
_HEADER_BYTES: Final = len(_FORMAT) + 16
_LONGEST: Final = 65_536
"""Characters; a snapshot lists the transactions open at the time, a few thousand at most."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")
_XID: Final = re.compile(rb"x[0-9]{1,20}")
_SNAPSHOT: Final = re.compile(rb"s[0-9]{1,20}:[0-9]{1,20}:(?:[0-9]{1,20}(?:,[0-9]{1,20})*)?")


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of the database: one that contains a transaction, or the one a snapshot saw.

    Exactly one of `xid` and `snapshot` is set, in PostgreSQL's text forms of `xid8` and
    `pg_snapshot`. A restored database has another incarnation; its transaction numbers start
    over, so those of another incarnation say nothing.
    """

    incarnation: UUID
    xid: str = ""
    snapshot: str = ""

    def token(self) -> str:
        """The revision as callers get it; URL-safe."""
        state = f"x{self.xid}" if self.xid else f"s{self.snapshot}"
        content = _FORMAT + self.incarnation.bytes + state.encode("ascii")
        return urlsafe_b64encode(content).decode("ascii").rstrip("=")


def parse_revision(token: str) -> Revision:
    """Reads a token back.

    Raises:
        InvalidRequest: INVALID_REVISION, for what no registry issued.
    """
    content = _decoded(token)
    if content[: len(_FORMAT)] == _FORMAT:
        incarnation = UUID(bytes=content[len(_FORMAT) : _HEADER_BYTES].ljust(16, b"\0"))
        state = content[_HEADER_BYTES:]
        if _XID.fullmatch(state):
            return Revision(incarnation, xid=state[1:].decode("ascii"))
        if _SNAPSHOT.fullmatch(state):
            return Revision(incarnation, snapshot=state[1:].decode("ascii"))
    raise InvalidRequest(
        "INVALID_REVISION",
        "not a revision that this registry issued",
        field="consistency.at_least_as_fresh",
    )


def _decoded(token: str) -> bytes:
    # 4n + 1 characters are never base64.
    if len(token) > _LONGEST or len(token) % 4 == 1 or not _TOKEN.fullmatch(token):
        return b""
    return urlsafe_b64decode(token + "=" * (-len(token) % 4))
