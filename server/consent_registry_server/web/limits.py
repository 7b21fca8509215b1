"""How often a client may ask, and how often a link may be used."""

from __future__ import annotations

import secrets
import time
from enum import StrEnum
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from consent_registry_server.web.options import WebOptions

_NETWORK_BITS: Final = 64
"""Of an IPv6 address; one subscriber has at least the rest of them."""
_UNKNOWN: Final = "unknown"

_SECRET_OCTETS: Final = 16


class Use(StrEnum):
    """What a link is used for; each has a rate of its own."""

    READ = "read"
    WRITE = "write"


class RateLimits:
    """Counts requests by client and by link, in this process."""

    def __init__(self, options: WebOptions) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        # The library looks through everything it counts at every request: a flood of addresses or
        # of made up links would cost ever more. So they share 65,536 groups, and nobody outside
        # this process can tell which links are in one with which.
        self._secret = secrets.token_bytes(_SECRET_OCTETS)
        self._of_client = _per_minute(options.client_requests_per_minute)
        self._of_link = _per_minute(options.link_requests_per_minute)

    async def wait_for_client_s(self, address: str | None) -> int:
        """Counts a request of a client; the seconds that it has to wait, 0 for none."""
        return await self._wait_s(self._of_client, "client", _client_key(address))

    async def wait_for_link_s(self, token: str, use: Use) -> int:
        """Counts a use of a link; the seconds that it has to wait, 0 for none."""
        return await self._wait_s(self._of_link, use, token.lower())

    async def _wait_s(self, limit: RateLimitItemPerMinute | None, kind: str, key: str) -> int:
        group = blake2b(key.encode(), key=self._secret, digest_size=2).hexdigest()
        if limit is None or await self._limiter.hit(limit, kind, group):
            return 0
        window = await self._limiter.get_window_stats(limit, kind, group)
        return max(1, ceil(window.reset_time - time.time()))


def _per_minute(requests: int) -> RateLimitItemPerMinute | None:
    return RateLimitItemPerMinute(requests) if requests else None


def _client_key(address: str | None) -> str:
    """By what a client is counted: its address, of IPv6 its network."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return _UNKNOWN
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed.packed, _NETWORK_BITS), strict=False))
    return str(parsed)
