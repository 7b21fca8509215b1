"""A second decision engine: naive, slow, and written from the design's ten steps alone.

It shares the input types with the real engine and nothing else, so that a mistake has to be made
twice to go unnoticed. Every step is one function that reads like its paragraph of the design;
nothing is indexed, cached or skipped. How long an answer holds and when to try again it finds out
by asking at every instant at which anything at all could happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from consent_registry_server.domain.contact_hours import ContactHours, DayKind
from consent_registry_server.domain.decision import Customer, Fact, Match, Question
from consent_registry_server.domain.policy import (
    AttemptCap,
    NationalRegister,
    Policy,
    Regime,
    RegisterExemption,
    Rule,
)
from consent_registry_server.domain.vocabulary import (
    Channel,
    ContractState,
    EntryId,
    EntryKind,
    Offer,
    Reason,
    Relationship,
    Verdict,
)

DAY_US = 24 * 60 * 60 * 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
"""Where all drawn recipients are."""
HOLIDAYS = {
    date(2026, 4, 6),
    date(2026, 5, 1),
    date(2026, 5, 8),
    date(2026, 5, 14),
    date(2026, 5, 25),
}
"""Those of France in the months that situations are drawn from."""


@dataclass(frozen=True)
class NaiveGround:
    """A reason with the entry it rests on, if any."""

    reason: Reason
    verdict: Verdict
    entry_id: EntryId | None = None


@dataclass(frozen=True)
class NaiveDecision:
    """The deciding ground, and all grounds in step order."""

    deciding: NaiveGround
    grounds: tuple[NaiveGround, ...]


def decide_naively(question: Question, facts: list[Fact], policy: Policy) -> NaiveDecision:
    """The answer of the design's steps, one after the other."""
    if not policy.purposes[question.purpose].is_marketing:
        only = NaiveGround(Reason.NOT_MARKETING, Verdict.ALLOW)
        return NaiveDecision(only, (only,))
    grounds = [
        *step_2_target_and_jurisdiction(question, policy),
        *step_3_restrictions(question, facts),
        *steps_4_and_6_opt_outs(question, facts, policy),
        *step_5_consents(question, facts, policy),
        *step_7_register(question, facts, policy),
        *step_8_regime(question, policy),
        *step_10_nothing_allows(question, facts, policy),
        *step_9_hours_and_cap(question, facts, policy),
    ]
    # An unverified rule says so once, be it of its regime, its hours or its cap.
    grounds = list(dict.fromkeys(grounds))
    strictest = max(ground.verdict for ground in grounds)
    deciding = next(ground for ground in grounds if ground.verdict == strictest)
    return NaiveDecision(deciding, tuple(grounds))


# --- Step 2 ---------------------------------------------------------------------------------------


def step_2_target_and_jurisdiction(question: Question, policy: Policy) -> list[NaiveGround]:
    grounds = []
    if not question.is_target_usable:
        grounds.append(NaiveGround(Reason.INVALID_CONTACT_POINT, Verdict.DENY))
    if is_jurisdiction_unknown(question, policy):
        grounds.append(NaiveGround(Reason.UNKNOWN_JURISDICTION, Verdict.REVIEW))
    return grounds


# --- Step 3 ---------------------------------------------------------------------------------------


def step_3_restrictions(question: Question, facts: list[Fact]) -> list[NaiveGround]:
    return [
        NaiveGround(Reason.RESTRICTED, Verdict.DENY, fact.entry_id)
        for fact in latest_first(facts)
        if fact.kind == EntryKind.RESTRICTION and not is_lifted_by_name(fact, question.at_us)
    ]


# --- Steps 4 and 6 --------------------------------------------------------------------------------


def steps_4_and_6_opt_outs(
    question: Question, facts: list[Fact], policy: Policy
) -> list[NaiveGround]:
    in_force = [
        fact
        for fact in facts
        if is_opt_out_for(fact, question)
        and not is_lifted_by_name(fact, question.at_us)
        and not is_lifted_by_consent(fact, question, facts, policy)
    ]
    ordered = latest_first(in_force)
    if applies_again(ordered, question, facts):
        ordered.sort(key=lambda fact: fact.kind == EntryKind.WITHDRAWAL)
    return [ground_of_opt_out(fact) for fact in ordered]


