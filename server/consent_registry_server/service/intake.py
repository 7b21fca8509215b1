"""Writes of what people said: consents, withdrawals, do-not-contact requests, objections, lifts.

Every write is one transaction and idempotent by its request id; the checks that need no database
come first, so that what can never be stored never opens one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.entry import NewEntry, earliest_us
from consent_registry_server.domain.errors import (
    InvalidRequest,
    NotFound,
    PreconditionFailed,
)
from consent_registry_server.domain.intake import (
    check_consent,
    check_lift,
    is_proven,
    lifts_opt_outs,
    reach,
)
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import GROUP, EntryId, EntryKind
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    EntryIds,
    Ledger,
    PolicySource,
    PreparedEntry,
    Recorded,
    Transaction,
)
from consent_registry_server.service.preparation import (
    KeptPoints,
    Write,
    prepare,
    strict_points,
    suppression_points,
)
from consent_registry_server.service.questions import (
    NO_SUBJECT,
    home_of,
    require_controller,
    require_purpose,
)


class Intake:
    """Records entries. Every method may be repeated with the same `Write` and answers the same.

    All raise NotFound for an unknown controller, InvalidRequest for an unknown purpose or an
    unusable contact point, AlreadyExists for a reused request id, and Unavailable or
    DeadlineExceeded when nothing is known to be stored: repeat with the same request id.
    """

    def __init__(
        self,
        ledger: Ledger,
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

    def record_consent(self, write: Write, new: NewEntry, *, deadline: Deadline) -> Recorded:
        """Records a consent; the details say whether it is `proven`.

        Raises:
            PreconditionFailed: SOURCE_NOT_ALLOWED.
            InvalidRequest: EXPRESSED_IN_FUTURE, and whatever else can never be a consent.
        """
        proven = is_proven(new.expression, new.evidence)
        lifts = proven and lifts_opt_outs(new.expression, new.evidence)
        new = replace(new, proven=proven, lifts_opt_outs=lifts)
        check_consent(new)
        policy = self._known(new)
        _refuse_service(new, policy)
        prepared = self._prepared(new, strict_points(new, self._digester), policy)
        return self._append(write, prepared, {"proven": prepared.new.proven}, deadline=deadline)

    def add_opt_out(self, write: Write, new: NewEntry, *, deadline: Deadline) -> Recorded:
        """Records a do-not-contact request or a withdrawal.

        The details tell `unenforceable_channels`, `indirect_channels` and `kept_by_digits`.
        """
        policy = self._known(new)
        subject = new.subject
        named = new.kind is EntryKind.DO_NOT_CONTACT and bool(subject.name)
        if not (named or subject.contact_points or subject.customer_number):
            message = "name the person by a contact point or a customer number"
            raise InvalidRequest("MISSING_FIELD", message, field="subject")
        points = suppression_points(
            new.subject, self._digester, home=home_of(new.controller, policy)
        )
        unenforceable, indirect = reach(points.kinds, new.channels)
        if points.by_digits:
            # Digits may match, so such a request is not beyond reach, only not certain of it.
            indirect, unenforceable = tuple(sorted({*indirect, *unenforceable})), ()
        details = {
            "unenforceable_channels": [int(channel) for channel in unenforceable],
            "indirect_channels": [int(channel) for channel in indirect],
            "kept_by_digits": list(points.by_digits),
        }
        prepared = self._prepared(new, points, policy)
        return self._append(write, prepared, details, deadline=deadline)

    def object_to_recording(self, write: Write, new: NewEntry, *, deadline: Deadline) -> Recorded:
        """Records an objection to call recording; the details tell `kept_by_digits`."""
        policy = self._known(new)
        points = suppression_points(
            new.subject, self._digester, home=home_of(new.controller, policy)
        )
        _require_caller_key(points)
        details = {"kept_by_digits": list(points.by_digits)}
        prepared = self._prepared(new, points, policy)
        return self._append(write, prepared, details, deadline=deadline)

    def lift_recording_objection(
        self, write: Write, new: NewEntry, *, deadline: Deadline
    ) -> Recorded:
        """Lifts recording objections on the named contact points.

        Raises:
            PreconditionFailed: SOURCE_NOT_ALLOWED.
            InvalidRequest: EVIDENCE_REQUIRED.
        """
        policy = self._known(new)
        check_lift(new)
        points = strict_points(new, self._digester)
        _require_caller_key(points)
        prepared = self._prepared(new, points, policy)
        return self._append(write, prepared, {}, deadline=deadline)

    def lift_do_not_contact(
        self, write: Write, new: NewEntry, lifted: EntryId, *, deadline: Deadline
    ) -> Recorded:
        """Lifts one do-not-contact entry of the same controller.

        Raises:
            NotFound: UNKNOWN_ENTRY.
            PreconditionFailed: ENTRY_NOT_LIFTABLE, LIFT_BEFORE_ENTRY, SOURCE_NOT_ALLOWED.
            InvalidRequest: EVIDENCE_REQUIRED.
        """
        policy = self._known(new)
        check_lift(new)
        new = replace(new, subject=NO_SUBJECT, lifts_entry_id=lifted)
        prepared = self._prepared(new, strict_points(new, self._digester), policy)

        def check(transaction: Transaction, lift: PreparedEntry) -> None:
            _check_liftable(transaction, lift, lifted)

        return self._append(write, prepared, {}, deadline=deadline, check=check)

    def _known(self, new: NewEntry) -> Policy:
        policy = self._policy()
        if new.controller != GROUP:
            require_controller(policy, new.controller)
        for purpose in new.purposes or ():
            require_purpose(policy, purpose, field_path="purposes")
        return policy

    def _prepared(self, new: NewEntry, points: KeptPoints, policy: Policy) -> PreparedEntry:
        now_us = self._clock()
        return prepare(new, points, policy=policy, entry_ids=self._entry_ids, now_us=now_us)

    def _append(
        self,
        write: Write,
        prepared: PreparedEntry,
        details: dict[str, Any],
        *,
        deadline: Deadline,
        check: Callable[[Transaction, PreparedEntry], None] | None = None,
    ) -> Recorded:
        def work(transaction: Transaction) -> dict[str, Any]:
            if check is not None:
                check(transaction, prepared)
            transaction.append([prepared])
            return {"entry_id": str(prepared.entry_id), **details}

        key = write.key(self._digester)
        return self._ledger.write(key, prepared.recorded_at_us, work, deadline=deadline)


def _refuse_service(new: NewEntry, policy: Policy) -> None:
    if any(not policy.purposes[purpose].is_marketing for purpose in new.purposes or ()):
        message = "this purpose is no marketing; it needs no consent"
        raise InvalidRequest("INVALID_FIELD", message, field="purposes")


def _require_caller_key(points: KeptPoints) -> None:
    """A recording entry must be findable by what is known of a caller; an address is not."""
    if not points.by_digits and not any(_identifies_caller(kind) for kind in points.kinds):
        message = "name the person by a number, an email address, a handle or a customer number"
        raise InvalidRequest("MISSING_FIELD", message, field="subject")


def _identifies_caller(kind: ContactKind) -> bool:
    return kind is not ContactKind.ADDRESS


def _check_liftable(transaction: Transaction, lift: PreparedEntry, lifted: EntryId) -> None:
    entry = transaction.entry(lifted)
    if entry is None or entry.controller != lift.new.controller:
        message = "the controller has no such entry"
        raise NotFound("UNKNOWN_ENTRY", message, field="entry_id")
    if entry.kind is not EntryKind.DO_NOT_CONTACT:
        message = "only a do-not-contact entry can be lifted"
        raise PreconditionFailed("ENTRY_NOT_LIFTABLE", message, field="entry_id")
    said_at_us = earliest_us(entry.expression)
    if said_at_us is not None and lift.counts_at_us < said_at_us:
        message = "the lift was expressed before the entry"
        raise PreconditionFailed("LIFT_BEFORE_ENTRY", message, field="expression.expressed_at")
