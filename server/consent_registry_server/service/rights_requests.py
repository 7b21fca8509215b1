"""What people ask under GDPR articles 15 to 21, and whether it is answered in time.

An answer is due 30 days after the request was received (art. 12(3)); where that cannot be, the
person is told so by then, with the reason and a later day. Days are those of the controller's
country.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.errors import InvalidRequest, NotFound, PreconditionFailed
from consent_registry_server.domain.identity_expiry import day_of
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    ControllerId,
    RightsRequestKind,
    RightsRequestOutcome,
)
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    Page,
    PolicySource,
)
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.questions import require_controller
from consent_registry_server.service.subject_ports import (
    Accessor,
    NewAccess,
    RightsNote,
    RightsRequest,
    RightsRequestCount,
    RightsRequestState,
    SubjectHistory,
    SubjectLedger,
    SubjectTransaction,
    TakenDown,
)
from consent_registry_server.service.subject_reading import require_reason

DUE_DAYS: Final = 30
LATEST_DAYS: Final = 90
"""After the receipt, when a delay was announced."""
RECEIVED_WITHIN_DAYS: Final = 366
"""How long ago a request that is taken down may have been received."""

_FULFILLED: Final = frozenset(
    {RightsRequestOutcome.FULFILLED, RightsRequestOutcome.PARTLY_FULFILLED}
)
_NOBODY: Final = Subject()
_EXPLAINED: Final = frozenset({RightsRequestOutcome.PARTLY_FULFILLED, RightsRequestOutcome.REFUSED})


class ShownRightsRequest(NamedTuple):
    """A rights request, whom it is of, and what was said of it, the opening first.

    What has expired is left out; `subject` is empty then, as for a person who gave nothing.
    """

    request: RightsRequest
    subject: Subject
    notes: tuple[TakenDown, ...]


class RightsRequests:
    """Takes down rights requests and what becomes of them, and shows whom they are of.

    Every write may be repeated with the same `Write` and answers the same. All raise NotFound for
    an unknown controller (`group` is asked nothing) or rights request, and AlreadyExists for a
    reused request id.
    """

    def __init__(
        self,
        ledger: SubjectLedger,
        history: SubjectHistory,
        digester: Digester,
        *,
        policy: PolicySource,
        clock: Clock,
        ids: Callable[[], UUID],
    ) -> None:
        self._ledger = ledger
        self._history = history
        self._digester = digester
        self._policy = policy
        self._clock = clock
        self._ids = ids

    def open(
        self,
        write: Write,
        controller: ControllerId,
        kind: RightsRequestKind,
        *,
        received_on: date,
        note: RightsNote,
        deadline: Deadline,
    ) -> RightsRequest:
        """Takes down a request.

        Raises:
            InvalidRequest: INVALID_DAY, received in the future or more than
                `RECEIVED_WITHIN_DAYS` ago; MISSING_FIELD, without who takes it down.
        """
        policy = self._policy()
        require_controller(policy, controller)
        _require_actor(note)
        now_us = self._clock()
        today = local_day_of(controller, policy, now_us)
        if not today - timedelta(RECEIVED_WITHIN_DAYS) <= received_on <= today:
            message = "received today at the latest, and at most a year ago"
            raise InvalidRequest("INVALID_DAY", message, field="received_on")
        due_on = received_on + timedelta(DUE_DAYS)
        request = RightsRequest(
            rights_request_id=self._ids(),
            controller=controller,
            kind=kind,
            received_on=received_on,
            first_due_on=due_on,
            due_on=due_on,
            opened_at_us=now_us,
            expires_on=last_day(received_on, policy.retention.rights_request_months),
        )

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            transaction.add_rights_request(request, note)
            return _details(request)

        return self._written(write, now_us, work, deadline)

    def announce_delay(
        self,
        write: Write,
        controller: ControllerId,
        rights_request_id: UUID,
        *,
        due_on: date,
        note: RightsNote,
        deadline: Deadline,
    ) -> RightsRequest:
        """Takes down that the person was told of a delay, and until when.

        Raises:
            PreconditionFailed: DELAY_NOT_ANNOUNCEABLE, when one was announced before, when the
                answer was due before today, and for a day that is no later or later than
                `LATEST_DAYS` after the receipt; RIGHTS_REQUEST_CLOSED.
            InvalidRequest: MISSING_FIELD, without who says it or the reason that was told.
        """
        policy = self._policy()
        require_controller(policy, controller)
        _require_actor(note)
        _require_explanation(note)
        now_us = self._clock()
        today = local_day_of(controller, policy, now_us)

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            request = _open_request(transaction, controller, rights_request_id)
            _require_delayable(request, today, due_on)
            transaction.delay_rights_request(
                rights_request_id, delayed_at_us=now_us, due_on=due_on, note=note
            )
            return _details(replace(request, delayed_at_us=now_us, due_on=due_on))

        return self._written(write, now_us, work, deadline)

    def close(
        self,
        write: Write,
        controller: ControllerId,
        rights_request_id: UUID,
        outcome: RightsRequestOutcome,
        *,
        identity_confirmed: bool,
        note: RightsNote,
        deadline: Deadline,
    ) -> RightsRequest:
        """Takes down how a request ended.

        Raises:
            PreconditionFailed: IDENTITY_NOT_CONFIRMED, when it would be fulfilled for somebody
                whom nobody made sure of, unless it is an objection; RIGHTS_REQUEST_CLOSED.
            InvalidRequest: MISSING_FIELD, without who closes it, or what a person was told of whose
                request not all was done.
        """
        require_controller(self._policy(), controller)
        _require_actor(note)
        if outcome in _EXPLAINED:
            _require_explanation(note)
        now_us = self._clock()

        def work(transaction: SubjectTransaction) -> dict[str, Any]:
            request = _open_request(transaction, controller, rights_request_id)
            if (
                outcome in _FULFILLED
                and not identity_confirmed
                and request.kind is not RightsRequestKind.OBJECTION
            ):
                message = "confirm who asked before the request is fulfilled"
                raise PreconditionFailed(
                    "IDENTITY_NOT_CONFIRMED", message, field="identity_confirmed"
                )
            transaction.close_rights_request(
                rights_request_id, outcome, closed_at_us=now_us, note=note
            )
            return _details(replace(request, closed_at_us=now_us, outcome=outcome))

        return self._written(write, now_us, work, deadline)

    def show(
        self,
        controller: ControllerId,
        rights_request_id: UUID,
        by: Accessor,
        *,
        deadline: Deadline,
    ) -> ShownRightsRequest:
        """Returns a request with whom it is of, and writes who looked to the access trail.

        Raises:
            InvalidRequest: MISSING_FIELD, without who looks, or why.
        """
        require_reason(by)
        policy = self._policy()
        require_controller(policy, controller)
        now_us = self._clock()
        access = NewAccess(
            accessed_at_us=now_us,
            controller=controller,
            caller_id=by.caller_id,
            operation=AccessOperation.SHOW_RIGHTS_REQUEST,
            entry_ids=(),
            actor=by.actor,
            reason=by.reason,
            expires_on=last_day(day_of(now_us), policy.retention.access_months),
            details=f"rights request {rights_request_id}",
        )

        def work(transaction: SubjectTransaction) -> ShownRightsRequest:
            request = _known_request(transaction, controller, rights_request_id)
            notes = transaction.rights_notes(rights_request_id)
            transaction.record_access(access)
            # Whose it is was said at the opening, and is said of no later note.
            subjects = (each.note.subject for each in notes if each.note.subject != _NOBODY)
            return ShownRightsRequest(request, next(subjects, _NOBODY), tuple(notes))

        return self._ledger.transact(work, deadline=deadline)

    def list(
        self,
        controller: ControllerId,
        page: Page,
        which: RightsRequestState,
        *,
        deadline: Deadline,
    ) -> list[RightsRequest]:
        """Returns a page of a controller's requests, those due first.

        `page.after` is `(first_due_on, rights_request_id)` of the last one seen.
        """
        policy = self._policy()
        require_controller(policy, controller)
        today = local_day_of(controller, policy, self._clock())
        return self._history.rights_requests(
            controller, page, today=today, which=which, deadline=deadline
        )

    def is_overdue(self, request: RightsRequest) -> bool:
        """Whether a request is open on a day after the one it was due."""
        today = local_day_of(request.controller, self._policy(), self._clock())
        return request.closed_at_us is None and request.due_on < today

    def counts(self, deadline: Deadline) -> tuple[RightsRequestCount, ...]:
        """Returns how many requests are open, and overdue, for every controller of the policy.

        And for those that it declares no more, as long as they have open ones.
        """
        policy = self._policy()
        now_us = self._clock()
        counts = {each: RightsRequestCount(each, 0, 0) for each in policy.controllers}
        # It is a day later in some countries than in others.
        days = {local_day_of(each, policy, now_us) for each in policy.controllers}
        for day in sorted(days | {day_of(now_us)}):
            for count in self._history.rights_request_counts(day, deadline=deadline):
                if local_day_of(count.controller, policy, now_us) == day:
                    counts[count.controller] = count
        return tuple(counts[each] for each in sorted(counts))

    def _written(
        self,
        write: Write,
        now_us: int,
        work: Callable[[SubjectTransaction], dict[str, Any]],
        deadline: Deadline,
    ) -> RightsRequest:
        key = write.key(self._digester)
        return _request(self._ledger.write(key, now_us, work, deadline=deadline).details)


def local_day_of(controller: ControllerId, policy: Policy, at_us: int) -> date:
    """The day of an instant in the capital of the controller's country; in UTC without one."""
    declared = policy.controllers.get(controller)
    if declared is None:
        return day_of(at_us)
    country = policy.territories.get(declared.country, declared.country)
    zones = policy.time_zones.get(country, ())
    return day_of(at_us, zones[0] if zones else "")


