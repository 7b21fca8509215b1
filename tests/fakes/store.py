"""A store in memory that keeps the promises of the service's ports, for tests without a database.

It answers as the real one does, which the conformance suite holds it to. Transactions run one at
a time, on a copy of the state that replaces the state when they succeed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from consent_registry_server.domain.calendar import LONGEST_DAY_US
from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidRequest,
    LimitExceeded,
    Unavailable,
)
from consent_registry_server.domain.vocabulary import (
    ALL_CHANNELS,
    GROUP,
    AttemptOutcome,
    ControllerId,
    EntryId,
    EntryKind,
    PartnerId,
    RegisterStatus,
    Source,
)
from consent_registry_server.service.ports import (
    ContactDigests,
    Deadline,
    Page,
    Partner,
    Past,
    PreparedEntry,
    Recorded,
    RequestKey,
    ScrubAge,
    Standing,
    StandingRow,
    Transaction,
)
from tests.fakes.policies import FakePolicyVersions

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


WITHOUT_ROW = {
    EntryKind.DO_NOT_CONTACT_LIFT,
    EntryKind.ATTEMPT_OUTCOME,
    EntryKind.REGISTER_RESULT,
}
"""The kinds of entry that stand by what they do to others."""

WITHOUT_IDENTITY = {EntryKind.ATTEMPT_OUTCOME, EntryKind.REGISTER_RESULT}


@dataclass(frozen=True)
class State:
    """Everything that was committed; never changed, only replaced."""

    number: int = 0
    entries: tuple[PreparedEntry, ...] = ()
    written_in: dict[EntryId, int] = field(default_factory=dict)
    partner_changes: dict[PartnerKey, tuple[PartnerChange, ...]] = field(default_factory=dict)
    answers: dict[bytes, tuple[bytes, Recorded]] = field(default_factory=dict)

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
        )

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
        wide_digests: Sequence[bytes],
        *,
        limit: int,
        then: Then = NOW,
    ) -> Standing:
        """What stood for some contact points."""
        wanted = set(wide_digests)
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


class FakeTransaction:
    """What one write may do; see `Transaction`."""

    def __init__(self, state: State, *, limit: int) -> None:
        self.state = state
        self._limit = limit

    def append(self, entries: Sequence[PreparedEntry]) -> None:
        """See `Transaction`."""
        written_in = {each.entry_id: self.state.number + 1 for each in entries}
        self.state = replace(
            self.state,
            entries=(*self.state.entries, *entries),
            written_in=self.state.written_in | written_in,
        )

    def entry(self, entry_id: EntryId) -> Entry | None:
        """See `Transaction`."""
        return self.state.find(entry_id)

    def subject(self, entry_id: EntryId) -> Subject | None:
        """See `Transaction`."""
        found = (each.new for each in self._prepared(entry_id))
        return next((new.subject for new in found if new.kind not in WITHOUT_IDENTITY), None)

    def contact_points(self, entry_id: EntryId) -> tuple[ContactDigests, ...]:
        """See `Transaction`."""
        return next((each.contact_points for each in self._prepared(entry_id)), ())

    def outcomes(self, attempt_id: EntryId) -> frozenset[AttemptOutcome]:
        """See `Transaction`."""
        reports = (each.new.attempt for each in self.state.entries if each.new.attempt is not None)
        return frozenset(each.outcome for each in reports if each.attempt_id == attempt_id)

    def lock(self, name: bytes) -> None:
        """Nobody else writes meanwhile."""

    def _prepared(self, entry_id: EntryId) -> Iterator[PreparedEntry]:
        return (each for each in self.state.entries if each.entry_id == entry_id)

    def standing(self, controller: ControllerId, wide_digests: Sequence[bytes]) -> Standing:
        """See `Transaction`."""
        return self.state.standing(controller, wide_digests, limit=self._limit)

    def partner(self, controller: ControllerId, partner_id: PartnerId) -> Partner | None:
        """See `Transaction`."""
        return self.state.partner_then((controller, partner_id), NOW)

    def save_partner(self, partner: Partner, *, recorded_at_us: int) -> None:
        """See `Transaction`."""
        key = (partner.controller, partner.partner_id)
        changes = self.state.partner_changes
        change = PartnerChange(partner, recorded_at_us, self.state.number + 1)
        changed = (*changes.get(key, ()), change)
        self.state = replace(self.state, partner_changes=changes | {key: changed})


class FakeStore:
    """A ledger, its standing and its history; `is_down` makes every one of them unavailable."""

    def __init__(self, *, standing_rows: int = 50_000) -> None:
        self.is_down = False
        self.reads = 0
        """How often standing was read outside a write."""
        self._state = State()
        self._standing_rows = standing_rows
        self._one_writer = threading.Lock()
        self.policy_versions = FakePolicyVersions()

    @property
    def ledger(self) -> FakeStore:
        """The store itself, as `Ledger`."""
        return self

    @property
    def standing(self) -> FakeStore:
        """The store itself, as `StandingReader`."""
        return self

    @property
    def past(self) -> FakeStore:
        """The store itself, as `PastReader`."""
        return self

    @property
    def history(self) -> FakeStore:
        """The store itself, as `History`."""
        return self

    def written(self) -> Iterator[PreparedEntry]:
        """All entries in the order they were written, for a test to look at."""
        yield from self._state.entries

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[Transaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""
        with self._one_writer:
            self._require_answer(deadline)
            known = self._state.answers.get(request.id_digest)
            if known is not None:
                return _first_answer(known, request)
            transaction = FakeTransaction(self._state, limit=self._standing_rows)
            # What is stored as JSON comes back as JSON: a tuple as a list.
            details = json.loads(json.dumps(work(transaction)))
            state = replace(transaction.state, number=self._state.number + 1)
            recorded = Recorded(recorded_at_us, state.revision, details)
            answers = {**state.answers, request.id_digest: (request.content_digest, recorded)}
            self._state = replace(state, answers=answers)
            return recorded

    def read(
        self,
        controller: ControllerId,
        wide_digests: Sequence[bytes],
        *,
        deadline: Deadline,
        at_least_as_fresh: str = "",
    ) -> Standing:
        """See `StandingReader`."""
        self.reads += 1
        self._require_answer(deadline)
        if at_least_as_fresh and not at_least_as_fresh.startswith("state-"):
            field_path = "consistency.at_least_as_fresh"
            raise InvalidRequest("INVALID_REVISION", "not a revision issued here", field=field_path)
        return self._state.standing(controller, wide_digests, limit=self._standing_rows)

    def read_past(
        self,
        controller: ControllerId,
        wide_digests: Sequence[bytes],
        *,
        at_us: int | None,
        known_at_us: int | None,
        revision: str = "",
        deadline: Deadline,
    ) -> Past:
        """See `PastReader`."""
        self._require_answer(deadline)
        number = int(revision.removeprefix("state-")) if revision else None
        then = Then(at_us, known_at_us, number)
        limit = self._standing_rows
        rows = self._state.standing(controller, wide_digests, limit=limit, then=then).rows
        recorded = {each.entry_id: each.recorded_at_us for each in self._state.entries}
        return Past(rows, {row.entry_id: recorded[row.entry_id] for row in rows})

    def scrub_ages(self, deadline: Deadline) -> list[ScrubAge]:
        """See `ScrubAge`."""
        self._require_answer(deadline)
        newest: dict[tuple[ControllerId, str], int] = {}
        for each in self._state.entries:
            if each.new.register_result is not None:
                key = (each.new.controller, each.new.register_result.register)
                newest[key] = max(newest.get(key, each.counts_at_us), each.counts_at_us)
        return [ScrubAge(*key, checked_at_us) for key, checked_at_us in sorted(newest.items())]

    def entry(
        self, controller: ControllerId, entry_id: EntryId, *, deadline: Deadline
    ) -> Entry | None:
        """See `History`."""
        self._require_answer(deadline)
        found = self._state.find(entry_id)
        return found if found is not None and found.controller in (controller, GROUP) else None

    def entries(
        self,
        controller: ControllerId,
        wide_digests: Sequence[bytes],
        page: Page,
        *,
        deadline: Deadline,
    ) -> list[Entry]:
        """See `History`."""
        self._require_answer(deadline)
        wanted = set(wide_digests)
        naming = {
            prepared.entry_id
            for prepared in self._state.entries
            if any(point.wide in wanted for point in prepared.contact_points)
        }
        listed = [
            self._state.read_back(prepared)
            for prepared in self._state.entries
            if prepared.new.controller in (controller, GROUP)
            and (
                prepared.entry_id in naming
                or prepared.new.lifts_entry_id in naming
                or (prepared.new.attempt is not None and prepared.new.attempt.attempt_id in naming)
            )
        ]
        return _page_of(listed, page)

    def outcomes(self, attempt_id: EntryId, *, deadline: Deadline) -> frozenset[AttemptOutcome]:
        """See `History`."""
        self._require_answer(deadline)
        return FakeTransaction(self._state, limit=self._standing_rows).outcomes(attempt_id)

    def partners(
        self, controller: ControllerId, page: Page, *, deadline: Deadline
    ) -> list[Partner]:
        """See `History`."""
        self._require_answer(deadline)
        after = "" if page.after is None else page.after[0]
        ids = sorted(
            partner_id
            for owner, partner_id in self._state.partner_changes
            if owner == controller and partner_id > after
        )
        changes = self._state.partner_changes
        return [changes[controller, each][-1].partner for each in ids[: page.size]]

    def _require_answer(self, deadline: Deadline) -> None:
        if self.is_down:
            raise Unavailable("DATABASE_UNAVAILABLE", "the database cannot be reached")
        remaining_s = deadline.remaining_s()
        if remaining_s is not None and remaining_s <= 0:
            raise DeadlineExceeded("DEADLINE", "the deadline passed")


def _first_answer(known: tuple[bytes, Recorded], request: RequestKey) -> Recorded:
    content_digest, recorded = known
    if content_digest != request.content_digest:
        message = "this request id was used before, with other content"
        raise AlreadyExists("REQUEST_ID_REUSED", message, field="request_id")
    return recorded


def _page_of(entries: Iterable[Entry], page: Page) -> list[Entry]:
    """The newest recorded first; on a tie by entry id."""

    def position(entry: Entry) -> tuple[int, EntryId]:
        return (-entry.recorded_at_us, entry.entry_id)

    ordered = sorted(entries, key=position)
    if page.after is not None:
        recorded_at_us, entry_id = page.after
        ordered = [each for each in ordered if position(each) > (-recorded_at_us, entry_id)]
    return ordered[: page.size]
