"""What may be read back, and by whom."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from consent_registry_server.domain.contact import (
    ContactPoint,
    CustomerNumber,
    Email,
    Phone,
    PostalAddress,
)
from consent_registry_server.domain.errors import InvalidContactPoint, NotFound, Unavailable
from consent_registry_server.domain.vocabulary import GROUP, ControllerId, EntryId, EntryKind
from consent_registry_server.service.ports import Page
from tests.fakes.ambience import NO_DEADLINE
from tests.unit.service.desk import (
    FRANCE,
    NORWAY,
    Desk,
    consent,
    mover,
    opt_out,
    paris,
    said,
)

EMAIL = Email("camille.desiree@example.com")
PHONE = Phone("+33639980001")
ALL = Page(100, None)
NOBODY = ControllerId("alarm-xx")


def listed(desk: Desk, point: ContactPoint | CustomerNumber) -> list[EntryId]:
    """The entries that France is shown of a contact point."""
    entries = desk.records.entries(FRANCE, point, ALL, deadline=NO_DEADLINE)
    return [entry.entry_id for entry in entries]


def test_an_entry_is_read_back_by_its_id(desk: Desk) -> None:
    """With what it states and when it counts."""
    entry_id = desk.record(consent(EMAIL, expression=said(paris(2026, 3, 1))))
    entry = desk.records.entry(FRANCE, entry_id, deadline=NO_DEADLINE)
    assert (entry.kind, entry.counts_at_us) == (EntryKind.CONSENT, paris(2026, 3, 1))
    assert entry.proven


@pytest.mark.parametrize("owner", [NORWAY, None], ids=["another's", "nobody's"])
def test_another_controllers_entry_does_not_exist(desk: Desk, owner: ControllerId | None) -> None:
    """Just as one that nobody wrote."""
    entry_id = EntryId(UUID(int=999))
    if owner is not None:
        entry_id = desk.record(opt_out(EMAIL, expression=said(), controller=owner))
    with pytest.raises(NotFound) as refused:
        desk.records.entry(FRANCE, entry_id, deadline=NO_DEADLINE)
    assert (refused.value.reason, refused.value.field) == ("UNKNOWN_ENTRY", "entry_id")


def test_the_groups_entry_is_everybodys(desk: Desk) -> None:
    """It binds them all."""
    entry_id = desk.record(opt_out(EMAIL, expression=said(), controller=GROUP))
    assert desk.records.entry(FRANCE, entry_id, deadline=NO_DEADLINE).controller == GROUP


def test_the_history_of_a_contact_point_is_everything_that_meets_it(desk: Desk) -> None:
    """Sub-addresses and lifts included, the newest recorded first."""
    objection = desk.record(opt_out(EMAIL, PHONE, expression=said(paris(2026, 3, 1))))
    desk.clock.now_us += 1
    alias = Email("camille.desiree+shop@example.com")
    permission = desk.record(consent(alias, expression=said(paris(2026, 4, 1))))
    desk.clock.now_us += 1
    lift = desk.lift(objection, said(paris(2026, 5, 1)))
    assert listed(desk, EMAIL) == [lift, permission, objection]
    assert listed(desk, PHONE) == [lift, objection]
    assert listed(desk, Email("person@example.com")) == []


def test_a_number_kept_by_its_digits_is_found_by_its_national_form(desk: Desk) -> None:
    """As a question would find it."""
    objection = desk.record(opt_out(Phone("06 39 98 00 01"), expression=said()))
    assert listed(desk, Phone("06.39.98.00.01", "FR")) == [objection]


def test_the_history_of_a_customer_number_is_found(desk: Desk) -> None:
    """In any spelling."""
    objection = desk.record(opt_out(expression=said(), customer_number="K-4711"))
    assert listed(desk, CustomerNumber(" k-4711 ")) == [objection]


def test_a_building_shows_the_entries_of_all_its_dwellings(desk: Desk) -> None:
    """Which of them is meant is the reader's to see."""
    home = PostalAddress("FR", "69003", "Lyon", "12 rue des Lilas", "apt 4")
    objection = desk.record(opt_out(home, expression=said()))
    assert listed(desk, replace(home, unit="apt 5")) == [objection]


@pytest.mark.parametrize("point", [Email("camille"), Phone("?"), CustomerNumber(" ")])
def test_what_cannot_have_been_stored_is_refused(
    desk: Desk, point: ContactPoint | CustomerNumber
) -> None:
    """Rather than answered with nothing found."""
    with pytest.raises(InvalidContactPoint) as refused:
        listed(desk, point)
    assert refused.value.field == "contact_point"
    assert "camille" not in str(refused.value)


def test_partners_are_listed_page_by_page(desk: Desk) -> None:
    """Their controller's only."""
    desk.register(mover())
    desk.register(mover(controller=NORWAY))
    first = desk.records.partners(FRANCE, Page(1, None), deadline=NO_DEADLINE)
    assert first == [mover()]
    after = Page(1, (first[0].partner_id,))
    assert desk.records.partners(FRANCE, after, deadline=NO_DEADLINE) == []


def test_an_unknown_controller_reads_nothing(desk: Desk) -> None:
    """Nor does the group, which nobody works for."""
    for controller in (NOBODY, GROUP):
        with pytest.raises(NotFound):
            desk.records.entry(controller, EntryId(UUID(int=1)), deadline=NO_DEADLINE)
        with pytest.raises(NotFound):
            desk.records.entries(controller, EMAIL, ALL, deadline=NO_DEADLINE)
        with pytest.raises(NotFound):
            desk.records.partners(controller, ALL, deadline=NO_DEADLINE)


def test_a_store_that_is_down_is_told(desk: Desk) -> None:
    """An empty history would be a lie."""
    desk.store.is_down = True
    with pytest.raises(Unavailable):
        listed(desk, EMAIL)
