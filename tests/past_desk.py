"""A desk at which much is said over time and answers are explained later, on whatever store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import to_us
from consent_registry_server.domain.contact import ContactPoint, Email, Phone, Subject
from consent_registry_server.domain.decision import Customer, Decision
from consent_registry_server.domain.entry import AttemptReport, Evidence, Expression, NewEntry
from consent_registry_server.domain.explanation import Consideration
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    PartnerId,
    PartnerKind,
    Precision,
    PurposeId,
    Reason,
    RegisterStatus,
    Source,
    Verdict,
    channel_mask,
)
from consent_registry_server.policy.load import load_policy
from consent_registry_server.service.attempts import Attempts
from consent_registry_server.service.checks import Answers, Checks
from consent_registry_server.service.explain import Explained, Explanations, Times
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.partners import Lead, Partners
from consent_registry_server.service.ports import (
    Digester,
    History,
    Ledger,
    Partner,
    PastReader,
    Sealer,
    StandingReader,
)
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.questions import AskedContact, Scope
from consent_registry_server.service.registers import Registers, Scrub, ScrubResult
from consent_registry_server.service.replay import Replayed, ReplayTokens
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.seal import KeyringSealer
from tests.fakes.ambience import NO_DEADLINE, HashDigester, SetClock, counted_ids
from tests.fakes.store import FakeStore

FRANCE = ControllerId("alarm-fr")
MARKETING, NEWSLETTER = PurposeId("direct_marketing"), PurposeId("direct_marketing.newsletter")
SERVICE = PurposeId("service")
MOVER = PartnerId("mover-1")
FR = CountryCode("FR")
PARIS = "Europe/Paris"

EMAIL, OTHER_EMAIL = Email("camille.desiree@example.com"), Email("c.desiree@example.com")
PHONE, OTHER_PHONE = Phone("+33639980001"), Phone("+33639980002")
POINTS: Final[tuple[ContactPoint, ...]] = (EMAIL, PHONE, OTHER_EMAIL, OTHER_PHONE)
PROOF, NO_PROOF = Evidence(text="I agree to emails and calls.", form_id="form-3"), Evidence()
MINUTE_US: Final = 60_000_000
CLEAR: Final = ("camille", "desiree", "example.com", "639980001", "639980002", "39 98")
"""What would tell who the people of the desk are."""

packaged_policy = cache(load_policy)


def paris(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> int:
    """An instant by the clock in Paris."""
    return to_us(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(PARIS)))


NOW_US: Final = paris(2026, 11, 23, 15)
"""A Monday afternoon."""


def asked(
    target: ContactPoint,
    channel: Channel,
    *others: ContactPoint,
    purpose: PurposeId = MARKETING,
    customer: Customer | None = None,
    at_us: int | None = None,
) -> AskedContact:
    """May the target be contacted?"""
    scope = Scope(FRANCE, channel, purpose, customer or Customer(), at_us=at_us)
    return AskedContact(scope, target, Subject(others), FR)


@dataclass
class Policies:
    """The policies of all times, the latest last; see `PolicyArchive`."""

    since: list[tuple[int, Policy]] = field(default_factory=lambda: [(0, packaged_policy())])

    @property
    def in_force(self) -> Policy:
        """The latest."""
        return self.since[-1][1]

    def version_at(self, at_us: int) -> str | None:
        """See `PolicyArchive`."""
        found = [policy.version for since_us, policy in self.since if since_us <= at_us]
        return found[-1] if found else None

    def policy(self, version: str) -> Policy | None:
        """See `PolicyArchive`."""
        return next((policy for _, policy in self.since if policy.version == version), None)


@dataclass
class Kept:
    """An answer that its caller kept, with the token."""

    asked: AskedContact
    answers: Answers
    decision_id: UUID
    token: bytes

    @property
    def decision(self) -> Decision:
        """The decision."""
        return self.answers.decisions[0]

    def replayed(self, *, target: ContactPoint | None = None) -> Replayed:
        """The answer as a request names it; with another target where one is given."""
        scope = self.asked.scope
        target = target or self.asked.target
        return Replayed(self.token, scope.controller, target, self.asked.subject)


class PastDesk:
    """The services on the ports of a store."""

    def __init__(
        self,
        ledger: Ledger,
        standing: StandingReader,
        past: PastReader,
        *,
        history: History,
        sealer: Sealer,
        digester: Digester,
        entry_ids: Callable[[], EntryId] = lambda: EntryId(uuid4()),
    ) -> None:
        self.policies = Policies()
        self.clock = SetClock(NOW_US)
        self.sealer = sealer
        self.objections: list[EntryId] = []
        """The do-not-contact requests, for those who lift one."""
        self._attempts: list[EntryId] = []
        shared: dict[str, Any] = {"policy": lambda: self.policies.in_force, "clock": self.clock}
        writing = {**shared, "entry_ids": entry_ids}
        self.intake = Intake(ledger, digester, **writing)
        self.partners = Partners(ledger, digester, **writing)
        self.registers = Registers(ledger, digester, **writing)
        self.attempts = Attempts(ledger, digester, history=history, **writing, decision_ids=uuid4)
        self.checks = Checks(standing, digester, **shared)
        self.tokens = ReplayTokens(
            sealer, digester, policy=lambda: self.policies.in_force, policies=self.policies
        )
        self.explanations = Explanations(
            past, digester, **shared, policies=self.policies, tokens=self.tokens
        )

    # What people say.

    def write(self) -> Write:
        """The frame of a new write."""
        request_id = str(uuid4())
        return Write("test", "Method", FRANCE, request_id, content=request_id.encode())

    def consents(
        self,
        *points: ContactPoint,
        said: Expression | None = None,
        channels: Sequence[Channel] = (Channel.EMAIL,),
        purposes: Sequence[PurposeId] = (MARKETING,),
        evidence: Evidence = PROOF,
        expires_at_us: int | None = None,
    ) -> EntryId:
        """Records a consent."""
        new = NewEntry(
            kind=EntryKind.CONSENT,
            controller=FRANCE,
            expression=said or self.now(),
            subject=Subject(points),
            evidence=evidence,
            channels=channel_mask(tuple(channels)),
            purposes=frozenset(purposes),
            expires_at_us=expires_at_us,
        )
        recorded = self.intake.record_consent(self.write(), new, deadline=NO_DEADLINE)
        return EntryId(UUID(recorded.details["entry_id"]))

    def opts_out(
        self,
        *points: ContactPoint,
        said: Expression | None = None,
        channels: Sequence[Channel] = (),
        kind: EntryKind = EntryKind.DO_NOT_CONTACT,
    ) -> EntryId:
        """Records a do-not-contact request or a withdrawal."""
        new = NewEntry(
            kind=kind,
            controller=FRANCE,
            expression=said or self.now(Source.LETTER),
            subject=Subject(points),
            evidence=Evidence(),
            channels=channel_mask(tuple(channels)),
        )
        recorded = self.intake.add_opt_out(self.write(), new, deadline=NO_DEADLINE)
        entry_id = EntryId(UUID(recorded.details["entry_id"]))
        if kind is EntryKind.DO_NOT_CONTACT:
            self.objections.append(entry_id)
        return entry_id

    def lifts(self, entry_id: EntryId, said: Expression | None = None) -> None:
        """Lifts a do-not-contact request."""
        kind = EntryKind.DO_NOT_CONTACT_LIFT
        new = NewEntry(kind, FRANCE, said or self.now(), Subject(), PROOF)
        self.intake.lift_do_not_contact(self.write(), new, entry_id, deadline=NO_DEADLINE)

    def registers_mover(
        self, *, maximum_lead_age_days: int = 365, channels: Sequence[Channel] = (Channel.EMAIL,)
    ) -> None:
        """Registers the mover, or changes what it may bring."""
        partner = Partner(
            controller=FRANCE,
            partner_id=MOVER,
            name="Movers Example SARL",
            kind=PartnerKind.MOVER,
            permitted_channels=channel_mask(tuple(channels)),
            permitted_purposes=frozenset({MARKETING}),
            maximum_lead_age_days=maximum_lead_age_days,
        )
        self.partners.register(self.write(), partner, deadline=NO_DEADLINE)

    def brings(self, *points: ContactPoint, captured_at_us: int | None = None) -> None:
        """Records a lead of the mover's."""
        lead = Lead(
            lead_id="lead-1",
            subject=Subject(points),
            channels=Channel.EMAIL.mask,
            purposes=frozenset({MARKETING}),
            captured_at_us=captured_at_us or self.clock.now_us,
            named_controller=FRANCE,
            evidence=PROOF,
        )
        self.partners.record_leads(self.write(), FRANCE, MOVER, [lead], deadline=NO_DEADLINE)

    def scrubs(self, point: ContactPoint, status: RegisterStatus, checked_on: date) -> None:
        """Records what Bloctel said."""
        scrub = Scrub(FRANCE, "Bloctel", checked_on, [ScrubResult(point, status)])
        self.registers.record(self.write(), scrub, deadline=NO_DEADLINE)

    def attempts_call(self, target: ContactPoint = PHONE) -> None:
        """Reserves a call; one that is not granted is none."""
        question = asked(target, Channel.VOICE_CALL)
        reserved = self.attempts.reserve(self.write(), question, deadline=NO_DEADLINE)
        if reserved.reservation.attempt_id is not None:
            self._attempts.append(reserved.reservation.attempt_id)

    def reports(self, outcome: AttemptOutcome) -> None:
        """Reports on the first attempt on which nobody did."""
        if self._attempts:
            report = AttemptReport(self._attempts.pop(0), outcome)
            self.attempts.report(self.write(), FRANCE, report, deadline=NO_DEADLINE)

    def now(self, source: Source = Source.WEB_FORM) -> Expression:
        """Said this very moment."""
        return Expression(source, Precision.INSTANT, self.clock.now_us, PARIS)

    # What callers ask.

    def check(self, question: AskedContact) -> Decision:
        """What CheckContact answers."""
        return self.checks.check([question], deadline=NO_DEADLINE).decisions[0]

    def check_and_keep(self, question: AskedContact) -> Kept:
        """An answer with its token."""
        answers = self.checks.check([question], deadline=NO_DEADLINE)
        decision_id = uuid4()
        token = self.tokens.issue(question, answers, 0, decision_id=decision_id)
        return Kept(question, answers, decision_id, token)

    def explain(
        self, question: AskedContact, *, at_us: int | None = None, known_at_us: int | None = None
    ) -> Explained:
        """Explains the answer to a question."""
        return self.explanations.explain(question, Times(at_us, known_at_us), deadline=NO_DEADLINE)

    def replay(
        self, replayed: Replayed, *, at_us: int | None = None, known_at_us: int | None = None
    ) -> Explained:
        """Explains an answer that was given."""
        return self.explanations.replay(replayed, Times(at_us, known_at_us), deadline=NO_DEADLINE)


class MemoryDesk(PastDesk):
    """A desk on a store in memory."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        self.store = FakeStore()
        super().__init__(
            self.store,
            self.store,
            self.store,
            history=self.store,
            sealer=sealer or KeyringSealer(Keyring.generate()),
            digester=HashDigester(),
            entry_ids=counted_ids(),
        )


def gist(explained: Explained) -> tuple[Verdict, Reason]:
    """What was explained."""
    decision = explained.explanation.decision
    return decision.verdict, decision.reason


def told(explained: Explained, number: int = 0) -> Iterator[Consideration]:
    """What was considered in a step; in all of them when none is named."""
    for step in explained.explanation.steps:
        if number in (0, step.number):
            yield from step.considerations