def is_opt_out_for(fact: Fact, question: Question) -> bool:
    if fact.kind not in {EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL}:
        return False
    return opt_out_covers_channel(fact, question.channel) and opt_out_covers_purpose(
        fact, question.purpose
    )


def opt_out_covers_channel(fact: Fact, channel: Channel) -> bool:
    named = {each for each in Channel if fact.channels == -1 or fact.channels >> each & 1}
    if Channel.VOICE_CALL in named:
        named.add(Channel.AUTOMATED_CALL)
    return channel in named


def opt_out_covers_purpose(fact: Fact, purpose: str) -> bool:
    if fact.purposes is None:
        return True
    parts = purpose.split(".")
    itself_and_parents = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return any(stated in itself_and_parents for stated in fact.purposes)


def is_lifted_by_name(fact: Fact, at_us: int) -> bool:
    return fact.lifted_at_us is not None and fact.lifted_at_us <= at_us


def is_lifted_by_consent(
    opt_out: Fact, question: Question, facts: list[Fact], policy: Policy
) -> bool:
    return any(
        opt_out.counts_at_us < consent.counts_at_us
        for consent in facts
        if may_lift(consent, question)
        and not is_expired(consent, question, policy)
        and not is_perhaps_withdrawn(consent, question, facts)
    )


def may_lift(consent: Fact, question: Question) -> bool:
    return (
        consent.kind == EntryKind.CONSENT
        and is_consent_for(consent, question)
        and not has_lost_its_proof(consent, question.at_us)
        and consent.counts_at_us <= question.at_us
        and consent.proven
        and consent.lifts_opt_outs
    )


def applies_again(opt_outs: list[Fact], question: Question, facts: list[Fact]) -> bool:
    """Whether a withdrawal did no more than end the consent that had lifted an objection."""
    return any(
        objection.counts_at_us < consent.counts_at_us <= withdrawal.counts_at_us
        for withdrawal in opt_outs
        if withdrawal.kind == EntryKind.WITHDRAWAL
        for objection in opt_outs
        if objection.kind == EntryKind.DO_NOT_CONTACT
        for consent in facts
        if may_lift(consent, question)
    )


def ground_of_opt_out(fact: Fact) -> NaiveGround:
    if fact.match == Match.UNIT_UNCLEAR:
        return NaiveGround(Reason.UNIT_UNCLEAR, Verdict.REVIEW, fact.entry_id)
    reason = Reason.OBJECTION if fact.kind == EntryKind.DO_NOT_CONTACT else Reason.WITHDRAWN
    return NaiveGround(reason, Verdict.DENY, fact.entry_id)


# --- Step 5 ---------------------------------------------------------------------------------------


def step_5_consents(question: Question, facts: list[Fact], policy: Policy) -> list[NaiveGround]:
    return [
        NaiveGround(reason_of_consent(fact), Verdict.ALLOW, fact.entry_id)
        for fact in holding_consents(question, facts, policy)
    ]


def standing_consents(question: Question, facts: list[Fact]) -> list[Fact]:
    """First-party consents before partners', each the latest first."""
    standing = [
        fact
        for fact in latest_first(facts)
        if is_consent_for(fact, question)
        and fact.counts_at_us <= question.at_us
        and not has_lost_its_proof(fact, question.at_us)
        and not is_withdrawn(fact, question, facts)
    ]
    return sorted(standing, key=lambda fact: fact.kind == EntryKind.PARTNER_CONSENT)


def reason_of_consent(fact: Fact) -> Reason:
    return Reason.CONSENT if fact.kind == EntryKind.CONSENT else Reason.PARTNER_CONSENT


def is_consent_for(fact: Fact, question: Question) -> bool:
    return (
        fact.kind in {EntryKind.CONSENT, EntryKind.PARTNER_CONSENT}
        and fact.match == Match.TARGET
        and fact.channels >> question.channel & 1 == 1
        and fact.purposes is not None
        and question.purpose in fact.purposes
    )


def has_lost_its_proof(consent: Fact, at_us: int) -> bool:
    """Whether the identity that proved it ended, or a correction restated it."""
    return consent.lifted_at_us is not None and consent.lifted_at_us <= at_us


