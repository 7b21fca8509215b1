"""What a store offers to the service, whoever implements it."""

from __future__ import annotations

from typing import Protocol

from consent_registry_server.service.ports import (
    Deadline,
    History,
    Ledger,
    PastReader,
    ScrubAge,
    StandingReader,
)

STANDING_ROWS = 40
"""The most that one read may find: few, so that a test can reach the limit."""


class Ports(Protocol):
    """A store by its ports."""

    @property
    def ledger(self) -> Ledger:
        """Writes."""

    @property
    def standing(self) -> StandingReader:
        """Reads for decisions."""

    @property
    def history(self) -> History:
        """Reads of what was written."""

    @property
    def past(self) -> PastReader:
        """Reads of what stood."""

    def scrub_ages(self, deadline: Deadline) -> list[ScrubAge]:
        """When anything was last scrubbed."""
