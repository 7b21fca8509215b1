"""How much the handler takes, and from whom."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The bounds of the handler; a rate of 0 is none.

    The rates are far above what people and mailbox providers do: one provider may send the clicks
    of a whole campaign from one address within minutes, and each is an opt-out.
    """

    body_octets: int = 64 * 1024
    body_timeout_s: float = 10.0
    """For the whole body, however slowly it trickles in."""
    concurrent_requests: int = 500
    client_requests_per_minute: int = 6_000
    """Of one address; of IPv6 one network of 64 bits."""
    link_requests_per_minute: int = 120
    """Through one link, reading and writing apart: whatever scans it must not use up the click."""
    shutdown_grace_s: float = 20.0
