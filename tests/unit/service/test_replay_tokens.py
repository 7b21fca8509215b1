"""Replay tokens: an answer comes back as it was given, and to nobody but those it was about."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import ContactPoint, Email, Phone
from consent_registry_server.domain.errors import InvalidRequest
from consent_registry_server.domain.policy import Policy
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    Reason,
    Verdict,
)
from consent_registry_server.service.ports import Digester
from consent_registry_server.service.questions import AskedContact, Resolved, resolve
from consent_registry_server.service.replay import SEALED_FOR
from tests.past_desk import (
    CLEAR,
    EMAIL,
    NOW_US,
    OTHER_EMAIL,
    PHONE,
    POINTS,
    SERVICE,
    Kept,
    MemoryDesk,
    asked,
    gist,
    paris,
    told,
)
from tests.random_talk import say_anything, some_question
from tests.reference.situations import rows

BY_EMAIL = asked(EMAIL, Channel.EMAIL)


@pytest.fixture
def past() -> MemoryDesk:
    """An empty registry."""
    return MemoryDesk()


@settings(max_examples=300)
@given(st.lists(rows, max_size=12), rows, st.lists(rows, max_size=6))
def test_a_token_brings_an_answer_back_whatever_was_said_since(
    before: list[bytes], asks: bytes, after: list[bytes]
) -> None:
    """Down to its grounds, and to the instants until which it held."""
    desk = MemoryDesk()
    desk.registers_mover()
    for row in before:
        say_anything(desk, row)
    kept = desk.check_and_keep(some_question(asks))
    # The clock stands still: what is said next is recorded at the instant of the answer.
    for row in after:
        say_anything(desk, row)
    explained = desk.replay(kept.replayed())
    assert explained.explanation.decision == kept.decision
    assert explained.decision_id == kept.decision_id
    assert explained.revision == kept.answers.revision
    assert explained.at_us == explained.known_at_us == kept.answers.checked_at_us
    first = next(told(explained))
    assert first.text.endswith("; the replay comes to the same.")


def test_other_times_than_the_decisions_own_make_no_comparison(past: MemoryDesk) -> None:
    """What would have been is no replay of what was: it has neither its id nor its revision."""
    kept = past.check_and_keep(BY_EMAIL)
    past.clock.now_us += DAY_US
    past.consents(EMAIL, said=replace(past.now(), expressed_at_us=NOW_US - DAY_US))
    same = past.replay(kept.replayed(), at_us=NOW_US)
    assert gist(same) == (Verdict.DENY, Reason.NO_CONSENT)
    wiser = past.replay(kept.replayed(), known_at_us=past.clock.now_us)
    assert gist(wiser) == (Verdict.ALLOW, Reason.CONSENT)
    for explained in (same, wiser):
        assert (explained.decision_id, explained.revision) == (None, "")
        assert not any("was given on" in each.text for each in told(explained, 1))


def test_knowing_more_does_not_move_a_decision_into_its_future(past: MemoryDesk) -> None:
    """An opt-out of the next day is known by now, and was none when the decision was made."""
    past.consents(EMAIL)
    kept = past.check_and_keep(BY_EMAIL)
    past.clock.now_us += DAY_US
    past.opts_out(EMAIL)
    wiser = past.replay(kept.replayed(), known_at_us=past.clock.now_us)
    assert gist(wiser) == (Verdict.ALLOW, Reason.CONSENT)


def test_a_check_of_another_instant_is_replayed_with_what_it_honoured(past: MemoryDesk) -> None:
    """It was asked about January, and honoured an objection of spring."""
    past.consents(EMAIL, said=replace(past.now(), expressed_at_us=paris(2026, 1, 1)))
    past.opts_out(EMAIL, said=replace(past.now(), expressed_at_us=paris(2026, 4, 1)))
    kept = past.check_and_keep(asked(EMAIL, Channel.EMAIL, at_us=paris(2026, 1, 31)))
    assert kept.decision.reason is Reason.OBJECTION
    past.clock.now_us += DAY_US
    explained = past.replay(kept.replayed())
    assert explained.explanation.decision == kept.decision
    assert explained.at_us == paris(2026, 1, 31)
    # Asked by hand about that day, history knows of no objection yet... unless it was recorded.
    assert gist(past.replay(kept.replayed(), at_us=paris(2026, 1, 31)))[1] is Reason.CONSENT


def test_a_decision_whose_grounds_are_gone_is_told_to_differ(past: MemoryDesk) -> None:
    """As after a restore of the database to an earlier day."""
    past.consents(EMAIL)
    kept = past.check_and_keep(BY_EMAIL)
    # The keyring outlives the database.
    explained = MemoryDesk(past.sealer).replay(kept.replayed())
    assert gist(explained) == (Verdict.DENY, Reason.NO_CONSENT)
    first = next(told(explained))
    assert first.text == (
        "The decision that was given on 23 November 2026 at 14:00 UTC was ALLOW, CONSENT; the"
        " replay comes to DENY, NO_CONSENT: the registry no longer holds all that the answer was"
        " based on, as after an erasure or a restore."
    )


@pytest.mark.parametrize(
    "target",
    [OTHER_EMAIL, Email("camille.desiree+tag@example.com"), Phone("+33639980002"), PHONE],
    ids=["other", "sub-address", "number", "own number"],
)
def test_a_token_of_another_target_is_refused(past: MemoryDesk, target: ContactPoint) -> None:
    """Though it is genuine; not even a sub-address of the same mailbox will do."""
    refused_with(past, past.check_and_keep(BY_EMAIL), target=target)


def test_a_token_of_another_subject_is_refused(past: MemoryDesk) -> None:
    """What else was known of the person is a part of the question."""
    kept = past.check_and_keep(asked(EMAIL, Channel.EMAIL, PHONE))
    other = asked(EMAIL, Channel.EMAIL, OTHER_EMAIL)
    refused_with(past, replace(kept, asked=BY_EMAIL))
    refused_with(past, replace(kept, asked=other))


def test_a_token_knows_its_people_in_any_spelling_and_order(past: MemoryDesk) -> None:
    """As they are compared everywhere."""
    kept = past.check_and_keep(asked(PHONE, Channel.VOICE_CALL, EMAIL, OTHER_EMAIL))
    same = asked(
        Phone("+33 (0)6 39 98 00 01"),
        Channel.VOICE_CALL,
        Email(" C.Desiree@EXAMPLE.com"),
        EMAIL,
        EMAIL,
    )
    explained = past.replay(replace(kept, asked=same).replayed())
    assert explained.explanation.decision == kept.decision


def test_a_token_of_another_controller_is_refused(past: MemoryDesk) -> None:
    """Whoever is granted one controller learns nothing of another one's decisions."""
    kept = past.check_and_keep(BY_EMAIL)
    with pytest.raises(InvalidRequest) as refused:
        past.replay(replace(kept.replayed(), controller=ControllerId("alarm-no")))
    assert refused.value.reason == "INVALID_REPLAY_TOKEN"


