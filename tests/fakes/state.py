"""What a store in memory holds, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple
from uuid import UUID

from consent_registry_server.domain.calendar import LONGEST_DAY_US
from consent_registry_server.domain.entry import Entry, Identity
from consent_registry_server.domain.errors import LimitExceeded
from consent_registry_server.domain.identity_expiry import WITHOUT_IDENTITY
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    ControllerId,
    EntryId,
    EntryKind,
    IdentityState,
    LinkId,
    PartnerId,
    RegisterStatus,
    Source,
)
from consent_registry_server.service.ports import (
    ContactDigests,
    Digested,
    Partner,
    PreparedEntry,
    Recorded,
    RefusedLead,
    Standing,
    StandingRow,
)
from consent_registry_server.service.subject_ports import (
    Access,
    FoundEntry,
    RightsRequest,
    TakenDown,
)
from tests.fakes.links import KeptLink

PartnerKey = tuple[ControllerId, PartnerId]
Found = list[tuple[PreparedEntry, ContactDigests]]

ATTEMPTS_FOR_US = 400 * 86_400_000_000
"""How long attempts are read."""


class Then(NamedTuple):
    """A point in both times; None for now. `number` names a state instead of `known_at_us`."""

    at_us: int | None = None
    known_at_us: int | None = None
    number: int | None = None

    def includes(self, recorded_at_us: int, written_in: int) -> bool:
        """Whether something was known then."""
        if self.number is None:
            return self.known_at_us is None or recorded_at_us <= self.known_at_us
        return written_in <= self.number


NOW = Then()


class PartnerChange(NamedTuple):
    """A state a partner was saved in."""

    partner: Partner
    recorded_at_us: int
    written_in: int


WITHOUT_ROW = WITHOUT_IDENTITY | {EntryKind.DO_NOT_CONTACT_LIFT}
"""The kinds of entry that stand by what they do to others."""

ENDS = {
    EntryKind.IDENTITY_EXPIRED: IdentityState.EXPIRED,
    EntryKind.IDENTITY_ERASED: IdentityState.ERASED,
}
"""How an identity ended, by the entry that says so."""


class Kept(NamedTuple):
    """An identity in the vault."""

    identity: Identity
    expires_on: date
    is_held: bool = False


@dataclass(frozen=True)
class State:
    """Everything that was committed; never changed, only replaced."""

    number: int = 0
    entries: tuple[PreparedEntry, ...] = ()
    written_in: dict[EntryId, int] = field(default_factory=dict)
    partner_changes: dict[PartnerKey, tuple[PartnerChange, ...]] = field(default_factory=dict)
    answers: dict[bytes, tuple[bytes, Recorded]] = field(default_factory=dict)
    vault: dict[EntryId, Kept] = field(default_factory=dict)
    forgotten: frozenset[bytes] = frozenset()
    """The random digests of the contact points that nobody finds any more."""
    accesses: tuple[Access, ...] = ()
    rights_requests: dict[UUID, RightsRequest] = field(default_factory=dict)
    rights_notes: dict[UUID, tuple[TakenDown, ...]] = field(default_factory=dict)
    refused_leads: tuple[RefusedLead, ...] = ()
    links: dict[LinkId, KeptLink] = field(default_factory=dict)

    @property
    def revision(self) -> str:
        """The token of this state."""
        return f"state-{self.number}"

    def find(self, entry_id: EntryId) -> Entry | None:
        """An entry, whoever's it is."""
        found = (each for each in self.entries if each.entry_id == entry_id)
        return next((self.read_back(each) for each in found), None)

    def read_back(self, prepared: PreparedEntry) -> Entry:
        """An entry without its identity."""
        new = prepared.new
        return Entry(
            entry_id=prepared.entry_id,
            kind=new.kind,
            controller=new.controller,
            channels=new.channels,
            purposes=new.purposes,
            expression=new.expression,
            recorded_at_us=prepared.recorded_at_us,
            counts_at_us=prepared.counts_at_us,
            expires_at_us=new.expires_at_us,
            proven=new.proven,
            partner_id=new.partner_id,
            lifts_entry_id=new.lifts_entry_id,
            lifted_at_us=self.lifted_at_us(prepared),
            contact_kinds=tuple(sorted({int(each.kind) for each in prepared.contact_points})),
            attempt=new.attempt,
            register_result=new.register_result,
            concerns_entry_id=new.concerns_entry_id,
            keep_until=new.keep_until,
        )

    def found(self, entry: Entry, matched: frozenset[bytes] = frozenset()) -> FoundEntry:
        """An entry with what is left of its identity."""
        kept = self.vault.get(entry.entry_id)
        if kept is not None:
            state = IdentityState.KEPT
            return FoundEntry(entry, matched, state, kept.expires_on, kept.is_held)
        state = next(
            (
                ENDS[each.new.kind]
                for each in self.entries
                if each.new.kind in ENDS and each.new.concerns_entry_id == entry.entry_id
            ),
            IdentityState.NEVER_KEPT,
        )
        return FoundEntry(entry, matched, state, None, is_held=False)

    def entries_about(
        self, controller: ControllerId, points: Sequence[Digested]
    ) -> list[FoundEntry]:
        """The controller's entries about a person, the newest recorded first."""
        wanted = {point.wide for point in points}
        own = [self.read_back(each) for each in self.entries if each.new.controller == controller]
        wides = {
            each.entry_id: frozenset(point.wide for point in each.contact_points)
            for each in self.entries
        }
        known: set[EntryId | None] = {
            each.entry_id for each in own if wides[each.entry_id] & wanted
        }
        before = -1
        while before < len(known):
            before = len(known)
            known |= {
                each.entry_id
                for each in own
                if known & {each.lifts_entry_id, each.concerns_entry_id, attempt_of(each)} - {None}
            }
            known |= {each.concerns_entry_id for each in own if each.entry_id in known}
        about = [
            self.found(each, wides[each.entry_id] & wanted)
            for each in own
            if each.entry_id in known
        ]
        return sorted(about, key=lambda each: (-each.entry.recorded_at_us, each.entry.entry_id))

    def forget(self, points: Sequence[ContactDigests], *, new: Sequence[bytes]) -> State:
        """The state in which nobody finds some contact points any more."""
        by_digest = dict(zip([each.exact for each in points], new, strict=True))
        entries = tuple(
            replace(
                each,
                contact_points=tuple(
                    point._replace(wide=by_digest[point.exact], exact=by_digest[point.exact])
                    if point.exact in by_digest
                    else point
                    for point in each.contact_points
                ),
            )
            for each in self.entries
        )
        return replace(self, entries=entries, forgotten=self.forgotten | set(new))

    def lifted_at_us(self, prepared: PreparedEntry, then: Then = NOW) -> int | None:
        """By the earliest of its lifts, though never before the entry itself counts."""
        return min(
            (
                max(lift.counts_at_us, prepared.counts_at_us)
                for lift in self.entries
                if lift.new.lifts_entry_id == prepared.entry_id and self.was_there(lift, then)
            ),
            default=None,
        )

    def was_there(self, prepared: PreparedEntry, then: Then) -> bool:
        """Whether an entry was known then, and recorded or counted by the instant asked about."""
        known = then.includes(prepared.recorded_at_us, self.written_in[prepared.entry_id])
        at_us = then.at_us
        return known and (
            at_us is None or prepared.counts_at_us <= at_us or prepared.recorded_at_us <= at_us
        )

    def standing(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
        *,
        limit: int,
        then: Then = NOW,
    ) -> Standing:
        """What stood for some contact points."""
        wanted = {point.wide for point in points}
        found = [
            (prepared, point)
            for prepared in self.entries
            if prepared.new.controller in (controller, GROUP) and self.was_there(prepared, then)
            for point in {each.exact: each for each in prepared.contact_points}.values()
            if point.wide in wanted
        ]
        rows = [
            self._row(prepared, point, then)
            for prepared, point in without_old_attempts(found, then)
            if prepared.new.kind not in WITHOUT_ROW
        ]
        rows += last_results(found)
        if len(rows) > limit:
            raise LimitExceeded("TOO_MANY_ENTRIES", "the contact points have too many entries")
        return Standing(self.revision, rows)

    def _row(self, prepared: PreparedEntry, point: ContactDigests, then: Then) -> StandingRow:
        new = prepared.new
        partner = None
        if new.partner_id is not None:
            partner = self.partner_then((new.controller, new.partner_id), then)
        return StandingRow(
            wide=point.wide,
            exact=point.exact,
            unit_state=point.unit_state,
            kind=new.kind,
            entry_id=prepared.entry_id,
            channels=new.channels,
            purposes=None if new.purposes is None else sorted(new.purposes),
            counts_at_us=prepared.counts_at_us,
            expressed_at_us=new.expression.expressed_at_us,
            expires_at_us=new.expires_at_us,
            lifted_at_us=self.lifted_at_us(prepared, then),
            source=new.expression.source,
            proven=new.proven,
            lifts_opt_outs=new.lifts_opt_outs,
            partner_channels=partner.permitted_channels if partner else None,
            partner_purposes=sorted(partner.permitted_purposes) if partner else None,
            partner_maximum_lead_age_days=partner.maximum_lead_age_days if partner else None,
        )

    def partner_then(self, key: PartnerKey, then: Then) -> Partner | None:
        """The terms of a partner as they were known then."""
        known = [
            change.partner
            for change in self.partner_changes.get(key, ())
            if then.includes(change.recorded_at_us, change.written_in)
        ]
        return known[-1] if known else None


