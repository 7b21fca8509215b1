"""The shape of each policy file: its keys, their types and the words they accept.

Strict: an unknown key or a value of another type is refused. What can only be judged by
looking at several keys or files is in `checks.py`.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from consent_registry_server.domain.policy import LineType
from consent_registry_server.domain.vocabulary import RecipientType
from consent_registry_server.policy.document import QUOTE_IT, Document, yaml_word
from consent_registry_server.policy.times import NONE, Cap, DeclaredCap, Hours
from consent_registry_server.policy.values import (
    STATED,
    BasisWord,
    CallLineName,
    ChannelName,
    ConfidenceWord,
    ControllerKey,
    Country,
    Day,
    Days,
    DirectionName,
    Exemptions,
    LineTypeWord,
    Months,
    MonthsOrUnlimited,
    PurposeKey,
    RecipientWord,
    RegimeWord,
    RuleKey,
    Strict,
    Territories,
    Text,
    TimeZones,
)

Model = TypeVar("Model", bound=BaseModel)


class DeclaredController(Strict):
    """One legal entity."""

    legal_name: Text
    country: Country


class ControllersFile(Strict):
    """`controllers.yaml`."""

    controllers: Annotated[dict[ControllerKey, DeclaredController], Field(min_length=1)]


class DeclaredPurpose(Strict):
    """One purpose; without a regime it takes its parent's, at the top the country decides.

    `channels` are those on which the regime holds, all when it names none.
    """

    description: Text
    marketing: bool = True
    regime: Annotated[RegimeWord | None, STATED] = None
    channels: Annotated[list[ChannelName], AfterValidator(sorted)] = Field(default_factory=list)
    citation: Annotated[Text | None, STATED] = None


class PurposesFile(Strict):
    """`purposes.yaml`."""

    purposes: dict[PurposeKey, DeclaredPurpose]


class DeclaredRecordingRule(Strict):
    """Whether calls on one line, in one direction, may be recorded, and what for."""

    line: CallLineName
    direction: DirectionName
    basis: BasisWord
    purpose: Annotated[Text | None, STATED] = None
    retention_months: Annotated[Months | None, STATED] = None
    citation: Text


class RecordingFile(Strict):
    """`recording.yaml`."""

    rules: dict[RuleKey, DeclaredRecordingRule]


class UnverifiedFile(Strict):
    """`unverified.yaml`: what holds in place of a null; no law that is known undercuts it."""

    contact_hours: Hours
    attempt_cap: DeclaredCap
    scrub_age_days: Days


class DeclaredTerm(Strict):
    """For how many calendar months something is kept, and who says so."""

    months: Months
    citation: Text
    checked_on: Day
    confidence: ConfidenceWord


class DeclaredTerms(Strict):
    """A term for everything that identifies a person, or is kept about one."""

    opt_out: DeclaredTerm
    consent_proof: DeclaredTerm
    prospect: DeclaredTerm
    attempt: DeclaredTerm
    refused_lead: DeclaredTerm
    access: DeclaredTerm
    rights_request: DeclaredTerm


class RetentionFile(Strict):
    """`retention.yaml`."""

    terms: DeclaredTerms


class DeclaredSoftOptIn(Strict):
    """Within how many months of the last sale, or `unlimited`."""

    within_months: MonthsOrUnlimited


class DeclaredRegister(Strict):
    """The national register to screen against; a null scrub age is unverified."""

    name: Text
    scrub_age_days: Days | None
    exemptions: Exemptions
    contract_ended_within_days: Annotated[Days | None, STATED] = None


class DeclaredRule(Strict):
    """What a country asks of one channel, over some time.

    Null, for unverified, may be `regime`, `contact_hours`, `attempt_cap` and a register's scrub
    age.
    """

    channel: ChannelName
    line_type: LineTypeWord = LineType.ANY
    recipient_type: RecipientWord = RecipientType.CONSUMER
    valid_from: Annotated[Day | None, STATED] = None
    valid_to: Annotated[Day | None, STATED] = None
    regime: RegimeWord | None
    soft_opt_in: Annotated[DeclaredSoftOptIn | None, STATED] = None
    running_contract_exemption: bool = False
    consent_validity_months: Annotated[Months | None, STATED] = None
    proof_retention_months: Annotated[Months | None, STATED] = None
    # BaseModel has a `register` of its own, which a field of that name would hide.
    national_register: Annotated[DeclaredRegister | None, STATED] = Field(
        default=None, alias="register"
    )
    contact_hours: Hours | None = None
    attempt_cap: Cap | None = None
    citation: Annotated[Text | None, STATED] = None
    checked_on: Annotated[Day | None, STATED] = None
    confidence: ConfidenceWord


class CountryFile(Strict):
    """`<country>.yaml`: the rules of a country, which its territories follow."""

    country: Country
    time_zones: TimeZones
    territories: Territories = Field(default_factory=list)
    rules: dict[RuleKey, DeclaredRule]


NO_SOFT_OPT_IN: Final = DeclaredSoftOptIn.model_construct(within_months=0)
"""What the word `none` is read as: no sale is that fresh."""


def _soft_opt_in_or_none(value: object) -> object:
    return NO_SOFT_OPT_IN if value == NONE else value


class CompanyRegister(Strict):
    """How a company screens more strictly, or where the law asks for no screening at all."""

    name: Annotated[Text | None, STATED] = None
    scrub_age_days: Annotated[Days | None, STATED] = None
    exemptions: Annotated[Exemptions | None, STATED] = None
    contract_ended_within_days: Annotated[Days | None, STATED] = None


class CompanyRule(Strict):
    """How a company tightens one rule; what it leaves out stays as it is."""

    regime: Annotated[RegimeWord | None, STATED] = None
    soft_opt_in: Annotated[
        DeclaredSoftOptIn | None, BeforeValidator(_soft_opt_in_or_none), STATED
    ] = None
    running_contract_exemption: Annotated[bool | None, STATED] = None
    consent_validity_months: Annotated[Months | None, STATED] = None
    proof_retention_months: Annotated[Months | None, STATED] = None
    national_register: Annotated[CompanyRegister | None, STATED] = Field(
        default=None, alias="register"
    )
    contact_hours: Annotated[Hours | None, STATED] = None
    attempt_cap: Annotated[Cap | None, STATED] = None


class CompanyFile(Strict):
    """The company layer: the rules it makes stricter, by their ids."""

    rules: dict[RuleKey, CompanyRule]


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
