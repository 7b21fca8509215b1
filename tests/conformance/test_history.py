"""What `History` promises."""

from __future__ import annotations

import pytest

from consent_registry_server.domain.contact import ContactKind
from consent_registry_server.domain.entry import Entry, Expression
from consent_registry_server.domain.errors import DeadlineExceeded
from consent_registry_server.domain.vocabulary import (
    GROUP,
    Channel,
    ControllerId,
    EntryId,
    EntryKind,
    PartnerId,
    Precision,
    Source,
)
from consent_registry_server.service.ports import Page
from tests.conformance.entries import (
    FRANCE,
    MARKETING,
    MOVER,
    NOON_US,
    NORWAY,
    SECOND_US,
    append,
    consent,
    entry,
    lead,
    lift,
    partner,
    point,
    register,
)
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED

ALL = Page(100, None)


def listed(
    ports: Ports, *names: str, page: Page = ALL, controller: ControllerId = FRANCE
) -> list[EntryId]:
    """The ids of the entries that name some contact points."""
    points = [point(name) for name in names]
    found = ports.history.entries(controller, points, page, deadline=NO_DEADLINE)
    return [each.entry_id for each in found]


def test_an_entry_comes_back_without_identity(ports: Ports) -> None:
    """All that the ledger states, and the kinds of its contact points, each once."""
    expression = Expression(Source.CHAT, Precision.DAY, NOON_US - 7, "Europe/Oslo")
    written = consent(
        point("a"),
        point("b"),
        point("c", kind=ContactKind.PHONE),
        expression=expression,
        expires_at_us=NOON_US + 1,
    )
    append(ports, written)
    found = ports.history.entry(FRANCE, written.entry_id, deadline=NO_DEADLINE)
    assert found == Entry(
        entry_id=written.entry_id,
        kind=EntryKind.CONSENT,
        controller=FRANCE,
        channels=Channel.EMAIL.mask,
        purposes=frozenset({MARKETING}),
        expression=expression,
        recorded_at_us=NOON_US + SECOND_US,
        counts_at_us=NOON_US,
        expires_at_us=NOON_US + 1,
        proven=True,
        partner_id=None,
        lifts_entry_id=None,
        lifted_at_us=None,
        contact_kinds=(ContactKind.EMAIL, ContactKind.PHONE),
    )


def test_a_partners_consent_names_its_partner(ports: Ports) -> None:
    """Not the lead, which identifies a person."""
    written = lead(point("a"))
    register(ports, partner())
    append(ports, written)
    found = ports.history.entry(FRANCE, written.entry_id, deadline=NO_DEADLINE)
    assert found is not None
    assert found.partner_id == MOVER


def test_a_lift_and_what_it_lifts_name_each_other(ports: Ports) -> None:
    """The one by its id, the other by the instant from which it no longer holds."""
    objection = entry(point("a"))
    append(ports, objection)
    ended = lift(objection, counts_at_us=NOON_US + 5)
    append(ports, ended)
    found = [
        ports.history.entry(FRANCE, each.entry_id, deadline=NO_DEADLINE)
        for each in (objection, ended)
    ]
    assert [each.lifted_at_us for each in found if each] == [NOON_US + 5, None]
    assert [each.lifts_entry_id for each in found if each] == [None, objection.entry_id]
    assert [each.contact_kinds for each in found if each] == [(ContactKind.EMAIL,), ()]


def test_an_entry_is_shown_to_its_controller_and_the_groups_to_all(ports: Ports) -> None:
    """Another controller's does not exist."""
    of_france, of_group = entry(point("a")), entry(point("a"), controller=GROUP)
    append(ports, of_france, of_group)
    shown = {
        (controller, each.entry_id)
        for controller in (FRANCE, NORWAY)
        for each in (of_france, of_group)
        if ports.history.entry(controller, each.entry_id, deadline=NO_DEADLINE) is not None
    }
    assert shown == {
        (FRANCE, of_france.entry_id),
        (FRANCE, of_group.entry_id),
        (NORWAY, of_group.entry_id),
    }


def test_an_entry_that_does_not_exist_is_none(ports: Ports) -> None:
    """And no error."""
    assert ports.history.entry(FRANCE, entry().entry_id, deadline=NO_DEADLINE) is None