def attempt_of(entry: Entry) -> EntryId | None:
    """The attempt that an entry reports on."""
    return None if entry.attempt is None else entry.attempt.attempt_id


def without_old_attempts(found: Found, then: Then) -> Found:
    """All but the attempts of long before the last on their contact point, and before then."""
    now_us = time.time_ns() // 1_000 if then.known_at_us is None else then.known_at_us
    last_us: dict[bytes, int] = {}
    for prepared, point in found:
        if prepared.new.kind is EntryKind.CONTACT_ATTEMPT:
            counts_at_us = prepared.counts_at_us
            last_us[point.exact] = max(last_us.get(point.exact, counts_at_us), counts_at_us)
    return [
        (prepared, point)
        for prepared, point in found
        if prepared.new.kind is not EntryKind.CONTACT_ATTEMPT
        or prepared.counts_at_us > min(now_us, last_us[point.exact]) - ATTEMPTS_FOR_US
    ]


def last_results(found: Found) -> list[StandingRow]:
    """Of each national register the last result for each contact point."""
    by_point: dict[tuple[bytes, str, str], list[tuple[PreparedEntry, ContactDigests]]] = {}
    for prepared, point in found:
        result = prepared.new.register_result
        if result is not None:
            key = (point.exact, prepared.new.controller, result.register)
            by_point.setdefault(key, []).append((prepared, point))
    return [_last_result(results) for results in by_point.values()]