def is_withdrawn(consent: Fact, question: Question, facts: list[Fact]) -> bool:
    return any(
        fact.match != Match.UNIT_UNCLEAR for fact in withdrawals_since(consent, question, facts)
    )


def is_perhaps_withdrawn(consent: Fact, question: Question, facts: list[Fact]) -> bool:
    """Of what may be another dwelling's withdrawal a human judges; until then nothing is lifted."""
    return bool(withdrawals_since(consent, question, facts))


def withdrawals_since(consent: Fact, question: Question, facts: list[Fact]) -> list[Fact]:
    return [
        fact
        for fact in facts
        if fact.kind == EntryKind.WITHDRAWAL
        and is_opt_out_for(fact, question)
        and fact.counts_at_us >= consent.counts_at_us
    ]


def failure_of(consent: Fact, question: Question, policy: Policy) -> Reason | None:
    if is_expired(consent, question, policy):
        return Reason.CONSENT_EXPIRED
    if not consent.proven:
        return Reason.CONSENT_UNPROVEN
    if consent.kind == EntryKind.PARTNER_CONSENT and not is_accepted(consent, question):
        return Reason.PARTNER_NOT_ACCEPTED
    return None


def is_expired(consent: Fact, question: Question, policy: Policy) -> bool:
    if consent.expires_at_us is not None and question.at_us >= consent.expires_at_us:
        return True
    rule = rule_for(question, policy)
    if rule is None or rule.consent_validity_months is None:
        return False
    return question.at_us >= months_later(consent.counts_at_us, rule.consent_validity_months)


def is_accepted(consent: Fact, question: Question) -> bool:
    terms = consent.partner
    if terms is None:
        return False
    age_us = question.at_us - consent.counts_at_us
    return (
        terms.permitted_channels >> question.channel & 1 == 1
        and question.purpose in terms.permitted_purposes
        and age_us < terms.maximum_lead_age_days * DAY_US
    )


# --- Steps 7, 8 and 10 ----------------------------------------------------------------------------


def step_7_register(question: Question, facts: list[Fact], policy: Policy) -> list[NaiveGround]:
    rule = rule_for(question, policy)
    if rule is None or rule.register is None or is_exempt(question, facts, policy):
        return []
    result = last_result(rule.register, facts)
    if result is not None and result.is_listed and not came_later(question, facts, policy, result):
        return [NaiveGround(Reason.NATIONAL_REGISTER, Verdict.DENY, result.entry_id)]
    if result is None or not is_fresh(result, rule.register, question.at_us):
        return [NaiveGround(Reason.REGISTER_STALE, Verdict.REVIEW)]
    return []


def last_result(register: NationalRegister, facts: list[Fact]) -> Fact | None:
    results = [
        fact
        for fact in facts
        if fact.kind == EntryKind.REGISTER_RESULT
        and fact.match == Match.TARGET
        and fact.register == register.name
    ]
    if not results:
        return None
    last_us = max(fact.counts_at_us for fact in results)
    of_last_day = [fact for fact in results if fact.counts_at_us == last_us]
    listed = [fact for fact in of_last_day if fact.is_listed]
    return (listed or of_last_day)[0]


def is_fresh(result: Fact, register: NationalRegister, at_us: int) -> bool:
    age_us = at_us - result.counts_at_us
    return 0 <= age_us < register.scrub_age_days * DAY_US


def came_later(question: Question, facts: list[Fact], policy: Policy, listing: Fact) -> bool:
    rule = rule_for(question, policy)
    assert rule is not None
    assert rule.register is not None
    listed_at_us = listing.listed_at_us
    if listed_at_us is None:
        listed_at_us = listing.counts_at_us + 25 * 60 * 60 * 1_000_000
    return RegisterExemption.LATER_CONSENT in rule.register.exemptions and any(
        listed_at_us < consent.counts_at_us for consent in own_consents(question, facts, policy)
    )


def is_exempt(question: Question, facts: list[Fact], policy: Policy) -> bool:
    """A purpose with a regime of its own knows no exemption of a country's customers."""
    rule = rule_for(question, policy)
    assert rule is not None
    assert rule.register is not None
    by_consent = RegisterExemption.CONSENT in rule.register.exemptions and bool(
        own_consents(question, facts, policy)
    )
    return by_consent or (
        regime_of_purpose(question, policy) is None and is_exempt_customer(question, rule.register)
    )


