"""Partners, and the leads they bring: consents collected by somebody else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.entry import FUTURE_TOLERANCE_US, Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import InvalidContactPoint, NotFound
from consent_registry_server.domain.identity_expiry import day_of
from consent_registry_server.domain.intake import is_proven
from consent_registry_server.domain.matching import TARGET_KINDS, forms_of
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import (
    ControllerId,
    EntryKind,
    PartnerId,
    Precision,
    PurposeId,
    Reason,
    Source,
    channels_in,
)
from consent_registry_server.service.ports import (
    Clock,
    Deadline,
    Digester,
    EntryIds,
    Ledger,
    Partner,
    PolicySource,
    PreparedEntry,
    Recorded,
    StandingRow,
    Transaction,
)
from consent_registry_server.service.ports import RefusedLead as KeptRefusal
from consent_registry_server.service.preparation import Write, prepare, strict_points
from consent_registry_server.service.questions import (
    AskedContact,
    Scope,
    facts_of,
    require_controller,
    require_purpose,
    resolve,
)

_BLOCKING: Final = frozenset(
    {Reason.OBJECTION, Reason.WITHDRAWN, Reason.RESTRICTED, Reason.UNIT_UNCLEAR}
)


class LeadOutcome(IntEnum):
    """What became of a lead; the numbers are the contract's."""

    ACCEPTED = 1
    BLOCKED = 2
    REFUSED = 3


class LeadRefusal(IntEnum):
    """Why a lead was refused; the numbers are the contract's."""

    INVALID = 1
    INVALID_CONTACT_POINT = 2
    OTHER_RECIPIENT = 3
    PROOF_INCOMPLETE = 4
    NOT_PERMITTED = 5
    TOO_OLD = 6
    IN_FUTURE = 7


@dataclass(frozen=True, slots=True)
class Lead:
    """A person whom a partner referred, with the consent the partner collected."""

    lead_id: str = field(repr=False)
    subject: Subject
    channels: int
    purposes: frozenset[PurposeId]
    captured_at_us: int
    named_controller: ControllerId
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class RefusedLead:
    """A lead that will not be stored, and why; `field` is the path within the lead."""

    refusal: LeadRefusal
    field: str = ""