def _last_result(results: list[tuple[PreparedEntry, ContactDigests]]) -> StandingRow:
    def is_listed(prepared: PreparedEntry) -> bool:
        result = prepared.new.register_result
        return result is not None and result.status is RegisterStatus.LISTED

    def listed_at_us(prepared: PreparedEntry) -> int | None:
        result = prepared.new.register_result
        return None if result is None else result.listed_at_us

    last, point = min(
        results,
        key=lambda each: (
            -each[0].counts_at_us,
            not is_listed(each[0]),
            -(listed_at_us(each[0]) or -1),
            each[0].entry_id,
        ),
    )
    entries = [prepared for prepared, _ in results]
    cleared_us = max((each.counts_at_us for each in entries if not is_listed(each)), default=-1)
    since = [each for each in entries if is_listed(each) and each.counts_at_us >= cleared_us]
    told = [at_us for at_us in map(listed_at_us, since) if at_us is not None]
    listed_us = listed_at_us(last)
    if listed_us is None and is_listed(last):
        listed_us = max(told, default=min(each.counts_at_us for each in since) + LONGEST_DAY_US)
    return StandingRow(
        wide=point.wide,
        exact=point.exact,
        unit_state=point.unit_state,
        kind=EntryKind.REGISTER_RESULT,
        entry_id=last.entry_id,
        channels=ALL_CHANNELS,
        purposes=None,
        counts_at_us=last.counts_at_us,
        expressed_at_us=last.counts_at_us,
        expires_at_us=None,
        lifted_at_us=None,
        source=Source.NATIONAL_REGISTER,
        proven=False,
        lifts_opt_outs=False,
        partner_channels=None,
        partner_purposes=None,
        partner_maximum_lead_age_days=None,
        register=last.new.register_result.register if last.new.register_result else "",
        is_listed=is_listed(last),
        listed_at_us=listed_us,
    )
