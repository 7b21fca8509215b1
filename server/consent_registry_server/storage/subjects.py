"""What the data-protection officer may do, and see, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection

from consent_registry_server.domain.entry import Identity
from consent_registry_server.domain.vocabulary import ControllerId, EntryId, RightsRequestOutcome
from consent_registry_server.service.ports import Deadline, Digested, Page
from consent_registry_server.service.subject_ports import (
    Access,
    FoundEntry,
    NewAccess,
    RightsNote,
    RightsRequest,
    RightsRequestCount,
    RightsRequestState,
    TakenDown,
)
from consent_registry_server.storage.access_trail import list_accesses, record_access
from consent_registry_server.storage.erasure import end_identities
from consent_registry_server.storage.found_entries import (
    find_entries_about,
    find_with_state,
    open_identities,
)
from consent_registry_server.storage.reseal import reseal_identity
from consent_registry_server.storage.rights_requests import (
    RightsRequests,
    count_rights_requests,
    list_rights_requests,
)
from consent_registry_server.storage.session import Database
from consent_registry_server.storage.transaction import PostgresTransaction
from consent_registry_server.storage.vault import Vault

_RIGHTS_REQUEST_LOCK = b"rights request\0"


class PostgresSubjectTransaction(PostgresTransaction):
    """What a transaction of the data-protection officer may do; see `SubjectTransaction`."""

    def __init__(
        self,
        connection: Connection,
        *,
        vault: Vault,
        new_id: Callable[[], UUID] = uuid4,
        **others: Any,  # noqa: ANN401 - those of the transaction it extends
    ) -> None:
        super().__init__(connection, **others)
        self._vault = vault
        self._new_id = new_id
        self._rights_requests = RightsRequests(connection, vault, new_id=new_id)

    def entries_about(
        self, controller: ControllerId, points: Sequence[Digested], *, limit: int
    ) -> list[FoundEntry]:
        """Returns the controller's own entries about a person, the newest recorded first.

        On a tie by entry id.
        """
        return find_entries_about(
            self._connection, controller, points, digests=self._digests, limit=limit
        )

    def found(self, controller: ControllerId, entry_id: EntryId) -> FoundEntry | None:
        """Returns an entry of the controller with the state of its identity, or None."""
        return find_with_state(self._connection, controller, entry_id)

    def identities(self, entry_ids: Sequence[EntryId]) -> dict[EntryId, Identity]:
        """Opens the vault for some entries; those without identity are left out."""
        return open_identities(self._connection, self._vault, entry_ids)

    def end_identities(self, entry_ids: Sequence[EntryId]) -> None:
        """Takes identities out of the vault, and lets go of whom only they told."""
        end_identities(self._connection, entry_ids)

    def keep_identity(self, entry_id: EntryId, *, until: date, is_held: bool) -> None:
        """Seals an identity anew for another term."""
        reseal_identity(self._connection, self._vault, entry_id, until=until, is_held=is_held)

    def record_access(self, access: NewAccess) -> None:
        """Appends to the access trail, one row an entry; without entries, one row."""
        record_access(self._connection, self._vault, access, new_id=self._new_id)

    def add_rights_request(self, request: RightsRequest, note: RightsNote) -> None:
        """Stores a new rights request."""
        self._rights_requests.add(request, note)

    def rights_request(
        self, controller: ControllerId, rights_request_id: UUID
    ) -> RightsRequest | None:
        """Returns a rights request as it now is, locked until the end, or None.

        A lock by its name, because nothing may lock, as nothing may change, the row itself.
        """
        self.lock(_RIGHTS_REQUEST_LOCK + rights_request_id.bytes)
        # A statement of its own: it sees what was committed while this one waited.
        return self._rights_requests.find(controller, rights_request_id)

    def rights_notes(self, rights_request_id: UUID) -> list[TakenDown]:
        """Opens what was said of a request, in its order; what is gone is left out."""
        return self._rights_requests.notes(rights_request_id)

    def delay_rights_request(
        self, rights_request_id: UUID, *, delayed_at_us: int, due_on: date, note: RightsNote
    ) -> None:
        """Stores that a delay was announced; once a request."""
        self._rights_requests.delay(
            rights_request_id, delayed_at_us=delayed_at_us, due_on=due_on, note=note
        )

    def close_rights_request(
        self,
        rights_request_id: UUID,
        outcome: RightsRequestOutcome,
        *,
        closed_at_us: int,
        note: RightsNote,
    ) -> None:
        """Stores how a request ended; once a request."""
        self._rights_requests.close(
            rights_request_id, outcome, closed_at_us=closed_at_us, note=note
        )


class PostgresSubjectHistory:
    """Lists for the data-protection officer; see `SubjectHistory`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def accesses(
        self,
        controller: ControllerId,
        page: Page,
        *,
        entry_id: EntryId | None = None,
        deadline: Deadline,
    ) -> list[Access]:
        """Returns a page of the access trail, the newest first; on a tie the greatest id."""
        with self._database.transaction(deadline) as connection:
            return list_accesses(connection, self._vault, controller, page, entry_id=entry_id)

    def rights_requests(
        self,
        controller: ControllerId,
        page: Page,
        *,
        today: date,
        which: RightsRequestState,
        deadline: Deadline,
    ) -> list[RightsRequest]:
        """Returns a page of the rights requests, those due first; on a tie by id."""
        with self._database.transaction(deadline) as connection:
            return list_rights_requests(connection, controller, page, today=today, which=which)

    def rights_request_counts(self, today: date, *, deadline: Deadline) -> list[RightsRequestCount]:
        """Returns how many rights requests of each controller are open, and overdue."""
        with self._database.transaction(deadline) as connection:
            return count_rights_requests(connection, today)
