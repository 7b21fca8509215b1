"""A store in memory that keeps the promises of the service's ports, for tests without a database.

It answers as the real one does, which the conformance suite holds it to. Transactions run one at
a time, on a copy of the state that replaces the state when they succeed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidRequest,
    LimitExceeded,
    Unavailable,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    ControllerId,
    EntryId,
    EntryKind,
    PartnerId,
)
from consent_registry_server.service.ports import (
    ContactDigests,
    Deadline,
    Page,
    Partner,
    PreparedEntry,
    Recorded,
    RequestKey,
    Standing,
    StandingRow,
    Transaction,
)

PartnerKey = tuple[ControllerId, PartnerId]


@dataclass(frozen=True)
class State:
    """Everything that was committed; never changed, only replaced."""

    number: int = 0
    entries: tuple[PreparedEntry, ...] = ()
    partners: dict[PartnerKey, Partner] = field(default_factory=dict)
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
        )

    def lifted_at_us(self, prepared: PreparedEntry) -> int | None:
        """By the earliest of its lifts, though never before the entry itself counts."""
        return min(
            (
                max(lift.counts_at_us, prepared.counts_at_us)
                for lift in self.entries
                if lift.new.lifts_entry_id == prepared.entry_id
            ),
            default=None,
        )

    def standing(
        self, controller: ControllerId, wide_digests: Sequence[bytes], *, limit: int
    ) -> Standing:
        """What stands for some contact points."""
        wanted = set(wide_digests)
        rows = [
            self._row(prepared, point)
            for prepared in self.entries
            if prepared.new.controller in (controller, GROUP)
            and prepared.new.kind is not EntryKind.DO_NOT_CONTACT_LIFT
            for point in {each.exact: each for each in prepared.contact_points}.values()
            if point.wide in wanted
        ]
        if len(rows) > limit:
            raise LimitExceeded("TOO_MANY_ENTRIES", "the contact points have too many entries")
        return Standing(self.revision, rows)

    def _row(self, prepared: PreparedEntry, point: ContactDigests) -> StandingRow:
        new = prepared.new
        partner = None
        if new.partner_id is not None:
            partner = self.partners.get((new.controller, new.partner_id))
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
            lifted_at_us=self.lifted_at_us(prepared),
            source=new.expression.source,
            proven=new.proven,
            lifts_opt_outs=new.lifts_opt_outs,
            partner_channels=partner.permitted_channels if partner else None,
            partner_purposes=sorted(partner.permitted_purposes) if partner else None,
            partner_maximum_lead_age_days=partner.maximum_lead_age_days if partner else None,
        )


class FakeTransaction:
    """What one write may do; see `Transaction`."""

    def __init__(self, state: State, *, limit: int) -> None:
        self.state = state
        self._limit = limit

    def append(self, entries: Sequence[PreparedEntry]) -> None:
        """See `Transaction`."""
        self.state = replace(self.state, entries=(*self.state.entries, *entries))

    def entry(self, entry_id: EntryId) -> Entry | None:
        """See `Transaction`."""
        return self.state.find(entry_id)

    def standing(self, controller: ControllerId, wide_digests: Sequence[bytes]) -> Standing:
        """See `Transaction`."""
        return self.state.standing(controller, wide_digests, limit=self._limit)

    def partner(self, controller: ControllerId, partner_id: PartnerId) -> Partner | None:
        """See `Transaction`."""
        return self.state.partners.get((controller, partner_id))

    def save_partner(self, partner: Partner, *, recorded_at_us: int) -> None:
        """See `Transaction`."""
        del recorded_at_us
        key = (partner.controller, partner.partner_id)
        self.state = replace(self.state, partners={**self.state.partners, key: partner})


class FakeStore:
    """A ledger, its standing and its history; `is_down` makes every one of them unavailable."""

    def __init__(self, *, standing_rows: int = 50_000) -> None:
        self.is_down = False
        self.reads = 0
        """How often standing was read outside a write."""
        self._state = State()
        self._standing_rows = standing_rows
        self._one_writer = threading.Lock()

    @property
    def ledger(self) -> FakeStore:
        """The store itself, as `Ledger`."""
        return self

    @property
    def standing(self) -> FakeStore:
        """The store itself, as `StandingReader`."""
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
            and (prepared.entry_id in naming or prepared.new.lifts_entry_id in naming)
        ]
        return _page_of(listed, page)

    def partners(
        self, controller: ControllerId, page: Page, *, deadline: Deadline
    ) -> list[Partner]:
        """See `History`."""
        self._require_answer(deadline)
        after = "" if page.after is None else page.after[0]
        ids = sorted(
            partner_id
            for owner, partner_id in self._state.partners
            if owner == controller and partner_id > after
        )
        return [self._state.partners[controller, each] for each in ids[: page.size]]

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
