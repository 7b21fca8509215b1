"""What stops contact, and why it counted or did not: steps 3 and 4."""

from __future__ import annotations

from collections.abc import Iterator

from consent_registry_server.domain.decision import Fact, Match
from consent_registry_server.domain.entry_effects import reaches
from consent_registry_server.domain.explanation.account import (
    Account,
    Consideration,
    Step,
    step,
)
from consent_registry_server.domain.explanation.words import CHANNELS, channels, named, purposes
from consent_registry_server.domain.vocabulary import EntryKind, Reason


def restrictions(account: Account) -> Step:
    """Is the processing of the person's data restricted?"""
    return step(
        3,
        "Is the processing of this person's data restricted (GDPR art. 18)?",
        (_restriction(fact, account) for fact in account.facts_of(EntryKind.RESTRICTION)),
        nothing="No restriction is on record.",
    )


def _restriction(fact: Fact, account: Account) -> Consideration:
    ground = account.ground_of(entry_id=fact.entry_id)
    if ground is None and fact.lifted_at_us is not None:
        text = f"{named(fact, account)} was lifted on {account.when(fact.lifted_at_us)}."
    else:
        text = f"{named(fact, account)} is in force: no marketing of any kind."
    return account.by_entry(fact, text, ground)


def opt_outs(account: Account) -> Step:
    """Did the person opt out?"""
    return step(
        4,
        "Did the person opt out, by any contact point they are known by?",
        (
            _opt_out(fact, account)
            for fact in account.facts_of(EntryKind.DO_NOT_CONTACT, EntryKind.WITHDRAWAL)
        ),
        nothing="No opt-out is on record for any of the contact points.",
    )


def _opt_out(fact: Fact, account: Account) -> Consideration:
    ground = account.ground_of(entry_id=fact.entry_id)
    beginning = named(fact, account)
    if ground is None:
        return account.by_entry(fact, f"{beginning} {_why_not(fact, account)}.", None)
    if ground.reason is Reason.UNIT_UNCLEAR:
        end = "is for the same building, but the dwellings cannot be told apart: a human must look"
    else:
        end = "; ".join(_how_it_applies(fact, account))
    return account.by_entry(fact, f"{beginning} {end}.", ground)


def _how_it_applies(fact: Fact, account: Account) -> Iterator[str]:
    verb = "covers" if fact.kind is EntryKind.DO_NOT_CONTACT else "ended any consent to"
    yield f"{verb} {channels(fact.channels)} for {purposes(fact.purposes)}"
    if not fact.channels & account.case.asked:
        yield "calls include automated ones"
    if fact.match is Match.WIDE:
        yield "it was found by another contact point or spelling than the one asked about"
    yield "no later consent of the person lifts it"


def _why_not(fact: Fact, account: Account) -> str:
    question = account.question
    if not fact.channels & account.case.reaching:
        return f"is about {channels(fact.channels)}, not about {CHANNELS[question.channel]}"
    if fact.purposes is not None and not reaches(fact.purposes, question.purpose):
        return f"is about {purposes(fact.purposes)}, not about {question.purpose}"
    if fact.lifted_at_us is not None and fact.lifted_at_us <= question.at_us:
        return f"was lifted on {account.when(fact.lifted_at_us)}"
    return "is lifted by a later consent of the person for this very contact point (step 6)"
