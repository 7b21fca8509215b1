"""Contact attempts: granted and counted in one step, and what became of them.

Reservations of one controller on one target take place one after the other, so that each sees all
those before it. Whatever spelling the target has, they wait for each other, by the digest of its
exact form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.entry import (
    AttemptReport,
    Entry,
    Evidence,
    Expression,
    NewEntry,
)
from consent_registry_server.domain.errors import InvalidRequest, NotFound, PreconditionFailed
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    Source,
    Verdict,
)
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    EntryIds,
    History,
    Ledger,
    PolicySource,
    PreparedEntry,
    Recorded,
    Transaction,
)
from consent_registry_server.service.preparation import NO_POINTS, Write, prepare, strict_points
from consent_registry_server.service.questions import (
    NO_SUBJECT,
    AskedContact,
    Resolved,
    Scope,
    facts_of,
    require_controller,
    require_purpose,
    resolve,
)
from consent_registry_server.service.reservation import Reservation, from_details, to_details

RESERVED_FOR_US: Final = 15 * 60 * 1_000_000
"""How long an attempt may be made after it was granted, where the answer holds that long."""

COUNTED: Final = {
    Channel.VOICE_CALL: Source.CALL_CENTRE,
    Channel.AUTOMATED_CALL: Source.CALL_CENTRE,
    Channel.DOOR_TO_DOOR: Source.DOORSTEP,
}
"""The channels on which attempts are counted, and where they are made."""

DecisionIds = Callable[[], UUID]
"""Returns a new random id."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation as it was stored, and the state of the registry with it."""

    reservation: Reservation
    revision: str


