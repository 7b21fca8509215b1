"""Corrects what identifies a person: entries are restated, never changed.

Each entry that names the wrong contact point and still counts is written once more with the right
one, as of its own time, so that the order among entries stays what it was. A consent ends with its
correction; what denies contact goes on matching the wrong contact point as well, because nobody
can know any more to whom else it was told. A restated consent lifts no opt-out, and is unproven
where something that denies the wrong contact point stays behind (`rectified_reach.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from consent_registry_server.domain.contact import CustomerNumber, Subject
from consent_registry_server.domain.entry import (
    PERMITTING,
    Entry,
    Evidence,
    Identity,
    NewEntry,
)
from consent_registry_server.domain.errors import InvalidContactPoint, InvalidRequest
from consent_registry_server.domain.matching import Look
from consent_registry_server.domain.normal_form.unit import UnitState
from consent_registry_server.domain.vocabulary import (
    AccessOperation,
    EntryId,
    EntryKind,
    IdentityState,
)
from consent_registry_server.service.ports import ContactDigests, PreparedEntry, StandingRow
from consent_registry_server.service.rectified_reach import carried_before, stops_of
from consent_registry_server.service.subject_entries import (
    ENTRIES_OF_A_PERSON,
    STATEMENTS,
    Officer,
    unknown_subject,
)
from consent_registry_server.service.subject_points import (
    AnyPoint,
    PersonPoint,
    digests_of_all,
    known_points,
    person_point,
)
from consent_registry_server.service.subject_ports import FoundEntry, SubjectTransaction

_GONE: Final = Identity(Subject(), Evidence())


@dataclass(frozen=True, slots=True)
class Correction:
    """What is wrong, and what is right instead."""

    wrong: PersonPoint
    corrected: PersonPoint
    own: ContactDigests = field(repr=False)
    """The normal form of the corrected one."""

    @classmethod
    def of(cls, wrong: AnyPoint, corrected: AnyPoint, officer: Officer) -> Correction:
        """Digests a correction.

        What is wrong may be a number that is known by its digits only; what is right may not.

        Raises:
            InvalidContactPoint: one of them cannot be used.
            InvalidRequest: CONTRADICTION, when they are of different kinds, or the same.
        """
        is_number = isinstance(wrong, CustomerNumber)
        path = "customer_number" if is_number else "contact_point"
        if type(wrong) is not type(corrected):
            message = "a contact point is corrected to one of the same kind"
            raise InvalidRequest("CONTRADICTION", message, field=f"{path}.corrected")
        digester, home = officer.digester, officer.home
        old = person_point(wrong, digester, home=home, field_path=f"{path}.wrong")
        new = person_point(corrected, digester, home=home, field_path=f"{path}.corrected")
        if new.own is None:
            message = "a number is corrected to one with its country code or a region"
            raise InvalidContactPoint(message, field=f"{path}.corrected")
        if old.own is not None and old.own.exact == new.own.exact:
            message = "what is wrong and what is corrected are the same"
            raise InvalidRequest("CONTRADICTION", message, field=f"{path}.corrected")
        return cls(old, new, new.own)


def rectify(
    transaction: SubjectTransaction, officer: Officer, correction: Correction
) -> dict[str, Any]:
    """Corrects a contact point within a transaction; the details of the answer.

    Raises:
        NotFound: UNKNOWN_SUBJECT.
        LimitExceeded: TOO_MANY_ENTRIES.
    """
    officer.lock(transaction)
    record = _Record.read(transaction, officer, correction)
    if not record.naming:
        raise unknown_subject()
    wanted = [each for each in record.naming if record.is_to_be_restated(each)]
    is_whole = record.reaches_the_corrected_one(transaction, wanted)
    identities = transaction.identities([each.entry.entry_id for each in wanted])
    restated = [
        (each, _restate(each, identities.get(each.entry.entry_id), record, is_whole=is_whole))
        for each in wanted
    ]
    for original, copy in restated:
        _append(transaction, officer, original, copy, record)
    entry_ids = [each for found, copy in restated for each in (found.entry.entry_id, copy.entry_id)]
    officer.record_access(transaction, AccessOperation.RECTIFY_SUBJECT, entry_ids)
    return {
        "entries": [
            {
                "entry_id": str(found.entry.entry_id),
                "restated_entry_id": str(copy.entry_id),
            }
            for found, copy in restated
        ]
    }


@dataclass(frozen=True, slots=True)
class _Record:
    """All that is known of the wrong contact point, and of the corrected one."""

    officer: Officer
    correction: Correction
    about: Sequence[FoundEntry]
    naming: Sequence[FoundEntry]
    """The entries that name the wrong one, the newest recorded first."""
    rows: dict[EntryId, list[StandingRow]]
    """What stands for the wrong one, by entry."""
    near: Sequence[StandingRow]
    """What stands for the wrong one or may mean it, of `group` and of its building too."""
    lifts: Sequence[StandingRow]
    """The lifts of objections to recording on the wrong one."""
    corrected_rows: Sequence[StandingRow]
    """What stands for the corrected one."""

    @classmethod
    def read(
        cls, transaction: SubjectTransaction, officer: Officer, correction: Correction
    ) -> _Record:
        """Reads it, under the lock."""
        wrong = correction.wrong
        points = digests_of_all([wrong])
        about = transaction.entries_about(officer.controller, points, limit=ENTRIES_OF_A_PERSON)
        rows: dict[EntryId, list[StandingRow]] = {}
        lifts = []
        near = transaction.standing(officer.controller, points).rows
        for row in near:
            if wrong.is_found_by(row):
                rows.setdefault(row.entry_id, []).append(row)
            if row.kind == EntryKind.RECORDING_OBJECTION_LIFT:
                lifts.append(row)
        points = digests_of_all([correction.corrected])
        corrected = transaction.standing(officer.controller, points).rows
        naming = [
            each
            for each in about
            if each.matched and (each.entry.entry_id in rows or not wrong.is_address)
        ]
        return cls(officer, correction, about, naming, rows, near, lifts, corrected)

    def is_to_be_restated(self, found: FoundEntry) -> bool:
        """Whether an entry says something that still counts, and is not yet said of both."""
        entry = found.entry
        rows = self.rows.get(entry.entry_id, ())
        if entry.kind not in STATEMENTS or not rows:
            return False
        if entry.lifted_at_us is not None and entry.lifted_at_us <= self.officer.now_us:
            return False
        if entry.kind in PERMITTING:
            # A consent whose proof is gone has ended; what is left of one would prove nothing.
            is_meant = any(self.correction.wrong.is_exactly(row) for row in rows)
            return is_meant and found.identity_state is IdentityState.KEPT
        if entry.kind is EntryKind.RECORDING_OBJECTION and all(map(self._is_lifted, rows)):
            return False
        return not self._is_restated(entry)

    def _is_lifted(self, objection: StandingRow) -> bool:
        """Whether an objection to recording was lifted on this very contact point."""
        return any(
            objection.counts_at_us < each.counts_at_us <= self.officer.now_us
            for each in self.lifts
            if each.exact == objection.exact
        )

    def _is_restated(self, entry: Entry) -> bool:
        """Whether the same was corrected to the same before."""
        named = {row.entry_id for row in self.corrected_rows if self._is_corrected(row)}
        return any(
            each.entry.concerns_entry_id == entry.entry_id
            and each.entry.kind is entry.kind
            and each.entry.entry_id in named
            for each in self.about
        )

    def _is_corrected(self, row: StandingRow) -> bool:
        return row.exact == self.correction.own.exact

    def has_a_day_of_its_own(self, entry: Entry) -> bool:
        """Whether somebody set until when its identity is kept."""
        return any(
            each.entry.kind is EntryKind.RETENTION_SET
            and each.entry.concerns_entry_id == entry.entry_id
            for each in self.about
        )

    def reaches_the_corrected_one(
        self, transaction: SubjectTransaction, wanted: Sequence[FoundEntry]
    ) -> bool:
        """Whether all that denies the wrong one denies the corrected one too, once this is written.

        What is the group's is not the controller's to restate, and what is the building's may be a
        neighbour's: these stay behind.
        """
        now_us = self.officer.now_us
        stops = stops_of(self.near, _looks(self.correction.wrong), now_us=now_us)
        looks = _looks(self.correction.corrected)
        corrected = stops_of(self.corrected_rows, looks, now_us=now_us)
        carried = {each.entry.entry_id for each in wanted}
        carried |= carried_before(transaction, stops, corrected)
        return all(each.entry_id in carried for each in stops)


def _looks(point: PersonPoint) -> list[Look]:
    """A contact point as a question about it looks for it."""
    return [
        Look(each.wide, each.exact, UnitState(each.unit_state), point.is_address, is_target=True)
        for each in point.digests
    ]


def _restate(
    found: FoundEntry, identity: Identity | None, record: _Record, *, is_whole: bool
) -> PreparedEntry:
    """The entry with the corrected contact point, as of its own time.

    A consent lifts nothing any more: what it would lift on the corrected one may come at any time,
    and must count the same whether it comes before the correction or after. It is unproven, and so
    permits nothing, where the correction is not whole.
    """
    officer, correction, entry = record.officer, record.correction, found.entry
    is_permitting = entry.kind in PERMITTING
    identity = identity or _GONE
    subject = _corrected(identity.subject, correction, officer, is_exact=is_permitting)
    new = NewEntry(
        kind=entry.kind,
        controller=entry.controller,
        expression=entry.expression,
        subject=subject,
        evidence=identity.evidence,
        channels=entry.channels,
        purposes=entry.purposes,
        expires_at_us=entry.expires_at_us,
        proven=entry.proven and is_whole,
        lifts_opt_outs=False,
        partner_id=entry.partner_id,
        lead_id=identity.lead_id,
        concerns_entry_id=entry.entry_id,
    )
    expires_on = None
    if found.expires_on is not None:
        # What is overdue goes with the next expiry, like the original.
        expires_on = max(found.expires_on, officer.today)
    return PreparedEntry(
        officer.entry_ids(),
        new,
        officer.now_us,
        entry.counts_at_us,
        _points(subject, correction, officer, is_exact=is_permitting),
        expires_on,
    )


def _append(
    transaction: SubjectTransaction,
    officer: Officer,
    original: FoundEntry,
    copy: PreparedEntry,
    record: _Record,
) -> None:
    entries = [copy, officer.ending(EntryKind.RECTIFICATION, original.entry)]
    entries += _lifts(original.entry, copy, record)
    if record.has_a_day_of_its_own(original.entry) and copy.identity_expires_on is not None:
        day = copy.identity_expires_on
        entries.append(officer.statement(EntryKind.RETENTION_SET, copy.entry_id, keep_until=day))
    if original.is_held:
        entries.append(officer.statement(EntryKind.HOLD_PLACED, copy.entry_id))
    transaction.append(entries)
    if original.is_held and copy.identity_expires_on is not None:
        until = copy.identity_expires_on
        transaction.keep_identity(copy.entry_id, until=until, is_held=True)


def _lifts(original: Entry, copy: PreparedEntry, record: _Record) -> Iterable[PreparedEntry]:
    """The lifts of an entry that is lifted from a later instant on: its copy is, from then on too.

    Without their identity, which stays with the lifts themselves.
    """
    if original.lifted_at_us is None or original.kind in PERMITTING:
        return
    for each in record.about:
        lift = each.entry
        if lift.lifts_entry_id == original.entry_id:
            new = NewEntry(
                kind=lift.kind,
                controller=lift.controller,
                expression=lift.expression,
                subject=Subject(),
                evidence=Evidence(),
                lifts_entry_id=copy.entry_id,
            )
            yield PreparedEntry(
                record.officer.entry_ids(),
                new,
                record.officer.now_us,
                lift.counts_at_us,
                (),
            )


# The subject of a restated entry.


def _corrected(
    subject: Subject, correction: Correction, officer: Officer, *, is_exact: bool
) -> Subject:
    """The subject with the corrected contact point in the place of the wrong one."""
    corrected = correction.corrected.point
    if isinstance(corrected, CustomerNumber):
        return replace(subject, customer_number=corrected.number)
    points = list(subject.contact_points)
    wrong = [
        place
        for place, point in enumerate(points)
        if _is_wrong(Subject((point,)), correction, officer, is_exact=is_exact)
    ]
    first = wrong[0] if wrong else len(points)
    points[first : first + 1] = [corrected]
    kept = [point for place, point in enumerate(points) if place == first or place not in wrong]
    return replace(subject, contact_points=tuple(kept))


def _is_wrong(
    subject: Subject, correction: Correction, officer: Officer, *, is_exact: bool
) -> bool:
    names = correction.wrong.is_exactly if is_exact else correction.wrong.is_found_by
    known = known_points(subject, officer.digester, home=officer.home)
    return any(names(digests) for point in known for digests in point.digests)


def _points(
    subject: Subject, correction: Correction, officer: Officer, *, is_exact: bool
) -> tuple[ContactDigests, ...]:
    """What a restated entry is found by; never by the wrong contact point."""
    names = correction.wrong.is_exactly if is_exact else correction.wrong.is_found_by
    found = {correction.own.exact: correction.own}
    for point in known_points(subject, officer.digester, home=officer.home):
        digits = () if is_exact else point.digests
        for digests in digits if point.own is None else (point.own,):
            if not names(digests):
                found[digests.exact] = digests
    return tuple(found.values())
