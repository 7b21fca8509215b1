"""Explanations: what was known then, by the rules of then, of what was asked about then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.errors import InvalidRequest, NotFound, Unavailable
from consent_registry_server.domain.explanation import Consideration, Effect
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    EntryKind,
    Precision,
    PurposeId,
    Reason,
    RegisterStatus,
    Source,
    Verdict,
)
from consent_registry_server.service.explain import Explained, Times
from consent_registry_server.service.replay import SEALED_FOR
from tests.past_desk import (
    CLEAR,
    EMAIL,
    MINUTE_US,
    NOW_US,
    PARIS,
    PHONE,
    SERVICE,
    MemoryDesk,
    asked,
    gist,
    packaged_policy,
    paris,
    told,
)
from tests.random_talk import say_anything, some_question
from tests.reference.situations import rows

BY_EMAIL = asked(EMAIL, Channel.EMAIL)
BY_PHONE = asked(PHONE, Channel.VOICE_CALL)


@pytest.fixture
def past() -> MemoryDesk:
    """An empty registry."""
    return MemoryDesk()


def decided(explained: Explained) -> Consideration:
    [deciding] = [each for each in told(explained) if each.effect is Effect.DECIDED]
    return deciding


# Now.


@settings(max_examples=300)
@given(st.lists(rows, max_size=12), st.lists(rows, min_size=1, max_size=3))
def test_here_and_now_an_explanation_is_the_answer_of_a_check(
    statements: list[bytes], questions: list[bytes]
) -> None:
    """Whatever was said and whatever is asked: verdict, grounds, and how long they hold."""
    desk = MemoryDesk()
    desk.registers_mover()
    for row in statements:
        say_anything(desk, row)
    for row in questions:
        question = some_question(row)
        explained = desk.explain(question)
        assert explained.explanation.decision == desk.check(question)
        assert (explained.at_us, explained.known_at_us) == (desk.clock.now_us, desk.clock.now_us)
        entries = {each.entry_id for each in told(explained)} - {None}
        assert entries <= explained.recorded_at_us.keys()


@given(st.lists(rows, max_size=8), rows)
def test_no_sentence_and_no_token_tells_who_the_people_are(
    statements: list[bytes], asks: bytes
) -> None:
    """Neither in an explanation nor in what is under the seal."""
    desk = MemoryDesk()
    desk.registers_mover()
    for row in statements:
        say_anything(desk, row)
    question = some_question(asks)
    kept = desk.check_and_keep(question)
    content = desk.sealer.unseal(kept.token, purpose=SEALED_FOR)
    assert content is not None
    sentences = " ".join(each.text for each in told(desk.explain(question)))
    for clear in CLEAR:
        assert clear not in sentences
        assert clear not in content.decode()
        assert clear.encode() not in kept.token
        assert clear not in repr(kept.replayed())


def test_an_alarm_call_is_explained_while_the_registry_is_down(past: MemoryDesk) -> None:
    """Nothing need be read for it."""
    past.store.is_down = True
    explained = past.explain(asked(PHONE, Channel.VOICE_CALL, purpose=SERVICE))
    assert gist(explained) == (Verdict.ALLOW, Reason.NOT_MARKETING)
    with pytest.raises(Unavailable):
        past.explain(BY_PHONE)


# What was known.


def test_what_was_recorded_later_was_not_known(past: MemoryDesk) -> None:
    """A letter of 10 March that was opened on the 20th stopped nobody before."""
    past.clock.now_us = paris(2026, 3, 1)
    past.consents(EMAIL)
    past.clock.now_us = paris(2026, 3, 20)
    letter = past.now(Source.LETTER)
    past.opts_out(EMAIL, said=replace(letter, expressed_at_us=paris(2026, 3, 10)))
    past.clock.now_us = NOW_US

    at_us = paris(2026, 3, 15)
    unknowing = past.explain(BY_EMAIL, at_us=at_us, known_at_us=at_us)
    assert gist(unknowing) == (Verdict.ALLOW, Reason.CONSENT)
    knowing = past.explain(BY_EMAIL, at_us=at_us, known_at_us=paris(2026, 3, 21))
    assert gist(knowing) == (Verdict.DENY, Reason.OBJECTION)
    assert gist(past.explain(BY_EMAIL, at_us=at_us)) == gist(knowing)
    told_of = decided(knowing)
    assert told_of.entry_id is not None
    assert knowing.recorded_at_us[told_of.entry_id] == paris(2026, 3, 20)
    assert told_of.expressed_at_us == paris(2026, 3, 10)


def test_what_was_said_later_counts_only_once_it_was_recorded(past: MemoryDesk) -> None:
    """A check honours what it has, whatever its date; history does not know the future."""
    past.clock.now_us = paris(2026, 3, 1)
    past.consents(EMAIL)
    past.clock.now_us = paris(2026, 6, 1)
    past.opts_out(EMAIL)
    past.clock.now_us = NOW_US

    assert gist(past.explain(BY_EMAIL, at_us=paris(2026, 5, 1)))[1] is Reason.CONSENT
    assert gist(past.explain(BY_EMAIL, at_us=paris(2026, 6, 2)))[1] is Reason.OBJECTION
    # A check says no of any instant, for it has the objection.
    back_then = replace(BY_EMAIL, scope=replace(BY_EMAIL.scope, at_us=paris(2026, 5, 1)))
    assert past.check(back_then).reason is Reason.OBJECTION


def test_what_is_dated_ahead_counts_from_when_it_was_recorded(past: MemoryDesk) -> None:
    """An opt-out by a clock four minutes fast was honoured at once, and is so in history."""
    past.clock.now_us = paris(2026, 6, 1)
    ahead = replace(past.now(), expressed_at_us=past.clock.now_us + 4 * MINUTE_US)
    past.opts_out(EMAIL, said=ahead)
    past.clock.now_us = NOW_US
    just_after_us = paris(2026, 6, 1) + MINUTE_US
    assert gist(past.explain(BY_EMAIL, at_us=just_after_us))[1] is Reason.OBJECTION


def test_a_lift_counts_only_once_it_was_known(past: MemoryDesk) -> None:
    """Before, the opt-out stood."""
    past.clock.now_us = paris(2026, 3, 1)
    past.consents(EMAIL)
    past.clock.now_us = paris(2026, 4, 1)
    opt_out = past.opts_out(EMAIL)
    past.clock.now_us = paris(2026, 5, 1)
    past.lifts(opt_out)
    past.clock.now_us = NOW_US
    april_us = paris(2026, 4, 30)
    before = past.explain(BY_EMAIL, at_us=april_us, known_at_us=april_us)
    assert gist(before) == (Verdict.DENY, Reason.OBJECTION)
    assert gist(past.explain(BY_EMAIL)) == (Verdict.ALLOW, Reason.CONSENT)


def test_a_partner_is_judged_by_its_terms_of_then(past: MemoryDesk) -> None:
    """What it may bring today says nothing of what it could bring in spring."""
    past.clock.now_us = paris(2026, 3, 1)
    past.registers_mover(channels=(Channel.EMAIL,))
    past.brings(EMAIL)
    past.clock.now_us = paris(2026, 4, 1)
    past.registers_mover(channels=(Channel.SMS,))
    past.clock.now_us = NOW_US
    spring_us = paris(2026, 3, 15)
    then = past.explain(BY_EMAIL, at_us=spring_us, known_at_us=spring_us)
    assert gist(then) == (Verdict.ALLOW, Reason.PARTNER_CONSENT)
    now = past.explain(BY_EMAIL, at_us=spring_us)
    assert gist(now) == (Verdict.DENY, Reason.PARTNER_NOT_ACCEPTED)


# The rules of then.


@pytest.mark.parametrize(
    "day, verdict, rule_id",
    [
        (10, Verdict.REVIEW, "fr.voice_call.before_2026_08_11"),
        (11, Verdict.DENY, "fr.voice_call"),
    ],
)
def test_the_rules_of_the_day_apply(
    past: MemoryDesk, day: int, verdict: Verdict, rule_id: str
) -> None:
    """In France calls need a consent since 11 August 2026; before, a screening did."""
    explained = past.explain(BY_PHONE, at_us=paris(2026, 8, day, 15))
    assert gist(explained)[0] is verdict
    applied = [each for each in told(explained, 2) if each.effect is Effect.APPLIED]
    assert rule_id in {each.rule_id for each in applied}
    passed_over = {
        each.rule_id: each.text for each in told(explained, 2) if each.effect is Effect.NOT_APPLIED
    }
    assert rule_id not in passed_over
    assert any("10 August 2026 only" in text for text in passed_over.values()) == (day == 11)
    assert any("11 August 2026 on" in text for text in passed_over.values()) == (day == 10)


def test_the_policy_of_the_time_of_the_knowledge_applies(past: MemoryDesk) -> None:
    """A policy that came later was not known; one before the first was never there."""
    old = replace(packaged_policy(), version="old")
    new = replace(packaged_policy(), version="new")
    past.policies.since = [(paris(2026, 1, 1), old), (paris(2026, 10, 1), new)]
    at_us = paris(2026, 9, 1)
    assert past.explain(BY_EMAIL).policy_version == "new"
    assert past.explain(BY_EMAIL, at_us=at_us).policy_version == "new"
    assert past.explain(BY_EMAIL, known_at_us=at_us).policy_version == "old"
    with pytest.raises(NotFound) as refused:
        past.explain(BY_EMAIL, known_at_us=paris(2025, 12, 31))
    assert refused.value.reason == "UNKNOWN_POLICY_VERSION"


def test_a_token_is_replayed_by_the_policy_it_was_decided_by(past: MemoryDesk) -> None:
    """Unless the request names another time of knowledge; a lost policy is told."""
    old = replace(packaged_policy(), version="old")
    new = replace(packaged_policy(), version="new")
    past.policies.since = [(0, old)]
    kept = past.check_and_keep(BY_EMAIL)
    past.clock.now_us += DAY_US
    past.policies.since.append((past.clock.now_us, new))
    assert past.replay(kept.replayed()).policy_version == "old"
    assert past.replay(kept.replayed(), at_us=NOW_US - DAY_US).policy_version == "old"
    later = past.replay(kept.replayed(), known_at_us=past.clock.now_us)
    assert later.policy_version == "new"
    del past.policies.since[0]
    with pytest.raises(NotFound) as refused:
        past.replay(kept.replayed())
    assert refused.value.reason == "UNKNOWN_POLICY_VERSION"


# What cannot be asked.


def test_nobody_knows_the_future(past: MemoryDesk) -> None:
    """What will be known then cannot be told now."""
    past.explanations.require_past(Times(NOW_US + DAY_US, NOW_US))
    with pytest.raises(InvalidRequest) as refused:
        past.explanations.require_past(Times(None, NOW_US + 1))
    assert (refused.value.reason, refused.value.field) == ("INVALID_FIELD", "known_at")


def test_an_unknown_controller_or_purpose_is_refused(past: MemoryDesk) -> None:
    """As by a check."""
    stranger = replace(BY_EMAIL, scope=replace(BY_EMAIL.scope, controller=ControllerId("nobody")))
    with pytest.raises(NotFound):
        past.explain(stranger)
    nonsense = replace(BY_EMAIL, scope=replace(BY_EMAIL.scope, purpose=PurposeId("nonsense")))
    with pytest.raises(InvalidRequest):
        past.explain(nonsense)


# Other things that are told.


def test_a_day_is_told_as_a_day(past: MemoryDesk) -> None:
    """An opt-out of 10 March counts from the 11th, and a reader must see both."""
    letter = past.now(Source.LETTER)
    by_day = replace(letter, precision=Precision.DAY, expressed_at_us=paris(2026, 3, 10))
    past.opts_out(EMAIL, said=by_day)
    text = decided(past.explain(BY_EMAIL)).text
    assert "of 10 March 2026 by letter, counted from 11 March 2026 at 00:00 Europe/Paris," in text


def test_attempts_and_scrubs_are_told_with_what_they_were_worth(past: MemoryDesk) -> None:
    """Each entry with when it was recorded."""
    past.consents(PHONE, channels=(Channel.VOICE_CALL,))
    past.attempts_call()
    past.scrubs(PHONE, RegisterStatus.CLEAR, date(2026, 11, 20))
    explained = past.explain(BY_PHONE)
    [attempt] = [each for each in told(explained, 9) if each.entry_id is not None]
    assert attempt.text == (
        "The attempt of 23 November 2026 at 15:00 Europe/Paris was granted and counts."
    )
    [result] = [each for each in told(explained, 7) if each.entry_id is not None]
    assert result.text == (
        "Bloctel, asked on 20 November 2026: not listed; the rule does not ask for it."
    )
    assert {attempt.entry_id, result.entry_id} <= explained.recorded_at_us.keys()


def test_an_unknown_time_is_told(past: MemoryDesk) -> None:
    """It proves no consent."""
    past.consents(
        EMAIL, said=replace(past.now(), precision=Precision.UNKNOWN, expressed_at_us=None)
    )
    explained = past.explain(BY_EMAIL)
    assert gist(explained) == (Verdict.DENY, Reason.CONSENT_UNPROVEN)
    assert decided(explained).text == (
        "The consent of an unknown time on the controller's own form, counted from 23 November"
        f" 2026 at 15:00 {PARIS}, lacks a part of its proof."
    )


def test_a_withdrawal_is_told_at_the_consent_that_it_ended(past: MemoryDesk) -> None:
    """Step 5 names the instant, step 4 the withdrawal itself."""
    past.consents(EMAIL)
    past.clock.now_us += DAY_US
    past.opts_out(EMAIL, kind=EntryKind.WITHDRAWAL)
    explained = past.explain(BY_EMAIL)
    assert gist(explained) == (Verdict.DENY, Reason.WITHDRAWN)
    [consent] = list(told(explained, 5))
    assert consent.text.endswith("was withdrawn on 24 November 2026 at 15:00 Europe/Paris.")