@pytest.mark.parametrize("place", [0, 1, 20, 60, -1])
def test_a_token_that_was_changed_is_refused(past: MemoryDesk, place: int) -> None:
    """Whichever octet it is."""
    kept = past.check_and_keep(BY_EMAIL)
    token = bytearray(kept.token)
    token[place] ^= 1
    refused_with(past, replace(kept, token=bytes(token)))


@pytest.mark.parametrize("token", [b"x", b"\x01", b"\0" * 200], ids=["short", "header", "zeros"])
def test_what_is_no_token_is_refused(past: MemoryDesk, token: bytes) -> None:
    """Whatever it is."""
    refused_with(past, replace(past.check_and_keep(BY_EMAIL), token=token))


def test_what_was_sealed_for_another_purpose_or_format_is_refused(past: MemoryDesk) -> None:
    """A later release may seal other things, or write more into a token."""
    kept = past.check_and_keep(BY_EMAIL)
    content = past.sealer.unseal(kept.token, purpose=SEALED_FOR)
    assert content is not None
    refused_with(past, replace(kept, token=past.sealer.seal(content, purpose="page-token")))
    later = json.dumps({**json.loads(content), "format": 2}).encode()
    refused_with(past, replace(kept, token=past.sealer.seal(later, purpose=SEALED_FOR)))


def refused_with(desk: MemoryDesk, kept: Kept, *, target: ContactPoint | None = None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        desk.replay(kept.replayed(target=target))
    assert (refused.value.reason, refused.value.field) == ("INVALID_REPLAY_TOKEN", "replay_token")
    for clear in CLEAR:
        assert clear not in refused.value.message


def test_a_token_holds_no_digest_that_is_stored(past: MemoryDesk) -> None:
    """What is under the seal matches nothing in the database."""
    past.consents(*POINTS)
    kept = past.check_and_keep(asked(EMAIL, Channel.EMAIL, *POINTS))
    content = past.sealer.unseal(kept.token, purpose=SEALED_FOR)
    assert content is not None
    stored = {
        digest
        for prepared in past.store.written()
        for point in prepared.contact_points
        for digest in (point.wide, point.exact)
    }
    assert len(stored) >= len(POINTS)
    for digest in stored:
        assert digest.hex() not in content.decode()
        assert base64.b64encode(digest).decode() not in content.decode()


def test_a_token_for_an_alarm_call_needs_no_database(past: MemoryDesk) -> None:
    """Nor does its replay."""
    past.store.is_down = True
    kept = past.check_and_keep(asked(PHONE, Channel.VOICE_CALL, purpose=SERVICE))
    assert gist(past.replay(kept.replayed())) == (Verdict.ALLOW, Reason.NOT_MARKETING)


def test_an_answer_is_replayed_as_its_contact_points_were_read(
    past: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later release may read another country, line or time zone out of the same number."""
    past.consents(PHONE, channels=(Channel.VOICE_CALL,))
    kept = past.check_and_keep(asked(PHONE, Channel.VOICE_CALL))
    assert kept.decision.reason is Reason.CONSENT

    def read_otherwise(question: AskedContact, policy: Policy, digester: Digester) -> Resolved:
        return replace(resolve(question, policy, digester), country=None)

    monkeypatch.setattr("consent_registry_server.service.replay.resolve", read_otherwise)
    assert past.replay(kept.replayed()).explanation.decision == kept.decision
