"""A desk that reserves attempts and reports on them, on whatever store, by a clock set by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final, Protocol
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import DAY_US, to_us
from consent_registry_server.domain.contact import ContactPoint, Phone, PostalAddress, Subject
from consent_registry_server.domain.decision import Decision
from consent_registry_server.domain.entry import AttemptReport
from consent_registry_server.domain.policy import (
    NEVER_US,
    AttemptCap,
    Controller,
    LineType,
    Policy,
    Purpose,
    Regime,
    Rule,
    Slot,
)
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    PurposeId,
    Reason,
    RecipientType,
    RuleId,
    Verdict,
)
from consent_registry_server.service.attempts import Attempts
from consent_registry_server.service.checks import Checks
from consent_registry_server.service.intake import Intake
from consent_registry_server.service.ports import (
    Digester,
    History,
    Ledger,
    Recorded,
    StandingReader,
)
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.questions import AskedContact, Scope
from consent_registry_server.service.reservation import Reservation
from tests.fakes.ambience import NO_DEADLINE, SetClock

FRANCE, NORWAY = ControllerId("alarm-fr"), ControllerId("alarm-no")
MARKETING, SERVICE = PurposeId("direct_marketing"), PurposeId("service")
FR, NO = CountryCode("FR"), CountryCode("NO")
CAP: Final = 4
WINDOW_US: Final = 30 * DAY_US
MINUTE_US: Final = 60 * 1_000_000
HOUR_US: Final = 60 * MINUTE_US
NUMBER = Phone("+33639980001")
SPELLINGS = (
    NUMBER,
    Phone("+33 6 39 98 00 01"),
    Phone("+33 (0)6 39 98 00 01"),
    Phone("0033 6 39 98 00 01"),
    Phone("06 39 98 00 01", "FR"),
    Phone("06.39.98.00.01", "fr"),
)
"""One number, as it is typed."""
OTHER_NUMBER = Phone("+33639980002")
DOOR = PostalAddress("FR", "75002", "Paris", "12 rue de l'Exemple", "apt 4")
NOW_US = to_us(datetime(2026, 11, 23, 15, tzinfo=ZoneInfo("Europe/Paris")))
_VISITED: Final = (Channel.VOICE_CALL, Channel.AUTOMATED_CALL, Channel.DOOR_TO_DOOR)


def capped_policy(*, holds_until_us: int = NEVER_US, version: str = "capped") -> Policy:
    """Calls and visits need no consent and know no hours: at most 4 in 30 days on one target."""
    rules: dict[Slot, tuple[Rule, ...]] = {
        (country, channel, LineType.ANY, RecipientType.CONSUMER): (
            Rule(
                RuleId(f"{country}.{channel.name}".lower()),
                country,
                channel,
                Regime.OPT_OUT,
                attempt_cap=AttemptCap(CAP, 30),
                holds_until_us=holds_until_us,
                citation="Example Act s. 1",
            ),
        )
        for country in (FR, NO)
        for channel in _VISITED
    }
    return Policy(
        version=version,
        controllers={
            FRANCE: Controller(FRANCE, "Alarm FR Example SAS", FR),
            NORWAY: Controller(NORWAY, "Alarm NO Example AS", NO),
        },
        purposes={
            MARKETING: Purpose(MARKETING, "offers"),
            SERVICE: Purpose(SERVICE, "alarm", is_marketing=False),
        },
        rules=rules,
        recording_rules={},
        territories={},
        time_zones={FR: ("Europe/Paris",), NO: ("Europe/Oslo",)},
    )


CAPPED = (Verdict.DENY, Reason.ATTEMPT_CAP)
OPEN = (Verdict.ALLOW, Reason.OPT_OUT_REGIME)
OBJECTED = (Verdict.DENY, Reason.OBJECTION)


class AnyStore(Protocol):
    """A store by the ports that attempts need."""

    @property
    def history(self) -> History:
        """Reads of what was written."""

    @property
    def ledger(self) -> Ledger:
        """Writes."""

    @property
    def standing(self) -> StandingReader:
        """Reads for decisions."""


def asked(
    target: ContactPoint = NUMBER,
    *others: ContactPoint,
    channel: Channel = Channel.VOICE_CALL,
    controller: ControllerId = FRANCE,
    purpose: PurposeId = MARKETING,
) -> AskedContact:
    """May this attempt be made?"""
    return AskedContact(Scope(controller, channel, purpose), target, Subject(others))


def outcome_of(decision: Decision) -> tuple[Verdict, Reason]:
    """What is acted on."""
    return (decision.verdict, decision.reason)


@dataclass
class AttemptDesk:
    """The service on a store; every call is a request of its own unless it names one."""

    store: AnyStore
    digester: Digester
    policy: Policy = field(default_factory=capped_policy)
    clock: SetClock = field(default_factory=lambda: SetClock(NOW_US))

    def __post_init__(self) -> None:
        self._requests = count(1)
        shared: dict[str, Any] = {"policy": lambda: self.policy, "clock": self.clock}
        writing: dict[str, Any] = {**shared, "entry_ids": lambda: EntryId(uuid4())}
        ledger = self.store.ledger
        self.attempts = Attempts(
            ledger, self.digester, history=self.store.history, **writing, decision_ids=uuid4
        )
        self.intake = Intake(ledger, self.digester, **writing)
        self.checks = Checks(self.store.standing, self.digester, **shared)

    def write(self, request_id: str = "", *, controller: ControllerId = FRANCE) -> Write:
        """The frame of a write; of a new one when no request id is given."""
        request_id = request_id or f"request-{next(self._requests)}"
        return Write("test", "Method", controller, request_id, content=request_id.encode())

    def reserve(self, question: AskedContact | None = None, request_id: str = "") -> Reservation:
        """Asks for an attempt, on `NUMBER` unless the question says otherwise."""
        question = question or asked()
        write = self.write(request_id, controller=question.scope.controller)
        return self.attempts.reserve(write, question, deadline=NO_DEADLINE).reservation

    def granted(self, question: AskedContact | None = None) -> EntryId:
        """The attempt that is granted."""
        reservation = self.reserve(question)
        assert reservation.decision.verdict is Verdict.ALLOW
        assert reservation.attempt_id is not None
        return reservation.attempt_id

    def report(
        self,
        attempt_id: EntryId,
        outcome: AttemptOutcome,
        *,
        request_id: str = "",
        controller: ControllerId = FRANCE,
    ) -> Recorded:
        """Tells what became of an attempt."""
        write = self.write(request_id, controller=controller)
        report = AttemptReport(attempt_id, outcome)
        return self.attempts.report(write, controller, report, deadline=NO_DEADLINE)

    def use_up(self, question: AskedContact | None = None) -> list[EntryId]:
        """The attempts of the cap, an hour between them."""
        granted = []
        for _ in range(CAP):
            granted.append(self.granted(question))
            self.clock.now_us += HOUR_US
        return granted

    def refuse(self, attempt_id: EntryId) -> EntryId:
        """Reports a refusal; returns the opt-out."""
        recorded = self.report(attempt_id, AttemptOutcome.REFUSED)
        return EntryId(UUID(recorded.details["opt_out_entry_id"]))

    def answer(self, question: AskedContact | None = None) -> tuple[Verdict, Reason]:
        """What a reservation is answered."""
        return outcome_of(self.reserve(question).decision)

    def check(self, question: AskedContact | None = None) -> Decision:
        """What CheckContact answers now."""
        return self.checks.check([question or asked()], deadline=NO_DEADLINE).decisions[0]


@dataclass
class Made:
    """An attempt that was granted, as the caller remembers it."""

    attempt_id: EntryId
    at_us: int
    until_us: int
    """When it may last have been made: from then on it counts for 30 days."""
    is_released: bool = False


def most_in_a_window(attempts: list[Made]) -> int:
    """The most attempts that any window of 30 days holds, those released apart."""
    instants = [each.at_us for each in attempts if not each.is_released]
    return max(
        (sum(end - WINDOW_US < each <= end for each in instants) for end in instants), default=0
    )


def try_steps(desk: AttemptDesk, steps: list[tuple[int, int]]) -> None:
    """Moves the clock, reserves and releases; asserts after each step what must always hold.

    A step is how far the clock moves, back even, as those of two servers differ, and what is then
    done: 0 to release the oldest attempt that was not released, anything else to reserve one.
    """
    made: list[Made] = []
    for moves_us, action in steps:
        desk.clock.now_us += moves_us
        now_us = desk.clock.now_us
        counted = [each for each in made if not each.is_released]
        if action == 0 and counted:
            desk.report(counted[0].attempt_id, AttemptOutcome.RELEASED)
            counted[0].is_released = True
            continue
        reservation = desk.reserve()
        used = sum(each.until_us > now_us - WINDOW_US for each in counted)
        is_allowed = reservation.decision.verdict is Verdict.ALLOW
        assert is_allowed == (used < CAP), (used, reservation)
        if reservation.attempt_id is not None and reservation.expires_at_us is not None:
            made.append(Made(reservation.attempt_id, now_us, reservation.expires_at_us))
        assert most_in_a_window(made) <= CAP