def is_exempt_customer(question: Question, register: NationalRegister) -> bool:
    exemptions, customer = register.exemptions, question.customer
    is_customer = customer.relationship == Relationship.CUSTOMER
    return (
        (RegisterExemption.CUSTOMER in exemptions and is_customer)
        or (
            RegisterExemption.CUSTOMER_SIMILAR_OFFER in exemptions
            and is_customer
            and customer.offer == Offer.SIMILAR_OWN
        )
        or (
            RegisterExemption.CONTRACT in exemptions
            and has_contract(question, register.contract_ended_within_days)
        )
    )


def has_contract(question: Question, ended_within_days: int) -> bool:
    customer = question.customer
    if customer.contract == ContractState.RUNNING:
        return True
    return (
        customer.contract == ContractState.ENDED
        and customer.contract_ended_at_us is not None
        and 0 <= question.at_us - customer.contract_ended_at_us < ended_within_days * DAY_US
    )


def own_consents(question: Question, facts: list[Fact], policy: Policy) -> list[Fact]:
    """Those that the person gave the controller themselves."""
    return [each for each in holding_consents(question, facts, policy) if each.lifts_opt_outs]


def holding_consents(question: Question, facts: list[Fact], policy: Policy) -> list[Fact]:
    return [
        fact
        for fact in standing_consents(question, facts)
        if failure_of(fact, question, policy) is None
    ]


def step_8_regime(question: Question, policy: Policy) -> list[NaiveGround]:
    if is_jurisdiction_unknown(question, policy):
        return []
    regime = regime_of(question, policy)
    if regime is None:
        return [NaiveGround(Reason.RULE_UNVERIFIED, Verdict.REVIEW)]
    if regime == Regime.OPT_OUT:
        return [NaiveGround(Reason.OPT_OUT_REGIME, Verdict.ALLOW)]
    return exemptions(question, policy)


def step_10_nothing_allows(
    question: Question, facts: list[Fact], policy: Policy
) -> list[NaiveGround]:
    if (
        regime_of(question, policy) != Regime.OPT_IN
        or exemptions(question, policy)
        or step_5_consents(question, facts, policy)
    ):
        return []
    failing = failing_consents(question, facts, policy)
    if is_soft_opt_in_expired(question, policy):
        return [*failing, NaiveGround(Reason.SOFT_OPT_IN_EXPIRED, Verdict.DENY)]
    return failing or [NaiveGround(Reason.NO_CONSENT, Verdict.DENY)]


def regime_of(question: Question, policy: Policy) -> Regime | None:
    """The purpose's own regime, else the country's; nothing is known where there is no rule."""
    rule = rule_for(question, policy)
    if rule is None:
        return None
    return regime_of_purpose(question, policy) or rule.regime


def regime_of_purpose(question: Question, policy: Policy) -> Regime | None:
    purpose = policy.purposes[question.purpose]
    reaches = purpose.regime_channels == -1 or purpose.regime_channels >> question.channel & 1
    return purpose.regime if reaches else None


def exemptions(question: Question, policy: Policy) -> list[NaiveGround]:
    """A country's exemptions are for purposes that follow the country's regime."""
    rule, customer = rule_for(question, policy), question.customer
    if rule is None or regime_of_purpose(question, policy) is not None:
        return []
    grounds = []
    if is_own_customer_informed(rule, customer) and is_sale_recent(rule, question):
        grounds.append(NaiveGround(Reason.SOFT_OPT_IN, Verdict.ALLOW))
    if (
        rule.running_contract_exemption
        and customer.contract == ContractState.RUNNING
        and customer.offer == Offer.SIMILAR_OWN
    ):
        grounds.append(NaiveGround(Reason.RUNNING_CONTRACT, Verdict.ALLOW))
    return grounds


def is_soft_opt_in_expired(question: Question, policy: Policy) -> bool:
    rule = rule_for(question, policy)
    return (
        rule is not None
        and regime_of_purpose(question, policy) is None
        and is_own_customer_informed(rule, question.customer)
        and rule.soft_opt_in is not None
        and rule.soft_opt_in.within_months is not None
        and is_sale_known(question)
        and not is_sale_recent(rule, question)
    )


