"""What the ports promise of the access trail."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from consent_registry_server.domain.errors import DeadlineExceeded
from consent_registry_server.domain.vocabulary import (
    GROUP,
    AccessOperation,
    ControllerId,
    EntryId,
)
from consent_registry_server.service.ports import Page
from consent_registry_server.service.subject_ports import Access, NewAccess
from tests.conformance.entries import FRANCE, NOON_US, NORWAY, append, entry, point
from tests.conformance.ports import Ports
from tests.fakes.ambience import NO_DEADLINE, PASSED

ALL = Page(100, None)


def access(
    *entry_ids: EntryId,
    accessed_at_us: int = NOON_US,
    controller: ControllerId = FRANCE,
    **changes: Any,  # noqa: ANN401 - fields of NewAccess
) -> NewAccess:
    """A look at some identities."""
    given: dict[str, Any] = {
        "caller_id": "officer-desk",
        "operation": AccessOperation.FIND_SUBJECT,
        "actor": "Åse Nordmann",
        "reason": "request 2026/17",
        "expires_on": date(2029, 9, 21),
    }
    return NewAccess(accessed_at_us, controller, entry_ids=entry_ids, **(given | changes))


def record(ports: Ports, *accesses: NewAccess) -> None:
    """Writes to the trail, in one transaction."""

    def look(transaction: Any) -> None:  # noqa: ANN401 - a transaction
        for each in accesses:
            transaction.record_access(each)

    ports.ledger.transact(look, deadline=NO_DEADLINE)


def trail(
    ports: Ports,
    page: Page = ALL,
    *,
    controller: ControllerId = FRANCE,
    entry_id: EntryId | None = None,
) -> list[Access]:
    """The trail of a controller."""
    return ports.subject_history.accesses(controller, page, entry_id=entry_id, deadline=NO_DEADLINE)


def written(ports: Ports, number: int = 1) -> list[EntryId]:
    """The ids of so many new entries."""
    entries = [entry(point(f"p{index}")) for index in range(number)]
    append(ports, *entries)
    return [each.entry_id for each in entries]


def test_an_access_has_a_row_for_each_entry(ports: Ports) -> None:
    """With who it was and why, on every one of them."""
    ids = written(ports, 3)
    record(ports, access(*ids))
    found = trail(ports)
    assert {each.entry_id for each in found} == set(ids)
    assert len({each.access_id for each in found}) == 3
    [row] = [each for each in found if each.entry_id == ids[0]]
    assert row == Access(
        access_id=row.access_id,
        accessed_at_us=NOON_US,
        controller=FRANCE,
        caller_id="officer-desk",
        operation=AccessOperation.FIND_SUBJECT,
        entry_id=ids[0],
        actor="Åse Nordmann",
        reason="request 2026/17",
    )


def test_an_access_that_found_nothing_has_one_row(ports: Ports) -> None:
    """That somebody was looked for is part of the trail."""
    record(ports, access(operation=AccessOperation.EXPORT_SUBJECT, caller_id=""))
    [row] = trail(ports)
    assert (row.entry_id, row.caller_id) == (None, "")
    assert row.operation is AccessOperation.EXPORT_SUBJECT


def test_every_operation_comes_back(ports: Ports) -> None:
    """As the number it was written by."""
    record(ports, *(access(operation=each) for each in AccessOperation))
    assert {each.operation for each in trail(ports)} == set(AccessOperation)


def test_the_trail_is_the_controllers_own(ports: Ports) -> None:
    """The group has one of its own."""
    for controller in (FRANCE, NORWAY, GROUP):
        record(ports, access(controller=controller, reason=f"of {controller}"))
    for controller in (FRANCE, NORWAY, GROUP):
        found = trail(ports, controller=controller)
        assert [each.reason for each in found] == [f"of {controller}"]


def test_the_trail_of_one_entry(ports: Ports) -> None:
    """Only what was done with it, by its own controller."""
    first, second = written(ports, 2)
    record(ports, access(first, second, reason="both"), access(second, reason="one"))
    record(ports, access(second, controller=NORWAY, reason="elsewhere"))
    found = trail(ports, entry_id=second)
    assert sorted(each.reason for each in found) == ["both", "one"]
    assert [each.reason for each in trail(ports, entry_id=first)] == ["both"]


def test_the_pages_hold_every_row_once_the_newest_first(ports: Ports) -> None:
    """On a tie, which one access to many entries always is, the greatest id goes first."""
    ids = written(ports, 3)
    for after_us in (5, 0, 9):
        record(ports, access(*ids, accessed_at_us=NOON_US + after_us))
    whole = trail(ports)
    order = [(each.accessed_at_us, each.access_id) for each in whole]
    assert order == sorted(order, reverse=True)
    paged: list[Access] = []
    page = Page(2, None)
    while rows := trail(ports, page):
        assert len(rows) <= 2
        paged += rows
        page = Page(2, (rows[-1].accessed_at_us, rows[-1].access_id))
    assert paged == whole
    assert len(whole) == 9


def test_an_empty_trail_is_an_empty_page(ports: Ports) -> None:
    """Past its end, too."""
    assert trail(ports) == []
    record(ports, access())
    assert trail(ports, Page(5, (0, UUID(int=0)))) == []


def test_the_trail_keeps_to_the_deadline(ports: Ports) -> None:
    """Like every read."""
    with pytest.raises(DeadlineExceeded):
        ports.subject_history.accesses(FRANCE, ALL, deadline=PASSED)
