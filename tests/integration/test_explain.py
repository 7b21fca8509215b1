"""Explanations on PostgreSQL: here and now they are the answer, by token the very same answer."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from consent_registry_server.domain.vocabulary import Channel, Reason
from consent_registry_server.service.ports import (
    Deadline,
    Ledger,
    Recorded,
    RequestKey,
    Transaction,
)
from consent_registry_server.storage.key_store import KeyStore
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.store import Store, open_store
from tests.past_desk import EMAIL, MINUTE_US, Kept, PastDesk, asked
from tests.random_talk import say_anything, some_question
from tests.reference.situations import ROW_LENGTH

LEDGERS = 25
STATEMENTS = 14
QUESTIONS = 6
LONGEST_WAIT_S = 30.0
BY_EMAIL = asked(EMAIL, Channel.EMAIL)


@pytest.fixture
def desk(store: Store, keyring: Keyring) -> PastDesk:
    """A desk on an empty registry."""
    return desk_on(store, keyring)


def desk_on(store: Store, keyring: Keyring) -> PastDesk:
    return PastDesk(
        store.ledger,
        store.standing,
        store.past,
        history=store.history,
        sealer=store.sealer,
        digester=keyring,
    )


def test_random_ledgers_are_explained_as_they_are_answered_and_replayed(desk: PastDesk) -> None:
    """One life of a database: much is said, and all along answers are given and kept."""
    dice = random.Random(3)  # noqa: S311 - the same ledger in every run
    desk.registers_mover()
    kept: list[Kept] = []
    reasons = set[Reason]()
    for _ in range(LEDGERS):
        for _ in range(dice.randrange(STATEMENTS)):
            say_anything(desk, dice.randbytes(ROW_LENGTH))
        for _ in range(QUESTIONS):
            question = some_question(dice.randbytes(ROW_LENGTH))
            answer = desk.check(question)
            explained = desk.explain(question)
            assert explained.explanation.decision == answer
            reasons.add(answer.reason)
        kept.append(desk.check_and_keep(some_question(dice.randbytes(ROW_LENGTH))))
        desk.clock.now_us += MINUTE_US
    for each in kept:
        explained = desk.replay(each.replayed())
        assert explained.explanation.decision == each.decision
        first = explained.explanation.steps[0].considerations[0]
        assert first.text.endswith("; the replay comes to the same.")
    assert len(reasons) >= 5


@dataclass
class HeldLedger:
    """A ledger whose transactions do all their work, and then wait until they may commit."""

    ledger: Ledger
    is_written: threading.Event = field(default_factory=threading.Event)
    may_commit: threading.Event = field(default_factory=threading.Event)

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[Transaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""

        def held(transaction: Transaction) -> dict[str, Any]:
            details = work(transaction)
            self.is_written.set()
            assert self.may_commit.wait(LONGEST_WAIT_S)
            return details

        return self.ledger.write(request, recorded_at_us, held, deadline=deadline)


def test_what_committed_after_the_answer_is_not_in_its_replay(
    desk: PastDesk, store: Store, keyring: Keyring
) -> None:
    """Though it was recorded before: its transaction was still open when the answer was read."""
    desk.consents(EMAIL)
    held = HeldLedger(store.ledger)
    other = PastDesk(
        held,
        store.standing,
        store.past,
        history=store.history,
        sealer=store.sealer,
        digester=keyring,
    )
    with ThreadPoolExecutor(1) as pool:
        opting_out = pool.submit(other.opts_out, EMAIL)
        try:
            assert held.is_written.wait(LONGEST_WAIT_S)
            desk.clock.now_us += MINUTE_US
            kept = desk.check_and_keep(BY_EMAIL)
        finally:
            held.may_commit.set()
        opting_out.result()
    assert kept.decision.reason is Reason.CONSENT
    assert desk.check(BY_EMAIL).reason is Reason.OBJECTION
    assert desk.replay(kept.replayed()).explanation.decision == kept.decision
    # By the time of recording alone the opt-out was known.
    known_at_us = kept.answers.checked_at_us
    by_time = desk.explain(BY_EMAIL, at_us=known_at_us, known_at_us=known_at_us)
    assert by_time.explanation.decision.reason is Reason.OBJECTION


def test_an_answer_from_before_a_restore_is_replayed_by_its_time(
    desk: PastDesk, keyring: Keyring, key_store: KeyStore, new_database: Callable[[], str]
) -> None:
    """The revision names a life of the database that is over; what differs is told."""
    desk.consents(EMAIL)
    kept = desk.check_and_keep(BY_EMAIL)
    restored = open_store(new_database(), keyring, key_store)
    try:
        later = desk_on(restored, keyring)
        explained = later.replay(kept.replayed())
        assert explained.explanation.decision.reason is Reason.NO_CONSENT
        text = explained.explanation.steps[0].considerations[0].text
        assert "was ALLOW, CONSENT; the replay comes to DENY, NO_CONSENT" in text
    finally:
        restored.close()
