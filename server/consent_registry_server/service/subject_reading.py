"""Shows people's entries with what identifies them, to the data-protection officer and to them.

Whatever is shown of the vault is written to the access trail in the same transaction: an access
that cannot be written shows nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Identity
from consent_registry_server.domain.errors import InvalidRequest, LimitExceeded
from consent_registry_server.domain.identity_expiry import day_of
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    ControllerId,
    EntryId,
    PartnerId,
)
from consent_registry_server.service.consent_record import export_graph
from consent_registry_server.service.person_entries import (
    PersonEntry,
    PersonSought,
    entries_of,
    sought,
)
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    Page,
    Partner,
    PolicySource,
)
from consent_registry_server.service.questions import require_controller
from consent_registry_server.service.redaction import Person, Redacted
from consent_registry_server.service.subject_entries import ENTRIES_OF_A_PERSON, unknown_subject
from consent_registry_server.service.subject_export import Copy, own_part, subject_document
from consent_registry_server.service.subject_ports import (
    Access,
    Accessor,
    FoundEntry,
    NewAccess,
    SubjectHistory,
    SubjectLedger,
    SubjectTransaction,
)

LARGEST_EXPORT_BYTES: Final = 12 * 1024 * 1024
"""Of both documents together; a client takes no answer of more than 16 MiB."""


class ShownEntry(NamedTuple):
    """An entry with the clear identity that is left, and by what of the question it was found.

    `matched_points` are indices into the subject's contact points, sorted.
    """

    found: FoundEntry
    identity: Identity | None
    matched_points: tuple[int, ...]
    matched_customer_number: bool


class Exported(NamedTuple):
    """A copy of everything held about a person: two documents, and of how many entries."""

    json: str
    json_ld: str
    entry_count: int


class SubjectReading:
    """Reads what is held about people, and who did."""

    def __init__(
        self,
        ledger: SubjectLedger,
        history: SubjectHistory,
        digester: Digester,
        *,
        policy: PolicySource,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._digester = digester
        self._policy = policy
        self._clock = clock

    def find(
        self,
        controller: ControllerId,
        subject: Subject,
        page: Page,
        by: Accessor,
        *,
        deadline: Deadline,
    ) -> list[ShownEntry]:
        """Returns a page of a person's entries with their identities, the newest recorded first.

        `page.after` is `(recorded_at_us, entry_id)` of the last one seen. Nobody found: none.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: MISSING_FIELD, or a contact point that nothing can be found by.
            LimitExceeded: TOO_MANY_ENTRIES, of more than `ENTRIES_OF_A_PERSON`.
        """
        require_reason(by)
        policy = self._policy()
        person = sought(controller, subject, policy, self._digester)

        def work(transaction: SubjectTransaction) -> list[ShownEntry]:
            found = _page_of(entries_of(transaction, person, limit=ENTRIES_OF_A_PERSON), page)
            identities = transaction.identities([each.entry.entry_id for each in found])
            access = self._access(AccessOperation.FIND_SUBJECT, controller, by, policy)
            transaction.record_access(access._replace(entry_ids=tuple(identities)))
            return [_shown(each, identities.get(each.entry.entry_id), subject) for each in found]

        return self._ledger.transact(work, deadline=deadline)

    def export(
        self, controller: ControllerId, subject: Subject, by: Accessor, *, deadline: Deadline
    ) -> Exported:
        """Returns a copy of everything held about a person, for the person.

        Raises:
            NotFound: UNKNOWN_SUBJECT, when nothing is; UNKNOWN_CONTROLLER.
            InvalidRequest: MISSING_FIELD, or a contact point that nothing can be found by.
            LimitExceeded: TOO_MANY_ENTRIES, of more than `ENTRIES_OF_A_PERSON`, or of more than
                fit into `LARGEST_EXPORT_BYTES`.
        """
        require_reason(by)
        policy = self._policy()
        person = sought(controller, subject, policy, self._digester)

        def work(transaction: SubjectTransaction) -> Exported | None:
            found = entries_of(transaction, person, limit=ENTRIES_OF_A_PERSON)
            identities = transaction.identities([each.entry.entry_id for each in found])
            access = self._access(AccessOperation.EXPORT_SUBJECT, controller, by, policy)
            transaction.record_access(access._replace(entry_ids=tuple(identities)))
            if not found:
                return None
            partners = _partners(transaction, controller, found)
            copy = Copy(controller, subject, policy, partners, made_at_us=access.accessed_at_us)
            return self._exported(copy, person, found, identities)

        # That somebody was looked for in vain is written down as well; hence no error in there.
        exported = self._ledger.transact(work, deadline=deadline)
        if exported is None:
            raise unknown_subject()
        return exported

    def accesses(
        self,
        controller: ControllerId,
        page: Page,
        *,
        entry_id: EntryId | None = None,
        deadline: Deadline,
    ) -> list[Access]:
        """Returns a page of the access trail, the newest first.

        `page.after` is `(accessed_at_us, access_id)` of the last one seen.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
        """
        if controller != GROUP:
            require_controller(self._policy(), controller)
        return self._history.accesses(controller, page, entry_id=entry_id, deadline=deadline)

    def _exported(
        self,
        copy: Copy,
        sought_by: PersonSought,
        found: Sequence[PersonEntry],
        identities: dict[EntryId, Identity],
    ) -> Exported:
        person = Person(sought_by.points, copy.subject.name, sought_by.home)
        own = own_part(found, identities, person, self._digester)
        document = subject_document(copy, found, own)
        records = [(each.entry, _own_identity(own, each)) for each in found]
        names = {partner_id: each.name for partner_id, each in copy.partners.items()}
        graph = export_graph(records, copy.policy, partner_names=names, at_us=copy.made_at_us)
        exported = Exported(_written(document), _written(graph), len(found))
        if len(exported.json.encode()) + len(exported.json_ld.encode()) > LARGEST_EXPORT_BYTES:
            message = f"the copy would be larger than {LARGEST_EXPORT_BYTES} bytes"
            raise LimitExceeded("TOO_MANY_ENTRIES", message)
        return exported

    def _access(
        self, operation: AccessOperation, controller: ControllerId, by: Accessor, policy: Policy
    ) -> NewAccess:
        """An access now, of no entry yet."""
        now_us = self._clock()
        return NewAccess(
            accessed_at_us=now_us,
            controller=controller,
            caller_id=by.caller_id,
            operation=operation,
            entry_ids=(),
            actor=by.actor,
            reason=by.reason,
            expires_on=last_day(day_of(now_us), policy.retention.access_months),
        )


def require_reason(by: Accessor) -> None:
    """Raises InvalidRequest, MISSING_FIELD unless it is said who does it, and why."""
    for name, text in (("actor", by.actor), ("reason", by.reason)):
        if not text.strip():
            message = "say who looks at clear identities, and why"
            raise InvalidRequest("MISSING_FIELD", message, field=f"access.{name}")


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def _own_identity(own: dict[EntryId, Redacted], each: PersonEntry) -> Identity | None:
    redacted = own.get(each.entry.entry_id)
    return None if redacted is None else redacted.identity


def _page_of(found: Sequence[PersonEntry], page: Page) -> list[PersonEntry]:
    if page.after is not None:
        recorded_at_us, entry_id = page.after
        after = (-recorded_at_us, entry_id)
        found = [
            each for each in found if (-each.entry.recorded_at_us, each.entry.entry_id) > after
        ]
    return list(found[: page.size])


def _shown(each: PersonEntry, identity: Identity | None, subject: Subject) -> ShownEntry:
    customer_number = len(subject.contact_points)
    return ShownEntry(
        each.found,
        identity,
        matched_points=tuple(sorted(each.points - {customer_number})),
        matched_customer_number=customer_number in each.points,
    )


def _partners(
    transaction: SubjectTransaction, controller: ControllerId, found: Sequence[PersonEntry]
) -> dict[PartnerId, Partner]:
    ids = {each.entry.partner_id for each in found if each.entry.partner_id is not None}
    partners = {each: transaction.partner(controller, each) for each in sorted(ids)}
    return {partner_id: each for partner_id, each in partners.items() if each is not None}
