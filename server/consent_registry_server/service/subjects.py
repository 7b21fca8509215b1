"""What the data-protection officer changes: rectification, erasure, restriction, retention.

Every write is one transaction and idempotent by its request id, and leaves its trace in the access
trail within the same transaction. Nothing in the ledger is ever changed: each of them adds entries.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, Final

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.errors import InvalidRequest, NotFound, PreconditionFailed
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    ControllerId,
    EntryId,
    EntryKind,
    HoldChange,
    IdentityState,
    RestrictionGround,
)
from consent_registry_server.service.person_entries import sought
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    EntryIds,
    PolicySource,
    Recorded,
)
from consent_registry_server.service.preparation import Write, prepare, suppression_points
from consent_registry_server.service.subject_entries import Officer
from consent_registry_server.service.subject_erasure import erase
from consent_registry_server.service.subject_points import AnyPoint
from consent_registry_server.service.subject_ports import (
    Accessor,
    FoundEntry,
    SubjectLedger,
    SubjectTransaction,
)
from consent_registry_server.service.subject_rectification import Correction, rectify

LONGEST_KEPT_MONTHS: Final = 1_200
"""No identity is kept for longer than a hundred years from today."""

EARLIEST_US: Final = 631_152_000_000_000
"""1990: no time before it is taken for meant."""

_GROUNDS: Final = {
    RestrictionGround.ACCURACY_CONTESTED: "GDPR art. 18(1)(a)",
    RestrictionGround.UNLAWFUL: "GDPR art. 18(1)(b)",
    RestrictionGround.LEGAL_CLAIM: "GDPR art. 18(1)(c)",
    RestrictionGround.OBJECTION_PENDING: "GDPR art. 18(1)(d)",
}


class Subjects:
    """Changes what is held about people. Repeating one with the same `Write` answers the same.

    All raise NotFound for an unknown controller, AlreadyExists for a reused request id, and
    Unavailable or DeadlineExceeded when nothing is known to be stored: repeat with the same id.
    """

    def __init__(
        self,
        ledger: SubjectLedger,
        digester: Digester,
        *,
        policy: PolicySource,
        clock: Clock,
        entry_ids: EntryIds,
    ) -> None:
        self._ledger = ledger
        self._digester = digester
        self._policy = policy
        self._clock = clock
        self._entry_ids = entry_ids

    def rectify(
        self,
        write: Write,
        controller: ControllerId,
        wrong: AnyPoint,
        corrected: AnyPoint,
        by: Accessor,
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Corrects a contact point or customer number in every entry that names it.

        The details hold `entries`: of each restated one its `entry_id` and `restated_entry_id`. A
        restated consent lifts no opt-out, and is unproven where what denies the wrong one stays
        behind (ADR 0014).

        Raises:
            InvalidRequest: CONTRADICTION; INVALID_CONTACT_POINT.
            NotFound: UNKNOWN_SUBJECT.
            LimitExceeded: TOO_MANY_ENTRIES.
        """
        officer = self._officer(controller, by)
        correction = Correction.of(wrong, corrected, officer)

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            return rectify(transaction, officer, correction)

        return self._ledger.write(
            write.key(self._digester), officer.now_us, work, deadline=deadline
        )

    def erase(
        self,
        write: Write,
        controller: ControllerId,
        subject: Subject,
        by: Accessor,
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Erases a person, by any of the contact points and the customer number given.

        The details hold `entries`: of each its `entry_id`, `kind`, `outcome` and `citation`.

        Raises:
            InvalidRequest: MISSING_FIELD; INVALID_CONTACT_POINT.
            NotFound: UNKNOWN_SUBJECT.
            LimitExceeded: TOO_MANY_ENTRIES.
        """
        officer = self._officer(controller, by)
        person = sought(controller, subject, officer.policy, self._digester)

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            return erase(transaction, officer, person)

        return self._ledger.write(
            write.key(self._digester), officer.now_us, work, deadline=deadline
        )

    def restrict(
        self,
        write: Write,
        new: NewEntry,
        ground: RestrictionGround,
        by: Accessor,
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Restricts the processing of a person's data, as widely as an opt-out matches.

        The details hold the `entry_id` and `kept_by_digits`. The ground is kept with the identity.

        Raises:
            InvalidRequest: MISSING_FIELD; INVALID_CONTACT_POINT.
        """
        officer = self._officer(new.controller, by)
        _require_person(new.subject)
        note = f"{_GROUNDS[ground]}\n{new.evidence.note}".rstrip()
        new = replace(new, evidence=replace(new.evidence, note=note))
        points = suppression_points(new.subject, self._digester, home=officer.home)
        restriction = prepare(
            new,
            points,
            policy=officer.policy,
            entry_ids=self._entry_ids,
            now_us=officer.now_us,
        )

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            transaction.append([restriction])
            officer.record_access(
                transaction,
                AccessOperation.RESTRICT_PROCESSING,
                [restriction.entry_id],
                details=_GROUNDS[ground],
            )
            return {
                "entry_id": str(restriction.entry_id),
                "kept_by_digits": list(points.by_digits),
            }

        return self._ledger.write(
            write.key(self._digester), officer.now_us, work, deadline=deadline
        )

    def lift_restriction(
        self,
        write: Write,
        controller: ControllerId,
        entry_id: EntryId,
        by: Accessor,
        *,
        informed_at_us: int,
        deadline: Deadline,
    ) -> Recorded:
        """Lifts one restriction of the controller; the details hold the `entry_id` of the lift.

        `informed_at_us` is when the person was told that it would be lifted (art. 18(3)).

        Raises:
            InvalidRequest: INVALID_FIELD, INVALID_TIMESTAMP, for a time that cannot be.
            NotFound: UNKNOWN_ENTRY.
            PreconditionFailed: ENTRY_NOT_LIFTABLE.
        """
        officer = self._officer(controller, by)
        _require_past(informed_at_us, officer.now_us)

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            officer.lock(transaction)
            lifted = _found(transaction, officer, entry_id)
            if lifted.entry.kind is not EntryKind.RESTRICTION:
                message = "only a restriction can be lifted so"
                raise PreconditionFailed("ENTRY_NOT_LIFTABLE", message, field="entry_id")
            lift = officer.statement(EntryKind.RESTRICTION_LIFT, None, lifts=entry_id)
            transaction.append([lift])
            officer.record_access(
                transaction,
                AccessOperation.LIFT_RESTRICTION,
                [entry_id],
                details=f"the subject was informed at {from_us(informed_at_us).isoformat()}",
            )
            return {"entry_id": str(lift.entry_id)}

        return self._ledger.write(
            write.key(self._digester), officer.now_us, work, deadline=deadline
        )

    def set_retention(
        self,
        write: Write,
        controller: ControllerId,
        entry_id: EntryId,
        change: date | HoldChange,
        by: Accessor,
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Changes the last day on which an identity is kept, or places or lifts a hold on it.

        The details hold the `entry_id` of what says so, `identity_expires_on` and `held`. A hold
        that is there, or is not, is placed or lifted once more without effect.

        Raises:
            InvalidRequest: INVALID_DAY, before today or in more than a hundred years.
            NotFound: UNKNOWN_ENTRY.
            PreconditionFailed: IDENTITY_GONE.
        """
        officer = self._officer(controller, by)
        if not isinstance(change, HoldChange):
            _require_keepable(change, officer.today)

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            officer.lock(transaction)
            return _keep(transaction, officer, _found(transaction, officer, entry_id), change)

        return self._ledger.write(
            write.key(self._digester), officer.now_us, work, deadline=deadline
        )

    def _officer(self, controller: ControllerId, by: Accessor) -> Officer:
        officer = Officer(
            controller, by, self._policy(), self._clock(), self._digester, self._entry_ids
        )
        officer.require_controller()
        return officer


def _require_person(subject: Subject) -> None:
    if not (subject.contact_points or subject.customer_number):
        message = "name the person by a contact point or a customer number"
        raise InvalidRequest("MISSING_FIELD", message, field="subject")


def _require_past(informed_at_us: int, now_us: int) -> None:
    field_path = "subject_informed_at"
    if informed_at_us > now_us:
        message = "must not be in the future"
        raise InvalidRequest("INVALID_FIELD", message, field=field_path)
    if informed_at_us < EARLIEST_US:
        message = "must not be before 1990"
        raise InvalidRequest("INVALID_TIMESTAMP", message, field=field_path)


def _require_keepable(until: date, today: date) -> None:
    if not today <= until <= last_day(today, LONGEST_KEPT_MONTHS):
        message = "an identity is kept until today at the earliest, and for a hundred years at most"
        raise InvalidRequest("INVALID_DAY", message, field="keep_until")


def _found(transaction: SubjectTransaction, officer: Officer, entry_id: EntryId) -> FoundEntry:
    found = transaction.found(officer.controller, entry_id)
    if found is None:
        message = "the controller has no such entry"
        raise NotFound("UNKNOWN_ENTRY", message, field="entry_id")
    return found


def _keep(
    transaction: SubjectTransaction,
    officer: Officer,
    found: FoundEntry,
    change: date | HoldChange,
) -> dict[str, Any]:
    """Changes for how long an identity is kept, under the lock; the details of the answer."""
    entry_id, expires_on = found.entry.entry_id, found.expires_on
    if found.identity_state is not IdentityState.KEPT or expires_on is None:
        message = "there is no identity to keep"
        raise PreconditionFailed("IDENTITY_GONE", message, field="entry_id")
    is_held = found.is_held
    if isinstance(change, HoldChange):
        is_placed = change is HoldChange.PLACE
        kind = EntryKind.HOLD_PLACED if is_placed else EntryKind.HOLD_LIFTED
        told_by = officer.statement(kind, entry_id)
        # What expired meanwhile goes with the next expiry; no key of a month gone by seals it.
        until, will_be_held = max(expires_on, officer.today), is_placed
    else:
        told_by = officer.statement(EntryKind.RETENTION_SET, entry_id, keep_until=change)
        until, will_be_held = change, is_held
    is_changed = not isinstance(change, HoldChange) or will_be_held is not is_held
    transaction.append([told_by])
    if is_changed:
        transaction.keep_identity(entry_id, until=until, is_held=will_be_held)
    officer.record_access(transaction, AccessOperation.SET_RETENTION, [entry_id])
    return {
        "entry_id": str(told_by.entry_id),
        "identity_expires_on": (until if is_changed else expires_on).isoformat(),
        "held": will_be_held,
    }
