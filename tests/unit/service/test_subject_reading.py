"""FindSubject and the access trail, over a store in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_registry_server.domain.calendar import DAY_US
from consent_registry_server.domain.contact import (
    ContactPoint,
    Email,
    Phone,
    PostalAddress,
    Subject,
)
from consent_registry_server.domain.entry import Evidence
from consent_registry_server.domain.errors import (
    InvalidContactPoint,
    InvalidRequest,
    LimitExceeded,
    NotFound,
)
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    ControllerId,
    EntryId,
    IdentityState,
)
from consent_registry_server.service import subject_reading
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import Access, Accessor
from consent_registry_server.service.subject_reading import ShownEntry, SubjectReading
from tests.fakes.ambience import NO_DEADLINE, HashDigester
from tests.unit.service.desk import FRANCE, NORWAY, NOW_US, Desk, consent, opt_out, said

EMAIL, PHONE = Email("camille@example.com"), Phone("+33639980001")
HOME = PostalAddress("FR", "59000", "Lille", "12 rue Exemple", "Apt 3")
NEXT_DOOR = PostalAddress("FR", "59000", "Lille", "12 rue Exemple", "Apt 4")
BY = Accessor("officer-desk", "Robin Officer", "request 2026/117")
ALL = Page(50, None)


@pytest.fixture
def reading(desk: Desk) -> SubjectReading:
    """The officer at the desk."""
    return SubjectReading(
        desk.store.ledger,
        desk.store.subject_history,
        HashDigester(),
        policy=lambda: desk.policy,
        clock=desk.clock,
    )


def find(
    reading: SubjectReading,
    *points: ContactPoint,
    customer_number: str = "",
    page: Page = ALL,
    controller: ControllerId = FRANCE,
    by: Accessor = BY,
) -> list[ShownEntry]:
    """What is shown of a person."""
    subject = Subject(points, customer_number)
    return reading.find(controller, subject, page, by, deadline=NO_DEADLINE)


def trail(reading: SubjectReading, controller: ControllerId = FRANCE) -> list[Access]:
    """The access trail."""
    return reading.accesses(controller, Page(500, None), deadline=NO_DEADLINE)


def ids(shown: list[ShownEntry]) -> list[EntryId]:
    """The ids of what was shown."""
    return [each.found.entry.entry_id for each in shown]


def test_an_entry_is_shown_with_its_identity(desk: Desk, reading: SubjectReading) -> None:
    """Found in any spelling, and by the customer number."""
    new = replace(
        opt_out(EMAIL, PHONE, expression=said(), customer_number="K-77"),
        evidence=Evidence(agent="Jo", note="angry"),
    )
    desk.record(new)
    [shown] = find(
        reading, Phone("06 39 98 00 01", "FR"), Email("other@example.com"), customer_number="k77"
    )
    assert shown.identity is not None
    assert (shown.identity.subject, shown.identity.evidence) == (new.subject, new.evidence)
    assert shown.found.identity_state is IdentityState.KEPT
    assert shown.matched_points == (0,)


def test_it_is_told_by_which_points_an_entry_was_found(desk: Desk, reading: SubjectReading) -> None:
    """Of each entry its own; those that only relate to one were found by none."""
    by_number = desk.record(opt_out(expression=said(), customer_number="K-77"))
    by_both = desk.record(opt_out(EMAIL, PHONE, expression=said()))
    lifted = desk.lift(by_both, said())
    found = {
        each.found.entry.entry_id: (each.matched_points, each.matched_customer_number)
        for each in find(reading, Email("x@example.com"), PHONE, EMAIL, customer_number="K-77")
    }
    assert found == {by_number: ((), True), by_both: ((1, 2), False), lifted: ((), False)}


def test_every_identity_shown_is_in_the_trail(desk: Desk, reading: SubjectReading) -> None:
    """With who looked and why; an entry of which nothing was shown is not."""
    entry_id = desk.record(opt_out(EMAIL, expression=said()))
    gone = desk.record(opt_out(EMAIL, expression=said(NOW_US - 8 * 366 * DAY_US)))
    shown = find(reading, EMAIL)
    assert set(ids(shown)) == {entry_id, gone}
    assert [each.identity is None for each in shown if each.found.entry.entry_id == gone] == [True]
    [access] = trail(reading)
    assert access == Access(
        access_id=access.access_id,
        accessed_at_us=NOW_US,
        controller=FRANCE,
        caller_id="officer-desk",
        operation=AccessOperation.FIND_SUBJECT,
        entry_id=entry_id,
        actor="Robin Officer",
        reason="request 2026/117",
    )


def test_looking_for_nobody_leaves_a_row(reading: SubjectReading) -> None:
    """Without an entry."""
    assert find(reading, EMAIL) == []
    [access] = trail(reading)
    assert access.entry_id is None


def test_a_page_opens_and_notes_its_own_identities_only(
    desk: Desk, reading: SubjectReading
) -> None:
    """And the pages together hold every entry once, the newest first."""
    written = []
    for _ in range(5):
        written.append(desk.record(opt_out(EMAIL, expression=said(NOW_US))))
        desk.clock.now_us += 1
    first = find(reading, EMAIL, page=Page(2, None))
    assert ids(first) == written[:2:-1]
    assert {each.entry_id for each in trail(reading)} == set(ids(first))
    after = (first[-1].found.entry.recorded_at_us, first[-1].found.entry.entry_id)
    rest = find(reading, EMAIL, page=Page(50, after))
    assert ids(first) + ids(rest) == written[::-1]


def test_the_neighbours_in_a_building_are_not_shown(desk: Desk, reading: SubjectReading) -> None:
    """Nor what is about their entries, nor is any of it in the trail."""
    own = desk.record(opt_out(HOME, expression=said()))
    theirs = desk.record(opt_out(NEXT_DOOR, PHONE, expression=said()))
    desk.lift(theirs, said())
    shown = find(reading, replace_unit("apt. 3"))
    assert ids(shown) == [own]
    assert shown[0].matched_points == (0,)
    assert {each.entry_id for each in trail(reading)} == {own}


def test_a_neighbours_entry_that_shares_the_telephone_is_found_by_that_alone(
    desk: Desk, reading: SubjectReading
) -> None:
    """It names the number, not the dwelling."""
    theirs = desk.record(opt_out(NEXT_DOOR, PHONE, expression=said()))
    [shown] = find(reading, HOME, PHONE)
    assert (ids([shown]), shown.matched_points) == ([theirs], (1,))


def replace_unit(unit: str) -> PostalAddress:
    """The dwelling, its unit in another spelling."""
    return PostalAddress("FR", "59000", "LILLE", "12, RUE EXEMPLE", unit)


def test_each_controller_sees_its_own(desk: Desk, reading: SubjectReading) -> None:
    """And the group's entries are the group's."""
    desk.record(opt_out(EMAIL, expression=said(), controller=NORWAY))
    of_group = desk.record(opt_out(EMAIL, expression=said(), controller=GROUP))
    assert find(reading, EMAIL) == []
    assert ids(find(reading, EMAIL, controller=GROUP)) == [of_group]
    assert [each.entry_id for each in trail(reading, GROUP)] == [of_group]


@pytest.mark.parametrize(
    "by, field",
    [
        (BY._replace(actor=" "), "access.actor"),
        (BY._replace(reason="\t\n "), "access.reason"),
        (BY._replace(reason=""), "access.reason"),
    ],
    ids=["actor", "blank", "empty"],
)
def test_without_who_and_why_nothing_is_shown(
    desk: Desk, reading: SubjectReading, by: Accessor, field: str
) -> None:
    """Neither found nor exported."""
    desk.record(opt_out(EMAIL, expression=said()))
    with pytest.raises(InvalidRequest) as refused:
        find(reading, EMAIL, by=by)
    assert (refused.value.reason, refused.value.field) == ("MISSING_FIELD", field)
    with pytest.raises(InvalidRequest):
        reading.export(FRANCE, Subject((EMAIL,)), by, deadline=NO_DEADLINE)
    assert trail(reading) == []


def test_a_person_needs_something_to_be_found_by(reading: SubjectReading) -> None:
    """A name is no key; an unusable contact point is named."""
    with pytest.raises(InvalidRequest) as nameless:
        reading.find(FRANCE, Subject(name="Camille"), ALL, BY, deadline=NO_DEADLINE)
    assert nameless.value.field == "subject"
    with pytest.raises(InvalidContactPoint) as unusable:
        find(reading, EMAIL, Email("nonsense"))
    assert unusable.value.field == "subject.contact_points[1]"


def test_an_unknown_controller_has_nobody(reading: SubjectReading) -> None:
    """And no trail."""
    with pytest.raises(NotFound):
        find(reading, EMAIL, controller=ControllerId("acme"))
    with pytest.raises(NotFound):
        trail(reading, ControllerId("acme"))


def test_more_entries_than_can_be_looked_through_are_refused(
    desk: Desk, reading: SubjectReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never cut short; and nothing was shown, so that nothing is in the trail."""
    monkeypatch.setattr(subject_reading, "ENTRIES_OF_A_PERSON", 2)
    for _ in range(3):
        desk.record(consent(EMAIL, expression=said()))
    with pytest.raises(LimitExceeded):
        find(reading, EMAIL)
    assert trail(reading) == []
