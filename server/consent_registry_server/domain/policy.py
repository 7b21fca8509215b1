"""The rules as data, in the shape the engine asks them.

A `Policy` is built once by `policy/load.py` from validated YAML and never changes; looking a
rule up is two dictionary reads. What is unverified is None and decides as REVIEW, never as a
permission.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    CallDirection,
    CallLine,
    Channel,
    ControllerId,
    CountryCode,
    PurposeId,
    RuleId,
)


class Regime(IntEnum):
    """What the law asks before an outreach."""

    OPT_IN = 1
    OPT_OUT = 2


class Confidence(IntEnum):
    """How sure we are that a rule states the law."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class LineType(IntEnum):
    """The kind of phone line a rule distinguishes; ANY where it does not."""

    ANY = 0
    MOBILE = 1
    LANDLINE = 2


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
class Rule:
    """What one country asks of one channel (and line type)."""

    rule_id: RuleId
    country: CountryCode
    channel: Channel
    regime: Regime | None
    """None: unverified."""
    line_type: LineType = LineType.ANY
    soft_opt_in: SoftOptIn | None = None
    running_contract_exemption: bool = False
    """A running contract and an offer of SIMILAR_OWN stand in for the consent."""
    consent_validity_months: int | None = None
    """Calendar months after which a consent no longer counts; None for no limit."""
    register: str = ""
    """The national register to screen against; empty for none."""
    citation: str = ""
    checked_on: date | None = None
    confidence: Confidence = Confidence.HIGH


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Whether calls on a line, in a direction, may be recorded, and how long they are kept."""

    rule_id: RuleId
    line: CallLine
    direction: CallDirection
    basis: RecordingBasis
    retention_months: int = 0
    citation: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything in force.

    `version` is a digest over all of it. `rules` and `recording_rules` are complete look-up
    tables; `territories` maps a country code to the one whose rules it follows (RE to FR).
    """

    version: str
    controllers: dict[ControllerId, Controller]
    purposes: dict[PurposeId, Purpose]
    rules: dict[tuple[CountryCode, Channel, LineType], Rule]
    recording_rules: dict[tuple[CallLine, CallDirection], RecordingRule]
    territories: dict[CountryCode, CountryCode]
    countries: frozenset[CountryCode] = field(default_factory=frozenset)
    line_rules: frozenset[tuple[CountryCode | None, Channel]] = field(init=False)
    """Where the rule depends on the type of the phone line, which costs more to tell than all the
    rest of a decision."""

    def __post_init__(self) -> None:
        by_line = {(rule.country, rule.channel) for rule in self.rules.values() if rule.line_type}
        followers = {
            (territory, channel)
            for territory, country in self.territories.items()
            for ruled, channel in by_line
            if ruled == country
        }
        object.__setattr__(self, "line_rules", frozenset(by_line | followers))

    def jurisdiction(self, country: CountryCode) -> CountryCode | None:
        """The country whose rules govern a recipient there; None when there are none."""
        country = self.territories.get(country, country)
        return country if country in self.countries else None

    def rule(self, country: CountryCode, channel: Channel, line_type: LineType) -> Rule | None:
        """The rule for a country that `jurisdiction` returned, the line type's own first.

        A phone whose line type is unclear matches no line type's rule: where the country
        distinguishes them there is then no rule, which decides as RULE_UNVERIFIED.
        """
        found = self.rules.get((country, channel, line_type))
        return found or self.rules.get((country, channel, LineType.ANY))


def covers(stated: PurposeId, asked: PurposeId) -> bool:
    """Whether a statement about one purpose reaches another: itself or one below it."""
    return asked == stated or asked.startswith(stated + ".")
