"""What one write may do to a store in memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from consent_registry_server.domain.contact import Subject
from consent_registry_server.domain.entry import PERMITTING, Entry, Identity
from consent_registry_server.domain.errors import LimitExceeded, PreconditionFailed
from consent_registry_server.domain.identity_expiry import WITHOUT_IDENTITY
from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    ControllerId,
    EntryId,
    EntryKind,
    LinkId,
    PartnerId,
    RightsRequestOutcome,
    Source,
)
from consent_registry_server.service.ports import (
    ContactDigests,
    Digested,
    Partner,
    PreparedEntry,
    RefusedLead,
    Standing,
)
from consent_registry_server.service.subject_ports import (
    Access,
    FoundEntry,
    NewAccess,
    RightsNote,
    RightsRequest,
    TakenDown,
)
from consent_registry_server.service.unsubscribe_ports import LinkedPerson, Said
from tests.fakes.links import KeptLink, last_permission_us, said_before
from tests.fakes.state import ATTEMPTS_FOR_US, NOW, Kept, PartnerChange, State


class FakeTransaction:
    """What one write may do; see `Transaction`."""

    def __init__(self, state: State, *, limit: int) -> None:
        self.state = state
        self._limit = limit

    def append(self, entries: Sequence[PreparedEntry]) -> None:
        """See `Transaction`."""
        entries = [self._naming(each) for each in entries]
        written_in = {each.entry_id: self.state.number + 1 for each in entries}
        self.state = replace(
            self.state,
            entries=(*self.state.entries, *entries),
            written_in=self.state.written_in | written_in,
            vault=self.state.vault | {each.entry_id: kept for each, kept in _kept(entries)},
        )

    def _naming(self, prepared: PreparedEntry) -> PreparedEntry:
        """The entry with the contact points of the one, or the link, that it names as well."""
        points = [*prepared.contact_points]
        if prepared.names_as is not None:
            [named] = self._prepared(prepared.names_as)
            if any(point.exact in self.state.forgotten for point in named.contact_points):
                raise PreconditionFailed("IDENTITY_GONE", "nobody knows any more whom it names")
            points += named.contact_points
        link_id = prepared.new.unsubscribe_link_id
        if link_id is not None:
            points += self.state.links[link_id].points
        by_digest = {each.exact: each for each in points}
        return replace(prepared, contact_points=tuple(by_digest.values()))

    def entry(self, entry_id: EntryId) -> Entry | None:
        """See `Transaction`."""
        return self.state.find(entry_id)

    def subject(self, entry_id: EntryId) -> Subject | None:
        """See `Transaction`."""
        kept = self.state.vault.get(entry_id)
        return None if kept is None else kept.identity.subject

    def outcomes(self, attempt_id: EntryId) -> frozenset[AttemptOutcome]:
        """See `Transaction`."""
        reports = (each.new.attempt for each in self.state.entries if each.new.attempt is not None)
        return frozenset(each.outcome for each in reports if each.attempt_id == attempt_id)

    def lock(self, name: bytes) -> None:
        """Nobody else writes meanwhile."""

    def _prepared(self, entry_id: EntryId) -> Iterator[PreparedEntry]:
        return (each for each in self.state.entries if each.entry_id == entry_id)

    def standing(self, controller: ControllerId, points: Sequence[Digested]) -> Standing:
        """See `Transaction`."""
        return self.state.standing(controller, points, limit=self._limit)

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

    def refuse_leads(self, refused: Sequence[RefusedLead]) -> None:
        """See `Transaction`."""
        leads = (*self.state.refused_leads, *refused)
        self.state = replace(self.state, refused_leads=leads)

    def keep_links(
        self,
        controller: ControllerId,
        people: Sequence[LinkedPerson],
        *,
        created_at_us: int,
    ) -> list[LinkId]:
        """See `UnsubscribeTransaction`; nothing here asks when a link was made."""
        del created_at_us
        return [self._link_of(controller, person) for person in people]

    def _link_of(self, controller: ControllerId, person: LinkedPerson) -> LinkId:
        points = person.points
        links = self.state.links
        known = [link_id for link_id, link in links.items() if link.is_of(controller, points)]
        link_id = known[0] if known else LinkId(UUID(bytes=os.urandom(16)))
        if not known:
            by_digest = {each.exact: each for each in points}
            added = {link_id: KeptLink(controller, tuple(by_digest.values()), person.kinds)}
            self.state = replace(self.state, links=links | added)
        return link_id

    def said_before(
        self, link_id: LinkId, opt_out: OptOut, *, source: Source, since_us: int
    ) -> Said | None:
        """See `UnsubscribeTransaction`."""
        return said_before(self.state, link_id, opt_out, source=source, since_us=since_us)

    def last_permission_us(self, link_id: LinkId) -> int | None:
        """See `UnsubscribeTransaction`."""
        return last_permission_us(self.state, link_id)


class FakeSubjectTransaction(FakeTransaction):
    """What a transaction of the data-protection officer may do; see `SubjectTransaction`."""

    def entries_about(
        self, controller: ControllerId, points: Sequence[Digested], *, limit: int
    ) -> list[FoundEntry]:
        """See `SubjectTransaction`."""
        found = self.state.entries_about(controller, points)
        if len(found) > limit:
            raise LimitExceeded("TOO_MANY_ENTRIES", f"the person has more than {limit} entries")
        return found

    def found(self, controller: ControllerId, entry_id: EntryId) -> FoundEntry | None:
        """See `SubjectTransaction`."""
        entry = self.state.find(entry_id)
        if entry is None or entry.controller != controller:
            return None
        return self.state.found(entry)

    def identities(self, entry_ids: Sequence[EntryId]) -> dict[EntryId, Identity]:
        """See `SubjectTransaction`."""
        vault = self.state.vault
        return {each: vault[each].identity for each in entry_ids if each in vault}

    def end_identities(self, entry_ids: Sequence[EntryId]) -> None:
        """See `SubjectTransaction`."""
        vault = {key: kept for key, kept in self.state.vault.items() if key not in entry_ids}
        self.state = replace(self.state, vault=vault)
        named = {
            point.exact: point
            for entry_id in entry_ids
            for each in self._prepared(entry_id)
            for point in each.contact_points
        }
        forgotten = [point for point in named.values() if not self._is_needed(point)]
        self.state = self.state.forget(forgotten, new=[os.urandom(16) for _ in forgotten])

    def _is_needed(self, point: ContactDigests) -> bool:
        """Whether an entry or a link keeps its digests, as `storage/erasure.py` says."""
        links = self.state.links.values()
        if any(point.exact == each.exact for link in links for each in link.points):
            return True
        return any(
            each.new.kind not in PERMITTING | {EntryKind.CONTACT_ATTEMPT}
            or each.entry_id in self.state.vault
            or _is_counted(each)
            for each in self.state.entries
            if any(point.exact == named.exact for named in each.contact_points)
        )

    def keep_identity(self, entry_id: EntryId, *, until: date, is_held: bool) -> None:
        """See `SubjectTransaction`."""
        kept = self.state.vault[entry_id]._replace(expires_on=until, is_held=is_held)
        self.state = replace(self.state, vault=self.state.vault | {entry_id: kept})

    def record_access(self, access: NewAccess) -> None:
        """See `SubjectTransaction`."""
        rows = tuple(
            Access(
                uuid4(),
                access.accessed_at_us,
                access.controller,
                access.caller_id,
                access.operation,
                entry_id,
                access.actor,
                access.reason,
            )
            for entry_id in access.entry_ids or (None,)
        )
        self.state = replace(self.state, accesses=(*self.state.accesses, *rows))

    def add_rights_request(self, request: RightsRequest, note: RightsNote) -> None:
        """See `SubjectTransaction`."""
        self._put_rights_request(request, request.opened_at_us, note)

    def rights_request(
        self, controller: ControllerId, rights_request_id: UUID
    ) -> RightsRequest | None:
        """See `SubjectTransaction`."""
        request = self.state.rights_requests.get(rights_request_id)
        return request if request is not None and request.controller == controller else None

    def rights_notes(self, rights_request_id: UUID) -> list[TakenDown]:
        """See `SubjectTransaction`."""
        return list(self.state.rights_notes.get(rights_request_id, ()))

    def delay_rights_request(
        self, rights_request_id: UUID, *, delayed_at_us: int, due_on: date, note: RightsNote
    ) -> None:
        """See `SubjectTransaction`."""
        request = self.state.rights_requests[rights_request_id]
        delayed = replace(request, delayed_at_us=delayed_at_us, due_on=due_on)
        self._put_rights_request(delayed, delayed_at_us, note)

    def close_rights_request(
        self,
        rights_request_id: UUID,
        outcome: RightsRequestOutcome,
        *,
        closed_at_us: int,
        note: RightsNote,
    ) -> None:
        """See `SubjectTransaction`."""
        request = self.state.rights_requests[rights_request_id]
        closed = replace(request, closed_at_us=closed_at_us, outcome=outcome)
        self._put_rights_request(closed, closed_at_us, note)

    def _put_rights_request(
        self, request: RightsRequest, taken_down_at_us: int, note: RightsNote
    ) -> None:
        rights_request_id = request.rights_request_id
        notes = (*self.rights_notes(rights_request_id), TakenDown(taken_down_at_us, note))
        self.state = replace(
            self.state,
            rights_requests=self.state.rights_requests | {rights_request_id: request},
            rights_notes=self.state.rights_notes | {rights_request_id: notes},
        )


def _kept(entries: Sequence[PreparedEntry]) -> Iterator[tuple[PreparedEntry, Kept]]:
    """What the vault keeps of some entries."""
    for each in entries:
        if each.identity_expires_on is not None and each.new.kind not in WITHOUT_IDENTITY:
            yield each, Kept(Identity.of(each.new), each.identity_expires_on)


def _is_counted(prepared: PreparedEntry) -> bool:
    """Whether it is an attempt that caps still count."""
    since_us = time.time_ns() // 1_000 - ATTEMPTS_FOR_US
    return prepared.new.kind is EntryKind.CONTACT_ATTEMPT and prepared.recorded_at_us > since_us
