"""Unsubscribe links and what is said through them, on whatever store."""

from __future__ import annotations

from collections.abc import Sequence

from consent_registry_server.domain.contact import ContactKind, Subject
from consent_registry_server.domain.entry import Expression
from consent_registry_server.domain.unsubscribe import OptOut
from consent_registry_server.domain.vocabulary import (
    Channel,
    ControllerId,
    EntryKind,
    LinkId,
    Precision,
    PurposeId,
    Source,
)
from consent_registry_server.service.ports import ContactDigests, PreparedEntry
from consent_registry_server.service.unsubscribe_ports import (
    LinkedPerson,
    Said,
    UnsubscribeLink,
)
from tests.conformance.entries import FRANCE, MARKETING, NOON_US, SECOND_US, entry, point
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE

NEWSLETTER = PurposeId("direct_marketing.newsletter")
EMAIL, PHONE = point("email"), point("phone", kind=ContactKind.PHONE)
CUSTOMER = point("customer", kind=ContactKind.CUSTOMER_NUMBER)
LATER_US = NOON_US + 60 * SECOND_US

ONE_CLICK = OptOut(EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask, frozenset({MARKETING}))
ALL_EMAIL = OptOut(EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask)
EVERYTHING = OptOut(EntryKind.DO_NOT_CONTACT)
RECORDING = OptOut(EntryKind.RECORDING_OBJECTION)


def links(
    ports: Ports, *people: Sequence[ContactDigests], controller: ControllerId = FRANCE
) -> list[LinkId]:
    """The links of some people."""
    asked = [linked(*points) for points in people]
    return ports.ledger.transact(
        lambda transaction: transaction.keep_links(controller, asked, created_at_us=NOON_US),
        deadline=NO_DEADLINE,
    )


def linked(*points: ContactDigests) -> LinkedPerson:
    """A person whose contact points all have a full normal form."""
    return LinkedPerson(points, frozenset(each.kind for each in points))


def link(ports: Ports, *points: ContactDigests, controller: ControllerId = FRANCE) -> LinkId:
    """The link of one person."""
    [link_id] = links(ports, points, controller=controller)
    return link_id


def find(ports: Ports, link_id: LinkId) -> UnsubscribeLink | None:
    """The link of an id."""
    return ports.unsubscribe_links.find(link_id, deadline=NO_DEADLINE)


def said_before(
    ports: Ports,
    link_id: LinkId,
    opt_out: OptOut = ONE_CLICK,
    *,
    source: Source = Source.UNSUBSCRIBE_LINK,
    since_us: int = NOON_US,
) -> Said | None:
    """By which entry a link says something already."""
    return ports.ledger.transact(
        lambda transaction: transaction.said_before(
            link_id, opt_out, source=source, since_us=since_us
        ),
        deadline=NO_DEADLINE,
    )


def said(
    link_id: LinkId,
    opt_out: OptOut = ONE_CLICK,
    *,
    counts_at_us: int = NOON_US,
    source: Source = Source.UNSUBSCRIBE_LINK,
) -> PreparedEntry:
    """An entry as a click through a link makes it."""
    return entry(
        counts_at_us=counts_at_us,
        recorded_at_us=counts_at_us,
        kind=opt_out.kind,
        channels=opt_out.channels,
        purposes=opt_out.purposes,
        expression=Expression(source, Precision.INSTANT, counts_at_us),
        subject=Subject(),
        unsubscribe_link_id=link_id,
    )


def lifted_recording(objection: PreparedEntry, *, counts_at_us: int) -> PreparedEntry:
    """A lift of one objection to recording, by its id."""
    return entry(
        counts_at_us=counts_at_us,
        kind=EntryKind.RECORDING_OBJECTION_LIFT,
        subject=Subject(),
        lifts_entry_id=objection.entry_id,
    )
