"""What a store offers to the service, whoever implements it."""

from __future__ import annotations

from typing import Protocol

from consent_registry_server.service.ports import (
    Deadline,
    History,
    PastReader,
    ScrubAge,
    StandingReader,
)
from consent_registry_server.service.subject_ports import SubjectHistory, SubjectLedger

STANDING_ROWS = 40
"""The most that one read may find: few, so that a test can reach the limit."""


class Ports(Protocol):
    """A store by its ports."""

    @property
    def ledger(self) -> SubjectLedger:
        """Writes, and reads that leave a trace."""

    @property
    def standing(self) -> StandingReader:
        """Reads for decisions."""

    @property
    def history(self) -> History:
        """Reads of what was written."""

    @property
    def subject_history(self) -> SubjectHistory:
        """Lists for the data-protection officer."""

    @property
    def past(self) -> PastReader:
        """Reads of what stood."""

    def scrub_ages(self, deadline: Deadline) -> list[ScrubAge]:
        """When anything was last scrubbed."""
