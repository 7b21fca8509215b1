"""Step 9 of a decision: contact hours and the cap on attempts, at one instant."""

from __future__ import annotations

from typing import Final

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact_hours import Place
from consent_registry_server.domain.decision import Fact, Ground
from consent_registry_server.domain.policy import NEVER_US, AttemptCap, Rule
from consent_registry_server.domain.vocabulary import Reason, Verdict

_DENY: Final = Verdict.DENY
_REVIEW: Final = Verdict.REVIEW


NO_GROUNDS: Final[tuple[Ground, ...]] = ()


def check_times(
    rule: Rule, place: Place | None, attempts: list[Fact] | None, at_us: int, above: Verdict
) -> tuple[tuple[Ground, ...], int]:
    """Whether the hour is right and an attempt is left: the grounds, if not, and for how long.

    Args:
        rule: the one in force.
        place: where the recipient is; a rule has a country, and that a place.
        attempts: those on the target that were not released.
        at_us: the instant.
        above: what the other steps came to; what is no stricter decides nothing.

    Returns:
        The grounds, and the first later instant at which grounds that would decide come or go.
    """
    grounds = NO_GROUNDS
    ends_at_us = NEVER_US
    hours = rule.contact_hours
    if hours is not None and place is not None:
        is_open, flips_at_us = hours.span(place, at_us)
        verdict = _DENY if hours.is_verified else _REVIEW
        if not is_open:
            grounds = (_ground(rule, Reason.OUTSIDE_CONTACT_HOURS, verdict),)
        if verdict > above:
            ends_at_us = flips_at_us
    cap = rule.attempt_cap
    if cap is not None and attempts is not None:
        used_up_until_us = freed_at_us(cap, attempts, at_us)
        if used_up_until_us is not None:
            verdict = _DENY if cap.is_verified else _REVIEW
            ground = _ground(rule, Reason.ATTEMPT_CAP, verdict)
            if ground not in grounds:
                grounds = (*grounds, ground)
            if verdict > above:
                ends_at_us = min(ends_at_us, used_up_until_us)
    return grounds, ends_at_us


def next_permitted_us(
    rule: Rule, place: Place | None, attempts: list[Fact] | None, at_us: int
) -> int | None:
    """The first instant, at or after one, at which the hour is right and an attempt is left.

    None where there is none in sight. Attempts made meanwhile are not foreseen.
    """
    if rule.attempt_cap is not None and attempts is not None:
        at_us = freed_at_us(rule.attempt_cap, attempts, at_us) or at_us
    if rule.contact_hours is not None and place is not None:
        return rule.contact_hours.next_open_us(place, at_us)
    return at_us


def freed_at_us(cap: AttemptCap, attempts: list[Fact], at_us: int) -> int | None:
    """When the next attempt is free; None when one is free already.

    An attempt counts from the end of its reservation, for until then it may be made. Every one of
    the window that ends at the instant counts, and any later one as well: the clocks of two
    servers differ, and no window may hold more than the cap whoever granted them.
    """
    window_us = cap.days * DAY_US
    made_us = (each.expires_at_us or each.counts_at_us for each in attempts)
    counted = sorted((made for made in made_us if made > at_us - window_us), reverse=True)
    if len(counted) < cap.attempts:
        return None
    return counted[cap.attempts - 1] + window_us


def _ground(rule: Rule, reason: Reason, verdict: Verdict) -> Ground:
    """A refusal where the law is known; where it is not, a question for a human."""
    if verdict is _REVIEW:
        reason = Reason.RULE_UNVERIFIED
    return Ground(reason, verdict, None, rule.rule_id, rule.citation)