def is_sale_known(question: Question) -> bool:
    """A sale that is yet to come is none."""
    sold_at_us = question.customer.last_sale_at_us
    return sold_at_us is not None and sold_at_us <= question.at_us


def is_own_customer_informed(rule: Rule, customer: Customer) -> bool:
    return (
        rule.soft_opt_in is not None
        and customer.relationship == Relationship.CUSTOMER
        and customer.offer == Offer.SIMILAR_OWN
        and customer.informed_at_collection
    )


def is_sale_recent(rule: Rule, question: Question) -> bool:
    assert rule.soft_opt_in is not None
    months = rule.soft_opt_in.within_months
    if months is None:
        return True
    sold_at_us = question.customer.last_sale_at_us
    return (
        sold_at_us is not None
        and is_sale_known(question)
        and question.at_us < months_later(sold_at_us, months)
    )


def failing_consents(question: Question, facts: list[Fact], policy: Policy) -> list[NaiveGround]:
    consents = standing_consents(question, facts)
    return [
        NaiveGround(reason, Verdict.DENY, fact.entry_id)
        for reason in (
            Reason.CONSENT_EXPIRED,
            Reason.CONSENT_UNPROVEN,
            Reason.PARTNER_NOT_ACCEPTED,
        )
        for fact in consents
        if failure_of(fact, question, policy) == reason
    ]


# --- Step 9 ---------------------------------------------------------------------------------------


def step_9_hours_and_cap(
    question: Question, facts: list[Fact], policy: Policy
) -> list[NaiveGround]:
    rule = rule_for(question, policy)
    if rule is None:
        return []
    grounds = []
    if rule.contact_hours is not None and not are_open(rule.contact_hours, question):
        reason = Reason.OUTSIDE_CONTACT_HOURS
        grounds.append(ground_of_time(reason, is_verified=rule.contact_hours.is_verified))
    if rule.attempt_cap is not None and attempts_made(rule.attempt_cap, question, facts):
        grounds.append(ground_of_time(Reason.ATTEMPT_CAP, is_verified=rule.attempt_cap.is_verified))
    return grounds


def ground_of_time(reason: Reason, *, is_verified: bool) -> NaiveGround:
    if is_verified:
        return NaiveGround(reason, Verdict.DENY)
    return NaiveGround(Reason.RULE_UNVERIFIED, Verdict.REVIEW)


def are_open(hours: ContactHours, question: Question) -> bool:
    """The drawn places keep one zone and no holiday of their own."""
    local = (EPOCH + timedelta(microseconds=question.at_us)).astimezone(ZONE)
    since_midnight = local - local.replace(hour=0, minute=0, second=0, microsecond=0)
    windows = hours.by_day.get(DayKind(local.weekday()), ())
    if local.date() in HOLIDAYS:
        windows = hours.by_day.get(DayKind.HOLIDAY, ())
    return any(
        timedelta(minutes=window.from_minute)
        <= since_midnight
        < timedelta(minutes=window.to_minute)
        for window in windows
    )


def attempts_made(cap: AttemptCap, question: Question, facts: list[Fact]) -> bool:
    """Whether none is left of those that any stretch of so many days may hold."""
    counted = [
        fact
        for fact in facts
        if fact.kind == EntryKind.CONTACT_ATTEMPT
        and fact.match == Match.TARGET
        and fact.lifted_at_us is None
        and question.at_us - may_last_be_made_at(fact) < cap.days * DAY_US
    ]
    return len(counted) >= cap.attempts


def may_last_be_made_at(attempt: Fact) -> int:
    return attempt.counts_at_us if attempt.expires_at_us is None else attempt.expires_at_us


# --- How long it holds ----------------------------------------------------------------------------


def answer_at(
    question: Question, facts: list[Fact], policy: Policy, at_us: int
) -> tuple[Verdict, Reason]:
    """Verdict and reason, were it asked at another instant."""
    deciding = decide_naively(replace(question, at_us=at_us), facts, policy).deciding
    return (deciding.verdict, deciding.reason)


def valid_until_naively(
    question: Question, facts: list[Fact], policy: Policy, horizon_us: int
) -> int | None:
    """The first later instant with another answer; None when there is none up to the horizon."""
    now = answer_at(question, facts, policy, question.at_us)
    later = happenings(question, facts, policy, horizon_us)
    return next((at for at in later if answer_at(question, facts, policy, at) != now), None)


