"""The contract's enumerations as the words of the command line: `sms` for CHANNEL_SMS."""

import re
from collections.abc import Mapping
from typing import Protocol

import typer

from consent_registry.v1.contact_pb2 import Channel, CustomerContext
from consent_registry.v1.decision_pb2 import Reason, Verdict
from consent_registry.v1.decision_service_pb2 import CallDirection, CallLine
from consent_registry.v1.entry_pb2 import (
    AttemptOutcome,
    ContactKind,
    EntryKind,
    Precision,
    Source,
)
from consent_registry.v1.policy_service_pb2 import (
    Confidence,
    LineType,
    RecordingBasis,
    Regime,
)
from consent_registry.v1.registry_service_pb2 import LeadOutcome, LeadRefusal, PartnerKind
from consent_registry.v1.subject_service_pb2 import (
    AccessOperation,
    ConsiderationEffect,
    ErasureOutcome,
    IdentityState,
    RestrictionGround,
    RightsRequestKind,
    RightsRequestOutcome,
)

_SEPARATORS = re.compile(r"[\s,;|]+")


class _Enumeration(Protocol):
    def items(self) -> list[tuple[str, int]]: ...


class Words:
    """One enumeration; its unspecified value has no word.

    Values that are `never_given` are shown, but none of them is valid on the command line.
    """

    def __init__(self, enumeration: object, prefix: str, *never_given: int) -> None:
        numbers: Mapping[str, int] = dict(_items(enumeration))
        self._names = {number: name.removeprefix(prefix) for name, number in numbers.items()}
        self._numbers = {
            name.lower(): number
            for number, name in self._names.items()
            if number not in (0, *never_given)
        }

    @property
    def listed(self) -> str:
        """All words, for a help text."""
        return ", ".join(self._numbers)

    def number(self, word: str) -> int | None:
        """Returns the number of a word in any case, with `-` or `_`; None when it is none."""
        return self._numbers.get(word.strip().lower().replace("-", "_"))

    def numbers(self, words: str) -> list[int] | None:
        """Returns the numbers of several words, separated by spaces, commas and the like."""
        numbers = [self.number(word) for word in _SEPARATORS.split(words.strip()) if word]
        known = [number for number in numbers if number is not None]
        return known if len(known) == len(numbers) else None

    def parse(self, word: str) -> int:
        """Returns the number of a word from the command line."""
        number = self.number(word)
        if number is None:
            raise typer.BadParameter(f"one of: {self.listed}")
        return number

    def name(self, number: int) -> str:
        """Returns the contract's name without its prefix; an unknown number as it is."""
        return self._names.get(number, str(number))

    def word(self, number: int) -> str:
        """Returns the word of a number."""
        return self.name(number).lower()


def _items(enumeration: object) -> list[tuple[str, int]]:
    # Generated enumerations are instances at run time and classes to a type checker.
    wrapper: _Enumeration = enumeration  # type: ignore[assignment]
    return wrapper.items()


ACCESS_OPERATIONS = Words(AccessOperation, "ACCESS_OPERATION_")
ATTEMPT_OUTCOMES = Words(AttemptOutcome, "ATTEMPT_OUTCOME_")
CHANNELS = Words(Channel, "CHANNEL_")
CONFIDENCES = Words(Confidence, "CONFIDENCE_")
CONTACT_KINDS = Words(ContactKind, "CONTACT_KIND_")
CONTRACTS = Words(CustomerContext.Contract, "CONTRACT_")
DIRECTIONS = Words(CallDirection, "CALL_DIRECTION_")
EFFECTS = Words(ConsiderationEffect, "CONSIDERATION_EFFECT_")
ENTRY_KINDS = Words(EntryKind, "ENTRY_KIND_")
ERASURE_OUTCOMES = Words(ErasureOutcome, "ERASURE_OUTCOME_")
IDENTITY_STATES = Words(IdentityState, "IDENTITY_STATE_")
LEAD_OUTCOMES = Words(LeadOutcome, "LEAD_OUTCOME_")
LEAD_REFUSALS = Words(LeadRefusal, "LEAD_REFUSAL_")
LINES = Words(CallLine, "CALL_LINE_")
LINE_TYPES = Words(LineType, "LINE_TYPE_")
OFFERS = Words(CustomerContext.Offer, "OFFER_")
PARTNER_KINDS = Words(PartnerKind, "PARTNER_KIND_")
PRECISIONS = Words(Precision, "PRECISION_")
REASONS = Words(Reason, "REASON_")
RECORDING_BASES = Words(RecordingBasis, "RECORDING_BASIS_")
REGIMES = Words(Regime, "REGIME_")
RELATIONSHIPS = Words(CustomerContext.Relationship, "RELATIONSHIP_")
RESTRICTION_GROUNDS = Words(RestrictionGround, "RESTRICTION_GROUND_")
RIGHTS_REQUEST_KINDS = Words(RightsRequestKind, "RIGHTS_REQUEST_KIND_")
RIGHTS_REQUEST_OUTCOMES = Words(RightsRequestOutcome, "RIGHTS_REQUEST_OUTCOME_")
SOURCES = Words(Source, "SOURCE_", Source.SOURCE_REGISTRY)
VERDICTS = Words(Verdict, "VERDICT_")
