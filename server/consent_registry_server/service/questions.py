"""From what a caller asked to what the engine decides: keys to look up, facts that came back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from consent_registry_server.domain.contact import (
    ContactKind,
    ContactPoint,
    CustomerNumber,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.decision import (
    UNKNOWN_CUSTOMER,
    Customer,
    Fact,
    Match,
    PartnerTerms,
    Question,
)
from consent_registry_server.domain.errors import InvalidRequest, NotFound
from consent_registry_server.domain.matching import (
    TARGET_KINDS,
    Forms,
    Look,
    counts_addresses,
    home_forms_of,
    line_type_of,
    meet,
    plain_phone_form,
    suppression_forms_of,
)
from consent_registry_server.domain.normal_form.unit import UnitState
from consent_registry_server.domain.place import place_of_phone, place_of_recipient
from consent_registry_server.domain.policy import LineType, Policy
from consent_registry_server.domain.recording import RecordingFact
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    PurposeId,
    RecipientType,
    Source,
)
from consent_registry_server.service.ports import Digester, StandingRow

NO_SUBJECT: Final = Subject()
# Looking a member up costs a fifth of asking its enumeration for it.
_KINDS: Final = {int(each): each for each in EntryKind}
_SOURCES: Final = {int(each): each for each in Source}

_ATTEMPT: Final = EntryKind.CONTACT_ATTEMPT
_RECORDING_KINDS: Final = frozenset(
    {EntryKind.RECORDING_OBJECTION, EntryKind.RECORDING_OBJECTION_LIFT}
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked of every contact point of an audience, or of the one of a single question.

    `at_us` is None for now; `fallback_country` serves where the target tells none.
    """

    controller: ControllerId
    channel: Channel
    purpose: PurposeId
    customer: Customer = UNKNOWN_CUSTOMER
    recipient_type: RecipientType = RecipientType.CONSUMER
    fallback_country: CountryCode | None = None
    at_us: int | None = None


@dataclass(slots=True)
class AskedContact:
    """A question as the caller put it; `country` is None for the one that the target tells."""

    scope: Scope
    target: ContactPoint
    subject: Subject = NO_SUBJECT
    country: CountryCode | None = None


@dataclass(slots=True)
class Resolved:
    """A question with its contact points digested, and what its target tells."""

    scope: Scope
    looks: list[Look]
    country: CountryCode | None
    line_type: LineType
    is_target_usable: bool
    place: Place | None = None
    """Where the recipient is; None where contact hours do not matter or nothing more is known."""

    def question(self, now_us: int) -> Question:
        """What the engine decides."""
        scope = self.scope
        return Question(
            scope.controller,
            scope.channel,
            scope.purpose,
            now_us if scope.at_us is None else scope.at_us,
            self.country,
            self.is_target_usable,
            self.line_type,
            scope.customer,
            scope.recipient_type,
            self.place,
        )


def require_controller(policy: Policy, controller: ControllerId) -> None:
    """Raises NotFound, UNKNOWN_CONTROLLER unless the policy declares the controller."""
    if controller not in policy.controllers:
        message = "the policy declares no such controller"
        raise NotFound("UNKNOWN_CONTROLLER", message, field="controller")


def home_of(controller: ControllerId, policy: Policy) -> CountryCode | None:
    """The country of a controller; None for `group`, which is at home in all of them."""
    declared = policy.controllers.get(controller)
    return None if declared is None else declared.country


def require_purpose(policy: Policy, purpose: PurposeId, *, field_path: str = "purpose") -> None:
    """Raises InvalidRequest, UNKNOWN_PURPOSE unless the policy declares the purpose."""
    if purpose not in policy.purposes:
        message = "the policy declares no such purpose"
        raise InvalidRequest("UNKNOWN_PURPOSE", message, field=field_path)


def resolve(asked: AskedContact, policy: Policy, digester: Digester) -> Resolved:
    """Normalises and digests the contact points of a question.

    A target that cannot be used still looks up the opt-outs that its digits or other forms meet.
    """
    scope = asked.scope
    channel = scope.channel
    target = asked.target
    if (
        asked.subject is NO_SUBJECT
        and isinstance(target, Phone)
        and ContactKind.PHONE in TARGET_KINDS[channel]
    ):
        plain = plain_phone_form(target)
        if plain is not None and (asked.country or plain[1], channel) not in policy.line_rules:
            wide = digester.digest(plain[0])
            look = Look(wide, wide, UnitState.NONE, False, True)  # noqa: FBT003 - on the hot path
            own = asked.country or plain[1]
            by_hour = (own, channel) in policy.hour_rules
            place = place_of_phone(target.number, own) if by_hour else None
            return Resolved(scope, [look], own, LineType.ANY, True, place)  # noqa: FBT003
    looks: list[Look] = []
    country = asked.country
    line_type = LineType.ANY
    is_target_usable = False
    place = None
    for forms in suppression_forms_of(target):
        usable = _is_usable(forms, channel)
        if forms.kind is not ContactKind.ADDRESS or counts_addresses(channel):
            looks.append(_look(forms, digester, is_target=usable))
        if usable:
            is_target_usable = True
            country = _country_of(forms, country, policy) or scope.fallback_country
            if (country, channel) in policy.line_rules:
                line_type = line_type_of(forms)
            if country is not None and (country, channel) in policy.hour_rules:
                others = asked.subject.contact_points
                place = place_of_recipient(target, forms.e164, country, others=others)
    if asked.subject is not NO_SUBJECT:
        with_addresses = counts_addresses(channel)
        home = home_of(scope.controller, policy)
        looks += subject_looks(asked.subject, digester, with_addresses=with_addresses, home=home)
    country = country or scope.fallback_country
    return Resolved(scope, looks, country, line_type, is_target_usable, place)