def retry_at_naively(
    question: Question, facts: list[Fact], policy: Policy, horizon_us: int
) -> int | None:
    """The first later instant at which the answer is ALLOW."""
    later = happenings(question, facts, policy, horizon_us)
    return next(
        (at for at in later if answer_at(question, facts, policy, at)[0] == Verdict.ALLOW), None
    )


def happenings(question: Question, facts: list[Fact], policy: Policy, horizon_us: int) -> list[int]:
    """Every later instant at which anything in question, facts or rules begins or ends."""
    found: set[int | None] = set()
    customer = question.customer
    found |= {customer.contract_ended_at_us, customer.last_sale_at_us}
    for fact in facts:
        found |= {fact.counts_at_us, fact.expires_at_us, fact.lifted_at_us}
        if fact.partner is not None:
            found.add(fact.counts_at_us + fact.partner.maximum_lead_age_days * DAY_US)
    for rules in policy.rules.values():
        for rule in rules:
            found |= {rule.holds_from_us, rule.holds_until_us}
            found |= set(happenings_of_rule(rule, question, facts))
            if rule.contact_hours is not None:
                found |= set(openings(rule.contact_hours, question.at_us, horizon_us))
    return sorted(at for at in found if at is not None and question.at_us < at <= horizon_us)


def happenings_of_rule(rule: Rule, question: Question, facts: list[Fact]) -> Iterator[int]:
    for fact in facts:
        if rule.consent_validity_months is not None:
            yield months_later(fact.counts_at_us, rule.consent_validity_months)
        if rule.register is not None:
            yield fact.counts_at_us + rule.register.scrub_age_days * DAY_US
        if rule.attempt_cap is not None:
            yield may_last_be_made_at(fact) + rule.attempt_cap.days * DAY_US
    customer = question.customer
    if rule.register is not None and customer.contract_ended_at_us is not None:
        within_days = rule.register.contract_ended_within_days
        yield customer.contract_ended_at_us + within_days * DAY_US
    months = None if rule.soft_opt_in is None else rule.soft_opt_in.within_months
    if months is not None and customer.last_sale_at_us is not None:
        yield months_later(customer.last_sale_at_us, months)


def openings(hours: ContactHours, from_us: int, to_us: int) -> Iterator[int]:
    day = (EPOCH + timedelta(microseconds=from_us)).astimezone(ZONE).date()
    last = (EPOCH + timedelta(microseconds=to_us)).astimezone(ZONE).date()
    while day <= last:
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
        for windows in hours.by_day.values():
            for window in windows:
                for minute in window:
                    hour, minute_of_hour = divmod(minute, 60)
                    local = midnight.replace(hour=hour, minute=minute_of_hour)
                    yield (local - EPOCH) // timedelta(microseconds=1)
        day += timedelta(days=1)


# --- What several steps need ----------------------------------------------------------------------


def is_jurisdiction_unknown(question: Question, policy: Policy) -> bool:
    return question.country is None or policy.jurisdiction(question.country) is None


def rule_for(question: Question, policy: Policy) -> Rule | None:
    country = None if question.country is None else policy.jurisdiction(question.country)
    if country is None:
        return None
    slots = policy.rules_for(country, question.channel, question.line_type, question.recipient_type)
    in_force = [
        rule for rule in slots if rule.holds_from_us <= question.at_us < rule.holds_until_us
    ]
    return in_force[0] if in_force else None


def latest_first(facts: list[Fact]) -> list[Fact]:
    """By time; at the same instant objections before withdrawals, then by entry id."""
    return sorted(
        facts,
        key=lambda fact: (
            -fact.counts_at_us,
            fact.kind == EntryKind.WITHDRAWAL,
            fact.entry_id,
        ),
    )


def months_later(instant_us: int, months: int) -> int:
    """Counted month by month on the calendar: the same day, or the last one its month has."""
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
    year, month = start.year, start.month
    for _ in range(months):
        month += 1
        if month > 12:
            year, month = year + 1, 1
    for day in (start.day, 30, 29, 28):
        try:
            later = start.replace(year=year, month=month, day=day)
        except ValueError:
            continue
        return (later - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    raise AssertionError
