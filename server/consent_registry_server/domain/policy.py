"""The rules as data, in the shape the engine asks them.

A `Policy` is built once by `policy/load.py` from validated YAML and never changes; looking a
rule up is one dictionary read. What is unverified decides as REVIEW, never as a permission.
Instants are microseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Final, NamedTuple

from consent_registry_server.domain.contact_hours import ContactHours, Place
from consent_registry_server.domain.retention import Retention
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    CallDirection,
    CallLine,
    Channel,
    ControllerId,
    CountryCode,
    Number,
    PurposeId,
    RecipientType,
    RuleId,
)

ALWAYS_US: Final = -(1 << 62)
"""Before every instant: where a rule without `valid_from` begins."""
NEVER_US: Final = 1 << 62
"""After every instant: where a rule without `valid_to` ends."""


class Regime(IntEnum):
    """What the law asks before an outreach."""

    OPT_IN = 1
    OPT_OUT = 2


class Confidence(IntEnum):
    """How sure we are that a rule states the law."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class LineType(Number):
    """The kind of phone line a rule distinguishes; ANY where it does not."""

    ANY = 0
    MOBILE = 1
    LANDLINE = 2


class RegisterExemption(IntEnum):
    """What makes a listing in a national register not count.

    All but LATER_CONSENT hold whatever the register says, so that no scrub is needed.
    """

    LATER_CONSENT = 1
    """A consent that holds and was given after the listing."""
    CONSENT = 2
    """A consent that holds, whenever it was given: an express request."""
    CUSTOMER = 3
    """The person is a customer."""
    CUSTOMER_SIMILAR_OFFER = 4
    """The person is a customer and the offer is SIMILAR_OWN."""
    CONTRACT = 5
    """A contract runs, or ended fewer than `contract_ended_within_days` ago."""


class RecordingBasis(IntEnum):
    """On what a call may be recorded."""

    REQUIRED = 1
    UNLESS_OBJECTED = 2
    NOT_PERMITTED = 3


@dataclass(frozen=True, slots=True)
class Controller:
    """A legal entity that asks: the tenant."""

    controller_id: ControllerId
    legal_name: str
    country: CountryCode


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose of contact. Dots make the ids a tree: a parent's opt-out covers its children."""

    purpose_id: PurposeId
    description: str
    is_marketing: bool = True
    """False only for `service`: contract, safety, alarm; no opt-out can block it."""
    regime: Regime | None = None
    """Overrides the regime of the country's rule; None where the country decides. A purpose that
    states none has its nearest parent's."""
    regime_channels: int = ALL_CHANNELS
    """The channels on which it overrides; profiling is no licence to send the email."""
    citation: str = ""


@dataclass(frozen=True, slots=True)
class SoftOptIn:
    """Own customer, own similar products, informed at collection (ePrivacy art. 13(2))."""

    within_months: int | None = None
    """Months since the last sale within which it holds; None for no limit."""


@dataclass(frozen=True, slots=True)
class NationalRegister:
    """A national register that a rule asks to be screened against."""

    name: str
    scrub_age_days: int
    """For how many days from the start of its day a result counts."""
    is_scrub_age_verified: bool = True
    """False: the law's own number is unknown, and `scrub_age_days` one that no law undercuts."""
    exemptions: frozenset[RegisterExemption] = frozenset()
    contract_ended_within_days: int = 0
    """For the exemption CONTRACT: for how long after its end a contract still exempts."""


