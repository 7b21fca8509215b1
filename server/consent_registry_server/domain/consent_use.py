"""Whether a consent whose day has come is done with, or still used and kept on.

The day on which a consent's identity ends is set when it is recorded, and much can happen after:
a prospect is spoken to again, a customer goes on being one, a person withdraws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from consent_registry_server.domain.entry import NewEntry
from consent_registry_server.domain.identity_expiry import consent_term, countries_of, day_of
from consent_registry_server.domain.policy import Policy, covers
from consent_registry_server.domain.retention import last_day
from consent_registry_server.domain.vocabulary import Channel, PurposeId, channels_in


class Stop(NamedTuple):
    """An opt-out, not lifted, that was expressed with or after a consent and meets it."""

    channels: int
    purposes: frozenset[PurposeId] | None
    counts_at_us: int


@dataclass(frozen=True, slots=True)
class DueConsent:
    """A consent whose day has come, and what became of it.

    `last_contact_us` is the newest consent or reached attempt for one of its contact points, its
    own expression included. `is_settled` says that nothing can keep it on: another entry ended it,
    or somebody set its day.
    """

    new: NewEntry
    recorded_at_us: int
    is_settled: bool
    last_contact_us: int
    stops: tuple[Stop, ...] = ()


def kept_until(due: DueConsent, policy: Policy, *, as_of: date) -> date | None:
    """The day until which the identity is kept on; None when it ends.

    A consent with an end of use is kept for its proof after that. One without ends with what the
    person says; until then a prospect's is kept from the last contact on, and a customer's from
    today, to be looked at again.
    """
    if due.is_settled:
        return None
    new, zone = due.new, due.new.expression.time_zone
    term = consent_term(
        new, due.recorded_at_us, policy, countries=countries_of(new.subject.contact_points)
    )
    stopped_us = stopped_at_us(new, due.stops)
    if term.used_until is not None:
        until = last_day(term.used_until, term.proof_months)
    elif stopped_us is not None:
        until = last_day(day_of(stopped_us, zone), term.proof_months)
    elif new.subject.customer_number:
        until = last_day(as_of, policy.retention.consent_proof_months)
    else:
        until = last_day(day_of(due.last_contact_us, zone), policy.retention.prospect_months)
    return until if until >= as_of else None


def stopped_at_us(new: NewEntry, stops: Iterable[Stop]) -> int | None:
    """When opt-outs had stopped every use of a consent; None while one is left."""
    stops = tuple(stops)
    uses = [(channel, each) for channel in channels_in(new.channels) for each in new.purposes or ()]
    ends = [
        min((s.counts_at_us for s in stops if _stops(s, channel, purpose)), default=None)
        for channel, purpose in uses
    ]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None


def _stops(stop: Stop, channel: Channel, purpose: PurposeId) -> bool:
    if not stop.channels & channel.mask:
        return False
    return stop.purposes is None or any(covers(each, purpose) for each in stop.purposes)