class Attempts:
    """Grants contact attempts and takes reports on them.

    Both methods may be repeated with the same `Write` and answer the same. Both raise NotFound for
    an unknown controller, AlreadyExists for a reused request id, and Unavailable or
    DeadlineExceeded when nothing is known to be stored: do not contact.
    """

    def __init__(
        self,
        ledger: Ledger,
        digester: Digester,
        *,
        history: History,
        policy: PolicySource,
        clock: Clock,
        entry_ids: EntryIds,
        decision_ids: DecisionIds,
    ) -> None:
        self._ledger = ledger
        self._digester = digester
        self._history = history
        self._policy = policy
        self._clock = clock
        self._entry_ids = entry_ids
        self._decision_ids = decision_ids

    def reserve(self, write: Write, asked: AskedContact, *, deadline: Deadline) -> Reserved:
        """Decides for this very moment and, if the answer is ALLOW, counts the attempt.

        Raises:
            InvalidRequest: CHANNEL_NOT_COUNTED, UNKNOWN_PURPOSE.
            PreconditionFailed: OUTCOME_REPORTED, when a repeated request was granted an attempt of
                which it was reported since what became of it.
            LimitExceeded: there is no answer; do not contact.
        """
        policy = self._policy()
        _require_counted(asked.scope, policy)
        resolved = resolve(asked, policy, self._digester)

        def work(transaction: Transaction) -> dict[str, Any]:
            for look in resolved.looks:
                if look.is_target:
                    transaction.lock(_lock_name(asked.scope.controller, look.exact))
            return to_details(self._decide(transaction, asked, resolved, policy))

        key = write.key(self._digester)
        recorded = self._ledger.write(key, self._clock(), work, deadline=deadline)
        reserved = Reserved(from_details(recorded.details), recorded.revision)
        self._require_open(reserved.reservation, deadline)
        return reserved

    def _require_open(self, reservation: Reservation, deadline: Deadline) -> None:
        """Refuses the first answer again to whoever has used the attempt, or given it back."""
        attempt_id = reservation.attempt_id
        if attempt_id is not None and self._history.outcomes(attempt_id, deadline=deadline):
            message = "the attempt was reported on; reserve another one with a new request id"
            raise PreconditionFailed("OUTCOME_REPORTED", message, field="request_id")

    def report(
        self, write: Write, controller: ControllerId, report: AttemptReport, *, deadline: Deadline
    ) -> Recorded:
        """Records an outcome; the details tell `entry_id`, and `opt_out_entry_id` of a refusal.

        Every report that is taken is an entry of its own and every refusal an opt-out of its own,
        so one that is repeated under another request id does no harm.

        Raises:
            NotFound: UNKNOWN_ATTEMPT.
            PreconditionFailed: OUTCOME_REPORTED.
        """
        policy = self._policy()
        require_controller(policy, controller)
        now_us = self._clock()

        def work(transaction: Transaction) -> dict[str, Any]:
            attempt_id = report.attempt_id
            # Of two reports at once the second must see the first.
            transaction.lock(b"attempt outcome\0" + attempt_id.bytes)
            attempt = _reserved(transaction, attempt_id, controller)
            _require_compatible(report.outcome, transaction.outcomes(attempt_id))
            outcome = self._outcome(report, attempt, policy, now_us=now_us)
            transaction.append([outcome])
            details = {"entry_id": str(outcome.entry_id)}
            if report.outcome is AttemptOutcome.REFUSED:
                opt_out = self._opt_out(transaction, attempt, policy, now_us=now_us)
                transaction.append([opt_out])
                details["opt_out_entry_id"] = str(opt_out.entry_id)
            return details

        return self._ledger.write(write.key(self._digester), now_us, work, deadline=deadline)

    def _decide(
        self, transaction: Transaction, asked: AskedContact, resolved: Resolved, policy: Policy
    ) -> Reservation:
        """Decides under the lock on the target, and appends the attempt if it is granted."""
        # Under the lock only, so that the instants of the grants have the order of the grants.
        now_us = self._clock()
        rows = transaction.standing(asked.scope.controller, resolved.looks).rows
        decision = decide(resolved.question(now_us), facts_of(rows, resolved.looks), policy)
        decision_id = self._decision_ids()
        if decision.verdict is not Verdict.ALLOW:
            return Reservation(decision, decision_id, policy.version, now_us)
        expires_at_us = now_us + RESERVED_FOR_US
        if decision.valid_until_us is not None:
            expires_at_us = min(expires_at_us, decision.valid_until_us)
        attempt = self._attempt(asked, policy, now_us=now_us, expires_at_us=expires_at_us)
        transaction.append([attempt])
        return Reservation(
            decision, decision_id, policy.version, now_us, attempt.entry_id, expires_at_us
        )

    def _attempt(
        self, asked: AskedContact, policy: Policy, *, now_us: int, expires_at_us: int
    ) -> PreparedEntry:
        scope = asked.scope
        new = NewEntry(
            kind=EntryKind.CONTACT_ATTEMPT,
            controller=scope.controller,
            expression=Expression(COUNTED[scope.channel], Precision.INSTANT, now_us),
            subject=Subject((asked.target,)),
            evidence=Evidence(),
            channels=scope.channel.mask,
            purposes=frozenset({scope.purpose}),
            expires_at_us=expires_at_us,
        )
        points = strict_points(new, self._digester)
        return prepare(new, points, policy=policy, entry_ids=self._entry_ids, now_us=now_us)

    def _outcome(
        self, report: AttemptReport, attempt: Entry, policy: Policy, *, now_us: int
    ) -> PreparedEntry:
        is_released = report.outcome is AttemptOutcome.RELEASED
        new = NewEntry(
            kind=EntryKind.ATTEMPT_OUTCOME,
            controller=attempt.controller,
            expression=Expression(attempt.expression.source, Precision.INSTANT, now_us),
            subject=NO_SUBJECT,
            evidence=Evidence(),
            channels=attempt.channels,
            purposes=attempt.purposes,
            lifts_entry_id=attempt.entry_id if is_released else None,
            attempt=report,
        )
        return prepare(new, NO_POINTS, policy=policy, entry_ids=self._entry_ids, now_us=now_us)

    def _opt_out(
        self, transaction: Transaction, attempt: Entry, policy: Policy, *, now_us: int
    ) -> PreparedEntry:
        source = attempt.expression.source
        channel = Channel.DOOR_TO_DOOR if source is Source.DOORSTEP else Channel.VOICE_CALL
        new = NewEntry(
            kind=EntryKind.DO_NOT_CONTACT,
            controller=attempt.controller,
            expression=Expression(source, Precision.INSTANT, now_us),
            # Whom the attempt was for is forgotten in time. What it was matched by is not, so that
            # even then the refusal is kept.
            subject=transaction.subject(attempt.entry_id) or NO_SUBJECT,
            evidence=Evidence(),
            channels=channel.mask,
        )
        prepared = prepare(new, NO_POINTS, policy=policy, entry_ids=self._entry_ids, now_us=now_us)
        return replace(prepared, names_as=attempt.entry_id)


def _lock_name(controller: ControllerId, exact_digest: bytes) -> bytes:
    return b"attempts\0" + controller.encode() + b"\0" + exact_digest


def _require_counted(scope: Scope, policy: Policy) -> None:
    require_controller(policy, scope.controller)
    require_purpose(policy, scope.purpose)
    if scope.channel not in COUNTED:
        message = "attempts are counted for calls and visits only"
        raise InvalidRequest("CHANNEL_NOT_COUNTED", message, field="channel")
    if not policy.purposes[scope.purpose].is_marketing:
        message = "this purpose is no marketing; nothing limits its attempts"
        raise InvalidRequest("CHANNEL_NOT_COUNTED", message, field="purpose")


def _reserved(transaction: Transaction, attempt_id: EntryId, controller: ControllerId) -> Entry:
    attempt = transaction.entry(attempt_id)
    if (
        attempt is None
        or attempt.kind is not EntryKind.CONTACT_ATTEMPT
        or attempt.controller != controller
    ):
        message = "the controller has reserved no such attempt"
        raise NotFound("UNKNOWN_ATTEMPT", message, field="attempt_id")
    return attempt


def _require_compatible(outcome: AttemptOutcome, reported: frozenset[AttemptOutcome]) -> None:
    """Lets a refusal pass always, for it is an opt-out; all else only if it says nothing new."""
    if outcome is AttemptOutcome.REFUSED or not reported or outcome in reported:
        return
    message = "another outcome of this attempt was reported before"
    raise PreconditionFailed("OUTCOME_REPORTED", message, field="outcome")
