"""The shape of each policy file: its keys, their types and the words they accept.

Strict: an unknown key or a value of another type is refused. What can only be judged by
looking at several keys or files is in `checks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from consent_registry_server.domain.policy import Confidence, LineType, RecordingBasis, Regime
from consent_registry_server.domain.vocabulary import CallDirection, CallLine, Channel
from consent_registry_server.policy.document import QUOTE_IT, Document, yaml_word

UNLIMITED: Final = "unlimited"
"""The word for a time without a limit; null would look like one that is unverified."""

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


def _one_of(words: Mapping[str, object]) -> BeforeValidator:
    def parse(value: object) -> object:
        if isinstance(value, str) and value in words:
            return words[value]
        raise PydanticCustomError("word", "not one of {words}", {"words": ", ".join(words)})

    return BeforeValidator(parse)


def _stated(value: T) -> T:
    if value is None:
        raise PydanticCustomError("null", "null marks an unverified regime; leave this key out")
    return value


def _iso_date(value: object) -> date:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise PydanticCustomError("date", "not a date like 2026-01-31")
    return day


def _months_or_unlimited(value: object) -> object:
    return None if value == UNLIMITED else _stated(value)


ControllerKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
PurposeKey = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=100)
]
RuleKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]+$", max_length=100)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Months = Annotated[int, Field(ge=1, le=120)]

RegimeWord = Annotated[Regime, _one_of({regime.name.lower(): regime for regime in Regime})]
ChannelName = Annotated[Channel, _one_of({channel.name: channel for channel in Channel})]
CallLineName = Annotated[CallLine, _one_of({line.name: line for line in CallLine})]
DirectionName = Annotated[CallDirection, _one_of({way.name: way for way in CallDirection})]
BasisWord = Annotated[RecordingBasis, _one_of({b.name.lower(): b for b in RecordingBasis})]
ConfidenceWord = Annotated[Confidence, _one_of({c.name.lower(): c for c in Confidence})]
LineTypeWord = Annotated[
    LineType, _one_of({kind.name.lower(): kind for kind in LineType if kind is not LineType.ANY})
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DeclaredController(_Strict):
    """One legal entity."""

    legal_name: Text
    country: Country


class ControllersFile(_Strict):
    """`controllers.yaml`."""

    controllers: Annotated[dict[ControllerKey, DeclaredController], Field(min_length=1)]


class DeclaredPurpose(_Strict):
    """One purpose; without a regime it takes its parent's, at the top the country decides.

    `channels` are those on which the regime holds, all when it names none.
    """

    description: Text
    marketing: bool = True
    regime: Annotated[RegimeWord | None, BeforeValidator(_stated)] = None
    channels: Annotated[list[ChannelName], AfterValidator(sorted)] = Field(default_factory=list)
    citation: Annotated[Text | None, BeforeValidator(_stated)] = None


class PurposesFile(_Strict):
    """`purposes.yaml`."""

    purposes: dict[PurposeKey, DeclaredPurpose]


class DeclaredRecordingRule(_Strict):
    """Whether calls on one line, in one direction, may be recorded."""

    line: CallLineName
    direction: DirectionName
    basis: BasisWord
    retention_months: Annotated[Months | None, BeforeValidator(_stated)] = None
    citation: Text


class RecordingFile(_Strict):
    """`recording.yaml`."""

    rules: dict[RuleKey, DeclaredRecordingRule]


class DeclaredSoftOptIn(_Strict):
    """Within how many months of the last sale, or `unlimited`."""

    within_months: Annotated[Months | None, BeforeValidator(_months_or_unlimited)]


class DeclaredRule(_Strict):
    """What a country asks of one channel. Only `regime` may be null: unverified."""

    channel: ChannelName
    line_type: LineTypeWord = LineType.ANY
    regime: RegimeWord | None
    soft_opt_in: Annotated[DeclaredSoftOptIn | None, BeforeValidator(_stated)] = None
    running_contract_exemption: bool = False
    consent_validity_months: Annotated[Months | None, BeforeValidator(_stated)] = None
    # BaseModel has a `register` of its own, which a field of that name would hide.
    national_register: Annotated[Text | None, BeforeValidator(_stated)] = Field(
        default=None, alias="register"
    )
    citation: Annotated[Text | None, BeforeValidator(_stated)] = None
    checked_on: Annotated[date | None, BeforeValidator(_iso_date)] = None
    confidence: ConfidenceWord


class CountryFile(_Strict):
    """`<country>.yaml`: the rules of a country, which its territories follow."""

    country: Country
    territories: Annotated[list[Country], AfterValidator(sorted)] = Field(default_factory=list)
    rules: dict[RuleKey, DeclaredRule]


def validated(document: Document, model: type[Model]) -> Model | None:
    """The document in the given shape, or None with every deviation reported into it."""
    if document.content is None:
        if not document.problems:
            document.report((), "empty")
        return None
    try:
        return model.model_validate(document.content)
    except ValidationError as error:
        for deviation in error.errors(include_url=False):
            path = tuple(key for key in deviation["loc"] if key != "[key]")
            document.report(path, _message(deviation))
        return None


def _message(deviation: ErrorDetails) -> str:
    kind, value = deviation["type"], deviation["input"]
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "missing":
        return "missing"
    if kind in {"model_type", "dict_type"}:
        return "not a mapping of keys to values"
    if kind == "string_type" or (kind == "word" and isinstance(value, bool)):
        return QUOTE_IT.format(yaml_word(value))
    return deviation["msg"]