class Partners:
    """Registers partners and records their leads."""

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

    def register(self, write: Write, partner: Partner, *, deadline: Deadline) -> Recorded:
        """Registers a partner, or changes what it is permitted.

        Raises:
            NotFound: UNKNOWN_CONTROLLER.
            InvalidRequest: UNKNOWN_PURPOSE.
        """
        policy = self._policy()
        require_controller(policy, partner.controller)
        for purpose in partner.permitted_purposes:
            require_purpose(policy, purpose, field_path="partner.permitted_purposes")
        now_us = self._clock()

        def work(transaction: Transaction) -> dict[str, Any]:
            transaction.save_partner(partner, recorded_at_us=now_us)
            return {}

        return self._ledger.write(write.key(self._digester), now_us, work, deadline=deadline)

    def record_leads(
        self,
        write: Write,
        controller: ControllerId,
        partner_id: PartnerId,
        leads: Sequence[Lead | RefusedLead],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """Records leads, each for itself; the details hold one `results` item a lead, in order.

        Raises:
            NotFound: UNKNOWN_CONTROLLER, UNKNOWN_PARTNER.
        """
        policy = self._policy()
        require_controller(policy, controller)
        now_us = self._clock()

        def work(transaction: Transaction) -> dict[str, Any]:
            partner = transaction.partner(controller, partner_id)
            if partner is None:
                message = "no such partner is registered for the controller"
                raise NotFound("UNKNOWN_PARTNER", message, field="partner_id")
            partner = _within(policy, partner)
            outcomes = [self._judge(lead, partner, policy, now_us) for lead in leads]
            accepted = [each for each in outcomes if isinstance(each, PreparedEntry)]
            transaction.append(accepted)
            refused = [each for each in outcomes if isinstance(each, RefusedLead)]
            transaction.refuse_leads(_to_keep(refused, partner, policy, now_us=now_us))
            blocked = self._blocked(accepted, transaction, controller, policy, now_us=now_us)
            return {"results": [_result(each, blocked) for each in outcomes]}

        return self._ledger.write(write.key(self._digester), now_us, work, deadline=deadline)

    def _judge(
        self, lead: Lead | RefusedLead, partner: Partner, policy: Policy, now_us: int
    ) -> PreparedEntry | RefusedLead:
        if isinstance(lead, RefusedLead):
            return lead
        expression = Expression(Source.PARTNER, Precision.INSTANT, lead.captured_at_us)
        refused = _refusal(lead, expression, partner, now_us)
        if refused is not None:
            return refused
        new = NewEntry(
            kind=EntryKind.PARTNER_CONSENT,
            controller=partner.controller,
            expression=expression,
            subject=lead.subject,
            evidence=lead.evidence,
            channels=lead.channels,
            purposes=lead.purposes,
            proven=True,
            partner_id=partner.partner_id,
            lead_id=lead.lead_id,
        )
        try:
            points = strict_points(new, self._digester)
        except InvalidContactPoint as error:
            return RefusedLead(LeadRefusal.INVALID_CONTACT_POINT, error.field)
        return prepare(new, points, policy=policy, entry_ids=self._entry_ids, now_us=now_us)

    def _blocked(
        self,
        entries: list[PreparedEntry],
        transaction: Transaction,
        controller: ControllerId,
        policy: Policy,
        *,
        now_us: int,
    ) -> frozenset[str]:
        """The ids of the entries that an opt-out keeps from at least one of their uses."""
        points = [point for each in entries for point in each.contact_points]
        if not points:
            return frozenset()
        by_wide: dict[bytes, list[StandingRow]] = {}
        for row in transaction.standing(controller, points).rows:
            by_wide.setdefault(row.wide, []).append(row)
        return frozenset(
            str(each.entry_id)
            for each in entries
            if any(
                self._is_blocked(asked, by_wide, policy, now_us=now_us) for asked in _uses(each.new)
            )
        )

    def _is_blocked(
        self,
        asked: AskedContact,
        by_wide: dict[bytes, list[StandingRow]],
        policy: Policy,
        *,
        now_us: int,
    ) -> bool:
        resolved = resolve(asked, policy, self._digester)
        wides = {look.wide for look in resolved.looks}
        rows = [row for wide in wides for row in by_wide.get(wide, ())]
        facts = facts_of(rows, resolved.looks)
        decision = decide(resolved.question(now_us), facts, policy)
        return any(ground.reason in _BLOCKING for ground in decision.grounds)


def _within(policy: Policy, partner: Partner) -> Partner:
    """The partner, permitted no purpose that the policy no longer declares."""
    declared = frozenset(each for each in partner.permitted_purposes if each in policy.purposes)
    return replace(partner, permitted_purposes=declared)


def _to_keep(
    refused: Sequence[RefusedLead], partner: Partner, policy: Policy, *, now_us: int
) -> list[KeptRefusal]:
    """That leads were refused, for as long as that is kept: nothing of whom they named."""
    expires_on = last_day(day_of(now_us), policy.retention.refused_lead_months)
    return [
        KeptRefusal(partner.controller, partner.partner_id, each.refusal, now_us, expires_on)
        for each in refused
    ]


def _refusal(
    lead: Lead, expression: Expression, partner: Partner, now_us: int
) -> RefusedLead | None:
    too_old_at_us = lead.captured_at_us + partner.maximum_lead_age_days * DAY_US
    faults = (
        (
            not lead.subject.contact_points,
            RefusedLead(LeadRefusal.INVALID, "subject.contact_points"),
        ),
        (
            lead.named_controller != partner.controller,
            RefusedLead(LeadRefusal.OTHER_RECIPIENT, "named_controller"),
        ),
        (
            not is_proven(expression, lead.evidence),
            RefusedLead(LeadRefusal.PROOF_INCOMPLETE, "evidence"),
        ),
        (
            bool(lead.channels & ~partner.permitted_channels),
            RefusedLead(LeadRefusal.NOT_PERMITTED, "channels"),
        ),
        (
            not lead.purposes <= partner.permitted_purposes,
            RefusedLead(LeadRefusal.NOT_PERMITTED, "purposes"),
        ),
        (
            lead.captured_at_us > now_us + FUTURE_TOLERANCE_US,
            RefusedLead(LeadRefusal.IN_FUTURE, "captured_at"),
        ),
        (too_old_at_us <= now_us, RefusedLead(LeadRefusal.TOO_OLD, "captured_at")),
    )
    return next((refused for is_at_fault, refused in faults if is_at_fault), None)


def _uses(new: NewEntry) -> Iterator[AskedContact]:
    """Every question that a lead's consent could answer."""
    for point in new.subject.contact_points:
        kind = forms_of(point).kind
        for channel in channels_in(new.channels):
            if kind in TARGET_KINDS[channel]:
                for purpose in new.purposes or ():
                    scope = Scope(new.controller, channel, purpose)
                    yield AskedContact(scope, point, new.subject)


def _result(outcome: PreparedEntry | RefusedLead, blocked: frozenset[str]) -> dict[str, str | int]:
    if isinstance(outcome, RefusedLead):
        return {
            "outcome": LeadOutcome.REFUSED,
            "refusal": outcome.refusal,
            "field": outcome.field,
        }
    entry_id = str(outcome.entry_id)
    kind = LeadOutcome.BLOCKED if entry_id in blocked else LeadOutcome.ACCEPTED
    return {"outcome": kind, "entry_id": entry_id}