def _known_request(
    transaction: SubjectTransaction, controller: ControllerId, rights_request_id: UUID
) -> RightsRequest:
    request = transaction.rights_request(controller, rights_request_id)
    if request is None:
        message = "the controller has no such rights request"
        raise NotFound("UNKNOWN_RIGHTS_REQUEST", message, field="rights_request_id")
    return request


def _open_request(
    transaction: SubjectTransaction, controller: ControllerId, rights_request_id: UUID
) -> RightsRequest:
    request = _known_request(transaction, controller, rights_request_id)
    if request.closed_at_us is not None:
        message = "the rights request was closed before"
        raise PreconditionFailed("RIGHTS_REQUEST_CLOSED", message, field="rights_request_id")
    return request


def _require_delayable(request: RightsRequest, today: date, due_on: date) -> None:
    latest = request.received_on + timedelta(LATEST_DAYS)
    if request.delayed_at_us is not None:
        message = "a delay is announced once, and one was"
    elif today > request.first_due_on:
        message = "the answer was due before today: a delay is announced before that"
    elif not request.first_due_on < due_on <= latest:
        message = f"the later day is after the first one and {LATEST_DAYS} days after the receipt"
    else:
        return
    raise PreconditionFailed("DELAY_NOT_ANNOUNCEABLE", message, field="due_on")


