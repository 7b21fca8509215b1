"""What a store offers to the service, whoever implements it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from consent_registry_server.service.ports import (
    Deadline,
    History,
    PastReader,
    Recorded,
    RequestKey,
    ScrubAge,
    StandingReader,
)
from consent_registry_server.service.subject_ports import SubjectHistory, SubjectTransaction
from consent_registry_server.service.unsubscribe_ports import (
    UnsubscribeLinks,
    UnsubscribeTransaction,
)

T = TypeVar("T")

STANDING_ROWS = 40
"""The most that one read may find: few, so that a test can reach the limit."""


class AnyTransaction(SubjectTransaction, UnsubscribeTransaction, Protocol):
    """All that any transaction may do."""


class AnyLedger(Protocol):
    """Writes for whomever: `Ledger`, `SubjectLedger` and `UnsubscribeLedger` in one."""

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[AnyTransaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""

    def transact(self, work: Callable[[AnyTransaction], T], *, deadline: Deadline) -> T:
        """See `SubjectLedger`."""


class Ports(Protocol):
    """A store by its ports."""

    @property
    def ledger(self) -> AnyLedger:
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
    def unsubscribe_links(self) -> UnsubscribeLinks:
        """Reads of unsubscribe links."""

    @property
    def past(self) -> PastReader:
        """Reads of what stood."""

    def scrub_ages(self, deadline: Deadline) -> list[ScrubAge]:
        """When anything was last scrubbed."""
