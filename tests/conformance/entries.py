"""Entries as intake prepares them, and how they are written; what they hold is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

from consent_registry_server.domain.contact import ContactKind, Email, Subject
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
    PartnerId,
    PartnerKind,
    Precision,
    PurposeId,
    RegisterStatus,
    Source,
    channel_mask,
)
from consent_registry_server.service.ports import (
    ContactDigests,
    Partner,
    PreparedEntry,
    Recorded,
    RequestKey,
    StandingRow,
    Transaction,
)
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE, HashDigester

T = TypeVar("T")

FRANCE, NORWAY = ControllerId("alarm-fr"), ControllerId("alarm-no")
MOVER = PartnerId("mover-1")
MARKETING = PurposeId("direct_marketing")
NOON_US = 1_790_000_000_123_456
SECOND_US = 1_000_000

_digest = HashDigester().digest


def wide(name: str) -> bytes:
    """The digest by which a contact point is looked up."""
    return _digest(f"wide {name}".encode())


def exact(name: str) -> bytes:
    """The digest that tells which contact point it is."""
    return _digest(f"exact {name}".encode())


def point(
    name: str,
    *,
    found_as: str = "",
    kind: ContactKind = ContactKind.EMAIL,
    unit_state: int = 0,
) -> ContactDigests:
    """A contact point; those with the same `found_as` are looked up together."""
    return ContactDigests(kind, wide(found_as or name), exact(name), unit_state, 1)


def entry(
    *points: ContactDigests,
    counts_at_us: int = NOON_US,
    recorded_at_us: int = NOON_US + SECOND_US,
    **changes: Any,  # noqa: ANN401 - fields of NewEntry
) -> PreparedEntry:
    """A do-not-contact entry of France, or what the changes make of it."""
    new = NewEntry(
        kind=EntryKind.DO_NOT_CONTACT,
        controller=FRANCE,
        expression=Expression(Source.LETTER, Precision.INSTANT, counts_at_us, "Europe/Paris"),
        subject=Subject(contact_points=(Email("camille@example.com"),)),
        evidence=Evidence(),
    )
    return PreparedEntry(
        entry_id=EntryId(uuid4()),
        new=replace(new, **changes),
        recorded_at_us=recorded_at_us,
        counts_at_us=counts_at_us,
        contact_points=points,
    )


def consent(
    *points: ContactDigests,
    **changes: Any,  # noqa: ANN401 - fields of NewEntry
) -> PreparedEntry:
    """A proven consent to emails, or what the changes make of it."""
    given: dict[str, Any] = {
        "kind": EntryKind.CONSENT,
        "channels": Channel.EMAIL.mask,
        "purposes": frozenset({MARKETING}),
        "proven": True,
        "lifts_opt_outs": True,
    }
    return entry(*points, **(given | changes))


def lead(*points: ContactDigests, partner_id: PartnerId = MOVER) -> PreparedEntry:
    """A partner's consent."""
    return consent(
        *points, kind=EntryKind.PARTNER_CONSENT, partner_id=partner_id, lifts_opt_outs=False
    )


def lift(lifted: PreparedEntry, *, counts_at_us: int) -> PreparedEntry:
    """A lift of an entry, by the same controller."""
    return entry(
        counts_at_us=counts_at_us,
        kind=EntryKind.DO_NOT_CONTACT_LIFT,
        controller=lifted.new.controller,
        lifts_entry_id=lifted.entry_id,
    )


def attempt(*points: ContactDigests, counts_at_us: int = NOON_US) -> PreparedEntry:
    """A call that was granted."""
    return entry(
        *points,
        kind=EntryKind.CONTACT_ATTEMPT,
        counts_at_us=counts_at_us,
        channels=Channel.VOICE_CALL.mask,
        purposes=frozenset({MARKETING}),
    )


def outcome(
    reported: PreparedEntry, what: AttemptOutcome, *, recorded_at_us: int = NOON_US + SECOND_US
) -> PreparedEntry:
    """What became of an attempt."""
    return entry(
        kind=EntryKind.ATTEMPT_OUTCOME,
        recorded_at_us=recorded_at_us,
        subject=Subject(),
        attempt=AttemptReport(reported.entry_id, what),
        lifts_entry_id=reported.entry_id if what is AttemptOutcome.RELEASED else None,
    )


def result(
    *points: ContactDigests,
    listed: bool = True,
    checked_at_us: int = NOON_US,
    listed_at_us: int | None = None,
    register: str = "RPO",
    **changes: Any,  # noqa: ANN401 - fields of NewEntry
) -> PreparedEntry:
    """What a national register said of some contact points."""
    status = RegisterStatus.LISTED if listed else RegisterStatus.CLEAR
    said: dict[str, Any] = {
        "kind": EntryKind.REGISTER_RESULT,
        "subject": Subject(),
        "register_result": RegisterResult(register, status, listed_at_us),
    }
    return entry(*points, counts_at_us=checked_at_us, **(said | changes))


def partner(
    partner_id: PartnerId = MOVER,
    *,
    controller: ControllerId = FRANCE,
    channels: tuple[Channel, ...] = (Channel.EMAIL,),
    maximum_lead_age_days: int = 90,
) -> Partner:
    """A moving company that may bring consents."""
    return Partner(
        controller=controller,
        partner_id=partner_id,
        name="Movers Example SARL",
        kind=PartnerKind.MOVER,
        permitted_channels=channel_mask(channels),
        permitted_purposes=frozenset({MARKETING, PurposeId("partner_offers")}),
        maximum_lead_age_days=maximum_lead_age_days,
    )


def request(request_id: str = "", content: str = "") -> RequestKey:
    """The key of a request; of a new one when no id is given."""
    request_id = request_id or str(uuid4())
    return RequestKey(_digest(f"id {request_id}".encode()), _digest(f"content {content}".encode()))


def append(ports: Ports, *entries: PreparedEntry) -> Recorded:
    """Writes entries in one transaction."""

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.append(entries)
        return {}

    return ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)


def within(ports: Ports, look: Callable[[Transaction], T]) -> T:
    """What a transaction sees; nothing is written but the request."""
    seen: list[T] = []

    def work(transaction: Transaction) -> dict[str, Any]:
        seen.append(look(transaction))
        return {}

    ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)
    return seen[-1]


def register(ports: Ports, *partners: Partner, at_us: int = NOON_US) -> Recorded:
    """Saves partners in one transaction."""

    def work(transaction: Transaction) -> dict[str, Any]:
        for each in partners:
            transaction.save_partner(each, recorded_at_us=at_us)
        return {}

    return ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)


def standing(
    ports: Ports, names: Sequence[str], controller: ControllerId = FRANCE
) -> list[StandingRow]:
    """The rows of some contact points in an order of their own."""
    found = ports.standing.read(controller, [point(name) for name in names], deadline=NO_DEADLINE)
    return sorted(found.rows, key=lambda row: (row.entry_id, row.exact))
