"""What the person agreed to, and why it counted or did not: steps 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.decision import Fact, Match
from consent_registry_server.domain.entry_effects import expiry_us, has_ended, reaches
from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Effect,
    Step,
    step,
)
from consent_registry_server.domain.explanation.words import (
    CHANNELS,
    SOURCES,
    channels,
    named,
    purposes,
)
from consent_registry_server.domain.vocabulary import EntryKind, Reason, Source


def consents(account: Account) -> Step:
    """Is there a consent for this very target?"""
    return step(
        5,
        "Is there a consent for this very contact point, channel, purpose and controller?",
        (
            _consent(fact, account)
            for fact in account.facts_of(EntryKind.CONSENT, EntryKind.PARTNER_CONSENT)
        ),
        nothing="No consent is on record.",
    )


def _consent(fact: Fact, account: Account) -> Consideration:
    ground = account.ground_of(entry_id=fact.entry_id)
    beginning = named(fact, account)
    if ground is not None and ground.reason in (Reason.CONSENT, Reason.PARTNER_CONSENT):
        text = f"{beginning} is for exactly this, proven and in force."
    else:
        text = f"{beginning} {_why_not(fact, account)}."
    return account.by_entry(fact, text, ground)


def _why_not(fact: Fact, account: Account) -> str:
    return _why_another_matter(fact, account) or _why_no_longer(fact, account)


def _why_another_matter(fact: Fact, account: Account) -> str:
    question = account.question
    if fact.match is not Match.TARGET:
        return "is for another contact point than the one asked about"
    if not fact.channels & account.case.asked:
        return f"is for {channels(fact.channels)}, not for {CHANNELS[question.channel]}"
    if fact.purposes is None or question.purpose not in fact.purposes:
        return f"is for {purposes(fact.purposes)}, not for {question.purpose}"
    if fact.counts_at_us > question.at_us:
        return "was given only after the instant asked about"
    return ""


def _why_no_longer(fact: Fact, account: Account) -> str:
    if fact.lifted_at_us is not None and fact.lifted_at_us <= account.question.at_us:
        # By its erasure, its expiry, or a correction that restated it.
        return f"ended on {account.when(fact.lifted_at_us)} with the identity that proved it"
    ended_by = next((each for each in _withdrawals(fact, account) if _is_certain(each)), None)
    if ended_by is not None:
        return f"was withdrawn on {account.when(ended_by.counts_at_us)}"
    expires_at_us = expiry_us(fact, account.rule)
    if expires_at_us is not None and expires_at_us <= account.question.at_us:
        return f"ended on {account.when(expires_at_us)}, {_by_what(fact, expires_at_us, account)}"
    if not fact.proven:
        return "lacks a part of its proof"
    return _why_not_accepted(fact, account)


def _by_what(fact: Fact, expires_at_us: int, account: Account) -> str:
    rule = account.rule
    if expires_at_us == fact.expires_at_us or rule is None:
        return "as it was given"
    return f"for the rule {rule.rule_id} lets it count for {rule.consent_validity_months} months"


def _withdrawals(consent: Fact, account: Account) -> Iterator[Fact]:
    """The withdrawals that ended a consent, certainly or maybe; the latest first."""
    at_us, purpose = account.question.at_us, account.question.purpose
    for fact in account.facts_of(EntryKind.WITHDRAWAL):
        if (
            fact.channels & account.case.reaching
            and (fact.purposes is None or reaches(fact.purposes, purpose))
            and (fact.lifted_at_us is None or fact.lifted_at_us > at_us)
            and has_ended(consent, [fact])
        ):
            yield fact


def _is_certain(withdrawal: Fact) -> bool:
    return withdrawal.match is not Match.UNIT_UNCLEAR


def _why_not_accepted(fact: Fact, account: Account) -> str:
    terms = fact.partner
    asked = account.question
    if terms is None:
        return "comes from a partner that is not registered"
    if not terms.permitted_channels & account.case.asked:
        return f"comes from a partner that is not permitted {CHANNELS[asked.channel]}"
    if asked.purpose not in terms.permitted_purposes:
        return f"comes from a partner that is not permitted {asked.purpose}"
    too_old_at_us = fact.counts_at_us + terms.maximum_lead_age_days * DAY_US
    return f"is a lead that was too old to use from {account.when(too_old_at_us)} on"


def lifting(account: Account) -> Step:
    """Does a newer consent lift older opt-outs?"""
    return step(
        6,
        "Does a newer consent of the person lift older opt-outs?",
        _lifting(account),
        nothing="No consent in force could lift an opt-out.",
    )


def _lifting(account: Account) -> Iterator[Consideration]:
    for fact in account.facts_of(EntryKind.CONSENT, EntryKind.PARTNER_CONSENT):
        ground = account.ground_of(Reason.CONSENT, Reason.PARTNER_CONSENT, entry_id=fact.entry_id)
        if ground is None:
            continue
        why_not = _why_it_lifts_nothing(fact, account)
        effect = Effect.NOT_APPLIED if why_not else Effect.APPLIED
        says = f"lifts nothing: {why_not}" if why_not else "lifts every opt-out older than it"
        yield Consideration(
            effect,
            f"{named(fact, account)} {says}.",
            entry_id=fact.entry_id,
            expressed_at_us=fact.expressed_at_us,
        )


def _why_it_lifts_nothing(consent: Fact, account: Account) -> str:
    if consent.kind is EntryKind.PARTNER_CONSENT:
        return "what a partner brings never does"
    if not consent.lifts_opt_outs:
        if consent.source is Source.CALL_CENTRE:
            return "no recording or other artefact of the call proves it"
        return f"what was given {SOURCES[consent.source]} never does"
    if any(_withdrawals(consent, account)):
        return "a withdrawal that may be meant for this dwelling came with or after it"
    if not any(_is_liftable(fact, consent, account) for fact in account.facts):
        return "there is no older opt-out"
    return ""


def _is_liftable(fact: Fact, consent: Fact, account: Account) -> bool:
    """Whether an opt-out covers the question, still stands, and is older than a consent."""
    return (
        fact.kind in (EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL)
        and bool(fact.channels & account.case.reaching)
        and (fact.purposes is None or reaches(fact.purposes, account.question.purpose))
        and (fact.lifted_at_us is None or fact.lifted_at_us > account.question.at_us)
        and fact.counts_at_us < consent.counts_at_us
    )
