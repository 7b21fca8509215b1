"""Makes unsubscribe links in PostgreSQL and says something through them."""

from __future__ import annotations

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
from consent_registry_server.service.unsubscribe_ports import LinkedPerson, Said, UnsubscribeLink
from consent_registry_server.storage.store import Store
from tests.integration.storage.samples import FRANCE, NO_DEADLINE, NOON_US, Samples

ONE_CLICK = OptOut(
    EntryKind.DO_NOT_CONTACT, Channel.EMAIL.mask, frozenset({PurposeId("direct_marketing")})
)
SOURCE = Source.UNSUBSCRIBE_LINK
KINDS = frozenset({ContactKind.EMAIL})


def keep_link(store: Store, *points: ContactDigests, controller: ControllerId = FRANCE) -> LinkId:
    """The link of one person."""
    person = LinkedPerson(points, KINDS)
    [link_id] = store.ledger.transact(
        lambda transaction: transaction.keep_links(controller, [person], created_at_us=NOON_US),
        deadline=NO_DEADLINE,
    )
    return link_id


def find_link(store: Store, link_id: LinkId) -> UnsubscribeLink | None:
    """The link of an id."""
    return store.unsubscribe_links.find(link_id, deadline=NO_DEADLINE)


def said_before(store: Store, link_id: LinkId, opt_out: OptOut = ONE_CLICK) -> Said | None:
    """By which entry a link says something already, since whenever it did."""
    return store.ledger.transact(
        lambda transaction: transaction.said_before(link_id, opt_out, source=SOURCE, since_us=0),
        deadline=NO_DEADLINE,
    )


def last_permission_us(store: Store, link_id: LinkId) -> int | None:
    """When what permits last came up on the contact points of a link."""
    return store.ledger.transact(
        lambda transaction: transaction.last_permission_us(link_id), deadline=NO_DEADLINE
    )


def click(
    samples: Samples, link_id: LinkId, *, opt_out: OptOut = ONE_CLICK, at_us: int = NOON_US
) -> PreparedEntry:
    """An entry as a click through a link makes it."""
    return samples.entry(
        at_us=at_us,
        expression=Expression(SOURCE, Precision.INSTANT, at_us),
        kind=opt_out.kind,
        channels=opt_out.channels,
        purposes=opt_out.purposes,
        subject=Subject(),
        unsubscribe_link_id=link_id,
    )
