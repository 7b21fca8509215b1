"""What one write may do, within one transaction of PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    ControllerId,
    EntryId,
    LinkId,
    PartnerId,
    Source,
)
from consent_registry_server.service.ports import (
    Digested,
    Partner,
    PreparedEntry,
    RefusedLead,
    Standing,
)
from consent_registry_server.service.unsubscribe_ports import LinkedPerson, Said
from consent_registry_server.storage.append import Appender
from consent_registry_server.storage.digests import DigestRange, StoredDigests
from consent_registry_server.storage.history import find_entry, find_outcomes
from consent_registry_server.storage.partners import find_partner, refuse_leads, save_partner
from consent_registry_server.storage.prepared import Prepared, run
from consent_registry_server.storage.standing import read_within
from consent_registry_server.storage.unsubscribe_links import (
    keep_links,
    last_permission_us,
    said_before,
)

_LOCK: Final = Prepared(
    "lock_name",
    "bytea",
    "SELECT pg_advisory_xact_lock(hashtextextended(encode($1, 'hex'), 9))",
)

_LINKS_LOCK: Final = b"unsubscribe links\0"


class PostgresTransaction:
    """What one write may do; see `Transaction`."""

    def __init__(
        self,
        connection: Connection,
        *,
        appender: Appender,
        digests: StoredDigests,
        versions: DigestRange,
        incarnation: UUID,
        standing_rows: int,
    ) -> None:
        self._connection = connection
        self._appender = appender
        self._digests = digests
        self._versions = versions
        self._incarnation = incarnation
        self._standing_rows = standing_rows

    def append(self, entries: Sequence[PreparedEntry]) -> None:
        """Stores entries: ledger, contact points, vault and standing."""
        if entries:
            self._appender.append(self._connection.connection, entries, self._versions)

    def entry(self, entry_id: EntryId) -> Entry | None:
        """Returns a ledger entry, or None."""
        return find_entry(self._connection, entry_id)

    def subject(self, entry_id: EntryId) -> Subject | None:
        """Returns whom an entry names; None when its identity was erased or never kept."""
        return self._appender.subject(self._connection, entry_id)

    def outcomes(self, attempt_id: EntryId) -> frozenset[AttemptOutcome]:
        """Returns what was reported of an attempt."""
        return find_outcomes(self._connection, attempt_id)

    def lock(self, name: bytes) -> None:
        """Waits until no other transaction holds the lock of this name; held until the end."""
        run(self._connection.connection, (_LOCK, [name]))

    def standing(self, controller: ControllerId, points: Sequence[Digested]) -> Standing:
        """Returns what stands, this transaction's own writes included."""
        return read_within(
            self._connection.connection,
            controller,
            points,
            digests=self._digests,
            incarnation=self._incarnation,
            limit=self._standing_rows,
        )

    def partner(self, controller: ControllerId, partner_id: PartnerId) -> Partner | None:
        """Returns a partner, or None."""
        return find_partner(self._connection, controller, partner_id)

    def save_partner(self, partner: Partner, *, recorded_at_us: int) -> None:
        """Stores a partner as it now is, and keeps what it was."""
        save_partner(self._connection, partner, recorded_at_us=recorded_at_us)

    def refuse_leads(self, refused: Sequence[RefusedLead]) -> None:
        """Stores that leads were refused, and nothing of whom they named."""
        refuse_leads(self._connection, refused)

    def keep_links(
        self,
        controller: ControllerId,
        people: Sequence[LinkedPerson],
        *,
        created_at_us: int,
    ) -> list[LinkId]:
        """Returns the link of each person, made where there is none."""
        self.lock(_LINKS_LOCK + controller.encode())
        connection = self._connection.connection
        refs = self._appender.refs(connection, [each.points for each in people], self._versions)
        named = list(zip(refs, (each.kinds for each in people), strict=True))
        return keep_links(connection, controller, named, created_at_us=created_at_us)

    def said_before(
        self, link_id: LinkId, opt_out: OptOut, *, source: Source, since_us: int
    ) -> Said | None:
        """Returns the last entry by which this link says just this, if it says it still."""
        connection = self._connection.connection
        return said_before(connection, link_id, opt_out, source=source, since_us=since_us)

    def last_permission_us(self, link_id: LinkId) -> int | None:
        """Returns the latest instant at which anything permits on the link's contact points."""
        return last_permission_us(self._connection.connection, link_id)
