"""What unsubscribe links need of the store.

A link is a random id and the contact points of one person, by their refs: it holds no contact data,
and as long as there is a link, its contact points are found by their digests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import ControllerId, EntryId, LinkId, Source
from consent_registry_server.service.ports import (
    ContactDigests,
    Deadline,
    Recorded,
    RequestKey,
    Transaction,
)

T = TypeVar("T")


class UnsubscribeLink(NamedTuple):
    """A link; `kinds` are those of its contact points that had a full normal form."""

    link_id: LinkId
    controller: ControllerId
    kinds: frozenset[ContactKind]


class LinkedPerson(NamedTuple):
    """Whom a link is for; `kinds` are those of the contact points with a full normal form."""

    points: tuple[ContactDigests, ...]
    kinds: frozenset[ContactKind]


class Said(NamedTuple):
    """An entry that states what a person wants to stop, and when it was stored."""

    entry_id: EntryId
    recorded_at_us: int


class UnsubscribeTransaction(Transaction, Protocol):
    """What a transaction about links may do besides."""

    def keep_links(
        self,
        controller: ControllerId,
        people: Sequence[LinkedPerson],
        *,
        created_at_us: int,
    ) -> list[LinkId]:
        """Returns the link of each person, made where there is none; all in the order given.

        Whoever has the same contact points has the same link, whatever their order. Two writers at
        once wait for each other.
        """

    def said_before(
        self, link_id: LinkId, opt_out: OptOut, *, source: Source, since_us: int
    ) -> Said | None:
        """Returns the last entry by which this link says just this, if it says it still.

        It is from the source and was recorded at `since_us` or later. None where it was lifted, or
        where anything that permits came up since on one of the link's contact points, however
        spelt: then saying it again says something new.
        """

    def last_permission_us(self, link_id: LinkId) -> int | None:
        """Returns the latest instant at which anything that permits counts on such contact points.

        It may be ahead of the clock, as far as expressions may be dated.
        """


class UnsubscribeLedger(Protocol):
    """Writes through links."""

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[UnsubscribeTransaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""

    def transact(self, work: Callable[[UnsubscribeTransaction], T], *, deadline: Deadline) -> T:
        """Runs `work` in one transaction and returns its result after the commit.

        It may run several times.
        """


class UnsubscribeLinks(Protocol):
    """Reads links."""

    def find(self, link_id: LinkId, *, deadline: Deadline) -> UnsubscribeLink | None:
        """Returns a link, or None."""
