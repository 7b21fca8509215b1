"""What an explanation is made of, and what all its steps need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import from_us
from consent_registry_server.domain.decision import Decision, Fact, Ground, Question
from consent_registry_server.domain.deliberation import Deliberation
from consent_registry_server.domain.policy import Case, Policy, Rule
from consent_registry_server.domain.vocabulary import EntryId, EntryKind, Reason, RuleId


class Effect(IntEnum):
    """Whether something that was considered counted; the numbers are the contract's."""

    APPLIED = 1
    NOT_APPLIED = 2
    DECIDED = 3


@dataclass(frozen=True, slots=True)
class Consideration:
    """One rule or entry that was considered, in a sentence.

    `ground` is what it contributed to the decision. What counted without contributing one has
    none: the rule of the day, a consent that lifts an opt-out, an exemption.
    """

    effect: Effect
    text: str
    ground: Ground | None = None
    entry_id: EntryId | None = None
    rule_id: RuleId | None = None
    citation: str = ""
    expressed_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of ADR 0002, by its number there."""

    number: int
    title: str
    considerations: tuple[Consideration, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and the account of it."""

    decision: Decision
    steps: tuple[Step, ...]


class Account:
    """A decision that was made, with everything it was made from."""

    def __init__(
        self, question: Question, facts: list[Fact], policy: Policy, decision: Decision
    ) -> None:
        self.question = question
        self.policy = policy
        self.decision = decision
        self.is_decided = False
        """Whether it was told what decided."""
        self.case: Case = policy.case(
            question.country,
            question.channel,
            question.line_type,
            question.recipient_type,
            question.purpose,
        )
        self.found = Deliberation(question, facts, self.case, question.at_us)
        self.facts = sorted(facts, key=lambda fact: (-fact.counts_at_us, fact.entry_id))
        self.place = question.place or self.case.place
        self._zone = self.place.zones[0] if self.place else "UTC"
        self._country_zone = self.case.place.zones[0] if self.case.place else "UTC"

    @property
    def rule(self) -> Rule | None:
        """The rule in force."""
        return self.found.rule

    @property
    def has_consent(self) -> bool:
        """Whether a consent or partner consent holds."""
        return bool(self.holding_consents())

    def holding_consents(self) -> list[Fact]:
        """The consents that hold for the very question, the latest first."""
        holding = {
            ground.entry_id
            for ground in self.decision.grounds
            if ground.reason in (Reason.CONSENT, Reason.PARTNER_CONSENT)
        }
        return [fact for fact in self.facts if fact.entry_id in holding]

    def facts_of(self, *kinds: EntryKind) -> list[Fact]:
        """The facts of some kinds, the latest first."""
        return [fact for fact in self.facts if fact.kind in kinds]

    def when(self, instant_us: int) -> str:
        """An instant by the recipient's clock."""
        local = from_us(instant_us).astimezone(ZoneInfo(self._zone))
        return f"{local.day} {local:%B %Y} at {local:%H:%M} {self._zone}"

    def day(self, instant_us: int) -> str:
        """The day of an instant by the recipient's calendar."""
        return _day(instant_us, self._zone)

    def day_of_country(self, instant_us: int) -> str:
        """The day of an instant where the rules are made; an overseas territory may be behind."""
        return _day(instant_us, self._country_zone)

    def ground_of(self, *reasons: Reason, entry_id: EntryId | None = None) -> Ground | None:
        """The decision's ground for one of some reasons, or of an entry."""
        return next(
            (
                ground
                for ground in self.decision.grounds
                if ground.entry_id == entry_id and (not reasons or ground.reason in reasons)
            ),
            None,
        )

    def by_entry(self, fact: Fact, text: str, ground: Ground | None) -> Consideration:
        """What is said of an entry; it applied when it gave a ground."""
        return Consideration(
            self.effect_of(ground),
            text,
            ground,
            entry_id=fact.entry_id,
            rule_id=None if ground is None else ground.rule_id,
            citation="" if ground is None else ground.citation,
            expressed_at_us=fact.expressed_at_us,
        )

    def by_rule(self, rule: Rule | None, text: str, ground: Ground | None = None) -> Consideration:
        """What is said of a rule, or where there is none."""
        cited = rule.citation if rule else ""
        return Consideration(
            self.effect_of(ground),
            text,
            ground,
            rule_id=rule.rule_id if rule else None,
            citation=ground.citation if ground and ground.citation else cited,
        )

    def effect_of(self, ground: Ground | None) -> Effect:
        """What a ground did: the first of all decided, where it is first told of."""
        if ground is None:
            return Effect.NOT_APPLIED
        if ground is self.decision.grounds[0] and not self.is_decided:
            self.is_decided = True
            return Effect.DECIDED
        return Effect.APPLIED


def step(number: int, title: str, told: Iterable[Consideration], *, nothing: str) -> Step:
    """A step; where there was nothing to consider it says so."""
    considerations = tuple(told)
    if not considerations:
        considerations = (Consideration(Effect.NOT_APPLIED, nothing),)
    return Step(number, title, considerations)


def counted(rule: Rule, text: str, *, holds: bool) -> Consideration:
    """What is said of a part of a rule that contributes no ground, whether it holds or not."""
    effect = Effect.APPLIED if holds else Effect.NOT_APPLIED
    return Consideration(effect, text, rule_id=rule.rule_id, citation=rule.citation)


def _day(instant_us: int, zone: str) -> str:
    local = from_us(instant_us).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%B %Y}"
