"""Entries to write, as intake prepares them; what they hold is made up."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final
from uuid import uuid4

from consent_registry_server.domain.contact import ContactKind, Email, Phone, Subject
from consent_registry_server.domain.entry import (
    AttemptReport,
    Evidence,
    Expression,
    NewEntry,
    RegisterResult,
)
from consent_registry_server.domain.vocabulary import (
    AttemptOutcome,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    Precision,
    PurposeId,
    RegisterStatus,
    Source,
)
from consent_registry_server.service.ports import ContactDigests, PreparedEntry, RequestKey
from consent_registry_server.storage.keyring import Keyring

FRANCE: Final = ControllerId("alarm-fr")
NORWAY: Final = ControllerId("alarm-no")
NOON_US: Final = 1_790_000_000_123_456
SECOND_US: Final = 1_000_000
KEPT_UNTIL: Final = date(2033, 9, 21)
"""The last day of what is said at noon, and not a consent."""


@dataclass
class Deadline:
    """A deadline some seconds ahead that does not come nearer; None for none."""

    seconds: float | None = None

    def remaining_s(self) -> float | None:
        return self.seconds


NO_DEADLINE: Final = Deadline()


@dataclass
class Samples:
    """Makes entries whose contact points are digested under a keyring."""

    keyring: Keyring
    controller: ControllerId = FRANCE
    subject: Subject = field(
        default_factory=lambda: Subject(contact_points=(Email("camille@example.com"),))
    )

    def point(self, name: str, *, wide: str = "") -> ContactDigests:
        """The digests of a contact point; those with the same wide name are found together."""
        return ContactDigests(
            kind=ContactKind.EMAIL,
            wide=self.wide(wide or name),
            exact=self.keyring.digest(f"email/exact/1\0{name}".encode()),
            unit_state=0,
            normaliser_version=1,
        )

    def wide(self, name: str) -> bytes:
        """The digest by which a contact point is looked up."""
        return self.keyring.digest(f"email/wide/1\0{name}".encode())

    def entry(
        self,
        *points: ContactDigests,
        at_us: int = NOON_US,
        **changes: Any,  # noqa: ANN401 - fields of NewEntry
    ) -> PreparedEntry:
        """A do-not-contact entry, or what the changes make of it."""
        new = NewEntry(
            kind=EntryKind.DO_NOT_CONTACT,
            controller=self.controller,
            expression=Expression(Source.WEB_FORM, Precision.INSTANT, at_us, "Europe/Paris"),
            subject=self.subject,
            evidence=Evidence(),
        )
        return PreparedEntry(
            entry_id=EntryId(uuid4()),
            new=replace(new, **changes),
            recorded_at_us=NOON_US,
            counts_at_us=at_us,
            contact_points=points,
            identity_expires_on=KEPT_UNTIL,
        )

    def lift(self, lifted: PreparedEntry, *, at_us: int) -> PreparedEntry:
        """A lift of an entry."""
        return self.entry(
            at_us=at_us,
            kind=EntryKind.DO_NOT_CONTACT_LIFT,
            lifts_entry_id=lifted.entry_id,
        )

    def consent(
        self,
        *points: ContactDigests,
        **changes: Any,  # noqa: ANN401 - fields of NewEntry
    ) -> PreparedEntry:
        """A proven consent for email and one purpose."""
        return self.entry(
            *points,
            **{
                "kind": EntryKind.CONSENT,
                "channels": 2,
                "purposes": frozenset({PurposeId("direct_marketing")}),
                "proven": True,
                "lifts_opt_outs": True,
                **changes,
            },
        )

    def attempt(self, *points: ContactDigests, at_us: int = NOON_US) -> PreparedEntry:
        """A call that was granted."""
        return self.entry(
            *points,
            at_us=at_us,
            kind=EntryKind.CONTACT_ATTEMPT,
            channels=Channel.VOICE_CALL.mask,
            purposes=frozenset({PurposeId("direct_marketing")}),
        )

    def outcome(
        self,
        attempt: PreparedEntry,
        what: AttemptOutcome,
        **changes: Any,  # noqa: ANN401 - fields of NewEntry
    ) -> PreparedEntry:
        """What became of an attempt."""
        return self.entry(
            kind=EntryKind.ATTEMPT_OUTCOME,
            attempt=AttemptReport(attempt.entry_id, what),
            lifts_entry_id=attempt.entry_id if what is AttemptOutcome.RELEASED else None,
            **changes,
        )

    def result(
        self,
        *points: ContactDigests,
        status: RegisterStatus = RegisterStatus.LISTED,
        register: str = "RPO",
        listed_at_us: int | None = None,
        at_us: int = NOON_US,
        **changes: Any,  # noqa: ANN401 - fields of NewEntry
    ) -> PreparedEntry:
        """What a national register said of some contact points."""
        return self.entry(
            *points,
            at_us=at_us,
            kind=EntryKind.REGISTER_RESULT,
            register_result=RegisterResult(register, status, listed_at_us),
            **changes,
        )

    def request(self, request_id: str | None = None, content: str = "") -> RequestKey:
        """The key of a request; of a new one when no id is given."""
        request_id = request_id or str(uuid4())
        return RequestKey(
            id_digest=self.keyring.digest(b"request\0" + request_id.encode()),
            content_digest=self.keyring.digest(b"content\0" + content.encode()),
        )


FULL_SUBJECT: Final = Subject(
    contact_points=(
        Email("Camille.Désirée+alarme@example.com"),
        Phone("06 39 98 12 34", "FR"),
    ),
    customer_number="K-4711-0815",
    name="Camille Désirée",
)