def test_entries_are_listed_the_newest_recorded_first(ports: Ports) -> None:
    """Not by the time they count from; on a tie by entry id."""
    old = entry(point("a"), recorded_at_us=NOON_US, counts_at_us=NOON_US)
    new = entry(point("a"), recorded_at_us=NOON_US + 2, counts_at_us=NOON_US - 100)
    twins = [entry(point("a"), recorded_at_us=NOON_US + 1) for _ in range(3)]
    append(ports, twins[0], old, twins[1], new, twins[2])
    between = sorted(each.entry_id for each in twins)
    assert listed(ports, "a") == [new.entry_id, *between, old.entry_id]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pages_of_any_size_show_every_entry_once(ports: Ports, size: int) -> None:
    """In the order of the whole list, ties across the edges of pages included."""
    written = [entry(point("a"), recorded_at_us=NOON_US + number // 3) for number in range(7)]
    append(ports, *written)
    seen: list[EntryId] = []
    page = Page(size, None)
    while True:
        found = ports.history.entries(FRANCE, [point("a")], page, deadline=NO_DEADLINE)
        assert len(found) <= size
        if not found:
            break
        seen += [each.entry_id for each in found]
        page = Page(size, (found[-1].recorded_at_us, found[-1].entry_id))
    assert seen == listed(ports, "a")
    assert len(seen) == 7


def test_an_entry_written_later_does_not_move_the_next_page(ports: Ports) -> None:
    """It is newer than the first page."""
    first, second = (entry(point("a"), recorded_at_us=NOON_US + each) for each in (2, 1))
    append(ports, first, second)
    append(ports, entry(point("a"), recorded_at_us=NOON_US + 3))
    page = Page(1, (first.recorded_at_us, first.entry_id))
    assert listed(ports, "a", page=page) == [second.entry_id]


def test_lifts_are_listed_with_the_entries_they_lift(ports: Ports) -> None:
    """Though they name no contact point."""
    objection, other = entry(point("a")), entry(point("b"))
    append(ports, objection, other)
    ended = lift(objection, counts_at_us=NOON_US)
    append(ports, ended)
    assert set(listed(ports, "a")) == {objection.entry_id, ended.entry_id}
    assert listed(ports, "b") == [other.entry_id]


def test_an_entry_that_names_several_of_the_contact_points_is_listed_once(ports: Ports) -> None:
    """However many digests lead to it."""
    written = entry(point("a"), point("a+shop", found_as="a"), point("b"))
    append(ports, written)
    assert listed(ports, "a", "b", "a") == [written.entry_id]


def test_other_controllers_entries_are_not_listed(ports: Ports) -> None:
    """Those of the group are."""
    of_france, of_group = entry(point("a")), entry(point("a"), controller=GROUP)
    append(ports, of_france, of_group, entry(point("a"), controller=NORWAY))
    assert set(listed(ports, "a")) == {of_france.entry_id, of_group.entry_id}


def test_nothing_known_is_an_empty_list(ports: Ports) -> None:
    """So is nothing asked."""
    append(ports, entry(point("a")))
    assert listed(ports, "b") == listed(ports) == []


def test_partners_are_listed_by_id_page_by_page(ports: Ports) -> None:
    """Hyphens, digits and letters in the order of their code points, whatever the locale."""
    ids = sorted(PartnerId(each) for each in ("b", "a-2", "a_1", "a1", "a", "ab"))
    register(ports, *(partner(each) for each in ids), partner(PartnerId("x"), controller=NORWAY))
    seen: list[PartnerId] = []
    page = Page(4, None)
    while found := ports.history.partners(FRANCE, page, deadline=NO_DEADLINE):
        seen += [each.partner_id for each in found]
        page = Page(4, (found[-1].partner_id,))
    assert seen == ids


def test_a_partner_comes_back_as_it_was_saved_last(ports: Ports) -> None:
    """Once."""
    register(ports, partner())
    register(ports, partner(maximum_lead_age_days=7))
    found = ports.history.partners(FRANCE, ALL, deadline=NO_DEADLINE)
    assert found == [partner(maximum_lead_age_days=7)]


def test_without_partners_the_list_is_empty(ports: Ports) -> None:
    """And no error."""
    assert ports.history.partners(FRANCE, ALL, deadline=NO_DEADLINE) == []


def test_a_passed_deadline_gets_no_answer(ports: Ports) -> None:
    """Whatever is asked."""
    with pytest.raises(DeadlineExceeded):
        ports.history.entry(FRANCE, entry().entry_id, deadline=PASSED)
    with pytest.raises(DeadlineExceeded):
        ports.history.entries(FRANCE, [point("a")], ALL, deadline=PASSED)
    with pytest.raises(DeadlineExceeded):
        ports.history.partners(FRANCE, ALL, deadline=PASSED)
