"""What a company layer can never do, whatever it states and whoever asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import event, given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact_hours import DayKind
from consent_registry_server.domain.contact_times import freed_at_us
from consent_registry_server.domain.decision import Fact, Match
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.policy import AttemptCap, Policy, Rule
from consent_registry_server.domain.vocabulary import ALL_CHANNELS, EntryId, EntryKind
from consent_registry_server.policy.schema import CompanyRule
from consent_registry_server.policy.stricter import NotStricter, stricter
from consent_registry_server.policy.times import is_cap_within
from tests.reference.situations import REGISTER, Situation, situations

CLOCK = ("00:00", "09:00", "10:00", "13:00", "14:00", "20:00", "24:00")

windows = st.builds(
    lambda days, between: {"days": sorted(days), "from": min(between), "to": max(between)},
    st.sets(st.sampled_from([kind.name for kind in DayKind]), min_size=1),
    st.lists(st.sampled_from(CLOCK), min_size=2, max_size=2, unique=True),
)
terms = st.fixed_dictionaries(
    {},
    optional={
        "regime": st.sampled_from(["opt_in", "opt_out"]),
        "soft_opt_in": st.sampled_from(["none", {"within_months": 1}, {"within_months": 3}]),
        "running_contract_exemption": st.booleans(),
        "consent_validity_months": st.sampled_from([1, 2, 3]),
        "proof_retention_months": st.sampled_from([12, 36]),
        "register": st.fixed_dictionaries(
            {},
            optional={
                "name": st.just(REGISTER),
                "scrub_age_days": st.sampled_from([1, 7, 15, 60]),
                "exemptions": st.lists(
                    st.sampled_from(["later_consent", "consent", "customer", "contract"]),
                    unique=True,
                ),
                "contract_ended_within_days": st.sampled_from([1, 30]),
            },
        ),
        "contact_hours": st.just("any") | windows.map(lambda window: [window]),
        "attempt_cap": st.just("none")
        | st.fixed_dictionaries(
            {"attempts": st.sampled_from([1, 2, 3]), "days": st.sampled_from([1, 28, 31, 59, 60])}
        ),
    },
)


def tightened(rule: Rule, stated: dict[str, Any]) -> Rule:
    """The rule with each thing stated that is stricter by itself or with the rest."""
    for part in (stated, *({key: value} for key, value in stated.items())):
        try:
            rule = stricter(rule, CompanyRule.model_validate(part))
        except NotStricter:
            continue
    return rule


def with_layer(policy: Policy, stated: dict[str, Any]) -> Policy:
    rules = {
        slot: tuple(tightened(rule, stated) for rule in rules)
        for slot, rules in policy.rules.items()
    }
    return replace(policy, rules=rules)


@settings(deadline=None, max_examples=400)
@given(situation=situations, stated=terms)
def test_no_layer_makes_a_verdict_less_strict(situation: Situation, stated: dict[str, Any]) -> None:
    """Neither DENY nor REVIEW ever becomes ALLOW, nor DENY REVIEW."""
    layered = with_layer(situation.policy, stated)
    before = decide(situation.question, list(situation.facts), situation.policy).verdict
    after = decide(situation.question, list(situation.facts), layered).verdict
    event(f"{before.name} became {after.name}")
    assert after >= before


@given(stated=terms, situation=situations)
def test_to_state_it_again_changes_nothing(situation: Situation, stated: dict[str, Any]) -> None:
    """What a layer made stricter is no looser than the layer."""
    layer = CompanyRule.model_validate(stated)
    for rule in (rule for rules in situation.policy.rules.values() for rule in rules):
        try:
            once = stricter(rule, layer)
        except NotStricter:
            continue
        assert stricter(once, layer) == once


caps = st.builds(AttemptCap, st.integers(1, 4), st.integers(1, 6))
days_before = st.lists(st.integers(0, 7), max_size=6)


@settings(max_examples=300)
@given(cap=caps, other=caps, days_ago=days_before)
def test_a_cap_within_another_refuses_whatever_that_refuses(
    cap: AttemptCap, other: AttemptCap, days_ago: list[int]
) -> None:
    """Attempts of the time before the layer count too."""
    if is_cap_within(cap, within=other):
        assert is_refused(cap, days_ago) or not is_refused(other, days_ago)


@given(cap=caps, other=caps)
def test_a_cap_not_within_another_permits_what_that_refuses(
    cap: AttemptCap, other: AttemptCap
) -> None:
    """The condition is exact: what it refuses is looser for someone."""
    if not is_cap_within(cap, within=other):
        long_ago, lately = [other.days - 1] * other.attempts, [0] * other.attempts
        assert any(
            is_refused(other, days_ago) and not is_refused(cap, days_ago)
            for days_ago in (long_ago, lately)
        )


def is_refused(cap: AttemptCap, days_ago: list[int]) -> bool:
    now_us = 1_000 * DAY_US
    attempts = [
        Fact(
            kind=EntryKind.CONTACT_ATTEMPT,
            entry_id=EntryId(UUID(int=number)),
            match=Match.TARGET,
            channels=ALL_CHANNELS,
            purposes=None,
            counts_at_us=now_us - days * DAY_US,
        )
        for number, days in enumerate(days_ago)
    ]
    return freed_at_us(cap, attempts, now_us) is not None
