"""What a store promises of unsubscribe links, and of the entries that name one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.errors import DeadlineExceeded
from consent_registry_server.domain.vocabulary import ControllerId, EntryKind, LinkId
from consent_registry_server.service.ports import ContactDigests, Page, PreparedEntry
from consent_registry_server.service.unsubscribe_ports import LinkedPerson, UnsubscribeLink
from tests.conformance.entries import (
    FRANCE,
    NOON_US,
    NORWAY,
    append,
    consent,
    entry,
    exact,
    point,
    request,
    standing,
)
from tests.conformance.links import (
    CUSTOMER,
    EMAIL,
    LATER_US,
    PHONE,
    RECORDING,
    find,
    lifted_recording,
    link,
    linked,
    links,
    said,
)
from tests.conformance.ports import AnyTransaction, Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED


def test_a_link_is_found_with_its_controller_and_the_kinds_of_its_contact_points(
    ports: Ports,
) -> None:
    """Each kind once, however many contact points have it."""
    link_id = link(ports, EMAIL, point("email 2"), PHONE)
    kinds = frozenset({ContactKind.EMAIL, ContactKind.PHONE})
    assert find(ports, link_id) == UnsubscribeLink(link_id, FRANCE, kinds)


def test_a_link_tells_only_kinds_that_had_a_normal_form(ports: Ports) -> None:
    """As they were when it was made; a number that is known by its digits stops nothing surely."""
    known = LinkedPerson((EMAIL, PHONE), frozenset({ContactKind.EMAIL}))
    [link_id] = ports.ledger.transact(
        lambda transaction: transaction.keep_links(FRANCE, [known], created_at_us=NOON_US),
        deadline=NO_DEADLINE,
    )
    assert link(ports, EMAIL, PHONE) == link_id
    assert find(ports, link_id) == UnsubscribeLink(link_id, FRANCE, known.kinds)


def test_a_link_that_was_never_made_is_not_found(ports: Ports) -> None:
    """Nor is it one of somebody else's."""
    link(ports, EMAIL)
    assert find(ports, LinkId(UUID(int=7))) is None


def test_a_link_is_not_looked_for_after_the_deadline(ports: Ports) -> None:
    """Nobody waits for it any more."""
    link_id = link(ports, EMAIL)
    with pytest.raises(DeadlineExceeded):
        ports.unsubscribe_links.find(link_id, deadline=PASSED)


class Person(NamedTuple):
    """Whose link is asked for after that of EMAIL and PHONE, and whether it is the same."""

    points: tuple[ContactDigests, ...]
    controller: ControllerId
    is_same: bool


PEOPLE = {
    "the same": Person((EMAIL, PHONE), FRANCE, is_same=True),
    "in another order": Person((PHONE, EMAIL), FRANCE, is_same=True),
    "one named twice": Person((EMAIL, PHONE, EMAIL), FRANCE, is_same=True),
    "another controller's": Person((EMAIL, PHONE), NORWAY, is_same=False),
    "with less known": Person((EMAIL,), FRANCE, is_same=False),
    "with more known": Person((EMAIL, PHONE, CUSTOMER), FRANCE, is_same=False),
    "with another sub-address": Person(
        (point("email+tag", found_as="email"), PHONE), FRANCE, is_same=False
    ),
    "somebody else": Person((point("other"), PHONE), FRANCE, is_same=False),
}


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_the_same_contact_points_have_the_same_link(ports: Ports, person: Person) -> None:
    """Whatever their order; other contact points or another controller have another."""
    known = link(ports, EMAIL, PHONE)
    assert (link(ports, *person.points, controller=person.controller) == known) is person.is_same


def test_links_come_in_the_order_of_the_people(ports: Ports) -> None:
    """Whether they were made before, are new, or are asked for twice at once."""
    known = link(ports, PHONE)
    found = links(ports, [EMAIL], [PHONE], [CUSTOMER, EMAIL], [EMAIL], [EMAIL, CUSTOMER])
    assert found[1] == known
    assert found[0] == found[3]
    assert found[2] == found[4]
    assert len(set(found)) == 3
    assert found == links(ports, [EMAIL], [PHONE], [CUSTOMER, EMAIL], [EMAIL], [EMAIL, CUSTOMER])


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_writers_at_once_make_one_link(ports: Ports, *, is_known: bool) -> None:
    """A person would else be stopped through one of them and not know the other."""
    writers, people = 6, 4
    points = [point(f"person {number}") for number in range(people)]
    if is_known:
        # Nobody waits then for whoever is the first to name a contact point.
        append(ports, *map(entry, points))
    barrier = Barrier(writers)

    def make(_: int) -> tuple[LinkId, ...]:
        made = []
        for each in points:
            barrier.wait()
            made.append(link(ports, each))
        return tuple(made)

    with ThreadPoolExecutor(writers) as executor:
        made = set(executor.map(make, range(writers)))
    assert len(made) == 1


