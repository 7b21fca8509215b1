"""A data-protection officer beside a desk, on whatever store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

from consent_registry_server.domain.contact import (
    ContactPoint,
    CustomerNumber,
    Email,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence, Expression, NewEntry
from consent_registry_server.domain.vocabulary import (
    GROUP,
    ControllerId,
    EntryId,
    EntryKind,
    ErasureOutcome,
    HoldChange,
    RestrictionGround,
    Source,
)
from consent_registry_server.service.ports import Digester, Recorded
from consent_registry_server.service.preparation import Write
from consent_registry_server.service.subject_ports import Accessor, SubjectLedger
from consent_registry_server.service.subjects import Subjects
from consent_registry_server.storage.keyring import Keyring
from consent_registry_server.storage.seal import KeyringSealer
from tests.fakes.ambience import NO_DEADLINE, HashDigester, counted_ids
from tests.fakes.state import State
from tests.fakes.store import FakeStore
from tests.past_desk import FRANCE, PastDesk

BY: Final = Accessor("key-7", "Robin Officer", "request 2026-117")

HOME = PostalAddress("FR", "59000", "Lille", "12 rue Exemple", "Apt 3")
NEXT_DOOR = PostalAddress("FR", "59000", "Lille", "12 rue Exemple", "Apt 4")
BUILDING = PostalAddress("FR", "59000", "Lille", "12 rue Exemple")
NEW_HOME = PostalAddress("FR", "59000", "Lille", "7 rue Exemple")
NEW_EMAIL, NEW_PHONE = Email("camille.d@example.com"), Phone("+33639980009")


class Officer:
    """Exercises people's rights at a desk; every call is a write of its own."""

    def __init__(
        self,
        desk: PastDesk,
        ledger: SubjectLedger,
        digester: Digester,
        *,
        entry_ids: Callable[[], EntryId] = lambda: EntryId(uuid4()),
    ) -> None:
        self.desk = desk
        self.subjects = Subjects(
            ledger,
            digester,
            policy=lambda: desk.policies.in_force,
            clock=desk.clock,
            entry_ids=entry_ids,
        )

    def rectify(
        self,
        wrong: ContactPoint | CustomerNumber,
        corrected: ContactPoint | CustomerNumber,
        *,
        write: Write | None = None,
    ) -> dict[EntryId, EntryId]:
        """Corrects a contact point; what was restated as what, the last where in parts."""
        return dict(self.restated(wrong, corrected, write=write))

    def restated(
        self,
        wrong: ContactPoint | CustomerNumber,
        corrected: ContactPoint | CustomerNumber,
        *,
        controller: ControllerId = FRANCE,
        write: Write | None = None,
    ) -> list[tuple[EntryId, EntryId]]:
        """Corrects a contact point; what was restated as what, in every part."""
        recorded = self.subjects.rectify(
            write or self._write_of(controller),
            controller,
            wrong,
            corrected,
            BY,
            deadline=NO_DEADLINE,
        )
        return [
            (_id(each["entry_id"]), _id(each["restated_entry_id"]))
            for each in recorded.details["entries"]
        ]

    def opts_out_of_group(self, *points: ContactPoint, said: Expression | None = None) -> EntryId:
        """Records a do-not-contact request to all controllers."""
        new = NewEntry(
            kind=EntryKind.DO_NOT_CONTACT,
            controller=GROUP,
            expression=said or self.desk.now(Source.LETTER),
            subject=Subject(points),
            evidence=Evidence(),
        )
        write = self._write_of(GROUP)
        return entry_id_of(self.desk.intake.add_opt_out(write, new, deadline=NO_DEADLINE))

    def _write_of(self, controller: ControllerId) -> Write:
        return replace(self.desk.write(), controller=controller)

    def erase(
        self, *points: ContactPoint, customer_number: str = "", write: Write | None = None
    ) -> list[tuple[EntryKind, ErasureOutcome, str]]:
        """Erases a person; what became of their entries, the newest first."""
        subject = Subject(points, customer_number)
        recorded = self.subjects.erase(
            write or self.desk.write(), FRANCE, subject, BY, deadline=NO_DEADLINE
        )
        return [
            (EntryKind(each["kind"]), ErasureOutcome(each["outcome"]), each["citation"])
            for each in recorded.details["entries"]
        ]

    def restrict(
        self,
        *points: ContactPoint,
        said: Expression | None = None,
        ground: RestrictionGround = RestrictionGround.ACCURACY_CONTESTED,
    ) -> Recorded:
        """Restricts the processing of a person's data."""
        new = NewEntry(
            kind=EntryKind.RESTRICTION,
            controller=FRANCE,
            expression=said or self.desk.now(Source.LETTER),
            subject=Subject(points),
            evidence=Evidence(),
        )
        return self.subjects.restrict(self.desk.write(), new, ground, BY, deadline=NO_DEADLINE)

    def lift(self, entry_id: EntryId, *, informed_at_us: int | None = None) -> Recorded:
        """Lifts a restriction, of which the person was told just now."""
        return self.subjects.lift_restriction(
            self.desk.write(),
            FRANCE,
            entry_id,
            BY,
            informed_at_us=self.desk.clock.now_us if informed_at_us is None else informed_at_us,
            deadline=NO_DEADLINE,
        )

    def keep(self, entry_id: EntryId, change: date | HoldChange) -> dict[str, Any]:
        """Changes for how long an identity is kept."""
        recorded = self.subjects.set_retention(
            self.desk.write(), FRANCE, entry_id, change, BY, deadline=NO_DEADLINE
        )
        return recorded.details


class MemoryOfficer(Officer):
    """An officer at a desk on a store in memory."""

    def __init__(self) -> None:
        self.store = FakeStore()
        digester, entry_ids = HashDigester(), counted_ids()
        desk = PastDesk(
            self.store,
            self.store,
            self.store,
            history=self.store,
            sealer=KeyringSealer(Keyring.generate()),
            digester=digester,
            entry_ids=entry_ids,
        )
        super().__init__(desk, self.store, digester, entry_ids=entry_ids)

    @property
    def state(self) -> State:
        """Everything in the store."""
        return self.store.state


def entry_id_of(recorded: Recorded) -> EntryId:
    """The entry that a write answered with."""
    return _id(recorded.details["entry_id"])


def _id(text: str) -> EntryId:
    return EntryId(UUID(text))
