"""A desk at which people say things and callers ask: the services on a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact import ContactPoint, Subject
from consent_registry_server.domain.decision import UNKNOWN_CUSTOMER, Customer, Decision
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.errors import RegistryError
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    CallDirection,
    CallLine,
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    PartnerId,
    PartnerKind,
    Precision,
    PurposeId,
    RecipientType,
    RegisterStatus,
    Source,
    channel_mask,
)
from consent_registry_server.policy.load import load_policy
from consent_registry_server.service.checks import AskedRecording, Checks
from consent_registry_server.service.history import Records
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import Lead, Partners, RefusedLead
from consent_registry_server.service.ports import Partner, Recorded
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.questions import AskedContact, Scope
from consent_registry_server.service.registers import Registers, Scrub, ScrubResult
from tests.fakes.ambience import NO_DEADLINE, HashDigester, SetClock, counted_ids
from tests.fakes.store import FakeStore

FRANCE, NORWAY = ControllerId("alarm-fr"), ControllerId("alarm-no")
MARKETING = PurposeId("direct_marketing")
NEWSLETTER = PurposeId("direct_marketing.newsletter")
MOVER = PartnerId("mover-1")
FR = CountryCode("FR")

PROOF = Evidence(text="I agree to emails and calls.", form_id="contact-form-3")

packaged_policy = cache(load_policy)


def paris(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> int:
    """An instant by the clock in Paris."""
    return to_us(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Paris")))


NOW_US = paris(2026, 11, 23, 15)
"""A Monday afternoon after nearly everything that is said in these tests."""


def said(
    at_us: int | None = NOW_US,
    *,
    source: Source = Source.WEB_FORM,
    precision: Precision = Precision.INSTANT,
) -> Expression:
    """When and where something was said; at None nobody knows when."""
    if at_us is None:
        precision = Precision.UNKNOWN
    return Expression(source, precision, at_us, "Europe/Paris")


def opt_out(
    *points: ContactPoint,
    expression: Expression,
    channels: tuple[Channel, ...] = (),
    purposes: frozenset[PurposeId] | None = None,
    controller: ControllerId = FRANCE,
    kind: EntryKind = EntryKind.DO_NOT_CONTACT,
    customer_number: str = "",
) -> NewEntry:
    """A do-not-contact request or a withdrawal, of everything unless it is named."""
    return NewEntry(
        kind=kind,
        controller=controller,
        expression=expression,
        subject=Subject(points, customer_number),
        evidence=Evidence(),
        channels=channel_mask(channels),
        purposes=purposes,
    )


def consent(
    *points: ContactPoint,
    expression: Expression,
    channels: tuple[Channel, ...] = (Channel.EMAIL,),
    purposes: tuple[PurposeId, ...] = (MARKETING,),
    controller: ControllerId = FRANCE,
    evidence: Evidence = PROOF,
    expires_at_us: int | None = None,
) -> NewEntry:
    """A consent with complete proof."""
    return NewEntry(
        kind=EntryKind.CONSENT,
        controller=controller,
        expression=expression,
        subject=Subject(points),
        evidence=evidence,
        channels=channel_mask(channels),
        purposes=frozenset(purposes),
        expires_at_us=expires_at_us,
    )


def lead(
    *points: ContactPoint,
    captured_at_us: int,
    channels: tuple[Channel, ...] = (Channel.EMAIL,),
    purposes: tuple[PurposeId, ...] = (MARKETING,),
    named_controller: ControllerId = FRANCE,
    evidence: Evidence = PROOF,
) -> Lead:
    """A person whom the mover referred, with a consent to emails."""
    return Lead(
        lead_id="lead-1",
        subject=Subject(points),
        channels=channel_mask(channels),
        purposes=frozenset(purposes),
        captured_at_us=captured_at_us,
        named_controller=named_controller,
        evidence=evidence,
    )


def scrub(
    point: ContactPoint,
    status: RegisterStatus,
    checked_on: date,
    *,
    register: str,
    controller: ControllerId,
    listed_on: date | None = None,
) -> Scrub:
    """What a register said of one contact point."""
    return Scrub(controller, register, checked_on, [ScrubResult(point, status, listed_on)])


def mover(
    *,
    channels: tuple[Channel, ...] = (Channel.EMAIL, Channel.SMS),
    purposes: tuple[PurposeId, ...] = (MARKETING,),
    maximum_lead_age_days: int = 365,
    controller: ControllerId = FRANCE,
) -> Partner:
    """A partner that may bring consents to emails and text messages."""
    return Partner(
        controller=controller,
        partner_id=MOVER,
        name="Movers Example SARL",
        kind=PartnerKind.MOVER,
        permitted_channels=channel_mask(channels),
        permitted_purposes=frozenset(purposes),
        maximum_lead_age_days=maximum_lead_age_days,
    )


def question(
    target: ContactPoint,
    channel: Channel,
    *others: ContactPoint,
    at_us: int = NOW_US,
    purpose: PurposeId = MARKETING,
    controller: ControllerId = FRANCE,
    country: str = "FR",
    customer: Customer = UNKNOWN_CUSTOMER,
    customer_number: str = "",
    recipient_type: RecipientType = RecipientType.CONSUMER,
) -> AskedContact:
    """May the target be contacted, known by the others too? No country: as the target tells."""
    scope = Scope(controller, channel, purpose, customer, recipient_type, at_us=at_us)
    subject = Subject(others, customer_number)
    return AskedContact(scope, target, subject, CountryCode(country) if country else None)


class Desk:
    """The services, wired to a store in memory and a clock that is set by hand."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or packaged_policy()
        self.clock = SetClock(NOW_US)
        self.store = FakeStore()
        digester = HashDigester()
        ids = counted_ids()
        self.checks = Checks(self.store, digester, policy=lambda: self.policy, clock=self.clock)
        self.intake = Intake(
            self.store, digester, policy=lambda: self.policy, clock=self.clock, entry_ids=ids
        )
        self.partners = Partners(
            self.store, digester, policy=lambda: self.policy, clock=self.clock, entry_ids=ids
        )
        self.registers = Registers(
            self.store, digester, policy=lambda: self.policy, clock=self.clock, entry_ids=ids
        )
        self.records = Records(self.store, digester, policy=lambda: self.policy)
        self._writes = 0

    def write(self, controller: ControllerId = FRANCE, request_id: str = "") -> Write:
        """The frame of a write; of a new one when no request id is given."""
        self._writes += 1
        request_id = request_id or f"request-{self._writes}"
        return Write("test", "Method", controller, request_id, content=request_id.encode())

    def record(self, new: NewEntry) -> EntryId:
        """Writes an entry of any kind but the lift of a do-not-contact entry."""
        method: dict[EntryKind, Callable[..., Recorded]] = {
            EntryKind.CONSENT: self.intake.record_consent,
            EntryKind.DO_NOT_CONTACT: self.intake.add_opt_out,
            EntryKind.WITHDRAWAL: self.intake.add_opt_out,
            EntryKind.RECORDING_OBJECTION: self.intake.object_to_recording,
            EntryKind.RECORDING_OBJECTION_LIFT: self.intake.lift_recording_objection,
        }
        recorded = method[new.kind](self.write(new.controller), new, deadline=NO_DEADLINE)
        return EntryId(UUID(recorded.details["entry_id"]))

    def lift(
        self,
        lifted: EntryId,
        expression: Expression,
        *,
        evidence: Evidence = PROOF,
        controller: ControllerId = FRANCE,
    ) -> EntryId:
        """Lifts a do-not-contact entry."""
        new = NewEntry(EntryKind.DO_NOT_CONTACT_LIFT, controller, expression, Subject(), evidence)
        write = self.write(controller)
        recorded = self.intake.lift_do_not_contact(write, new, lifted, deadline=NO_DEADLINE)
        return EntryId(UUID(recorded.details["entry_id"]))

    def register(self, partner: Partner) -> None:
        """Registers a partner."""
        self.partners.register(self.write(partner.controller), partner, deadline=NO_DEADLINE)

    def record_leads(self, *leads: Lead | RefusedLead) -> list[dict[str, object]]:
        """What became of the mover's leads."""
        write = self.write()
        recorded = self.partners.record_leads(write, FRANCE, MOVER, leads, deadline=NO_DEADLINE)
        results: list[dict[str, object]] = recorded.details["results"]
        return results

    def say(self, statement: NewEntry | Lead | Scrub) -> None:
        """Writes whatever was said."""
        if isinstance(statement, Lead):
            self.record_leads(statement)
        elif isinstance(statement, Scrub):
            write = self.write(statement.controller)
            self.registers.record(write, statement, deadline=NO_DEADLINE)
        else:
            self.record(statement)

    def ask(self, asked: AskedContact) -> Decision:
        """The answer to one question."""
        return self.ask_all([asked])[0]

    def ask_all(self, asked: Sequence[AskedContact]) -> list[Decision]:
        """The answers to some questions of one controller."""
        return self.checks.check(asked, deadline=NO_DEADLINE).decisions

    def ask_recording(
        self,
        *points: ContactPoint,
        line: CallLine = CallLine.CUSTOMER_SERVICE,
        direction: CallDirection = CallDirection.INBOUND,
        controller: ControllerId = FRANCE,
        customer_number: str = "",
    ) -> Decision:
        """May a call with this person be recorded?"""
        asked = AskedRecording(controller, Subject(points, customer_number), line, direction)
        return self.checks.check_recording(asked, deadline=NO_DEADLINE).decisions[0]


def refused(desk: Desk, write: Callable[[], object]) -> RegistryError:
    """The error of a write, after which there is nothing more than before it."""
    before = len(list(desk.store.written()))
    with pytest.raises(RegistryError) as error:
        write()
    assert len(list(desk.store.written())) == before
    for private in ("camille", "desiree", "example.com", "639980001"):
        assert private not in repr(error.value) + error.value.message + error.value.field
    return error.value