def test_a_transaction_finds_the_link_that_it_made(ports: Ports) -> None:
    """Before it is committed."""

    def work(transaction: AnyTransaction) -> list[LinkId]:
        return [
            *transaction.keep_links(FRANCE, [linked(EMAIL)], created_at_us=NOON_US),
            *transaction.keep_links(FRANCE, [linked(EMAIL)], created_at_us=NOON_US),
        ]

    one, other = ports.ledger.transact(work, deadline=NO_DEADLINE)
    assert one == other


def test_a_link_of_a_transaction_that_failed_is_none(ports: Ports) -> None:
    """Nobody was told of it."""
    made: list[LinkId] = []

    def work(transaction: AnyTransaction) -> None:
        made.extend(transaction.keep_links(FRANCE, [linked(EMAIL)], created_at_us=NOON_US))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ports.ledger.transact(work, deadline=NO_DEADLINE)
    assert find(ports, made[0]) is None


# Entries that name a link.


def test_what_is_said_through_a_link_stands_for_all_its_contact_points(ports: Ports) -> None:
    """Found by the email of the message and by the phone that it never showed."""
    opt_out = said(link(ports, EMAIL, PHONE, CUSTOMER))
    append(ports, opt_out)
    rows = standing(ports, ["email", "phone", "customer"])
    assert {row.exact for row in rows} == {exact("email"), exact("phone"), exact("customer")}
    assert {row.entry_id for row in rows} == {opt_out.entry_id}
    for name in ("email", "phone", "customer"):
        assert [row.entry_id for row in standing(ports, [name])] == [opt_out.entry_id]


def test_what_is_said_through_a_link_is_in_the_history_of_its_contact_points(
    ports: Ports,
) -> None:
    """With their kinds, as if it had named them."""
    opt_out = said(link(ports, EMAIL, PHONE))
    append(ports, opt_out)
    for each in (EMAIL, PHONE):
        [found] = ports.history.entries(FRANCE, [each], Page(9, None), deadline=NO_DEADLINE)
        assert found.entry_id == opt_out.entry_id
        assert found.contact_kinds == (ContactKind.EMAIL, ContactKind.PHONE)


def test_what_is_said_through_a_link_is_about_the_person_it_is_of(ports: Ports) -> None:
    """The data-protection officer finds it by each of the contact points."""
    opt_out = said(link(ports, EMAIL, PHONE))
    append(ports, opt_out)
    found = ports.ledger.transact(
        lambda officer: officer.entries_about(FRANCE, [PHONE], limit=9), deadline=NO_DEADLINE
    )
    assert [each.entry.entry_id for each in found] == [opt_out.entry_id]


def test_a_link_stops_nothing_by_itself(ports: Ports) -> None:
    """It is made for every message that goes out."""
    link(ports, EMAIL, PHONE)
    assert standing(ports, ["email", "phone"]) == []


def test_a_link_is_made_and_used_in_one_transaction(ports: Ports) -> None:
    """What it names is there before the commit."""
    made: list[PreparedEntry] = []

    def work(transaction: AnyTransaction) -> dict[str, Any]:
        [link_id] = transaction.keep_links(FRANCE, [linked(EMAIL)], created_at_us=NOON_US)
        made.append(said(link_id))
        transaction.append(made[-1:])
        return {}

    ports.ledger.write(request(), NOON_US, work, deadline=NO_DEADLINE)
    assert [row.entry_id for row in standing(ports, ["email"])] == [made[-1].entry_id]


# Recording objections that one entry lifts by name.


def test_a_recording_objection_is_lifted_by_its_id(ports: Ports) -> None:
    """On all its contact points, from the lift on; nothing else is."""
    link_id = link(ports, EMAIL, PHONE)
    objection, other = said(link_id, RECORDING), entry(PHONE, kind=EntryKind.RECORDING_OBJECTION)
    append(ports, objection, other)
    append(ports, lifted_recording(objection, counts_at_us=LATER_US))
    rows = standing(ports, ["email", "phone"])
    assert {(row.entry_id, row.exact, row.lifted_at_us) for row in rows} == {
        (objection.entry_id, exact("email"), LATER_US),
        (objection.entry_id, exact("phone"), LATER_US),
        (other.entry_id, exact("phone"), None),
    }


# Contact points that a link names.


@pytest.mark.parametrize("has_link", [True, False], ids=["with a link", "without"])
def test_the_contact_points_of_a_link_outlive_the_identity(ports: Ports, *, has_link: bool) -> None:
    """Who was erased and finds an old message can still stop the next one."""
    consented = consent(EMAIL)
    append(ports, consented)
    if has_link:
        link(ports, EMAIL, PHONE)
    ports.ledger.transact(
        lambda officer: officer.end_identities([consented.entry_id]), deadline=NO_DEADLINE
    )
    assert bool(standing(ports, ["email"])) is has_link