@dataclass(frozen=True, slots=True)
class AttemptCap:
    """At most `attempts` on one target by one controller in any `days` of 24 hours."""

    attempts: int
    days: int
    is_verified: bool = True
    """False: what the law permits is unknown; beyond the cap a human must look."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one country asks of one channel (line type, recipient type), over some time."""

    rule_id: RuleId
    country: CountryCode
    channel: Channel
    regime: Regime | None
    """None: unverified."""
    line_type: LineType = LineType.ANY
    recipient_type: RecipientType = RecipientType.CONSUMER
    valid_from: date | None = None
    """Its first day; None: it has always held."""
    valid_to: date | None = None
    """Its last day; None: it holds until further notice."""
    holds_from_us: int = ALWAYS_US
    """The start of `valid_from` in the country's time zone."""
    holds_until_us: int = NEVER_US
    """The end of `valid_to` in the country's time zone, exclusive."""
    soft_opt_in: SoftOptIn | None = None
    running_contract_exemption: bool = False
    """A running contract and an offer of SIMILAR_OWN stand in for the consent."""
    consent_validity_months: int | None = None
    """Calendar months after which a consent no longer counts; None for no limit."""
    proof_retention_months: int | None = None
    """For how long after its last use the proof of a consent is kept; None: it rests on none."""
    register: NationalRegister | None = None
    contact_hours: ContactHours | None = None
    """None: the law knows no hours here."""
    attempt_cap: AttemptCap | None = None
    """None: the law knows no cap here."""
    citation: str = ""
    checked_on: date | None = None
    confidence: Confidence = Confidence.HIGH


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Whether calls on a line, in a direction, may be recorded, what for and how long kept."""

    rule_id: RuleId
    line: CallLine
    direction: CallDirection
    basis: RecordingBasis
    purpose: str = ""
    """What the recording is for, in words; it may be used for nothing else."""
    retention_months: int = 0
    citation: str = ""


class TermSource(NamedTuple):
    """Who says for how long something is kept."""

    citation: str
    checked_on: date
    confidence: Confidence


Slot = tuple[CountryCode, Channel, LineType, RecipientType]
"""What rules are looked up by."""

CaseKey = tuple[CountryCode | None, Channel, LineType, RecipientType, PurposeId]
"""What a policy is asked about; the country is one with rules, or None."""


@dataclass(slots=True)
class Case:
    """All that a policy says of one kind of question, whatever its day; never changed."""

    purpose: Purpose
    own_regime: Regime | None
    """The purpose's own regime, where it has one on this channel."""
    rules: tuple[Rule, ...]
    """Of all times, in their order; none where there is no country, or no rule for the line."""
    has_country: bool
    asked: int
    """The channel as a set of one: what a consent must hold."""
    reaching: int
    """The channels whose opt-outs reach this one: VOICE_CALL covers AUTOMATED_CALL."""
    place: Place | None
    """Where a recipient is of whom nothing but the country is known."""

    def rule_at(self, at_us: int) -> Rule | None:
        """The rule in force at an instant."""
        for rule in self.rules:
            if rule.holds_from_us <= at_us < rule.holds_until_us:
                return rule
        return None


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything in force, and the rules that were and that will be.

    `version` is a digest over all of it. `rules` holds the rules of a slot in the order of time,
    without overlap; business recipients have the consumer's rule where they have none of their
    own. `territories` maps a country code to the one whose rules it follows (RE to FR).
    """

    version: str
    controllers: dict[ControllerId, Controller]
    purposes: dict[PurposeId, Purpose]
    rules: dict[Slot, tuple[Rule, ...]]
    recording_rules: dict[tuple[CallLine, CallDirection], RecordingRule]
    territories: dict[CountryCode, CountryCode]
    time_zones: dict[CountryCode, tuple[str, ...]]
    """The IANA zones of each country with rules, that of its capital first."""
    retention: Retention = field(default_factory=Retention)
    """For how long identities and records about them are kept."""
    term_sources: dict[str, TermSource] = field(default_factory=dict)
    """By the fields of `retention`; empty where no file states the terms."""
    line_rules: frozenset[tuple[CountryCode | None, Channel]] = field(init=False)
    """Where the rule depends on the type of the phone line, which costs more to tell than all the
    rest of a decision."""
    hour_rules: frozenset[tuple[CountryCode | None, Channel]] = field(init=False)
    """Where the rule knows contact hours, so that the recipient's time zone matters."""
    registers: dict[str, CountryCode] = field(init=False)
    """The national registers and the countries whose rules name them."""
    consent_rules: dict[tuple[CountryCode, Channel], tuple[Rule, ...]] = field(init=False)
    """The rules of all times, lines and recipients that rest on a consent."""
    _cases: dict[CaseKey, Case] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = [rule for rules in self.rules.values() for rule in rules]
        by_line = {(rule.country, rule.channel) for rule in every if rule.line_type}
        by_hour = {(rule.country, rule.channel) for rule in every if rule.contact_hours}
        registers = {rule.register.name: rule.country for rule in every if rule.register}
        object.__setattr__(self, "line_rules", self._with_territories(by_line))
        object.__setattr__(self, "hour_rules", self._with_territories(by_hour))
        object.__setattr__(self, "registers", registers)
        object.__setattr__(self, "consent_rules", _consent_rules(every))
        object.__setattr__(self, "_cases", {})

    def _with_territories(
        self, ruled: set[tuple[CountryCode, Channel]]
    ) -> frozenset[tuple[CountryCode | None, Channel]]:
        followers = {
            (territory, channel)
            for territory, followed in self.territories.items()
            for country, channel in ruled
            if country == followed
        }
        return frozenset(ruled | followers)

    def jurisdiction(self, country: CountryCode) -> CountryCode | None:
        """The country whose rules govern a recipient there; None when there are none."""
        country = self.territories.get(country, country)
        return country if country in self.time_zones else None

    def case(
        self,
        country: CountryCode | None,
        channel: Channel,
        line_type: LineType,
        recipient_type: RecipientType,
        purpose: PurposeId,
    ) -> Case:
        """What the policy says of a kind of question; made once for each.

        Raises:
            KeyError: the policy does not declare the purpose.
        """
        key = (country, channel, line_type, recipient_type, purpose)
        case = self._cases.get(key)
        if case is None:
            ruled = None if country is None else self.jurisdiction(country)
            if country is not None and ruled is None:
                # Callers name what countries they like; only those with rules are kept.
                return self.case(None, channel, line_type, recipient_type, purpose)
            case = self._cases[key] = self._case(ruled, channel, line_type, recipient_type, purpose)
        return case

    def _case(
        self,
        country: CountryCode | None,
        channel: Channel,
        line_type: LineType,
        recipient_type: RecipientType,
        purpose_id: PurposeId,
    ) -> Case:
        purpose = self.purposes[purpose_id]
        overrides = purpose.regime_channels & channel.mask
        rules: tuple[Rule, ...] = ()
        place = None
        if country is not None:
            rules = self.rules_for(country, channel, line_type, recipient_type)
            place = Place(country, self.time_zones[country])
        voice = Channel.VOICE_CALL.mask if channel is Channel.AUTOMATED_CALL else 0
        return Case(
            purpose,
            purpose.regime if overrides else None,
            rules,
            country is not None,
            asked=channel.mask,
            reaching=channel.mask | voice,
            place=place,
        )

    def rules_for(
        self,
        country: CountryCode,
        channel: Channel,
        line_type: LineType,
        recipient_type: RecipientType,
    ) -> tuple[Rule, ...]:
        """The rules of all times for a country that `jurisdiction` returned, in their order.

        A phone whose line type is unclear matches no line type's rule: where the country
        distinguishes them there is then no rule, which decides as RULE_UNVERIFIED.
        """
        return (
            self.rules.get((country, channel, line_type, recipient_type))
            or self.rules.get((country, channel, LineType.ANY, recipient_type))
            or self.rules.get((country, channel, line_type, RecipientType.CONSUMER))
            or self.rules.get((country, channel, LineType.ANY, RecipientType.CONSUMER))
            or ()
        )


def _consent_rules(every: list[Rule]) -> dict[tuple[CountryCode, Channel], tuple[Rule, ...]]:
    by_channel: dict[tuple[CountryCode, Channel], tuple[Rule, ...]] = {}
    for rule in every:
        if rule.regime is not Regime.OPT_OUT:
            key = (rule.country, rule.channel)
            by_channel[key] = (*by_channel.get(key, ()), rule)
    return by_channel


def covers(stated: PurposeId, asked: PurposeId) -> bool:
    """Whether a statement about one purpose reaches another: itself or one below it."""
    return asked == stated or asked.startswith(stated + ".")