def _country_of(forms: Forms, stated: CountryCode | None, policy: Policy) -> CountryCode | None:
    """Where the recipient is: as the caller says, but that a dwelling is where its address is."""
    if stated is None or forms.kind is not ContactKind.ADDRESS:
        return stated or forms.country or None
    is_same_law = policy.jurisdiction(stated) == policy.jurisdiction(forms.country)
    return stated if is_same_law else forms.country


def subject_looks(
    subject: Subject, digester: Digester, *, with_addresses: bool, home: CountryCode | None
) -> list[Look]:
    """What is looked up of a subject: all of it, but addresses where they do not count.

    A number without a region is also looked for as it reads in `home`, the controller's country.
    """
    points: list[ContactPoint | CustomerNumber] = list(subject.contact_points)
    if subject.customer_number:
        points.append(CustomerNumber(subject.customer_number))
    return [
        _look(forms, digester, is_target=False)
        for point in points
        if with_addresses or not isinstance(point, PostalAddress)
        for forms in (*suppression_forms_of(point), *forms_at_home(point, home))
    ]


def forms_at_home(
    point: ContactPoint | CustomerNumber, home: CountryCode | None
) -> tuple[Forms, ...]:
    """A number without a region as it reads in `home`; nothing for everything else."""
    if home is None or not isinstance(point, Phone):
        return ()
    forms = home_forms_of(point, home)
    return () if forms is None else (forms,)


def facts_of(rows: Iterable[StandingRow], looks: list[Look]) -> list[Fact]:
    """The facts that meet a question, each entry once, by its closest meeting."""
    facts: dict[EntryId, Fact] = {}
    for row in rows:
        # Whoever rang at a door rang there, whether or not its unit can be read.
        unit_state = UnitState.NONE if row.kind == _ATTEMPT else row.unit_state
        match = meet(looks, row.wide, row.exact, unit_state=unit_state)
        if match is None or row.kind in _RECORDING_KINDS:
            continue
        known = facts.get(row.entry_id)
        if known is None:
            facts[row.entry_id] = _fact(row, match)
        elif match > known.match:
            known.match = match
    return list(facts.values())


def recording_facts_of(rows: Iterable[StandingRow]) -> list[RecordingFact]:
    """The objections to call recording, and their lifts, among some rows."""
    return [
        RecordingFact(
            EntryKind(row.kind),
            row.exact,
            row.entry_id,
            row.counts_at_us,
            row.expressed_at_us,
            row.lifted_at_us,
        )
        for row in rows
        if row.kind in _RECORDING_KINDS
    ]


def _is_usable(forms: Forms, channel: Channel) -> bool:
    if forms.kind not in TARGET_KINDS[channel]:
        return False
    return forms.kind is not ContactKind.PHONE or bool(forms.e164)


def _look(forms: Forms, digester: Digester, *, is_target: bool) -> Look:
    wide = digester.digest(forms.wide)
    exact = wide if forms.exact is forms.wide else digester.digest(forms.exact)
    return Look(wide, exact, forms.unit_state, forms.kind is ContactKind.ADDRESS, is_target)


def _fact(row: StandingRow, match: Match) -> Fact:
    purposes = None if row.purposes is None else frozenset(map(PurposeId, row.purposes))
    return Fact(
        _KINDS[row.kind],
        row.entry_id,
        match,
        row.channels,
        purposes,
        row.counts_at_us,
        row.expressed_at_us,
        row.expires_at_us,
        row.lifted_at_us,
        _SOURCES[row.source],
        row.proven,
        row.lifts_opt_outs,
        _partner_terms(row),
        row.register,
        row.is_listed,
        row.listed_at_us,
    )


def _partner_terms(row: StandingRow) -> PartnerTerms | None:
    if row.partner_channels is None or row.partner_maximum_lead_age_days is None:
        return None
    return PartnerTerms(
        row.partner_channels,
        frozenset(map(PurposeId, row.partner_purposes or ())),
        row.partner_maximum_lead_age_days,
    )
