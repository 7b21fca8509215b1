"""How many decisions a second the pure engine takes, as a ratio to a peer in the same run.

The question has one consent and one older opt-out, which the consent lifts. The peer is the
smallest thing that any decision must do: building its answer. So the ratio says how much the
rules cost beyond the answer itself, and stays put when the machine's speed does not.
"""

from __future__ import annotations

import sys
import timeit
from statistics import median
from typing import Final
from uuid import UUID

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

_ROUNDS: Final = 7
_DECISIONS: Final = 20_000
_LIMIT: Final = 0.05
_DAY_US: Final = 86_400_000_000
_NOW_US: Final = 20_000 * _DAY_US
_MARKETING: Final = PurposeId("direct_marketing")


def main() -> int:
    """Prints rates and ratio; returns 1 when the ratio is below the limit."""
    policy = load_policy()
    question = Question(
        ControllerId("alarm-fr"), Channel.VOICE_CALL, _MARKETING, _NOW_US, CountryCode("FR")
    )
    facts = [_consent(), _opt_out()]

    def peer() -> Decision:
        ground = Ground(Reason.CONSENT, Verdict.ALLOW)
        return Decision(ground.verdict, ground.reason, [ground])

    if decide(question, facts, policy).reason is not Reason.CONSENT:
        sys.exit("the question is not answered as this benchmark expects")
    ratios, rates = [], []
    for _ in range(_ROUNDS):
        engine_s = timeit.timeit(lambda: decide(question, facts, policy), number=_DECISIONS)
        peer_s = timeit.timeit(peer, number=_DECISIONS)
        ratios.append(peer_s / engine_s)
        rates.append(_DECISIONS / engine_s)
    ratio = median(ratios)
    print(f"engine: {median(rates):,.0f} decisions/s, {ratio:.2f} of a bare answer (≥ {_LIMIT})")
    return int(ratio < _LIMIT)


def _consent() -> Fact:
    return Fact(
        EntryKind.CONSENT,
        EntryId(UUID(int=1)),
        Match.TARGET,
        Channel.VOICE_CALL.mask,
        frozenset({_MARKETING}),
        _NOW_US - 30 * _DAY_US,
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
        _NOW_US - 60 * _DAY_US,
    )


if __name__ == "__main__":
    sys.exit(main())
