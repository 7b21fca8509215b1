"""A store in memory that keeps the promises of the service's ports, for tests without a database.

It answers as the real one does, which the conformance suite holds it to. Transactions run one at
a time, on a copy of the state that replaces the state when they succeed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from consent_registry_server.domain.entry import Entry
from consent_registry_server.domain.errors import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidRequest,
    Unavailable,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AttemptOutcome,
    ControllerId,
    EntryId,
    LinkId,
)
from consent_registry_server.service.ports import (
    Deadline,
    Digested,
    Page,
    Partner,
    Past,
    PreparedEntry,
    Recorded,
    RequestKey,
    ScrubAge,
    Standing,
)
from consent_registry_server.service.unsubscribe_ports import UnsubscribeLink
from tests.fakes.policies import FakePolicyVersions
from tests.fakes.state import State, Then
from tests.fakes.subject_history import FakeSubjectHistory
from tests.fakes.transaction import FakeSubjectTransaction, FakeTransaction

T = TypeVar("T")


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

    @property
    def subject_history(self) -> FakeSubjectHistory:
        """The lists of the data-protection officer."""
        return FakeSubjectHistory(lambda: self._state, self._require_answer)

    @property
    def unsubscribe_links(self) -> FakeStore:
        """The store itself, as `UnsubscribeLinks`."""
        return self

    def written(self) -> Iterator[PreparedEntry]:
        """All entries in the order they were written, for a test to look at."""
        yield from self._state.entries

    @property
    def state(self) -> State:
        """Everything there is, for a test to look at."""
        return self._state

    def write(
        self,
        request: RequestKey,
        recorded_at_us: int,
        work: Callable[[FakeSubjectTransaction], dict[str, Any]],
        *,
        deadline: Deadline,
    ) -> Recorded:
        """See `Ledger`."""
        with self._one_writer:
            self._require_answer(deadline)
            known = self._state.answers.get(request.id_digest)
            if known is not None:
                return _first_answer(known, request)
            transaction = FakeSubjectTransaction(self._state, limit=self._standing_rows)
            # What is stored as JSON comes back as JSON: a tuple as a list.
            details = json.loads(json.dumps(work(transaction)))
            state = replace(transaction.state, number=self._state.number + 1)
            recorded = Recorded(recorded_at_us, state.revision, details)
            answers = {**state.answers, request.id_digest: (request.content_digest, recorded)}
            self._state = replace(state, answers=answers)
            return recorded

    def transact(self, work: Callable[[FakeSubjectTransaction], T], *, deadline: Deadline) -> T:
        """See `SubjectLedger`."""
        with self._one_writer:
            self._require_answer(deadline)
            transaction = FakeSubjectTransaction(self._state, limit=self._standing_rows)
            result = work(transaction)
            self._state = replace(transaction.state, number=self._state.number + 1)
            return result

    def read(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
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
        return self._state.standing(controller, points, limit=self._standing_rows)

    def read_past(
        self,
        controller: ControllerId,
        points: Sequence[Digested],
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
        rows = self._state.standing(controller, points, limit=limit, then=then).rows
        recorded = {each.entry_id: each.recorded_at_us for each in self._state.entries}
        return Past(rows, {row.entry_id: recorded[row.entry_id] for row in rows})

    def find(self, link_id: LinkId, *, deadline: Deadline) -> UnsubscribeLink | None:
        """See `UnsubscribeLinks`."""
        self._require_answer(deadline)
        link = self._state.links.get(link_id)
        if link is None:
            return None
        return UnsubscribeLink(link_id, link.controller, link.kinds)

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
        points: Sequence[Digested],
        page: Page,
        *,
        deadline: Deadline,
    ) -> list[Entry]:
        """See `History`."""
        self._require_answer(deadline)
        wanted = {point.wide for point in points}
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
