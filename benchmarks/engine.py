"""How many decisions a second the pure engine takes on one core.

The question is the dialer's: a call to France on a weekday morning, with contact hours on, one
consent and one older opt-out, which the consent lifts. The rate must reach the limit; beside it
stands the ratio to a peer in the same run, the smallest thing that any decision must do, which is
building its answer: it stays put when the machine's speed does not. Both are the best of many
short rounds, for whatever else the machine does can only make a round slower.
"""

from __future__ import annotations

import sys
import time
import timeit
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from consent_registry_server.domain.calendar import DAY_US, to_us
from consent_registry_server.domain.decision import Decision, Fact, Ground, Match, Question
from consent_registry_server.domain.engine import decide
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    Channel,
    ControllerId,
    CountryCode,
    EntryId,
    EntryKind,
    PurposeId,
    Reason,
    Verdict,
)
from consent_registry_server.policy.load import load_policy

_ROUNDS: Final = 200
_DECISIONS: Final = 500
_LIMIT_PER_S: Final = 200_000
_MARKETING: Final = PurposeId("direct_marketing")
_PARIS: Final = ZoneInfo("Europe/Paris")
_NOW_US: Final = to_us(datetime(2026, 11, 23, 11, tzinfo=_PARIS))
_LUNCH_US: Final = to_us(datetime(2026, 11, 23, 13, tzinfo=_PARIS))


def main() -> int:
    """Prints rate and ratio; returns 1 when the rate is below the limit."""
    policy = load_policy()
    question = Question(
        ControllerId("alarm-fr"), Channel.VOICE_CALL, _MARKETING, _NOW_US, CountryCode("FR")
    )
    facts = [_consent(), _opt_out()]

    def peer() -> Decision:
        ground = Ground(Reason.CONSENT, Verdict.ALLOW)
        return Decision(ground.verdict, ground.reason, [ground])

    decision = decide(question, facts, policy)
    if decision.reason is not Reason.CONSENT or decision.valid_until_us != _LUNCH_US:
        sys.exit("the question is not answered as this benchmark expects")
    engine_s = _best_s(lambda: decide(question, facts, policy))
    peer_s = _best_s(peer)
    rate = 1 / engine_s
    print(
        f"engine: {rate:,.0f} decisions/s (≥ {_LIMIT_PER_S:,}),"
        f" {peer_s / engine_s:.2f} of a bare answer"
    )
    return int(rate < _LIMIT_PER_S)


def _best_s(answer: Callable[[], Decision]) -> float:
    rounds = timeit.repeat(answer, number=_DECISIONS, repeat=_ROUNDS, timer=time.thread_time)
    return min(rounds) / _DECISIONS


def _consent() -> Fact:
    return Fact(
        EntryKind.CONSENT,
        EntryId(UUID(int=1)),
        Match.TARGET,
        Channel.VOICE_CALL.mask,
        frozenset({_MARKETING}),
        _NOW_US - 30 * DAY_US,
        proven=True,
        lifts_opt_outs=True,
    )


def _opt_out() -> Fact:
    return Fact(
        EntryKind.DO_NOT_CONTACT,
        EntryId(UUID(int=2)),
        Match.WIDE,
        ALL_CHANNELS,
        None,
        _NOW_US - 60 * DAY_US,
    )


if __name__ == "__main__":
    sys.exit(main())