def _require_actor(note: RightsNote) -> None:
    if not note.actor.strip():
        raise InvalidRequest("MISSING_FIELD", "say who takes it down", field="actor")


def _require_explanation(note: RightsNote) -> None:
    if not note.text.strip():
        raise InvalidRequest("MISSING_FIELD", "say what the person was told", field="explanation")


def _details(request: RightsRequest) -> dict[str, Any]:
    """A request as it is kept for whoever repeats the write."""
    outcome = request.outcome
    return {
        "rights_request_id": str(request.rights_request_id),
        "controller": request.controller,
        "kind": int(request.kind),
        "received_on": request.received_on.isoformat(),
        "first_due_on": request.first_due_on.isoformat(),
        "due_on": request.due_on.isoformat(),
        "opened_at_us": request.opened_at_us,
        "expires_on": request.expires_on.isoformat(),
        "delayed_at_us": request.delayed_at_us,
        "closed_at_us": request.closed_at_us,
        "outcome": None if outcome is None else int(outcome),
    }


def _request(details: dict[str, Any]) -> RightsRequest:
    outcome = details["outcome"]
    return RightsRequest(
        rights_request_id=UUID(details["rights_request_id"]),
        controller=ControllerId(details["controller"]),
        kind=RightsRequestKind(details["kind"]),
        received_on=date.fromisoformat(details["received_on"]),
        first_due_on=date.fromisoformat(details["first_due_on"]),
        due_on=date.fromisoformat(details["due_on"]),
        opened_at_us=details["opened_at_us"],
        expires_on=date.fromisoformat(details["expires_on"]),
        delayed_at_us=details["delayed_at_us"],
        closed_at_us=details["closed_at_us"],
        outcome=None if outcome is None else RightsRequestOutcome(outcome),
    )
